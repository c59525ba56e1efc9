"""Images an operator does not want, by digest or URL pattern, past copies included.

What would be taken is looked at first, because a pattern is easily too wide; what was taken is
given back, copies included, when the exclusion is taken back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.errors import UsageError
from migrate.queue.selection import Selection
from scraper.base.report_blocks import Block, Line, Table, plural
from scraper.database.client import Database

MAX_ROUNDS = 1000
LARGEST_SHARE = 0.25
"""A pattern that takes more than this of a dealer's images is taken for a mistake."""
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_SHORT_DIGEST = re.compile(r"[0-9a-fA-F]{8,63}")


@dataclass(frozen=True)
class ExclusionReport:
    """What an exclusion changed at once; it also holds for every image to come."""

    what: str
    listings: int
    images: int
    busy_listings: int

    def as_json(self) -> Mapping[str, Any]:
        return {
            "schema": 1,
            "excluded": self.what,
            "listings": self.listings,
            "images": self.images,
            "busy_listings": self.busy_listings,
        }

    def as_blocks(self) -> Sequence[Block]:
        blocks = [
            Line(
                f"Excluded {self.what}: {plural(self.images, 'image')} of "
                f"{plural(self.listings, 'listing')} rejected now, and every later one will be. "
                "`migrate include` with the same words gives them back, copies included, "
                "until `migrate prune` removes them."
            )
        ]
        if self.busy_listings:
            blocks.append(_busy(self.busy_listings))
        return blocks


@dataclass(frozen=True)
class ExclusionPreview:
    """What an exclusion would take now, for each dealer it is meant for."""

    what: str
    found: Sequence[Mapping[str, Any]]

    @property
    def images(self) -> int:
        return sum(one["images"] for one in self.found)

    @property
    def listings(self) -> int:
        return sum(one["listings"] for one in self.found)

    @property
    def dealer_images(self) -> int:
        return sum(one["dealer_images"] for one in self.found)

    @property
    def examples(self) -> list[Mapping[str, Any]]:
        return [example for one in self.found for example in one["examples"]]

    def takes_too_much(self) -> bool:
        """Whether it is more than a quarter of any of the dealers' images."""
        return any(one["images"] > LARGEST_SHARE * one["dealer_images"] for one in self.found)

    def sentence(self) -> str:
        share = 100 * self.images / self.dealer_images if self.dealer_images else 0.0
        return (
            f"{self.what}: {plural(self.images, 'image')} of {plural(self.listings, 'listing')}, "
            f"{share:.1f} % of the dealer's {self.dealer_images:,}"
        )

    def as_json(self) -> Mapping[str, Any]:
        return {
            "schema": 1,
            "dry_run": True,
            "would_exclude": self.what,
            "listings": self.listings,
            "images": self.images,
            "stored": sum(one["stored"] for one in self.found),
            "dealer_images": self.dealer_images,
            "examples": self.examples,
        }

    def as_blocks(self) -> Sequence[Block]:
        blocks: list[Block] = [Line(f"Would exclude {self.sentence()}.")]
        rows = [(one["listing_id"], one["position"], one["source_url"]) for one in self.examples]
        blocks.append(Table(("listing", "position", "such as"), rows))
        if self.takes_too_much():
            blocks.append(Line("That is a lot: it needs --yes.", is_warning=True))
        blocks.append(Line("Nothing was changed (--dry-run)."))
        return blocks


@dataclass(frozen=True)
class InclusionReport:
    """What taking an exclusion back changed."""

    what: str
    listings: int
    images: int
    restored: int
    busy_listings: int

    def as_json(self) -> Mapping[str, Any]:
        return {
            "schema": 1,
            "included": self.what,
            "listings": self.listings,
            "images": self.images,
            "restored": self.restored,
            "busy_listings": self.busy_listings,
        }

    def as_blocks(self) -> Sequence[Block]:
        blocks = [
            Line(
                f"No longer excluded: {self.what}. Of {plural(self.images, 'image')} of "
                f"{plural(self.listings, 'listing')} {self.restored:,} show their copy again, "
                f"{self.images - self.restored:,} are due."
            )
        ]
        if self.busy_listings:
            blocks.append(_busy(self.busy_listings))
        return blocks


def _busy(listings: int) -> Line:
    return Line(
        f"{plural(listings, 'listing')} were being changed by somebody else: "
        "run the same command again for them.",
        is_warning=True,
    )


