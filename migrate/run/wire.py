"""How many transfers go on at once over all hosts; it knows no host, no task and no bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_S = 1.0
"""No upload waits for longer than this without a look of its own."""


class Wire:
    """So many places. Thread-safe.

    An upload waits for its place and goes before downloads that have not begun: its bytes are in
    memory, and its image is nearly done. A download does not wait here: whoever hands out work asks
    with `try_begin` and hears through `tell` that there is a place again.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting = 0
        self._changed = threading.Condition()
        self._tell: Callable[[], None] = lambda: None

    def tell(self, freed: Callable[[], None]) -> None:
        """Call `freed` whenever a place became free that no upload waits for."""
        self._tell = freed

    def try_begin(self) -> bool:
        """Take a place for a download, if there is one."""
        with self._changed:
            if self._free <= self._waiting:
                return False
            self._free -= 1
            return True

    def end(self) -> None:
        """Give a place back."""
        if not self._give_back():
            self._tell()

    def not_needed(self) -> None:
        """Give a place back that was taken for nothing: who took it knows."""
        self._give_back()

    def _give_back(self) -> bool:
        """Whether an upload waits for it."""
        with self._changed:
            self._free += 1
            self._changed.notify()
            return self._waiting > 0

    @contextmanager
    def upload(self) -> Iterator[None]:
        """Hold a place, after waiting for it."""
        with self._changed:
            self._waiting += 1
            try:
                while not self._free:
                    self._changed.wait(LOOK_S)
                self._free -= 1
            finally:
                self._waiting -= 1
        try:
            yield
        finally:
            self.end()
