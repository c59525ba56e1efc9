"""Shows a run while it lasts, a bar on a terminal, a line now and then elsewhere; it only looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from migrate.run.runner import RunView
from scraper.base import console
from scraper.base.foreign_text import one_line

LINE_EVERY_S = 30.0
BAR_EVERY_S = 0.25
RATE_OVER_S = 20.0


@contextmanager
def showing() -> Iterator[Callable[[RunView], None]]:
    """A callback for run_migration that shows the run on stderr until the block is left."""
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def begin(view: RunView) -> None:
        show = _bar if console.is_terminal() else _lines
        thread = threading.Thread(target=show, args=(view, ended), name="progress", daemon=True)
        threads.append(thread)
        thread.start()

    try:
        yield begin
    finally:
        ended.set()
        for thread in threads:
            thread.join(timeout=2.0)


class Pace:
    """How fast images go through lately, and how long the rest takes at that."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: list[tuple[float, int]] = []

    def note(self, settled: int) -> float:
        """Images a second over the last while."""
        now = self._clock()
        self._seen.append((now, settled))
        while len(self._seen) > 2 and now - self._seen[0][0] > RATE_OVER_S:
            self._seen.pop(0)
        (began, before), (ended, after) = self._seen[0], self._seen[-1]
        return (after - before) / (ended - began) if ended > began else 0.0


def describe(view: RunView, pace: Pace) -> str:
    """One line: images, bytes, rate, time left, slowest host."""
    tally = view.tally
    settled, claimed = tally.images_settled, tally.images_claimed
    rate = pace.note(settled)
    parts = [
        f"{settled} of {claimed} images",
        _size(tally.bytes_downloaded),
        f"{rate:.1f} images/s",
    ]
    if rate > 0 and claimed > settled:
        parts.append(f"{_duration((claimed - settled) / rate)} left")
    if slowest := _slowest(view):
        parts.append(f"slowest {slowest}")
    return " · ".join(parts)


def _slowest(view: RunView) -> str | None:
    """The host that most work waits for, with what holds it back."""
    backlog = {host: count for host, count in view.backlog().items() if host}
    if not backlog:
        return None
    host = max(backlog, key=lambda name: backlog[name])
    report = next((one for one in view.limits.snapshot() if one.host == host), None)
    held = f", asked to wait {report.held_s:.0f} s" if report and report.held_s >= 1 else ""
    return f"{host} ({backlog[host]} waiting{held})"


def _lines(view: RunView, ended: threading.Event) -> None:
    pace = Pace()
    pace.note(0)
    while not ended.wait(LINE_EVERY_S):
        console.say(describe(view, pace))


def _bar(view: RunView, ended: threading.Event) -> None:
    columns = (
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
    )
    pace = Pace()
    bar = Progress(*columns, console=console.progress(), transient=True, auto_refresh=False)
    with bar:
        task = bar.add_task("starting", total=None)
        while not ended.wait(BAR_EVERY_S):
            text = describe(view, pace).partition(" · ")[2]
            tally = view.tally
            bar.update(
                task,
                total=tally.images_claimed or None,
                completed=tally.images_settled,
                description=one_line(text),
                refresh=True,
            )


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
