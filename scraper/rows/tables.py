"""Reading and writing one table of Supabase, page by page; it knows no column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scraper.database.client import Database
from scraper.database.faults import SCRAPE_TRIES

PAGE_ROWS = 1_000  # the data API cuts every read there
BATCH = 200
NOW = "now"  # Postgres reads this as its own clock


class Tables:
    """The door to the tables; shared by the threads of one run."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _pages(
        self, table: str, columns: str, dealer_id: int | None = None, *, key: str = "id"
    ) -> Iterator[dict[str, Any]]:
        """Yield all rows by their key, page by page, because one read is cut at 1,000 rows."""
        last = 0
        while True:
            query = self._table(table).select(columns)
            if dealer_id is not None:
                query = query.eq("dealer_id", dealer_id)
            rows = self._run(query.gt(key, last).order(key).limit(PAGE_ROWS))
            yield from rows
            if not rows:
                return
            last = int(rows[-1][key])

    def _table(self, name: str) -> Any:
        return self._database.table(name)

    def _run(self, query: Any) -> list[dict[str, Any]]:
        data = query.execute(tries=SCRAPE_TRIES).data
        return data if isinstance(data, list) else []
