"""Removes copies that nothing refers to any more; it never touches a name that is not ours.

The database names them: of our own layouts, older than a day, in no record, in no listing's list,
not retired lately, and of no listing that a runner holds at this moment. Each batch is asked for
right before it is removed, and its retired ones are forgotten first, so pruning beside a running
migration or a writer is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from migrate.errors import BucketUnlistedError
from migrate.queue.selection import Selection
from scraper.base.report_blocks import Block, Line, Table, size
from scraper.database.client import Database

MIN_AGE_S = 86_400
DAY_S = 86_400.0
BATCH = 500
"""Objects removed in one call; servers refuse more than 1,000."""

SHOWN = 100


@dataclass(frozen=True)
class UnreferencedCopy:
    """An object of ours that nothing needs."""

    name: str
    bytes: int | None
    created_at: str


@dataclass(frozen=True)
class PruneReport:
    """What was removed, or with --dry-run would be."""

    copies: tuple[UnreferencedCopy, ...] = ()
    is_dry_run: bool = False
    interrupted: bool = False

    @property
    def bytes(self) -> int:
        return sum(one.bytes or 0 for one in self.copies)

    def as_json(self) -> Mapping[str, Any]:
        return {
            "schema": 1,
            "prune": {
                "removed": 0 if self.is_dry_run else len(self.copies),
                "would_remove": len(self.copies) if self.is_dry_run else 0,
                "bytes": self.bytes,
                "dry_run": self.is_dry_run,
                "interrupted": self.interrupted,
            },
            "copies": [
                {"name": one.name, "bytes": one.bytes, "created_at": one.created_at}
                for one in self.copies
            ],
        }

    def as_blocks(self) -> Sequence[Block]:
        done = "Would remove" if self.is_dry_run else "Removed"
        noun = "copy" if len(self.copies) == 1 else "copies"
        blocks: list[Block] = [
            Line(f"{done} {len(self.copies):,} unreferenced {noun} ({size(self.bytes)}).")
        ]
        rows = [(one.name, one.bytes, one.created_at) for one in self.copies[:SHOWN]]
        blocks.append(Table(("copy", "bytes", "created"), rows))
        if len(self.copies) > SHOWN:
            blocks.append(Line(f"and {len(self.copies) - SHOWN:,} more (--format json has all)."))
        if self.interrupted:
            blocks.append(Line("Interrupted: run it again for the rest.", is_warning=True))
        return blocks


def prune_copies(
    database: Database,
    selection: Selection | None = None,
    *,
    keep_days: float,
    dry_run: bool = False,
    min_age_s: int = MIN_AGE_S,
    should_stop: Callable[[], bool] = lambda: False,
) -> PruneReport:
    """Remove them batch by batch; a retired copy stays for `keep_days`.

    Raises:
        BucketUnlistedError: the database cannot say what the bucket holds.
        StorageUnavailableError, StorageRejectedError: what was removed stays removed; run again.
    """
    report = PruneReport(is_dry_run=dry_run)
    keep_s = keep_days * DAY_S
    chosen = selection or Selection()
    for page in unreferenced_pages(database, chosen, min_age_s=min_age_s, keep_s=keep_s):
        if should_stop():
            return replace(report, interrupted=True)
        if page and not dry_run:
            page = _forgotten(database, page, keep_s=keep_s)
            if page:
                database.remove([one.name for one in page])
        report = replace(report, copies=(*report.copies, *page))
    return report


def _forgotten(
    database: Database, page: list[UnreferencedCopy], *, keep_s: float
) -> list[UnreferencedCopy]:
    """Those of a batch that can serve no more, because the database has just forgotten them."""
    names = {"p_names": [one.name for one in page], "p_keep_s": keep_s}
    free = set(database.rpc("forget_retired", names, idempotent=True))
    return [one for one in page if one.name in free]


def unreferenced_pages(
    database: Database, selection: Selection, *, min_age_s: int, keep_s: float | None = None
) -> Iterator[list[UnreferencedCopy]]:
    """Batches in the order of their names; a batch may be empty and not the last.

    A retired copy is among them after `keep_s`; None: never.
    """
    after: str | None = ""
    while after is not None:
        answer = database.rpc(
            "unreferenced_copies",
            selection.as_params()
            | {
                "p_bucket": database.bucket_name,
                "p_after": after,
                "p_limit": BATCH,
                "p_min_age_s": min_age_s,
                "p_keep_s": keep_s,
            },
            idempotent=True,
        )
        if not answer.get("available"):
            raise BucketUnlistedError
        yield [
            UnreferencedCopy(name=one["name"], bytes=one["bytes"], created_at=one["created_at"])
            for one in answer["copies"]
        ]
        after = None if answer["done"] else answer["after"]
