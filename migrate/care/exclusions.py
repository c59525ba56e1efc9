"""Images an operator does not want, by digest or URL pattern, past copies included."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.errors import UsageError
from migrate.queue.selection import Selection
from scraper.base.blocks import Block, Line, Table, plural
from scraper.database.client import Database

MAX_ROUNDS = 1000
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
                "`migrate prune` removes the copies when they are a day old."
            )
        ]
        if self.busy_listings:
            blocks.append(_busy(self.busy_listings))
        return blocks


@dataclass(frozen=True)
class InclusionReport:
    """What taking an exclusion back changed."""

    what: str
    listings: int
    images: int
    busy_listings: int

    def as_json(self) -> Mapping[str, Any]:
        return {
            "schema": 1,
            "included": self.what,
            "listings": self.listings,
            "images": self.images,
            "busy_listings": self.busy_listings,
        }

    def as_blocks(self) -> Sequence[Block]:
        blocks = [
            Line(
                f"No longer excluded: {self.what}. {plural(self.images, 'image')} of "
                f"{plural(self.listings, 'listing')} are due again."
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


def exclude_image(
    database: Database, what: str, *, dealer_ids: Sequence[int] | None, reason: str | None = None
) -> ExclusionReport:
    """Reject a picture everywhere at a dealer.

    Args:
        what: 64 hexadecimal digits are a digest; anything else is a part of the URL, where `*`
            stands for any characters.

    Raises:
        UsageError: no dealer is named, or the pattern would match nearly everything.
    """
    name, params = _wanted(what)
    totals = _in_portions(
        database, "exclude_image", params | {"p_reason": reason}, dealer_ids, command="exclude"
    )
    return ExclusionReport(name, *totals)


def include_image(
    database: Database, what: str, *, dealer_ids: Sequence[int] | None
) -> InclusionReport:
    """Take back what `exclude_image` did, by the same words.

    Raises:
        UsageError: no dealer is named, or nothing like that is excluded there.
    """
    name, params = _wanted(what)
    totals = _in_portions(database, "include_image", params, dealer_ids, command="include")
    return InclusionReport(name, *totals)


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


def _in_portions(
    database: Database,
    function: str,
    params: Mapping[str, Any],
    dealer_ids: Sequence[int] | None,
    *,
    command: str,
) -> tuple[int, int, int]:
    """Listings and images changed, and listings left over because others had locked them."""
    if not dealer_ids:
        raise UsageError(f"{command} needs --dealer NAME: whose image is it?")
    listings = images = busy = 0
    for dealer_id in dealer_ids:
        for _ in range(MAX_ROUNDS):
            answer = database.rpc(function, {**params, "p_dealer_id": dealer_id}, idempotent=True)
            if "error" in answer:
                raise UsageError(f"{command}: {answer['error']}.")
            listings += answer["listings"]
            images += answer["images"]
            if not answer["remaining"] or not answer["listings"]:
                busy += answer["remaining"]
                break
    return listings, images, busy
