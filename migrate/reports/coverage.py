"""How much is stored, what is missing and whether that is healthy; it reads and never changes.

Every number is counted by the database in one answer: a count taken from rows that were read is
wrong as soon as there are more than the data API hands out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.care.exclusions import list_exclusions
from migrate.queue.selection import Selection
from scraper.base.blocks import Block, Cell, Heading, Line, Table, plural, span
from scraper.base.console import annotation
from scraper.database.client import Database

MAX_PENDING = 100
LARGEST_NUMBER = 2**31 - 1  # of an integer in the database
SCHEMA = 1
STATUSES = ("pending", "completed", "partial", "failed")


@dataclass(frozen=True)
class Statistics:
    """The database's own answer; its keys are the contract of `--stats --format json`."""

    numbers: Mapping[str, Any]

    @property
    def is_healthy(self) -> bool:
        return bool(self.numbers["health"]["ok"])

    def as_json(self) -> Mapping[str, Any]:
        return self.numbers

    def as_blocks(self) -> Sequence[Block]:
        return [
            *self._summary(),
            Table(
                ("dealer", "listings", "images", "stored", "missing", "lost", "coverage %"),
                [_dealer_row(one) for one in self.numbers["dealers"]],
            ),
            Heading("Listings by status"),
            Table(
                ("status", "listings"),
                [(name, self.numbers["listings"]["by_status"].get(name, 0)) for name in STATUSES],
            ),
            *_section("Why images are missing", self.numbers["errors"], _ERROR_COLUMNS),
            *_section("Missing, by the month the listing appeared", *self._months),
            *self._suspects(),
            *_section(
                "Excluded by an operator",
                [_exclusion(one) for one in self.numbers["exclusions"]],
                _EXCLUSION_COLUMNS,
            ),
            *_section(
                "Hosts that asked to be left alone", self.numbers.get("host_holds"), _HOLD_COLUMNS
            ),
        ]

    @property
    def _months(self) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, str]]:
        return self.numbers["months"], _MONTH_COLUMNS

    def _summary(self) -> Iterable[Block]:
        images, listings = self.numbers["images"], self.numbers["listings"]
        yield Heading("Images")
        yield Line(
            f"{images['stored']:,} of {plural(images['total'], 'image')} stored "
            f"({images['coverage_percent']} %), {images['missing']:,} missing: "
            f"{images['pending']:,} pending, {images['failed']:,} failed, "
            f"{images['gone']:,} gone, {images['rejected']:,} rejected."
        )
        yield Line(f"Lost for ever (gone at the dealer before a copy was made): {_lost(images):,}.")
        yield Line(
            f"{plural(listings['total'], 'listing')}, {listings['without_images']:,} of them "
            "without images."
        )
        if count := self.numbers.get("not_adopted"):
            yield Line(
                f"{plural(count, 'listing')} of before the mirror, counted by what the listing "
                "itself says: run `python -m workflows adopt`.",
                is_warning=True,
            )
        if copies := self.numbers.get("rechecks_due"):
            yield Line(
                f"{plural(copies, 'copy', 'copies')} waiting to be compared with the source again."
            )
        yield Line(check_health(self).sentence, is_warning=not self.is_healthy)

    def _suspects(self) -> Iterable[Block]:
        suspects = self.numbers.get("suspects") or []
        yield from _section("Suspects: one picture on many listings", suspects, _SUSPECT_COLUMNS)
        if suspects:
            yield Line(
                "A banner, a placeholder or a hot-link block? Then exclude it: "
                "migrate exclude SHA256 --dealer NAME"
            )


@dataclass(frozen=True)
class HealthReport:
    """Whether the mirror keeps up, in a number, a sentence and an annotation for GitHub Actions."""

    pending_listings: int
    max_pending: int
    oldest_pending_s: float | None
    not_adopted: int
    ok: bool

    @property
    def sentence(self) -> str:
        age = (
            ""
            if self.oldest_pending_s is None
            else f", the oldest for {span(self.oldest_pending_s)}"
        )
        waiting = f"{plural(self.pending_listings, 'listing')} pending{age}"
        if self.ok:
            return f"Healthy: {waiting} (at most {self.max_pending:,} allowed)."
        return (
            f"Unhealthy: {waiting}, more than the {self.max_pending:,} allowed. Run `migrate`; "
            "`migrate stats` says which dealers they belong to."
        )

    @property
    def annotation(self) -> str:
        """A workflow command: GitHub shows it on the run's page."""
        level = "notice" if self.ok else "error"
        return annotation(level, "Listing images", self.sentence)

    def as_json(self) -> Mapping[str, Any]:
        return {
            "schema": SCHEMA,
            "health": {
                "pending_listings": self.pending_listings,
                "max_pending": self.max_pending,
                "ok": self.ok,
                "oldest_pending_seconds": self.oldest_pending_s,
                "sentence": self.sentence,
            },
        }

    def as_blocks(self) -> Sequence[Block]:
        return [Line(self.sentence, is_warning=not self.ok)]


def read_statistics(
    database: Database, selection: Selection | None = None, *, max_pending: int = MAX_PENDING
) -> Statistics:
    """Ask the database for every number at once, and which exclusions are in force."""
    chosen = selection or Selection()
    params = chosen.as_params() | {"p_max_pending": min(max_pending, LARGEST_NUMBER)}
    numbers = database.rpc("image_statistics", params, idempotent=True)
    exclusions = list_exclusions(database).of(chosen) if numbers.get("exclusions") else []
    return Statistics({**numbers, "exclusions": exclusions})


def check_health(statistics: Statistics) -> HealthReport:
    """The verdict of `--check`: more than the allowed number of pending listings is unhealthy."""
    health = statistics.numbers["health"]
    return HealthReport(
        pending_listings=health["pending_listings"],
        max_pending=health["max_pending"],
        oldest_pending_s=statistics.numbers.get("oldest_pending_seconds"),
        not_adopted=statistics.numbers.get("not_adopted") or 0,
        ok=health["ok"],
    )


_ERROR_COLUMNS = {"kind": "why", "images": "images", "dealers": "dealers"}
_MONTH_COLUMNS = {"month": "month", "listings_missing": "listings", "images_missing": "images"}
_HOLD_COLUMNS = {"host": "host", "seconds": "seconds left", "reason": "reason"}
_EXCLUSION_COLUMNS = {
    "dealer": "dealer",
    "what": "digest or URL pattern",
    "images": "images",
    "reason": "reason",
}
_SUSPECT_COLUMNS = {
    "dealer": "dealer",
    "listings": "listings",
    "images": "images",
    "sha256": "sha256",
    "sample_url": "for example",
}


def _section(
    title: str, rows: Sequence[Mapping[str, Any]] | None, columns: Mapping[str, str]
) -> Iterable[Block]:
    if rows:
        yield Heading(title)
        yield Table(tuple(columns.values()), [[row.get(key) for key in columns] for row in rows])


def _dealer_row(dealer: Mapping[str, Any]) -> Sequence[Cell]:
    return (
        dealer["dealer"] or "(no dealer)",
        dealer["listings"],
        dealer["images"],
        dealer["stored"],
        dealer["missing"],
        dealer.get("lost_for_ever", 0),
        float(dealer["coverage_percent"]),
    )


def _exclusion(row: Mapping[str, Any]) -> Mapping[str, Any]:
    what = row["sha256"] or row["url_pattern"]
    return {**row, "dealer": row["dealer"] or "every dealer", "what": what}


def _lost(images: Mapping[str, Any]) -> int:
    return int(images.get("lost_for_ever", images["gone"]))
