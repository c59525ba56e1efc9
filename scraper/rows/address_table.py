"""The known addresses of a dealer and the visits to them, in Supabase; it knows no listing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scraper.rows.listing_row import time_of
from scraper.rows.tables import BATCH, NOW, Tables


@dataclass(frozen=True)
class DiscoveredRow:
    """One known address of a dealer."""

    id: int
    url: str
    is_scraped: bool
    priority: int
    failures: int
    last_error: str | None
    etag: str | None
    last_modified: str | None
    catalogue_digest: str | None
    discovered_at: dt.datetime | None = None


class AddressTable(Tables):
    """All reads and writes of `discovered_urls`."""

    def forget_pages(self, dealer_id: int) -> None:
        """Let the next run read all pages of a dealer, also those that have not changed."""
        nothing = {"page_etag": None, "page_last_modified": None, "catalogue_digest": None}
        self._run(self._table("discovered_urls").update(nothing).eq("dealer_id", dealer_id))

    def of(self, dealer_id: int) -> list[DiscoveredRow]:
        columns = (
            "id,url,is_scraped,scrape_priority,consecutive_failures,last_error,"
            "page_etag,page_last_modified,catalogue_digest,discovered_at"
        )
        return [
            DiscoveredRow(
                int(r["id"]),
                str(r["url"]),
                bool(r["is_scraped"]),
                int(r["scrape_priority"] or 0),
                int(r["consecutive_failures"] or 0),
                r["last_error"],
                r["page_etag"],
                r["page_last_modified"],
                r["catalogue_digest"],
                time_of(r["discovered_at"]),
            )
            for r in self._pages("discovered_urls", columns, dealer_id)
        ]

    def add(self, dealer_id: int, urls: Sequence[str], *, priority: int) -> None:
        for start in range(0, len(urls), BATCH):
            rows = [
                {"url": url, "dealer_id": dealer_id, "scrape_priority": priority}
                for url in urls[start : start + BATCH]
            ]
            self._run(
                self._table("discovered_urls").upsert(
                    rows, on_conflict="url", ignore_duplicates=True
                )
            )

    def note_visit(
        self,
        row: DiscoveredRow,
        *,
        etag: str | None,
        last_modified: str | None,
        catalogue_digest: str | None,
        wrote: bool,
    ) -> None:
        """Record a visit where something about it is new; an unchanged page changes nothing
        here.
        """
        changes: dict[str, Any] = {}
        if not row.is_scraped:
            changes = {"is_scraped": True, "scrape_priority": 0}
        if row.failures or row.last_error:
            changes |= {"consecutive_failures": 0, "last_error": None}
        if etag != row.etag:
            changes["page_etag"] = etag
        if last_modified != row.last_modified:
            changes["page_last_modified"] = last_modified
        if catalogue_digest != row.catalogue_digest:
            changes["catalogue_digest"] = catalogue_digest
        if changes or wrote:
            changes["last_scraped_at"] = NOW
            self._run(self._table("discovered_urls").update(changes).eq("id", row.id))

    def note_failure(self, row: DiscoveredRow, error: str) -> None:
        changes = {"consecutive_failures": row.failures + 1, "last_error": error[:1_000]}
        self._run(self._table("discovered_urls").update(changes).eq("id", row.id))
