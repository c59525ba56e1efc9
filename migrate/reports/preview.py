"""What a run would claim, asked of the database without claiming it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.queue.selection import Selection
from migrate.reports.coverage import LARGEST_NUMBER
from scraper.base.report_blocks import Block, Line, Table, plural
from scraper.database.client import Database


@dataclass(frozen=True)
class Preview:
    """The listings in the order a run would take them, with totals and hosts."""

    found: Mapping[str, Any]
    limit: int

    def as_json(self) -> Mapping[str, Any]:
        return {"schema": 1, "dry_run": True, **self.found}

    def as_blocks(self) -> Sequence[Block]:
        listings = self.found["listings"]
        images = plural(self.found["images_total"], "image")
        return [
            Line(
                f"Would claim {min(len(listings), self.limit):,} of "
                f"{self.found['listings_total']:,} due listings ({images})."
            ),
            Table(
                ("listing", "images", "dealer", "title"),
                [
                    (str(one["listing_id"]), one["images"], one["dealer"], one["title"])
                    for one in listings
                ],
            ),
            Table(
                ("host", "images"), [(one["host"], one["images"]) for one in self.found["hosts"]]
            ),
        ]


def preview_run(
    database: Database, selection: Selection, *, limit: int, retry_failed: bool
) -> Preview:
    """Ask what a run with these options would claim; no write."""
    found = database.rpc(
        "preview_claims",
        {
            "p_limit": min(limit, LARGEST_NUMBER),
            **selection.as_params(),
            "p_retry_failed": retry_failed,
        },
        idempotent=True,
    )
    return Preview(found, limit)
