"""Tells the database what came of each claim, off the workers' path; it never sees image bytes."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from migrate.queue.claims import Claims
from migrate.run.counts import RunCounter
from migrate.run.listing_work import ListingWork
from migrate.run.stopping import Stop
from scraper.base.errors import DatabaseError, DatabaseUnavailableError

RECORDERS = 3
PAUSE_S = 0.5
LONGEST_PAUSE_S = 4.0
PATIENCE_S = 90.0
"""A finish is fenced by its token, so it may be repeated until somebody else has the claim."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Errand:
    act: Callable[[], None]


class Recorder:
    """A few threads that finish or release claims in the order they come in.

    `recorded` is called for each claim that is no longer ours; `failed` with the error when the
    database has been away for longer than we wait.
    """

    def __init__(
        self,
        claims: Claims,
        tally: RunCounter,
        stop: Stop,
        *,
        recorded: Callable[[ListingWork], None],
        failed: Callable[[DatabaseError], None],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._claims = claims
        self._tally = tally
        self._stop = stop
        self._recorded = recorded
        self._failed = failed
        self._patience_s = patience_s
        self._queue: queue.SimpleQueue[ListingWork | _Errand | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"recorder-{number}", daemon=True)
            for number in range(RECORDERS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def put(self, work: ListingWork) -> None:
        """Record the results of this claim that are new.

        With the last of them it is finished, or given back when there are none.
        """
        self._queue.put(work)

    def note(self, act: Callable[[], None]) -> None:
        """Tell the database something about a host, as patiently as a result."""
        self._queue.put(_Errand(act))

    def finish(self, *, within_s: float) -> None:
        """Record what is queued and end; what is not done by then comes back with its lease."""
        until = time.monotonic() + within_s
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._record(item)
            except DatabaseError as error:
                self._lose(item, error)
            except Exception as error:  # this thread's edge: nobody else would take its queue over
                _log.exception("a result could not be recorded")
                self._lose(item, DatabaseUnavailableError(f"an answer makes no sense: {error!r}"))

    def _lose(self, item: ListingWork | _Errand, error: DatabaseError) -> None:
        if isinstance(item, ListingWork) and item.is_closed and not item.is_over:
            self._give_up(item)
        self._failed(error)

    def _record(self, item: ListingWork | _Errand) -> None:
        if isinstance(item, _Errand):
            self._patiently(item.act)
            return
        with item.recording:
            if item.is_closed:
                self._finish(item)
            elif not item.is_lost:
                self._record_part(item)

    def _record_part(self, work: ListingWork) -> None:
        """What came while the claim goes on: a runner that is killed then repeats only the rest."""
        results, count = work.untold()
        if not results:
            return
        if not self._patiently(lambda: self._claims.record(work.claim, results)):
            work.is_lost = True
        work.told(count)

    def _finish(self, work: ListingWork) -> None:
        if work.is_over:  # a part of it waited behind its end
            return
        if work.is_lost:
            self._give_up(work)
        elif not (results := work.results()):
            self._patiently(lambda: self._claims.release([work.claim.token]))
            self._give_up(work)
        else:
            finished = self._patiently(lambda: self._claims.finish(work.claim, results))
            if finished.accepted:
                self._tally.finish(results, finished)
                self._end(work)
            else:
                _log.warning("listing %s: %s", work.claim.listing_id, finished.reason)
                self._give_up(work)

    def _give_up(self, work: ListingWork) -> None:
        self._tally.skip()
        self._end(work)

    def _end(self, work: ListingWork) -> None:
        work.over()
        self._recorded(work)

    def _patiently(self, act: Callable[[], T]) -> T:
        began = time.monotonic()
        pause_s = PAUSE_S
        while True:
            try:
                return act()
            except DatabaseUnavailableError:
                waited_s = time.monotonic() - began
                if waited_s > (5.0 if self._stop.is_set() else self._patience_s):
                    raise
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