@dataclass(frozen=True)
class ExclusionList:
    """The exclusions in force."""

    rows: Sequence[Mapping[str, Any]]

    def of(self, selection: Selection) -> list[Mapping[str, Any]]:
        """Those that bind the chosen dealers."""
        chosen = selection.dealer_ids
        return [
            row
            for row in self.rows
            if chosen is None or row["dealer_id"] is None or row["dealer_id"] in chosen
        ]

    def as_json(self) -> Mapping[str, Any]:
        return {"schema": 1, "exclusions": list(self.rows)}

    def as_blocks(self) -> Sequence[Block]:
        if not self.rows:
            return [Line("Nothing is excluded.")]
        columns = ("dealer", "excluded", "images", "reason")
        return [
            Table(
                columns,
                [
                    (
                        row["dealer"] or "every dealer",
                        row["sha256"] or row["url_pattern"],
                        row["images"],
                        row["reason"],
                    )
                    for row in self.rows
                ],
            )
        ]


def preview_exclusion(
    database: Database, what: str, *, dealer_ids: Sequence[int] | None
) -> ExclusionPreview:
    """Look what `exclude_image` would take; writes nothing.

    Raises:
        UsageError: no dealer is named, or the pattern would match nearly everything.
    """
    name, params = _wanted(what)
    found = []
    for dealer_id in _named(dealer_ids, command="exclude"):
        answer = database.rpc(
            "preview_exclusion", {**params, "p_dealer_id": dealer_id}, idempotent=True
        )
        if "error" in answer:
            raise UsageError(f"exclude: {answer['error']}.")
        found.append(answer)
    return ExclusionPreview(name, found)


def exclude_image(
    database: Database,
    what: str,
    *,
    dealer_ids: Sequence[int] | None,
    reason: str | None = None,
    is_sure: bool = False,
) -> ExclusionReport:
    """Reject a picture everywhere at a dealer.

    Args:
        what: 64 hexadecimal digits are a digest; anything else is a part of the URL, where `*`
            stands for any characters.
        is_sure: also when a pattern takes more than a quarter of a dealer's images.

    Raises:
        UsageError: no dealer is named, or the pattern would match nearly everything, or so much
            that somebody has to be sure.
    """
    name, params = _wanted(what)
    preview = preview_exclusion(database, what, dealer_ids=dealer_ids)
    if params["p_url_pattern"] and preview.takes_too_much() and not is_sure:
        examples = ", ".join(str(one["source_url"]) for one in preview.examples[:3])
        raise UsageError(
            f"exclude: that is more than a quarter of a dealer's images. {preview.sentence()}, "
            f"such as {examples}. Look at it with --dry-run; --yes excludes them all the same."
        )
    totals = _in_portions(
        database, "exclude_image", params | {"p_reason": reason}, dealer_ids, command="exclude"
    )
    return ExclusionReport(name, totals.listings, totals.images, totals.busy)


def include_image(
    database: Database, what: str, *, dealer_ids: Sequence[int] | None
) -> InclusionReport:
    """Take back what `exclude_image` did, by the same words.

    Raises:
        UsageError: no dealer is named, or nothing like that is excluded there.
    """
    name, params = _wanted(what)
    totals = _in_portions(database, "include_image", params, dealer_ids, command="include")
    return InclusionReport(name, totals.listings, totals.images, totals.restored, totals.busy)


def list_exclusions(database: Database) -> ExclusionList:
    """Every exclusion in force, oldest first."""
    return ExclusionList(database.rpc("list_exclusions", {}, idempotent=True))


def _wanted(what: str) -> tuple[str, dict[str, Any]]:
    """What is meant, in words and as arguments."""
    wanted = what.strip()
    if _SHORT_DIGEST.fullmatch(wanted):
        raise UsageError(
            f"{wanted!r} is only the beginning of a digest: give all 64 digits, "
            "as `migrate stats` or `migrate explain ID --format json` prints them."
        )
    if _DIGEST.fullmatch(wanted):
        return f"digest {wanted}", {"p_sha256": wanted.lower(), "p_url_pattern": None}
    return f"URLs with {wanted}", {"p_sha256": None, "p_url_pattern": wanted}


@dataclass
class _Totals:
    """What all portions changed together; busy are listings that others had locked."""

    listings: int = 0
    images: int = 0
    restored: int = 0
    busy: int = 0


def _in_portions(
    database: Database,
    function: str,
    params: Mapping[str, Any],
    dealer_ids: Sequence[int] | None,
    *,
    command: str,
) -> _Totals:
    totals = _Totals()
    for dealer_id in _named(dealer_ids, command=command):
        for _ in range(MAX_ROUNDS):
            answer = database.rpc(function, {**params, "p_dealer_id": dealer_id}, idempotent=True)
            if "error" in answer:
                raise UsageError(f"{command}: {answer['error']}.")
            totals.listings += answer["listings"]
            totals.images += answer["images"]
            totals.restored += answer.get("restored", 0)
            if not answer["remaining"] or not answer["listings"]:
                totals.busy += answer["remaining"]
                break
    return totals


def _named(dealer_ids: Sequence[int] | None, *, command: str) -> Sequence[int]:
    if not dealer_ids:
        raise UsageError(f"{command} needs --dealer NAME: whose image is it?")
    return dealer_ids
