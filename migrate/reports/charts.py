"""Where the lines and boxes of the report's charts stand; it knows numbers and no markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 720
HEIGHT = 180
LABEL_ROOM = 28
"""Above the columns, so that the largest number stands over them, on a phone in letters of 24."""
MOST_BARS = 90
MOST_LABELS = 6


@dataclass(frozen=True)
class Box:
    """One coloured piece: where it stands, what colour class it has, what it says."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    says: str


@dataclass(frozen=True)
class Label:
    """A word under or beside the boxes."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Chart:
    """A drawing, and the same in a sentence for who does not see it."""

    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
    says: str
    width: int = WIDTH
    height: int = HEIGHT


def stacked_days(days: Sequence[Mapping[str, Any]], states: Sequence[str]) -> Chart | None:
    """Each day as a column, stored at the bottom and what is missing above it by state."""
    shown = days[-MOST_BARS:]
    most = max((int(day["images"]) for day in shown), default=0)
    if not most:
        return None
    room = HEIGHT - 24
    step = (WIDTH - 60) / max(len(shown), 8)
    boxes: list[Box] = []
    for at, day in enumerate(shown):
        floor = float(room)
        for state in states:
            count = int(day[state])
            height = (room - LABEL_ROOM) * count / most
            if not count:
                continue
            floor -= height
            says = f"{day['day']}: {count:,} {state}"
            boxes.append(_box(52 + at * step, floor, max(step - 2, 1), height, state, says))
    labels = [
        Label(round(52 + at * step + step / 2, 1), HEIGHT - 6, str(shown[at]["day"])[5:])
        for at in _spread(len(shown), MOST_LABELS)
    ]
    labels.append(Label(0, LABEL_ROOM - 6, f"{most:,}", "start"))
    labels.append(Label(46, room, "0", "end"))
    first, last = shown[0], shown[-1]
    says = (
        f"From {first['day']} to {last['day']}: {int(first['stored']):,} of "
        f"{int(first['images']):,} images stored at first, {int(last['stored']):,} of "
        f"{int(last['images']):,} at last."
    )
    return Chart(tuple(boxes), tuple(labels), says)


def bars_by_month(months: Sequence[Mapping[str, Any]]) -> Chart | None:
    """What is missing, by the month in which the listing appeared."""
    shown = months[-36:]
    most = max((int(one["images_missing"]) for one in shown), default=0)
    if not most:
        return None
    room = HEIGHT - 44
    step = WIDTH / max(len(shown), 8)
    boxes, labels = [], []
    for at, one in enumerate(shown):
        count = int(one["images_missing"])
        height = max(room * count / most, 1)
        left = at * step
        says = f"{one['month']}: {count:,} images of {int(one['listings_missing']):,} listings"
        boxes.append(_box(left + 2, room + 20 - height, max(step - 4, 1), height, "missing", says))
        if len(shown) <= 18:
            middle = round(left + step / 2, 1)
            labels.append(Label(middle, round(room + 14 - height, 1), f"{count:,}"))
    labels += [
        Label(round(at * step + step / 2, 1), HEIGHT - 6, str(shown[at]["month"]))
        for at in _spread(len(shown), 8)
    ]
    worst = max(shown, key=lambda one: int(one["images_missing"]))
    says = (
        f"{len(shown)} months; most images are missing of {worst['month']}: "
        f"{int(worst['images_missing']):,}."
    )
    return Chart(tuple(boxes), tuple(labels), says)


def share_bar(counts: Mapping[str, int], states: Sequence[str], *, width: int = 200) -> Chart:
    """One bar from left to right, cut by state; empty where there is nothing."""
    total = sum(counts[state] for state in states)
    boxes: list[Box] = []
    left = 0.0
    for state in states:
        if counts[state]:
            # A thin piece is seen, too, and the pieces never run over the bar's end.
            wide = width * counts[state] / total
            says = f"{counts[state]:,} {state}"
            boxes.append(_box(left, 0, wide, 10, state, says))
            left += wide
    says = ", ".join(f"{counts[state]:,} {state}" for state in states if counts[state])
    return Chart(tuple(boxes), (), says or "no images", width=width, height=10)


def line(values: Sequence[float | None], *, width: int = 120, height: int = 24) -> str:
    """The points of a line through percents, 100 at the top; "" for fewer than two."""
    known = [(at, value) for at, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return ""
    step = width / max(len(values) - 1, 1)
    return " ".join(
        f"{at * step:.1f},{height - 2 - (height - 4) * value / 100:.1f}" for at, value in known
    )


def line_of_counts(counts: Sequence[int]) -> str:
    """The points of a line through counts, the largest at the top."""
    most = max(counts, default=0)
    return line([100 * count / most if most else 0 for count in counts])


def _box(x: float, y: float, width: float, height: float, kind: str, says: str) -> Box:
    return Box(round(x, 1), round(y, 1), round(width, 1), round(height, 1), kind, says)


def _spread(count: int, most: int) -> list[int]:
    """Positions of at most so many labels, evenly, the last one always among them."""
    if not count:
        return []
    step = max(-(-count // most), 1)
    return sorted(range(count - 1, -1, -step))
