"""The threads that settle tasks; whatever goes wrong with one is recorded at their edge."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from migrate.errors import LocalDiskError, RunStoppedError, StorageDownError
from migrate.queue.outcome import ImageResult, Outcome
from migrate.run.listing_work import ImageTask
from migrate.run.retries import Retry
from migrate.run.scheduler import Scheduler
from scraper.base.errors import (
    ErrorKind,
    FetchError,
    InterruptedFetchError,
    ListingMirrorError,
    StorageRejectedError,
)
from scraper.net.host_limits import Outcome as HostOutcome
from scraper.net.host_limits import Permit, outcome_of

LONGEST_HOLD_S = 7 * 86_400.0

_log = logging.getLogger(__name__)

Settled = list[ImageResult]
Leave = Callable[[FetchError | None], None]


class TaskSettler(Protocol):
    """Whoever turns an image's address into its copy; a run need not know how."""

    def settle(self, task: ImageTask, leave: Leave) -> Settled | Retry:
        """Work on one task; `leave` gives the host's permit back as soon as the host is done with.

        Raises:
            StorageRejectedError (fatal), StorageDownError, LocalDiskError: the run must stop.
            InterruptedFetchError, RunStoppedError: the run is stopping; nothing is known.
        """
        ...


class Workers:
    """`count` threads; each takes a task, settles it and hands the results on."""

    def __init__(
        self,
        count: int,
        *,
        scheduler: Scheduler[ImageTask],
        images: TaskSettler,
        settled: Callable[[ImageTask, Sequence[ImageResult]], None],
        hold: Callable[[str, float], None],
        fatal: Callable[[ListingMirrorError], None],
    ) -> None:
        self._scheduler = scheduler
        self._images = images
        self._settled = settled
        self._hold = hold
        self._fatal = fatal
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(count)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self, *, within_s: float) -> bool:
        """Wait for the threads to go home; False when one of them is still stuck somewhere."""
        until = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (taken := self._scheduler.take()) is not None:
            task, permit = taken
            answer = self._settle(task, _Leave(self._scheduler, task, permit, self._hold))
            if isinstance(answer, Retry):
                task.fault = answer.fault or task.fault
                self._scheduler.put_again(task, delay_s=answer.pause_s)
            else:
                self._scheduler.settled(task)
                self._settled(task, answer or task.as_tried())

    def _settle(self, task: ImageTask, leave: _Leave) -> Settled | Retry:
        try:
            return self._images.settle(task, leave)
        except (InterruptedFetchError, RunStoppedError):
            return []
        except (StorageRejectedError, StorageDownError, LocalDiskError) as error:
            self._fatal(error)
            return []
        except Exception as error:
            _log.exception("image %s of listing %s", task.url, task.work.claim.listing_id)
            return [_unexpected(task, position, error) for position in task.positions]
        finally:
            leave.unless_left()


class _Leave:
    """Gives a permit back exactly once, whatever happens."""

    def __init__(
        self,
        scheduler: Scheduler[ImageTask],
        task: ImageTask,
        permit: Permit | None,
        hold: Callable[[str, float], None],
    ) -> None:
        self._scheduler = scheduler
        self._task = task
        self._permit = permit
        self._hold = hold

    def __call__(self, error: FetchError | None) -> None:
        permit, self._permit = self._permit, None
        if permit is None:
            return
        is_neutral = outcome_of(error) is HostOutcome.NEUTRAL
        pause_s = None if error is None or is_neutral else error.retry_after_s
        if pause_s is not None:
            pause_s = min(pause_s, LONGEST_HOLD_S)
        self._scheduler.leave(self._task, permit, error, retry_after_s=pause_s)
        if error is not None and pause_s:
            for host in {permit.host, error.host or permit.host}:  # two after a redirect
                self._hold(host, pause_s)

    def unless_left(self) -> None:
        permit, self._permit = self._permit, None
        if permit is not None:
            self._scheduler.leave_unasked(self._task, permit)


def _unexpected(task: ImageTask, position: int, error: Exception) -> ImageResult:
    return ImageResult(
        position,
        task.url,
        Outcome.FAILED,
        error_kind=ErrorKind.OTHER,
        error_detail=f"{type(error).__name__}: {error}",
    )
