"""Taking over a project that had listings and copies before the mirror; it downloads nothing.

The database does the work, a short transaction for each page of listings (supabase/migrations,
"adoption"); this only pages through it, adds the numbers up and says them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scraper.base.errors import ListingMirrorError
from scraper.base.report_blocks import Block, Line, Table
from scraper.database.client import Database

REPORT_PAGE = 500
MAX_FINDINGS = 200
"""Findings kept for reading, of each kind; the counts are of all."""
PASSES = 5
PASS_PAUSE_S = 2.0

MEANINGS = {
    "copy_without_image": "copies without an image at their position; they leave stored_images",
    "several_copies": "second copies of one position; they leave stored_images",
    "unnoticed_write": "listings written while triggers were off; they are brought in line",
    "unreadable_copy": "copies whose name carries no position; they leave stored_images",
    "unshowable_copy": "copies no browser shows; they stay until `migrate` has better ones",
    "unordered_copies": "lists of copies in another order than their positions; put in order",
    "images_no_list": "images that are no list; they count as none until the list is written anew",
    "strange_list": "stored_images that are no list; they become an empty one",
    "copy_of_excluded_image": "copies of an image that an operator excluded",
    "copy_of_malformed_image": "copies of an image whose address is malformed",
    "malformed_image": "entries of images that are no address; they become rejected",
    "too_many_images": "listings with more than 100 images; those beyond become rejected",
    "wrong_status": "statuses that do not match the images; they are put right",
}


class AdoptionUnfinishedError(ListingMirrorError):
    """Some listings were being written by somebody else each time we came by."""


@dataclass
class Found:
    """What is there today, added up over all pages."""

    listings: int = 0
    already_adopted: int = 0
    to_adopt: int = 0
    to_change: int = 0
    not_ours: int = 0
    images: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str | None, str]] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    findings: list[dict[str, Any]] = field(default_factory=list)

    def add(self, page: dict[str, Any]) -> None:
        """Add one page of adopt_report."""
        self.listings += page["listings"]
        self.already_adopted += page["already_adopted"]
        self.to_adopt += page["to_adopt"]
        self.to_change += page["to_change"]
        self.not_ours += page["not_ours"]
        self.images.update(page["images"])
        for change in page["statuses"]:
            self.statuses[change["from"], change["to"]] += change["listings"]
        kept = Counter(finding["kind"] for finding in self.findings)
        for finding in page["findings"]:
            if kept[finding["kind"]] < MAX_FINDINGS:
                kept[finding["kind"]] += 1
                self.findings.append(finding)
        self.problems.update(page["problems"])


@dataclass
class Done:
    """What adopting did so far."""

    adopted: int = 0
    mended: int = 0
    changed: int = 0
    images: Counter[str] = field(default_factory=Counter)

    def add(self, page: dict[str, Any]) -> None:
        """Add one page of adopt_listings."""
        self.adopted += page["adopted"]
        self.mended += page["mended"]
        self.changed += page["changed"]
        self.images.update(page["images"])


def examine(database: Database, found: Found | None = None) -> Found:
    """Read every listing in pages, so that no row cap cuts the picture; writes nothing.

    Args:
        found: filled meanwhile, for who watches.
    """
    found = Found() if found is None else found
    after = 0
    while True:
        page = database.rpc(
            "adopt_report", {"p_after": after, "p_limit": REPORT_PAGE}, idempotent=True
        )
        found.add(page)
        if page["done"]:
            return found
        after = page["last_id"]


def adopt(
    database: Database,
    *,
    batch_size: int,
    done: Done,
    progress: Callable[[Done], None] = lambda done: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Adopt what is not adopted yet, adding to `done`; broken off, the next call goes on.

    Raises:
        AdoptionUnfinishedError: when some listings stayed locked by others; the rest is adopted.
    """
    for attempt in range(PASSES):
        if attempt:
            sleep(PASS_PAUSE_S)
        skipped = _one_pass(database, batch_size, done, progress)
        if not skipped:
            return
    raise AdoptionUnfinishedError(
        f"{skipped} listings were being changed by others and are not adopted yet: "
        "run `python -m workflows adopt` again."
    )


def _one_pass(
    database: Database, batch_size: int, done: Done, progress: Callable[[Done], None]
) -> int:
    """One walk over all listings; returns how many were passed over because of a lock."""
    after = 0
    skipped = 0
    while True:
        page = database.rpc(
            "adopt_listings", {"p_after": after, "p_limit": batch_size}, idempotent=True
        )
        done.add(page)
        if page["adopted"] or page["mended"]:
            progress(done)
        skipped += int(page["skipped"])
        if page["done"]:
            return skipped
        after = page["last_id"]


EXAMPLES = 3
"""Of each kind of finding that is printed for people; `--format json` has more."""


@dataclass(frozen=True)
class AdoptionReport:
    """What is there and what was done about it; `done` is None for a dry run."""

    found: Found
    done: Done | None

    def as_json(self) -> Mapping[str, Any]:
        found, done = self.found, self.done
        return {
            "schema": 1,
            "dry_run": done is None,
            "found": {
                "listings": found.listings,
                "already_adopted": found.already_adopted,
                "to_adopt": found.to_adopt,
                "to_change": found.to_change,
                "not_ours": found.not_ours,
                "images": dict(found.images),
                "statuses": [
                    {"from": old, "to": new, "listings": count}
                    for (old, new), count in found.statuses.most_common()
                ],
                "problems": dict(found.problems),
                "findings": found.findings,
            },
            "done": done
            and {
                "adopted": done.adopted,
                "mended": done.mended,
                "changed": done.changed,
                "images": dict(done.images),
            },
        }

    def as_blocks(self) -> Sequence[Block]:
        found = self.found
        problems = found.problems.most_common()
        return [
            Line(
                f"{found.listings} listings, {found.already_adopted} of them adopted before, "
                f"{found.to_adopt} to adopt"
                + (
                    f", {found.not_ours} of the dealers' own, left alone."
                    if found.not_ours
                    else "."
                )
            ),
            Line(
                f"Their {found.images['total']} images: {found.images['stored']} have their copy "
                f"and keep it, {found.images['pending']} become due, {found.images['rejected']} "
                "cannot be copied."
            ),
            Line(
                f"In {found.to_change} listings stored_images or images_upload_* are wrong and are "
                "put right; nothing else is written."
            ),
            *(Line(f"{count} {MEANINGS.get(kind, kind)}") for kind, count in problems),
            Table(
                ("for example", "listing", "what was found"),
                [
                    (one["kind"], str(one["listing_id"]), one["detail"])
                    for kind, _ in problems
                    for one in [one for one in found.findings if one["kind"] == kind][:EXAMPLES]
                ],
            ),
            Table(
                ("status", "becomes", "listings"),
                [(old or "none", new, count) for (old, new), count in found.statuses.most_common()],
            ),
            Line(self._ending()),
        ]

    def _ending(self) -> str:
        if self.done is None:
            return "Dry run: nothing was changed. `python -m workflows adopt` does it."
        mended = f", mended {self.done.mended}" if self.done.mended else ""
        return (
            f"Adopted {self.done.adopted} listings{mended}; {self.done.changed} of their rows "
            "changed. Nothing was downloaded: `migrate` fetches what is due."
        )
