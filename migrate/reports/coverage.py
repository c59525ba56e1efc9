"""How much is stored, what is missing and whether that is healthy; it reads and never changes.

Every number is counted by the database in one answer: a count taken from rows that were read is
wrong as soon as there are more than the data API hands out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.care.exclusions import list_exclusions
from migrate.copying.reader_access import ReadersView, look_as_reader
from migrate.queue.selection import Selection
from migrate.reports import look_alikes
from migrate.reports.error_meanings import meaning
from migrate.reports.health import DEFAULT, Bounds, Health, Rule, moment, plain_number
from migrate.reports.health_rules import judge, left_alone_s
from scraper.base.errors import StorageError
from scraper.base.report_blocks import Block, Cell, Heading, Line, Share, Table, plural, span
from scraper.database.client import Database

LARGEST_NUMBER = 2**31 - 1  # of an integer in the database
SCHEMA = 1
STATES = ("stored", "pending", "failed", "gone", "rejected")
"""Of an image, in the order in which every report says them."""
STATUSES = ("completed", "pending", "partial", "failed")
"""Of a listing, likewise."""


@dataclass(frozen=True)
class Statistics:
    """The database's own answer, judged; its keys are the contract of `stats --format json`."""

    numbers: Mapping[str, Any]
    health: Health

    @property
    def is_healthy(self) -> bool:
        return self.health.ok

    def as_json(self) -> Mapping[str, Any]:
        return {**self.numbers, "health": self.health.as_json()}

    def as_blocks(self) -> Sequence[Block]:
        numbers = self.numbers
        return [
            *self._summary(),
            Heading("Health"),
            *self.health.as_blocks(),
            *self._dealers(),
            Heading("Listings by status"),
            Table(
                ("status", "listings"),
                [(name, numbers["listings"]["by_status"].get(name, 0)) for name in STATUSES],
            ),
            *_section("Why images are missing", numbers["errors"], _ERROR_COLUMNS),
            *_section(
                "Missing, by the month the listing appeared", numbers["months"], _MONTH_COLUMNS
            ),
            *self._suspects(),
            *look_alikes.blocks_of(numbers.get("look_alikes")),
            *_section(
                "Excluded by an operator",
                [_exclusion(one) for one in numbers["exclusions"]],
                _EXCLUSION_COLUMNS,
            ),
            *_section(
                "Hosts left alone, for nothing came back",
                [self._host(one) for one in numbers.get("hosts_left_alone") or []],
                _LEFT_ALONE_COLUMNS,
            ),
            *_section(
                "Hosts that asked to be left alone", numbers.get("host_holds"), _HOLD_COLUMNS
            ),
        ]

    def _summary(self) -> Iterable[Block]:
        images, listings = self.numbers["images"], self.numbers["listings"]
        yield Heading("Images")
        if not images["total"]:
            yield Line(f"There are no images yet, of {plural(listings['total'], 'listing')}.")
            return
        yield Line(
            f"{images['stored']:,} of {plural(images['total'], 'image')} stored "
            f"({plain_number(images['coverage_percent'])} %), {images['missing']:,} missing: "
            f"{images['pending']:,} pending, {images['failed']:,} failed, "
            f"{images['gone']:,} gone, {images['rejected']:,} rejected."
        )
        yield Line(f"Lost for ever (gone at the dealer before a copy was made): {_lost(images):,}.")
        yield Line(
            f"{plural(listings['total'], 'listing')}, {listings['without_images']:,} of them "
            "without images."
        )
        yield Line(due_sentence(self.numbers.get("due") or {}))
        if count := self.numbers.get("not_adopted"):
            yield Line(
                f"{plural(count, 'listing')} of before the mirror, counted by what the listing "
                "itself says: run `python -m workflows adopt`.",
                is_warning=True,
            )
        if copies := self.numbers.get("kept_though_damaged"):
            yield Line(f"{plural(copies, 'copy', 'copies')} kept though damaged.")
        if copies := self.numbers.get("unmeasured"):
            yield Line(unmeasured_sentence(copies))
        if copies := self.numbers.get("rechecks_due"):
            yield Line(
                f"{plural(copies, 'copy', 'copies')} waiting to be compared with the source again."
            )

    def _dealers(self) -> Iterable[Block]:
        if self.numbers["dealers"]:
            as_of = self.numbers.get("as_of")
            rows = [_dealer_row(one, as_of) for one in self.numbers["dealers"]]
            empty = [
                name
                for at, name in enumerate(_DEALER_COLUMNS)
                if all(row[at] is None for row in rows)
            ]
            yield Heading("Dealers, most missing first")
            yield Table(
                tuple(_DEALER_COLUMNS),
                rows,
                may_go=(*empty, "rejected", "gone", "stored", "images", "listings", "failed"),
            )

    def _suspects(self) -> Iterable[Block]:
        suspects = self.numbers.get("suspects") or []
        yield from _section("Suspects: one picture on many listings", suspects, _SUSPECT_COLUMNS)
        if suspects:
            yield Line(
                "A banner, a placeholder or a hot-link block? Then exclude it: "
                "migrate exclude SHA256 --dealer NAME"
            )

    def _host(self, host: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            **host,
            "dealer": host.get("dealer") or "all",
            "for": span(left_alone_s(host, self.numbers)),
            "next_look": moment(host.get("next_look")),
        }


