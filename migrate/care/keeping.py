"""An operator's word for pictures that are kept although they are damaged; it sees no bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.errors import UsageError
from scraper.base.report_blocks import Block, Line, plural
from scraper.database.client import Database

_PLACE = re.compile(r"(\d{1,18})/(\d{1,9})")
_DIGEST = re.compile(r"[0-9a-fA-F]{8,64}")


@dataclass(frozen=True)
class KeepReport:
    """What was found under the given names, and what becomes of it."""

    images: Sequence[Mapping[str, Any]]
    unknown: Sequence[str]

    @property
    def marked(self) -> list[Mapping[str, Any]]:
        return [one for one in self.images if one["is_possible"] and not one["is_busy"]]

    def as_json(self) -> Mapping[str, Any]:
        return {"schema": 1, "images": list(self.images), "unknown": list(self.unknown)}

    def as_blocks(self) -> Sequence[Block]:
        waiting = [one for one in self.marked if one["state"] != "stored"]
        stored = [one for one in self.marked if one["state"] == "stored"]
        blocks: list[Block] = []
        if waiting:
            blocks.append(
                Line(
                    f"{plural(len(waiting), 'image')} will be kept although damaged, if the dealer "
                    "still has it and it begins like a picture: the next `migrate` asks for it."
                )
            )
        if stored:
            blocks.append(Line(f"{plural(len(stored), 'image')} had a copy already, which stays."))
        blocks += [Line(sentence, is_warning=True) for sentence in self._left_out()]
        return blocks

    def _left_out(self) -> list[str]:
        sentences = [f"There is no image {name}." for name in self.unknown]
        for one in self.images:
            name = f"{one['listing_id']}/{one['position']}"
            if not one["is_possible"]:
                sentences.append(
                    f"{name} cannot be kept: {one['error_detail'] or one['error_kind']}."
                )
            elif one["is_busy"]:
                sentences.append(f"{name} is being changed by somebody else: try again.")
        return sentences


def keep_images(database: Database, names: Sequence[str]) -> KeepReport:
    """Mark images, each named LISTING/POSITION or by 8 to 64 digits of what came.

    Raises:
        UsageError: a name is neither.
    """
    found: dict[tuple[int, int], Mapping[str, Any]] = {}
    unknown: list[str] = []
    for name in names:
        images = database.rpc("keep_images", _named(name), idempotent=True)["images"]
        found |= {(one["listing_id"], one["position"]): one for one in images}
        if not images:
            unknown.append(name)
    return KeepReport([found[key] for key in sorted(found)], unknown)


def _named(name: str) -> dict[str, Any]:
    if place := _PLACE.fullmatch(name.strip()):
        listing, position = int(place[1]), int(place[2])
        return {"p_listing_ids": [listing], "p_positions": [position], "p_digest": None}
    if _DIGEST.fullmatch(name.strip()):
        return {"p_listing_ids": None, "p_positions": None, "p_digest": name.strip().lower()}
    raise UsageError(
        f"{name!r} is no image: name it LISTING/POSITION, such as 204/3 (`migrate explain 204` "
        "lists them), or by at least 8 digits of its SHA-256."
    )
