"""Shows a run while it lasts, a bar on a terminal, a line now and then elsewhere; it only looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from migrate.run.runner import RunView
from scraper.base import console
from scraper.base.progress import (
    BAR_EVERY_S,
    LINE_EVERY_S,
    Pace,
    duration,
    progress_bars,
)
from scraper.base.untrusted_text import one_line


@contextmanager
def showing(
    expected: Callable[[], int | None] = lambda: None,
) -> Iterator[Callable[[RunView], None]]:
    """A callback for run_migration that shows the run on stderr until the block is left.

    Args:
        expected: how many images the run will come to; asked once, by who shows it.
    """
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def begin(view: RunView) -> None:
        show = _bar if console.is_terminal() else _lines
        thread = threading.Thread(
            target=show, args=(view, Total(expected), ended), name="progress", daemon=True
        )
        threads.append(thread)
        thread.start()

    try:
        yield begin
    finally:
        ended.set()
        for thread in threads:
            thread.join(timeout=2.0)


def describe(view: RunView, pace: Pace, total: int) -> str:
    """One line: images of the whole run, rate, time left, bytes, slowest host."""
    counter = view.counter
    settled = counter.images_settled
    rate = pace.note(settled)
    parts = [f"{settled:,} of {total:,} images", f"{rate:.1f}/s"]
    if rate > 0 and total > settled:
        parts.append(f"{duration((total - settled) / rate)} left")
    parts.append(_size(counter.bytes_downloaded))
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


class Total:
    """How many images the run will come to, asked once; at least what is claimed already."""

    def __init__(self, expected: Callable[[], int | None]) -> None:
        self._expected = expected
        self._known: int | None = None
        self._is_asked = False

    def of(self, view: RunView) -> int:
        if not self._is_asked:
            self._is_asked = True
            with suppress(Exception):  # who only shows stops nothing, and breaks nothing
                self._known = self._expected()
        return max(self._known or 0, view.counter.images_claimed)


def _lines(view: RunView, total: Total, ended: threading.Event) -> None:
    pace = Pace()
    pace.note(0)
    while not ended.wait(LINE_EVERY_S):
        console.say(describe(view, pace, total.of(view)))


def _bar(view: RunView, total: Total, ended: threading.Event) -> None:
    pace = Pace()
    bar = progress_bars()
    with bar:
        task = bar.add_task("images", total=None, count="", text="")
        while not ended.wait(BAR_EVERY_S):
            known = total.of(view)
            count, _, text = describe(view, pace, known).partition(" images · ")
            bar.update(
                task,
                total=known or None,
                completed=view.counter.images_settled,
                count=count.replace(" of ", "/"),
                text=one_line(text),
                refresh=True,
            )


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"