def read_statistics(
    database: Database,
    selection: Selection | None = None,
    *,
    bounds: Bounds = DEFAULT,
    readers: ReadersView | None = None,
    with_look_alikes: bool = False,
) -> Statistics:
    """Ask the database for every number at once, and judge them.

    `with_look_alikes` costs it about a second of CPU per 100,000 copies; a check needs none.
    """
    chosen = selection or Selection()
    numbers = database.rpc("image_statistics", chosen.as_params(), idempotent=True)
    exclusions = list_exclusions(database).of(chosen) if numbers.get("exclusions") else []
    reasons = [{**one, "meaning": meaning(one["kind"])} for one in numbers["errors"]]
    completed = {
        **numbers,
        "errors": reasons,
        "exclusions": exclusions,
    }
    if with_look_alikes:
        completed["look_alikes"] = look_alikes.read_look_alikes(database, chosen)
    return Statistics(completed, judge(completed, bounds, readers=readers))


def ask_readers(database: Database, bounds: Bounds) -> ReadersView | None:
    """What a visitor without a key gets; None where nobody wants to know."""
    if bounds.allowed[Rule.READERS] is None:
        return None
    try:
        return look_as_reader(database)
    except StorageError as error:
        return ReadersView(
            database.bucket_name, str(error), "look at the project's status, then try again"
        )


def unmeasured_sentence(copies: int) -> str:
    """What old and adopted copies lack, and what brings it: no statement can, for bytes tell."""
    were = "was" if copies == 1 else "were"
    return (
        f"{plural(copies, 'copy', 'copies')} {were} never measured (size as shown, placeholder, "
        "hash): `migrate measure` reads them from the bucket."
    )


def due_sentence(due: Mapping[str, Any]) -> str:
    """What the next run would find, and what comes after that."""
    now, later = due.get("images_now") or 0, due.get("images_later") or 0
    said = (
        f"Due now: {plural(now, 'image')} of {plural(due['listings_now'], 'listing')}."
        if now
        else "Nothing is due now."
    )
    if later:
        said += (
            f" Later: {plural(later, 'image')}, the first in {span(due['next_in_seconds'])} "
            f"({moment(due['next_at'])})."
        )
    return said


_ERROR_COLUMNS = {
    "kind": "why",
    "images": "images",
    "dealers": "dealers",
    "meaning": "what it means",
}
_MONTH_COLUMNS = {"month": "month", "listings_missing": "listings", "images_missing": "images"}
_HOLD_COLUMNS = {"host": "host", "seconds": "seconds left", "reason": "reason"}
_LEFT_ALONE_COLUMNS = {
    "host": "host",
    "dealer": "for dealer",
    "for": "for",
    "kind": "why",
    "images": "images waiting",
    "next_look": "next look",
}
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


_DEALER_COLUMNS = (
    "dealer", "coverage", "missing", "pending", "oldest", "scraped", "left alone", "failed",
    "listings", "images", "stored", "gone", "rejected",
)  # fmt: skip


def _dealer_row(dealer: Mapping[str, Any], as_of: str | None) -> Sequence[Cell]:
    percent = dealer["coverage_percent"]
    oldest = dealer.get("oldest_pending_seconds")
    return (
        dealer["dealer"] or "(no dealer)",
        Share(None if percent is None else float(percent)),
        dealer["missing"],
        dealer["by_status"].get("pending", 0),
        None if oldest is None else span(oldest),
        _ago(dealer.get("last_scrape_at"), as_of),
        ", ".join(one["host"] for one in dealer.get("left_alone") or []) or None,
        dealer.get("failed"),
        dealer["listings"],
        dealer["images"],
        dealer["stored"],
        dealer.get("gone"),
        dealer.get("rejected"),
    )


def _ago(moment_text: str | None, as_of: str | None) -> str | None:
    if not moment_text or not as_of:
        return None
    passed = dt.datetime.fromisoformat(as_of) - dt.datetime.fromisoformat(moment_text)
    return f"{span(passed.total_seconds())} ago"


def _exclusion(row: Mapping[str, Any]) -> Mapping[str, Any]:
    what = row["sha256"] or row["url_pattern"]
    return {**row, "dealer": row["dealer"] or "every dealer", "what": what}


def _lost(images: Mapping[str, Any]) -> int:
    return int(images.get("lost_for_ever", images["gone"]))
