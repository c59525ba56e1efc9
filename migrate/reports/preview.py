"""What a run would claim, asked of the database without claiming it."""

from __future__ import annotations

from typing import Any, cast

from migrate.queue.selection import Selection
from migrate.reports.coverage import LARGEST_NUMBER
from scraper.database.client import Database


def read(
    database: Database, selection: Selection, *, limit: int, retry_failed: bool
) -> dict[str, Any]:
    """The listings, in the order a run would take them, with totals and hosts; no write."""
    answer = database.rpc(
        "preview_claims",
        {
            "p_limit": min(limit, LARGEST_NUMBER),
            **selection.as_params(),
            "p_retry_failed": retry_failed,
        },
        idempotent=True,
    )
    return cast(dict[str, Any], answer)
