"""Hands tasks to workers, host by host, and never lets a worker wait while any host has work.

It knows hosts, permits and time; it must not know what a task does with its permit.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from migrate.run.host_judgement import HostAnswer, host_answer
from migrate.run.host_queue import HostQueue, HostTask, Recovery, Verdict
from migrate.run.precedence import Precedence
from migrate.run.retries import Fault
from migrate.run.wire import Wire
from scraper.base.errors import FetchError
from scraper.net.host_limits import HostLimits, Outcome, Permit, outcome_of

OUR_BUCKET = ""
"""The host of tasks that ask no dealer for anything; it has no limits."""

MAX_SLEEP_S = 1.0

T = TypeVar("T", bound=HostTask)


class Scheduler(Generic[T]):
    """A queue per host, a heap of tasks that wait for their time, and one condition over both.

    `is_dropped` says of a task that nobody wants it any more (its claim is lost, the run stops);
    `give_up` receives each task that will not be handed out (any more): dropped, its host or its
    dealer's part of it is left alone, or the host is held for longer than `max_hold_s`.
    `tell` hears when something is left alone, and when it answers again. With a permit comes a
    place on the `wire`; both are given back together.
    """

    def __init__(
        self,
        limits: HostLimits,
        *,
        is_dropped: Callable[[T], bool],
        give_up: Callable[[T], None],
        tell: Callable[[Verdict | Recovery], None] = lambda news: None,
        wire: Wire,
        max_hold_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._is_dropped = is_dropped
        self._give_up = give_up
        self._tell = tell
        self._wire = wire
        wire.tell(self._one_may_look)
        self._max_hold_s = max_hold_s
        self._clock = clock
        self._changed = threading.Condition()
        self._queues: dict[str, HostQueue[T]] = {}
        self._round: deque[str] = deque()
        self._pausing: list[tuple[float, int, T]] = []
        self._order = itertools.count()
        self._precedence = Precedence()
        self._closed = False

    def put(self, tasks: Iterable[T]) -> None:
        """Queue tasks behind the others of their host."""
        with self._changed:
            for task in tasks:
                self._queue_of(task.host).add(task)
            self._changed.notify_all()

    def put_again(self, task: T, *, delay_s: float) -> None:
        """Queue a task for another try when its time has come; no worker waits for it meanwhile."""
        with self._changed:
            self._queue_of(task.host).pause(task)
            heapq.heappush(self._pausing, (self._clock() + delay_s, next(self._order), task))
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
                taken, sleep_s = self._next_with_place(given_up)
                if taken is None and not given_up:
                    self._changed.wait(min(sleep_s, MAX_SLEEP_S))
            for task in given_up:
                self._give_up(task)
            if taken is not None:
                return taken

    def leave(
        self,
        task: T,
        permit: Permit,
        error: FetchError | None,
        *,
        retry_after_s: float | None = None,
    ) -> None:
        """Give the permit back, with what the host answered; the task is still in hand."""
        says = host_answer(error, permit.host)
        fault = None if error is None else Fault(error.kind, error.detail, error.status)
        with self._changed:
            permit.leave(outcome_of(error), retry_after_s=retry_after_s)
            self._precedence.ended(permit.host, self._clock() - permit.started)
            queue = self._queue_at(permit.host)
            queue.note(task, says, fault)
            news = queue.news()
            self._wire.end()
        self._tell_all(news)

    def leave_unasked(self, task: T, permit: Permit) -> None:
        """Give the permit back; nothing was heard from the host."""
        with self._changed:
            permit.leave(Outcome.NEUTRAL)
            self._precedence.ended(permit.host)
            self._queue_at(permit.host).note(task, HostAnswer.NOTHING)
            self._wire.end()

    def settled(self, task: T) -> None:
        """A task that was in hand does not come back."""
        with self._changed:
            queue = self._queue_at(task.host)
            queue.settle(task)
            news = queue.news()
            self._changed.notify()
        self._tell_all(news)

    def suspect(self, host: str, dealer_id: int) -> None:
        """A host (dealer 0), or a dealer's part of it, was left alone before this run."""
        with self._changed:
            self._queue_at(host).suspect(dealer_id)

    def backlog(self) -> dict[str, int]:
        """How many tasks each host still has waiting."""
        with self._changed:
            return {host: len(queue) for host, queue in self._queues.items() if len(queue)}

    def stuck_hosts(self) -> set[str]:
        """Hosts that are asked for nothing new at the moment, although they have tasks waiting."""
        with self._changed:
            return {
                host
                for host, queue in self._queues.items()
                if len(queue) and (self._is_held(host) or queue.peek() is None)
            }

    def unavailable_hosts(self) -> set[str]:
        """Hosts from which this run should claim nothing (any more)."""
        with self._changed:
            hosts = {host for host, queue in self._queues.items() if queue.is_left_alone}
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
            self._pausing.clear()
            return [task for queue in self._queues.values() for task in queue.pop_all()]

    def _queue_of(self, host: str) -> HostQueue[T]:
        if host not in self._round:
            self._round.append(host)
        return self._queue_at(host)

    def _queue_at(self, host: str) -> HostQueue[T]:
        if host not in self._queues:
            self._queues[host] = HostQueue(host, clock=self._clock)
        return self._queues[host]

    def _tell_all(self, news: Iterable[Verdict | Recovery]) -> None:
        for one in news:
            self._tell(one)

    def _ripen(self) -> None:
        now = self._clock()
        while self._pausing and self._pausing[0][0] <= now:
            task = heapq.heappop(self._pausing)[2]
            self._queues[task.host].resume(task)

    def _one_may_look(self) -> None:
        with self._changed:
            self._changed.notify()

    def _next_with_place(self, given_up: list[T]) -> tuple[tuple[T, Permit | None] | None, float]:
        """What comes next, if there is a place for it; else for how long nothing can."""
        if not self._wire.try_begin():
            return None, MAX_SLEEP_S
        taken, sleep_s = self._next(given_up)
        if taken is None or taken[1] is None:
            self._wire.not_needed()
        return taken, sleep_s

    def _next(self, given_up: list[T]) -> tuple[tuple[T, Permit | None] | None, float]:
        """What comes next, of a slow host or in turn; else for how long nothing can."""
        for host in self._precedence.slowest(self._round):
            if (taken := self._offer(host, given_up)) is not None:
                return taken, 0.0
        sleep_s = math.inf
        for host in tuple(self._round):
            if host not in self._round:
                continue
            self._round.rotate(-1)
            if (taken := self._offer(host, given_up)) is not None:
                return taken, 0.0
            if self._queues[host].peek() is not None:
                sleep_s = min(sleep_s, self._limits.ready_in(host))
        if self._pausing:
            sleep_s = min(sleep_s, self._pausing[0][0] - self._clock())
        return None, max(sleep_s, 0.001)

    def _offer(self, host: str, given_up: list[T]) -> tuple[T, Permit | None] | None:
        """A task of this host that may be tried now, with its permit."""
        queue = self._queues[host]
        given_up.extend(self._without_hope(host, queue))
        while (task := queue.peek()) is not None and self._is_dropped(task):
            queue.drop()
            given_up.append(task)
        if not len(queue):
            self._round.remove(host)
        if task is None:
            return None
        if host == OUR_BUCKET:
            queue.pop()
            return task, None
        permit = self._limits.try_enter(host)
        if permit is None:
            return None
        self._precedence.began(host)
        queue.pop()
        return task, permit

    def _without_hope(self, host: str, queue: HostQueue[T]) -> list[T]:
        """Tasks of a host that is held for too long, or that are to be left alone."""
        is_held = self._held_for(host) > self._max_hold_s
        tasks = queue.pop_all() if is_held else queue.hopeless()
        if tasks:
            gone = {id(task) for task in tasks}
            self._pausing = [entry for entry in self._pausing if id(entry[2]) not in gone]
            heapq.heapify(self._pausing)
        return tasks

    def _is_held(self, host: str) -> bool:
        return self._held_for(host) > 0

    def _held_for(self, host: str) -> float:
        return 0.0 if host == OUR_BUCKET else self._limits.held_for(host)
