"""Progress says how much of how much, how fast and how long, on a terminal and in a job log."""

from __future__ import annotations

import io
import threading
from typing import Any

import pytest
from rich.console import Console

from scraper.base import console, progress
from scraper.base.progress import Pace, Piece, describe, progress_bars, showing, still_at


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_pace_is_that_of_the_last_while() -> None:
    clock = Clock()
    pace = Pace(clock)
    rates = []
    for clock.now, done in ((0.0, 0), (10.0, 10), (20.0, 30), (30.0, 50), (40.0, 70)):
        rates.append(pace.note(done))
    assert rates == [0.0, 1.0, 1.5, 2.0, 2.0]


@pytest.mark.parametrize(
    ("piece", "rate", "said"),
    [
        (Piece("Aoi Art", 120, 1340), 2.0, "Aoi Art: 120 of 1,340 pages, 2.0/s, 10 min 10 s left"),
        (Piece("Aoi Art", 0, 3), 0.0, "Aoi Art: 0 of 3 pages"),
        (Piece("Aoi Art", 3, 3), 2.0, "Aoi Art: 3 of 3 pages"),
        (Piece("Aoi\x1b[2J Art", 0, note="finding what it lists"), 0.0, "finding what it lists"),
        (Piece("looking", 1500), 9.0, "looking: 1,500 pages"),
    ],
)
def test_a_line_says_how_much_how_fast_and_how_long(piece: Piece, rate: float, said: str) -> None:
    line = describe(piece, rate, "pages")
    assert line.endswith(said)
    assert "\x1b" not in line


def test_elsewhere_than_on_a_terminal_a_line_is_said_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    two = threading.Event()

    def say(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            two.set()

    monkeypatch.setattr(console, "say", say)
    monkeypatch.setattr(console, "is_terminal", lambda: False)
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.01)
    with showing(lambda: [Piece("A", 1, 2), Piece("B", 0, note="listing")], noun="pages"):
        assert two.wait(10)
    assert said[0].startswith("A: 1 of 2 pages") and said[0].endswith(" · B: listing")


def test_the_count_stays_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    narrow: Any = Console(file=file, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(console, "progress", lambda: narrow)
    bars = progress_bars()
    with bars:
        bars.add_task("W" * 60, total=1_234_567, count="123,456/1,234,567 images", text="x" * 90)
        bars.refresh()
    lines = file.getvalue().splitlines()
    assert any("123,456/1,234,567 images" in line for line in lines)
    assert max(len(line.split("\r")[-1].replace("\x1b[2K", "")) for line in lines) <= 80


def test_a_silent_program_is_said_to_be_still_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "STILL_EVERY_S", 0.01)
    told: list[str] = []
    once = threading.Event()

    def tell(text: str) -> None:
        told.append(text)
        once.set()

    with still_at("Installing", tell):
        assert once.wait(10)
    assert told[0] == "Installing: still at it after 0 s …"
