"""Marks stored copies, so that the next run compares them with their source again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.queue.selection import Selection
from scraper.base.report_blocks import Block, Line, plural
from scraper.database.client import Database

PAGE = 200
"""Listings made due in one statement, well within a hosted project's time limit."""


@dataclass(frozen=True)
class RecheckReport:
    """How many copies are due for a re-check now."""

    listings: int
    copies: int
    busy_listings: int
    is_dry_run: bool
    interrupted: bool

    def as_json(self) -> Mapping[str, Any]:
        return {
            "schema": 1,
            "listings": self.listings,
            "copies": self.copies,
            "busy_listings": self.busy_listings,
            "dry_run": self.is_dry_run,
            "interrupted": self.interrupted,
        }

    def as_blocks(self) -> Sequence[Block]:
        what = f"{plural(self.copies, 'copy', 'copies')} of {plural(self.listings, 'listing')}"
        if self.is_dry_run:
            return [Line(f"{what} would be due for a re-check. Nothing was changed (--dry-run).")]
        blocks = [
            Line(
                f"{what} are due for a re-check; the next `migrate` asks for them, after "
                "everything else. They are shown until other bytes replace them."
            )
        ]
        if self.busy_listings:
            blocks.append(
                Line(
                    f"{plural(self.busy_listings, 'listing')} were being changed by somebody else: "
                    "run the same command again for them.",
                    is_warning=True,
                )
            )
        if self.interrupted:
            blocks.append(
                Line("Interrupted: run the same command again to go on.", is_warning=True)
            )
        return blocks


def recheck_copies(
    database: Database, selection: Selection, *, dry_run: bool, should_stop: Callable[[], bool]
) -> RecheckReport:
    """Make the stored copies of the chosen listings due, in portions."""
    listings = copies = busy = 0
    after: int | None = 0
    while after is not None and not should_stop():
        answer = database.rpc(
            "recheck_copies",
            {
                "p_after": after,
                "p_limit": PAGE,
                **selection.as_params(),
                "p_dry_run": dry_run,
            },
            idempotent=True,
        )
        listings += answer["listings"]
        copies += answer["copies"]
        busy += answer["busy"]
        after = answer["after"]
    return RecheckReport(listings, copies, busy, dry_run, interrupted=after is not None)
