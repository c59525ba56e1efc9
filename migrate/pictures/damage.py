"""What a picture lacks although a browser shows it, and how often it must come to be kept.

What the dealer has, the mirror has: but a file that is damaged may also have been damaged on the
way, and only the same bytes at another time tell the two apart. It knows no files and no clocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SMALL_PART: Final = 0.1
"""Of a picture's rows: more is a large part."""
NOTHING_LEFT: Final = 0.99
"""Of its rows: where so much is missing, nothing shows."""
ANOTHER_DAY_S: Final = 20 * 3600.0
"""A daily run comes a little earlier or later each day."""


class Extent(StrEnum):
    """How much is missing; the value is what people read."""

    NOTHING_SEEN = "shows whole"
    SMALL = "a small part is missing"
    LARGE = "a large part is missing"


@dataclass(frozen=True, slots=True)
class Damage:
    """One defect of a picture that shows; `detail` says which."""

    extent: Extent
    detail: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The same damaged bytes came before: how long ago first, None for in this very run."""

    sha256: str
    first_s_ago: float | None


def of_rows(missing: float, detail: str) -> Damage:
    """The damage of a picture that lacks a part of its rows, from 0 to 1."""
    if missing <= 0:
        return Damage(Extent.NOTHING_SEEN, detail)
    extent = Extent.SMALL if missing <= SMALL_PART else Extent.LARGE
    part = f"{missing:.0%}" if missing >= 0.01 else "under 1 %"
    return Damage(extent, f"{detail}; {part} of its rows are missing")


def waits_for(damage: Damage) -> str:
    """What people read while such a picture is not kept yet."""
    when = "on another day" if damage.extent is Extent.LARGE else "a second time"
    return f"{damage.detail} ({damage.extent.value}; kept once the same bytes come {when})"


def is_kept(
    damage: Damage, sha256: str, seen: Sequence[Seen], *, is_bounded: bool, is_wanted: bool
) -> bool:
    """Whether a damaged picture is to be stored now.

    Args:
        seen: when these or other bytes came from the same address before.
        is_bounded: the answer said where it ends, and that end came; without it a cut answer looks
            like a whole one, so one more proof is asked for.
        is_wanted: an operator has said to keep it.
    """
    if is_wanted:
        return True
    same = [one for one in seen if one.sha256 == sha256]
    came_again = bool(same)
    came_another_day = any((one.first_s_ago or 0.0) >= ANOTHER_DAY_S for one in same)
    proofs = {
        Extent.NOTHING_SEEN: (True, came_again),
        Extent.SMALL: (came_again, came_another_day),
        Extent.LARGE: (came_another_day, came_another_day),
    }
    return proofs[damage.extent][0 if is_bounded else 1]
