"""When a run must end before its work is done: a signal or a deadline; it knows no work."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
ENDING = tuple(
    getattr(signal, one) for one in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, one)
)
"""Windows has no SIGHUP."""


class Stop:
    """A flag that anybody may raise and everybody can wait on; the first reason stands."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._hooks: list[Callable[[], None]] = []
        self.is_interrupt = False

    def now(self, *, is_interrupt: bool = False) -> None:
        """Ask for the end; safe from a signal handler and from any thread."""
        if not self._event.is_set():
            self.is_interrupt = is_interrupt
            self._event.set()
            for hook in tuple(self._hooks):
                hook()

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep, but not through a stop; returns whether there was one."""
        return self._event.wait(timeout_s)

    @property
    def event(self) -> threading.Event:
        return self._event

    def on_stop(self, hook: Callable[[], None]) -> None:
        """Call `hook` once when the end is asked for; it must be short and must not block."""
        self._hooks.append(hook)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """A Stop that SIGINT, SIGTERM and SIGHUP raise; a second one ends the process at once."""
    stop = Stop()
    signals: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        signals.append(number)
        if len(signals) > 1:
            os._exit(INTERRUPTED)
        # The hooks take locks that the interrupted thread may hold: never run them here.
        threading.Thread(target=stop.now, kwargs={"is_interrupt": True}, daemon=True).start()

    before = {
        number: signal.signal(number, handle)
        for number in ENDING
        if signal.getsignal(number) is not signal.SIG_IGN  # nohup means it
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
