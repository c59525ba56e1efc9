"""What the commands of `scrape` print, as reports of blocks; it reads and does nothing else."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scraper.base.report_blocks import Block, Cell, Heading, Line, Table, plural
from scraper.reading.missing_fields import missing_fields_sentence
from scraper.rows.dealer_check import DealerCheck, PageCheck
from scraper.rows.known_dealers import KnownDealer
from scraper.rows.listing_table import SavedListing
from scraper.rows.run_context import DealerReport

LONGEST_VALUE = 60
_COUNTED_FROM = {"titles", "missing_fields"}
"""What a dealer's sentence about missing fields was counted from; the sentence is told instead."""


@dataclass(frozen=True)
class ScrapeReport:
    """What a run did at each dealer."""

    dealers: Sequence[DealerReport]
    is_discovery: bool = False

    def as_json(self) -> list[Mapping[str, Any]]:
        return [
            {
                one.name: getattr(dealer, one.name)
                for one in dataclasses.fields(dealer)
                if one.name not in _COUNTED_FROM
            }
            for dealer in self.dealers
        ]

    def as_blocks(self) -> list[Block]:
        counted = (
            ("listed", "discovered", "vanished")
            if self.is_discovery
            else ("listed", "new", "updated", "unchanged", "missing", "errors")
        )
        for name in ("moved", "not_ours"):
            if any(getattr(dealer, name) for dealer in self.dealers):
                counted = (*counted, name)
        names = ("new" if name == "discovered" else name.replace("_", " ") for name in counted)
        rows = [self._row(dealer, counted) for dealer in self.dealers]
        if not rows:
            return [Line("No dealer was scraped.")]
        return [Table(("dealer", *names, "ended"), rows, may_go=("unchanged", "missing"))]

    def _row(self, dealer: DealerReport, counted: Sequence[str]) -> list[Cell]:
        has_begun = dealer.left_to is None and (dealer.visited > 0 or dealer.failed is None)
        numbers = [getattr(dealer, name) if has_begun else None for name in counted]
        return [dealer.dealer, *numbers, _ended(dealer, has_begun=has_begun)]


def _ended(dealer: DealerReport, *, has_begun: bool) -> str:
    if dealer.left_to is not None:
        return "left to another scrape"
    if dealer.failed is not None:
        return "early" if has_begun else "failed"
    return "done"


@dataclass
class SavedPages:
    """What became of single pages that were saved."""

    pages: list[tuple[str, SavedListing]] = field(default_factory=list)

    def as_json(self) -> list[Mapping[str, Any]]:
        return [
            {"url": url, "outcome": saved.outcome.value, "listing_id": saved.listing_id}
            for url, saved in self.pages
        ]

    def as_blocks(self) -> list[Block]:
        rows = [(saved.outcome.value, url, saved.listing_id) for url, saved in self.pages]
        return [Table(("outcome", "page", "listing"), rows, is_list=True)]


@dataclass(frozen=True)
class CheckReport:
    """What came out of a few live pages of each dealer."""

    dealers: Sequence[DealerCheck]

    def as_json(self) -> list[Mapping[str, Any]]:
        return [dataclasses.asdict(dealer) for dealer in self.dealers]

    def as_blocks(self) -> list[Block]:
        return [block for dealer in self.dealers for block in _check_blocks(dealer)]


def _check_blocks(dealer: DealerCheck) -> list[Block]:
    state = "ok" if dealer.healthy else "needs a look"
    blocks: list[Block] = [
        Heading(f"{dealer.dealer} ({dealer.platform or 'unknown platform'}): {state}")
    ]
    if dealer.problem:
        blocks.append(Line(dealer.problem, is_warning=True))
    read = [page for page in dealer.pages if page.title is not None]
    titles = Counter(page.title for page in read if page.title is not None)
    missing = [kind for page in read for kind in page.missing_fields]
    if said := missing_fields_sentence(len(read), missing, titles):
        blocks.append(Line(said))
    columns = ("page", "result", "fields", "absent", "changed")
    blocks.append(Table(columns, [_page_row(page) for page in dealer.pages], is_list=True))
    return blocks


def _page_row(page: PageCheck) -> tuple[Cell, ...]:
    present = [f"{name}: {layer}" for name, layer in page.fields.items() if layer is not None]
    absent = [name for name, layer in page.fields.items() if layer is None]
    changed = [f"{name}: {_short(a)} -> {_short(b)}" for name, (a, b) in page.changed.items()]
    return (
        page.url,
        page.problem or "read",
        ", ".join(present),
        ", ".join(absent),
        "; ".join(changed),
    )


def _short(value: Any) -> str:
    text = plural(len(value), "image") if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


@dataclass(frozen=True)
class DealerList:
    """The dealers that are known, without or with a row."""

    dealers: Sequence[KnownDealer]

    def as_json(self) -> list[Mapping[str, Any]]:
        return [_dealer_as_json(entry) for entry in self.dealers]

    def as_blocks(self) -> list[Block]:
        rows = [
            (
                entry.dealer.name,
                entry.dealer.catalog_url,
                entry.dealer.platform.name if entry.dealer.platform else "not detected yet",
                entry.dealer.currency or "-",
                "no" if entry.row is not None and not entry.row.is_active else "yes",
            )
            for entry in self.dealers
        ]
        return [Table(("dealer", "address", "platform", "currency", "active"), rows)]


def _dealer_as_json(entry: KnownDealer) -> Mapping[str, Any]:
    dealer = entry.dealer
    return {
        "name": dealer.name,
        "domain": dealer.domain,
        "catalog_url": dealer.catalog_url,
        "platform": dealer.platform.name if dealer.platform else None,
        "currency": dealer.currency,
        "country": dealer.country,
        "is_active": entry.row is None or entry.row.is_active,
        "id": entry.row.id if entry.row else None,
        "settings": dict(entry.row.settings) if entry.row else {},
    }


@dataclass(frozen=True)
class AddedDealer:
    """A dealer that has got its row, and why it is taken for that shop system; None: as said."""

    name: str
    platform: str
    reason: str | None

    def as_json(self) -> Mapping[str, Any]:
        return {"added": self.name, "platform": self.platform, "reason": self.reason}

    def as_blocks(self) -> list[Block]:
        because = f", because {self.reason}" if self.reason else ""
        return [Line(f"added {self.name}: {self.platform}{because}")]


@dataclass(frozen=True)
class DealerSettings:
    """What is set about one dealer."""

    dealer: str
    settings: Mapping[str, Any]

    def as_json(self) -> Mapping[str, Any]:
        return self.settings

    def as_blocks(self) -> list[Block]:
        if not self.settings:
            return [Line(f"Nothing is set about {self.dealer}.")]
        rows = [(name, _as_text(value)) for name, value in sorted(self.settings.items())]
        return [Table(("setting", "value"), rows)]


def _as_text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
