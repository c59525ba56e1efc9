"""Which host is asked out of its turn: the one that answers slowest; it knows no tasks and limits.

A run ends no sooner than its slowest host does, so that one must not wait for a worker while others
are served that will be done long before it. Every other worker goes to it, the rest in turn; and
where hosts as slow as it have half of the workers already, it waits for its turn like all others.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator

LATEST_SHARE = 0.25
"""How much the latest answer counts for how slow a host is."""
CONSIDERED = 5
"""So many of the slowest hosts are looked at: the first of them may have all it is allowed."""


class Precedence:
    """How long each host takes to answer, and how many workers it has. Not thread-safe."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._at_work: Counter[str] = Counter()
        self._is_their_turn = False

    def began(self, host: str) -> None:
        """A worker asks this host now."""
        self._at_work[host] += 1
        self._is_their_turn = not self._is_their_turn

    def ended(self, host: str, took_s: float | None = None) -> None:
        """A worker is done with it; `took_s` when it has answered or failed to."""
        self._at_work[host] -= 1
        if took_s is not None:
            before_s = self._seconds.get(host, took_s)
            self._seconds[host] = before_s + LATEST_SHARE * (took_s - before_s)

    def slowest(self, hosts: Iterable[str]) -> Iterator[str]:
        """Those of `hosts` that go first this time, the slowest before the others."""
        if not self._is_their_turn:
            return
        known = [host for host in hosts if host in self._seconds]
        for host in heapq.nlargest(CONSIDERED, known, key=self._seconds.__getitem__):
            if not self._have_enough(host):
                yield host

    def _have_enough(self, host: str) -> bool:
        """Whether hosts as slow as this one have half of the workers already."""
        as_slow = sum(
            count
            for other, count in self._at_work.items()
            if count and self._seconds.get(other, 0.0) >= self._seconds[host]
        )
        return 2 * as_slow >= max(2, self._at_work.total())
