"""The claims this run holds at the moment; it knows neither their queue nor their images."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from migrate.run.listing_work import ListingWork


class ClaimsHeld:
    """Claims by token, and a condition that wakes whoever waits for them to become fewer."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._works: dict[str, ListingWork] = {}
        self._has_news = False

    def __len__(self) -> int:
        return len(self._works)

    def is_empty(self) -> bool:
        return not self._works

    def add(self, works: Iterable[ListingWork]) -> None:
        with self._changed:
            self._works.update((work.claim.token, work) for work in works)

    def remove(self, work: ListingWork) -> None:
        with self._changed:
            self._works.pop(work.claim.token, None)
        self.wake()

    def all(self) -> list[ListingWork]:
        with self._changed:
            return list(self._works.values())

    def tokens(self) -> list[str]:
        with self._changed:
            return list(self._works)

    def take_all(self) -> list[ListingWork]:
        """Hand over what is left; none is held afterwards."""
        with self._changed:
            works = list(self._works.values())
            self._works.clear()
            return works

    def mark_lost(self, tokens: Iterable[str]) -> int:
        """These belong to somebody else now; how many of them were still ours."""
        with self._changed:
            lost = [self._works[token] for token in tokens if token in self._works]
            for work in lost:
                work.is_lost = True
            return len(lost)

    def wait(self, timeout_s: float) -> None:
        """Sleep until there is news (since the last wait), at most `timeout_s`."""
        with self._changed:
            if not self._has_news:
                self._changed.wait(timeout_s)
            self._has_news = False

    def wake(self) -> None:
        """There is news: a claim is recorded, an image is through, or the run ends."""
        with self._changed:
            self._has_news = True
            self._changed.notify_all()
