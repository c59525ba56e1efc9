"""Hands tasks to workers, host by host, and never lets a worker wait while any host has work.

It knows hosts, permits and time; it must not know what a task does with its permit.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from scraper.hosts import HostLimits, Outcome, Permit

OUR_BUCKET = ""
"""The host of tasks that ask no dealer for anything; it has no limits."""

MAX_SLEEP_S = 1.0

_FAILURES = frozenset({Outcome.THROTTLED, Outcome.TIMEOUT, Outcome.FAILED})


class HostTask(Protocol):
    """What the scheduler needs to know of a task."""

    @property
    def host(self) -> str: ...

    @property
    def tries(self) -> int: ...


T = TypeVar("T", bound=HostTask)


@dataclass
class _Record:
    """How a host has answered so far.

    While it is in doubt and owes second answers it is asked for nothing new: so a host that fails
    each first request is told from a dead one, and a dead one is told cheaply.
    """

    answers: int = 0
    failures: int = 0
    failures_in_a_row: int = 0

    def note(self, outcome: Outcome) -> None:
        if outcome in _FAILURES:
            self.answers += 1
            self.failures += 1
            self.failures_in_a_row += 1
        elif outcome is Outcome.OK:
            self.answers += 1
            self.failures_in_a_row = 0

    @property
    def is_in_doubt(self) -> bool:
        """One bad answer is enough where they are the rule, two where they are exceptions."""
        return self.failures_in_a_row >= (1 if 2 * self.failures >= self.answers else 2)


class Scheduler(Generic[T]):
    """Queues per host, a heap of tasks that wait for their time, and one condition over both.

    `is_dropped` says of a task that nobody wants it any more (its claim is lost, the run stops);
    `give_up` receives each task that will not be handed out: dropped, or its host's breaker is open
    or the host is held for longer than `max_hold_s`.
    """

    def __init__(
        self,
        limits: HostLimits,
        *,
        is_dropped: Callable[[T], bool],
        give_up: Callable[[T], None],
        max_hold_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._is_dropped = is_dropped
        self._give_up = give_up
        self._max_hold_s = max_hold_s
        self._clock = clock
        self._changed = threading.Condition()
        self._queues: dict[str, deque[T]] = {}
        self._round: deque[str] = deque()
        self._delayed: list[tuple[float, int, T]] = []
        self._delayed_hosts: Counter[str] = Counter()
        self._order = itertools.count()
        self._backlog: dict[str, int] = {}
        self._records: defaultdict[str, _Record] = defaultdict(_Record)
        self._retrying: dict[Permit, str] = {}
        self._closed = False

    def put(self, tasks: Iterable[T]) -> None:
        """Queue tasks behind the others of their host."""
        with self._changed:
            for task in tasks:
                self._enqueue(task)
                self._backlog[task.host] = self._backlog.get(task.host, 0) + 1
            self._changed.notify_all()

    def put_later(self, task: T, *, delay_s: float) -> None:
        """Queue a task when its time has come; no worker waits for it meanwhile."""
        with self._changed:
            heapq.heappush(self._delayed, (self._clock() + delay_s, next(self._order), task))
            self._delayed_hosts[task.host] += 1
            self._backlog[task.host] = self._backlog.get(task.host, 0) + 1
            self._changed.notify()

    def take(self) -> tuple[T, Permit | None] | None:
        """The next task with the permit of its host; None once the scheduler is closed.

        A task of our own bucket comes without a permit.
        """
        while True:
            given_up: list[T] = []
            with self._changed:
                if self._closed:
                    return None
                self._ripen()
                taken, sleep_s = self._next(given_up)
                if taken is None and not given_up:
                    self._changed.wait(min(sleep_s, MAX_SLEEP_S))
            for task in given_up:
                self._give_up(task)
            if taken is not None:
                return taken

    def leave(
        self, permit: Permit, outcome: Outcome, *, retry_after_s: float | None = None
    ) -> None:
        """Give a host's permit back, with what became of the request."""
        with self._changed:
            permit.leave(outcome, retry_after_s=retry_after_s)
            self._retrying.pop(permit, None)
            self._records[permit.host].note(outcome)
            self._changed.notify()

    def backlog(self) -> dict[str, int]:
        """How many tasks each host still has waiting."""
        with self._changed:
            return {host: count for host, count in self._backlog.items() if count}

    def unavailable_hosts(self) -> set[str]:
        """Hosts from which this run should claim nothing (any more)."""
        hosts = set(self._limits.tripped_hosts())
        held = (report for report in self._limits.snapshot() if report.held_s > self._max_hold_s)
        return hosts | {report.host for report in held}

    def wake(self) -> None:
        """Look again: a hold, a breaker or the fate of some task has changed."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Let every worker go home."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def drain(self) -> list[T]:
        """Take out everything that has not been handed out."""
        with self._changed:
            left = [task for queue in self._queues.values() for task in queue]
            left += [task for _, _, task in self._delayed]
            self._queues.clear()
            self._round.clear()
            self._delayed.clear()
            self._delayed_hosts.clear()
            self._backlog.clear()
            return left

    def _enqueue(self, task: T, *, is_first: bool = False) -> None:
        queue = self._queues.get(task.host)
        if queue is None:
            queue = self._queues[task.host] = deque()
            self._round.append(task.host)
        if is_first:
            queue.appendleft(task)
        else:
            queue.append(task)

    def _ripen(self) -> None:
        now = self._clock()
        while self._delayed and self._delayed[0][0] <= now:
            task = heapq.heappop(self._delayed)[2]
            self._delayed_hosts[task.host] -= 1
            self._enqueue(task, is_first=True)

    def _next(self, given_up: list[T]) -> tuple[tuple[T, Permit | None] | None, float]:
        """One round over the hosts, each getting its turn; else how long nothing can happen."""
        sleep_s = math.inf
        if self._delayed:
            sleep_s = max(0.0, self._delayed[0][0] - self._clock())
            self._drop_hopeless(given_up)
        for host in tuple(self._round):
            self._round.rotate(-1)
            queue = self._queues[host]
            if self._is_hopeless(host):
                given_up.extend(self._pop_all(host))
                continue
            while queue and self._is_dropped(queue[0]):
                given_up.append(self._pop(host))
            if not queue:
                self._forget(host)
                continue
            if host == OUR_BUCKET:
                return (self._pop(host), None), 0.0
            if queue[0].tries == 0 and self._is_in_trouble(host):
                continue
            permit = self._limits.try_enter(host)
            if permit is not None:
                if queue[0].tries:
                    self._retrying[permit] = host
                return (self._pop(host), permit), 0.0
            sleep_s = min(sleep_s, self._limits.ready_in(host))
        return None, max(sleep_s, 0.001)

    def _is_hopeless(self, host: str) -> bool:
        if host == OUR_BUCKET:
            return False
        return self._limits.is_tripped(host) or self._limits.held_for(host) > self._max_hold_s

    def _is_in_trouble(self, host: str) -> bool:
        """Whether second tries should show first if this host answers at all."""
        if not self._records[host].is_in_doubt:
            return False
        return self._delayed_hosts[host] > 0 or host in self._retrying.values()

    def _drop_hopeless(self, given_up: list[T]) -> None:
        """Tasks that wait for a host which has been given up need not wait any longer."""
        hosts = {host for host, count in self._delayed_hosts.items() if count}
        hopeless = {host for host in hosts if self._is_hopeless(host)}
        if hopeless:
            gone = [task for _, _, task in self._delayed if task.host in hopeless]
            self._delayed = [item for item in self._delayed if item[2].host not in hopeless]
            heapq.heapify(self._delayed)
            for task in gone:
                self._backlog[task.host] -= 1
                self._delayed_hosts[task.host] -= 1
            given_up.extend(gone)

    def _pop(self, host: str) -> T:
        self._backlog[host] -= 1
        return self._queues[host].popleft()

    def _pop_all(self, host: str) -> list[T]:
        tasks = list(self._queues[host])
        self._backlog[host] -= len(tasks)
        self._forget(host)
        return tasks

    def _forget(self, host: str) -> None:
        self._queues.pop(host, None)
        self._round.remove(host)
