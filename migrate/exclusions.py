"""Images an operator does not want, by digest or URL pattern, past copies included."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.errors import UsageError
from migrate.formats import Block, Line, Table, plural
from migrate.selection import Selection
from scraper.database import Database

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
                "`migrate --prune` removes the copies when they are a day old."
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
        return blocks


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
    if not dealer_ids:
        raise UsageError("--exclude needs --dealer NAME: whose image is it?")
    wanted = what.strip()
    if _SHORT_DIGEST.fullmatch(wanted):
        raise UsageError(
            f"{wanted!r} is only the beginning of a digest: give all 64 digits, "
            "as `migrate --stats` or `migrate --explain ID --format json` prints them."
        )
    is_digest = _DIGEST.fullmatch(wanted) is not None
    params = {
        "p_sha256": wanted.lower() if is_digest else None,
        "p_url_pattern": None if is_digest else wanted,
        "p_reason": reason,
    }
    totals = [_excluded(database, params | {"p_dealer_id": one}) for one in dealer_ids]
    return ExclusionReport(
        what=("digest " if is_digest else "URLs with ") + wanted,
        listings=sum(listings for listings, _, _ in totals),
        images=sum(images for _, images, _ in totals),
        busy_listings=sum(busy for _, _, busy in totals),
    )


def list_exclusions(database: Database) -> ExclusionList:
    """Every exclusion in force, oldest first."""
    return ExclusionList(database.rpc("list_exclusions", {}, idempotent=True))


def _excluded(database: Database, params: Mapping[str, Any]) -> tuple[int, int, int]:
    """The database works in portions; listings locked by others are left over."""
    listings = images = remaining = 0
    for _ in range(MAX_ROUNDS):
        answer = database.rpc("exclude_image", dict(params), idempotent=True)
        if "error" in answer:
            raise UsageError(f"--exclude: {answer['error']}.")
        listings += answer["listings"]
        images += answer["images"]
        remaining = answer["remaining"]
        if not remaining or not answer["listings"]:
            break
    return listings, images, remaining
