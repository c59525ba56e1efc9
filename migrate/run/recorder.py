"""Tells the database what came of each claim, off the workers' path; it never sees image bytes.

One call tells of many claims: what comes in while a call is under way goes with the next one, and
that waits a moment for what is about to come. So the busier a run and the farther its database, the
more a call carries; results that come in slowly go out one by one, since a worker waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from migrate.queue.claims import Claims, Recorded, Told
from migrate.run.counts import RunCounter
from migrate.run.listing_work import ListingWork, News
from migrate.run.stopping import Stop
from scraper.base.errors import DatabaseError, DatabaseUnavailableError

RECORDERS = 3
MOST_IN_A_CALL = 50
"""Claims that one call tells of; all of them are locked while it lasts."""
LINGER_SHARE = 0.5
LONGEST_LINGER_S = 0.025
"""How long a call waits for more to tell: so much of the time that the last one took."""
LOOK_S = 1.0
"""No thread sleeps for longer than this without a look of its own."""
PAUSE_S = 0.5
LONGEST_PAUSE_S = 4.0
PATIENCE_S = 90.0
"""A finish is fenced by its token, so it may be repeated until somebody else has the claim."""

T = TypeVar("T")
Job = Callable[[], None]

_log = logging.getLogger(__name__)


class Recorder:
    """A few threads that tell of claims, finish them or give them back.

    `recorded` is called for each claim that is no longer ours; `failed` with the error when the
    database has been away for longer than we wait. `enough` results go out without lingering: no
    more will come before these are told.
    """

    def __init__(
        self,
        claims: Claims,
        counter: RunCounter,
        stop: Stop,
        *,
        recorded: Callable[[ListingWork], None],
        failed: Callable[[DatabaseError], None],
        enough: int = 5,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._claims = claims
        self._counter = counter
        self._stop = stop
        self._recorded = recorded
        self._failed = failed
        self._enough = enough
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._jobs: deque[Job] = deque()
        self._waiting: dict[str, ListingWork] = {}
        self._under_way: set[str] = set()  # a claim's results go out in their order
        self._is_calling = False
        self._came_in = 0  # since the last call went out
        self._linger_s = 0.0
        self._linger_until = 0.0
        self._is_ending = False
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
        with self._changed:
            lingered_s = self._lingers_s()
            self._waiting[work.claim.token] = work
            if not self._came_in and not self._is_calling:
                self._linger_until = time.monotonic() + self._linger_s
            self._came_in += 1
            if not self._is_calling and (lingered_s is None or self._lingers_s() == 0.0):
                self._changed.notify()  # else whoever lingers or calls will look by itself

    def note(self, act: Callable[[], None]) -> None:
        """Tell the database something about a host, as patiently as a result."""
        with self._changed:
            self._jobs.append(partial(self._run_errand, act))
            self._changed.notify()

    def finish(self, *, within_s: float) -> None:
        """Record what is queued and end; what is not done by then comes back with its lease."""
        until = time.monotonic() + within_s
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    # ---------------------------------------------------------------------------- what is next

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job()

    def _next(self) -> Job | None:
        with self._changed:
            while True:
                if self._jobs:
                    return self._jobs.popleft()
                if works := self._departing():
                    return partial(self._record, works)
                if self._is_ending and not self._waiting:
                    return None
                lingers_s = None if self._is_calling else self._lingers_s()
                self._changed.wait(LOOK_S if lingers_s is None else lingers_s)

    def _lingers_s(self) -> float | None:
        """How much longer the next call is to wait for more; None: nothing waits for it."""
        if not self._waiting.keys() - self._under_way:
            return None
        if self._is_ending or self._came_in >= self._enough:
            return 0.0
        return max(0.0, self._linger_until - time.monotonic())

    def _departing(self) -> list[ListingWork]:
        """The claims that the next call tells of; none while it is to wait."""
        if self._is_calling or self._lingers_s() != 0.0:
            return []
        tokens = [token for token in self._waiting if token not in self._under_way]
        works = [self._waiting.pop(token) for token in tokens[:MOST_IN_A_CALL]]
        if works:
            self._under_way.update(work.claim.token for work in works)
            self._came_in = 0
            self._is_calling = True
        return works

    def _arrived(self, works: Sequence[ListingWork]) -> None:
        with self._changed:
            self._under_way.difference_update(work.claim.token for work in works)
            self._changed.notify_all()

    # ---------------------------------------------------------------------------- what is told

    def _record(self, works: Sequence[ListingWork]) -> None:
        """Tell of these claims in one call; what can not go with it is told of alone."""
        told: list[tuple[ListingWork, News]] = []
        alone: list[ListingWork] = []
        for work in works:
            news = work.news()
            if self._is_to_be_told(work, news):
                told.append((work, news))
            elif news.is_last and not work.is_over:
                alone.append(work)
            else:
                work.told(news)
        try:
            if told:
                alone += self._record_together(told)
        finally:
            with self._changed:
                self._is_calling = False
                self._linger_until = time.monotonic() + self._linger_s
                self._jobs.extend(partial(self._record_alone, work) for work in alone)
            still = {work.claim.token for work in alone}
            self._arrived([work for work in works if work.claim.token not in still])

    def _record_together(self, told: Sequence[tuple[ListingWork, News]]) -> list[ListingWork]:
        """The claims of these that have to be told of alone."""
        entries = [_told(work, news) for work, news in told]
        began = time.monotonic()
        try:
            answers = self._patiently(lambda: self._claims.record(entries))
            took_s = time.monotonic() - began
            self._linger_s = min(took_s * LINGER_SHARE, LONGEST_LINGER_S)
            for (work, news), answer in zip(told, answers, strict=True):
                if not answer.is_busy:
                    self._hear(work, news, answer)
            return [work for (work, _), one in zip(told, answers, strict=True) if one.is_busy]
        except DatabaseUnavailableError as error:
            for work, _ in told:
                self._lose(work, error)
            return []
        except Exception as error:  # one of them may be to blame: alone it will say so
            _log.warning("%s results are told one by one: %s", len(told), error)
            return [work for work, _ in told if not work.is_over]

    def _record_alone(self, work: ListingWork) -> None:
        try:
            self._tell_alone(work)
        except DatabaseError as error:
            self._lose(work, error)
        except Exception as error:  # this thread's edge: nobody else would take its jobs over
            _log.exception("a result could not be recorded")
            self._lose(work, DatabaseUnavailableError(f"an answer makes no sense: {error!r}"))
        finally:
            self._arrived([work])

    def _tell_alone(self, work: ListingWork) -> None:
        news = work.news()
        if self._is_to_be_told(work, news):
            told = _told(work, news)
            self._hear(work, news, self._patiently(lambda: self._claims.record_alone(told)))
        elif news.is_last and not work.is_over:
            if not work.is_lost:
                self._patiently(lambda: self._claims.release([work.claim.token]))
            self._give_up(work)
        else:
            work.told(news)

    def _is_to_be_told(self, work: ListingWork, news: News) -> bool:
        if work.is_over or work.is_lost:
            return False
        return bool(news.results) or (news.is_last and bool(work.results()))

    def _hear(self, work: ListingWork, news: News, answer: Recorded) -> None:
        if not answer.accepted:
            _log.warning("listing %s: %s", work.claim.listing_id, answer.reason)
            work.is_lost = True
        work.told(news, gone=answer.gone)
        if not news.is_last:
            return
        if answer.accepted:
            self._counter.finish(work.results(), status=answer.status, gone=work.gone)
            self._end(work)
        else:
            self._give_up(work)

    def _run_errand(self, act: Callable[[], None]) -> None:
        try:
            self._patiently(act)
        except DatabaseError as error:
            self._failed(error)
        except Exception as error:  # as above
            _log.exception("the database could not be told about a host")
            self._failed(DatabaseUnavailableError(f"an answer makes no sense: {error!r}"))

    # ---------------------------------------------------------------------------- how a claim ends

    def _lose(self, work: ListingWork, error: DatabaseError) -> None:
        if work.is_closed and not work.is_over:
            self._give_up(work)
        self._failed(error)

    def _give_up(self, work: ListingWork) -> None:
        self._counter.skip()
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


def _told(work: ListingWork, news: News) -> Told:
    return Told(work.claim, news.results, is_last=news.is_last)
