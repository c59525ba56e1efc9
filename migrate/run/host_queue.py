"""One host's tasks, and which of them is to be tried next, given how the host has answered.

A host that fails each first request must be told from a dead one, and a dead one cheaply and
without a verdict on any image. So a host in doubt is asked for as little new as possible, and an
image's last try waits until it would also decide about the host: either it shows that the host
answers after all, or the breaker opens and every image is given back as it was.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

from migrate.run.retries import MAX_TRIES
from scraper.net.host_limits import BREAKER_TRIES, Outcome

FAILURES = frozenset({Outcome.THROTTLED, Outcome.TIMEOUT, Outcome.FAILED})


class HostTask(Protocol):
    """What is to be known of a task: its host, and how often it has been tried."""

    @property
    def host(self) -> str: ...

    @property
    def tries(self) -> int: ...


T = TypeVar("T", bound=HostTask)


class HostQueue(Generic[T]):
    """The tasks of one host: ready ones by try, and what is known of those elsewhere."""

    def __init__(self) -> None:
        self._first: deque[T] = deque()
        self._again: deque[T] = deque()
        self._last: deque[T] = deque()
        self._pausing: list[T] = []
        self._owing: set[T] = set()
        self._answers = 0
        self._failures = 0
        self._failures_in_a_row = 0

    def __len__(self) -> int:
        """Tasks that are ready or wait for their time."""
        return self._ready() + len(self._pausing)

    def add(self, task: T) -> None:
        """A task that may be tried now."""
        self._pile_of(task).append(task)

    def pause(self, task: T) -> None:
        """A task that comes back later, with `resume`."""
        self._owing.discard(task)
        self._pausing.append(task)

    def resume(self, task: T) -> None:
        """The time of a pausing task has come."""
        self._pausing.remove(task)
        self.add(task)

    def note(self, task: T, outcome: Outcome) -> None:
        """How the host answered a task, which is still in hand."""
        if outcome in FAILURES:
            self._answers += 1
            self._failures += 1
            self._failures_in_a_row += 1
            self._owing.add(task)
            return
        self._owing.discard(task)
        if outcome is Outcome.OK:
            self._answers += 1
            self._failures_in_a_row = 0

    def settle(self, task: T) -> None:
        """A task that was in hand does not come back."""
        self._owing.discard(task)

    def peek(self, *, running: int) -> T | None:
        """The task to try next beside `running` requests; None when it is better to wait."""
        pile = self._choice(running)
        return pile[0] if pile else None

    def pop(self, *, running: int) -> None:
        """Hand out what `peek` shows."""
        pile = self._choice(running)
        if pile:
            task = pile.popleft()
            if task.tries:
                self._owing.add(task)

    def pop_all(self) -> list[T]:
        """Every task that is ready or pausing."""
        tasks = [*self._again, *self._last, *self._first, *self._pausing]
        for pile in (self._again, self._last, self._first, self._pausing):
            pile.clear()
        return tasks

    def _choice(self, running: int) -> deque[T] | None:
        if not self._ready():
            return None
        if not self._is_in_doubt():
            return self._again or self._last or self._first
        is_coming_back = bool(self._owing) or any(not _is_last(task) for task in self._pausing)
        spare = BREAKER_TRIES - 1 - self._failures_in_a_row
        if spare > running:
            if self._again or is_coming_back:
                return self._again or None
            return self._first or (None if running else self._last)
        if spare > 0:
            return None
        if self._last or any(_is_last(task) for task in (*self._pausing, *self._owing)):
            return self._last or None
        return self._again or (None if is_coming_back else self._first)

    def _is_in_doubt(self) -> bool:
        """One bad answer is enough where they are the rule, two where they are exceptions."""
        return self._failures_in_a_row >= (1 if 2 * self._failures >= self._answers else 2)

    def _ready(self) -> int:
        return len(self._first) + len(self._again) + len(self._last)

    def _pile_of(self, task: T) -> deque[T]:
        if _is_last(task):
            return self._last
        return self._again if task.tries else self._first


def _is_last(task: HostTask) -> bool:
    """Whether the next try of this image is the last of this run."""
    return task.tries >= MAX_TRIES - 1
