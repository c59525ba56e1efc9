"""Shows work while it lasts: bars on a terminal, a line now and then elsewhere; it only looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column

from scraper.base import console
from scraper.base.untrusted_text import one_line

LINE_EVERY_S = 30.0
BAR_EVERY_S = 0.25
STILL_EVERY_S = 8.0
RATE_OVER_S = 20.0
NAME_CELLS = 24


@dataclass(frozen=True)
class Piece:
    """One piece of the work: how much of it is done, of how much; None: nobody knows yet."""

    name: str
    done: int
    total: int | None = None
    note: str = ""


class Pace:
    """How fast it goes lately, and how long the rest takes at that."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: list[tuple[float, int]] = []

    def note(self, done: int) -> float:
        """So many a second over the last while."""
        now = self._clock()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > RATE_OVER_S:
            self._seen.pop(0)
        (began, before), (ended, after) = self._seen[0], self._seen[-1]
        return (after - before) / (ended - began) if ended > began else 0.0


@contextmanager
def showing(look: Callable[[], Sequence[Piece]], *, noun: str) -> Iterator[None]:
    """Within, what `look` returns is shown on stderr, in so many `noun` ("pages")."""
    ended = threading.Event()
    show = _bars if console.is_terminal() else _lines
    thread = threading.Thread(target=show, args=(look, noun, ended), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=2.0)


@contextmanager
def still_at(what: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Within, tell every few seconds that a program that says nothing itself is still at work."""
    ended = threading.Event()
    began = time.monotonic()

    def beat() -> None:
        while not ended.wait(STILL_EVERY_S):
            tell(f"{what}: still at it after {duration(time.monotonic() - began)} …")

    thread = threading.Thread(target=beat, name="still-at-it", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=2.0)


def describe(piece: Piece, rate: float, noun: str) -> str:
    """ "Aoi Art: 120 of 340 pages, 2.1/s, 1 min 45 s left" """
    name = one_line(piece.name)
    if piece.total is None:
        return f"{name}: {piece.note or f'{piece.done:,} {noun}'}"
    return f"{name}: {piece.done:,} of {piece.total:,} {noun}{_speed(piece, rate)}"


def duration(seconds: float) -> str:
    """ "1 min 05 s" """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def _speed(piece: Piece, rate: float) -> str:
    if rate <= 0 or piece.total is None or piece.done >= piece.total:
        return ""
    return f", {rate:.1f}/s, {duration((piece.total - piece.done) / rate)} left"


class _Paces:
    """A pace for each piece, by name."""

    def __init__(self) -> None:
        self._paces: dict[str, Pace] = {}

    def note(self, piece: Piece) -> float:
        return self._paces.setdefault(piece.name, Pace()).note(piece.done)


def _lines(look: Callable[[], Sequence[Piece]], noun: str, ended: threading.Event) -> None:
    paces = _Paces()
    for piece in look():
        paces.note(piece)
    while not ended.wait(LINE_EVERY_S):
        said = [describe(piece, paces.note(piece), noun) for piece in look()]
        if said:
            console.say(" · ".join(said))


def _bars(look: Callable[[], Sequence[Piece]], noun: str, ended: threading.Event) -> None:
    paces = _Paces()
    bars = progress_bars()
    tasks = {}
    with bars:
        while not ended.wait(BAR_EVERY_S):
            for piece in look():
                rate = paces.note(piece)
                if piece.name not in tasks:
                    tasks[piece.name] = bars.add_task(
                        one_line(piece.name), total=None, count="", text=""
                    )
                known = piece.total is not None
                count = f"{piece.done:,}/{piece.total:,} {noun}" if known else f"{piece.done:,}"
                bars.update(
                    tasks[piece.name],
                    total=piece.total or None,
                    completed=piece.done,
                    count=count,
                    text=_speed(piece, rate).removeprefix(", ") if known else piece.note,
                )
            bars.refresh()


def progress_bars() -> Progress:
    """Bars whose count always stays whole; what does not fit a narrow terminal is cut after it."""
    return Progress(
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(max_width=NAME_CELLS, no_wrap=True, overflow="ellipsis"),
        ),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[count]}", markup=False, table_column=Column(no_wrap=True)),
        TextColumn(
            "{task.fields[text]}",
            markup=False,
            table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
        ),
        console=console.progress(),
        transient=True,
        auto_refresh=False,
        expand=True,
    )
