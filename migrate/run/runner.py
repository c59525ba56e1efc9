"""One run over the queue: claims in, tasks settled, results recorded; it knows no picture.

Data flows one way: claim -> scheduler -> workers (a `TaskSettler` brings bytes to copies) ->
recorder. The calling thread claims ahead of the workers; what has to wait waits in the scheduler.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from migrate.errors import MigrateError
from migrate.queue.claims import Claims, Hold, LeftAlone
from migrate.queue.heartbeat import Heartbeat
from migrate.queue.outcome import ImageResult
from migrate.run.claimer import Claimer
from migrate.run.claims_held import ClaimsHeld
from migrate.run.counts import RunCounter, RunSummary
from migrate.run.host_queue import WHOLE_HOST, Recovery, Verdict
from migrate.run.listing_work import NO_DEALER, ImageTask, ListingWork
from migrate.run.options import MigrateOptions
from migrate.run.recorder import Recorder
from migrate.run.retries import LONGEST_RETRY_AFTER_S
from migrate.run.scheduler import Scheduler
from migrate.run.stopping import Stop
from migrate.run.wire import Wire
from migrate.run.workers import TaskSettler, Workers
from scraper.base.errors import DatabaseError, ListingMirrorError
from scraper.base.runner_identity import runner_name
from scraper.base.settings import Settings
from scraper.database.client import Database
from scraper.net.host_limits import HostLimits
from scraper.net.session import DealerSession

HANDS_OFF_S = 2.5
"""How long work in flight may take to end once the run is to stop."""
RECORD_S = 12.0
"""How long recording may take then: a database that is back within ten seconds loses nothing."""

_log = logging.getLogger(__name__)

SettlerFactory = Callable[[RunCounter, HostLimits, Wire, Stop], TaskSettler]
"""Makes what settles the tasks of one run, given the run's counts, host limits, wire and stop."""


def drain_queue(
    database: Database,
    session: DealerSession,
    settings: Settings,
    options: MigrateOptions,
    *,
    settler: SettlerFactory,
    progress: Callable[[RunView], None] = lambda view: None,
    say: Callable[[str], None] = _log.info,
    stop: Stop | None = None,
) -> RunSummary:
    """Drain what is due, within the options.

    Dealers' failures are data in the summary. `progress` gets a view to look at meanwhile.

    Raises:
        DatabaseError, StorageError, MigrateError: our own side cannot go on. Claims have been given
            back (or come back with their lease), and no image is to blame.
    """
    run_id = database.rpc(
        "start_run",
        {"p_run_type": "migrate", "p_dealer_id": None, "p_runner": runner_name()},
        idempotent=True,  # a run whose number was lost on its way is closed by a later start
    )["run_id"]
    claims = Claims(
        database,
        run_id=run_id,
        selection=options.selection,
        retry_failed=options.retry_failed,
        lease_s=settings.lease_s,
    )
    run = _Run(session, settings, options, claims, settler, say, stop or Stop())
    progress(RunView(run))
    problem: ListingMirrorError | None = None
    try:
        run.work()
    except ListingMirrorError as error:
        problem = error
        raise
    finally:
        _finish_run(database, run_id, run.summary(), problem)
    return run.summary()


class RunView:
    """What may be shown of a run while it lasts."""

    def __init__(self, run: _Run) -> None:
        self.counter = run.counter
        self.limits = run.limits
        self.backlog = run.scheduler.backlog
        self.is_over = run.over.is_set


class _Run:
    """The parts of one run and how they are started, fed and ended."""

    def __init__(
        self,
        session: DealerSession,
        settings: Settings,
        options: MigrateOptions,
        claims: Claims,
        settler: SettlerFactory,
        say: Callable[[str], None],
        stop: Stop,
    ) -> None:
        self.counter = RunCounter()
        self.limits = HostLimits(per_host_max=options.per_host, has_breaker=False)
        self.over = threading.Event()
        self.claims_held = ClaimsHeld()
        self._session = session
        self._options = options
        self._claims = claims
        claims.tell(self._heard, self._heard_left_alone)
        self._asked = stop
        self._stop = Stop()
        stop.on_stop(self._stop.now)
        self._stop.on_stop(self._end_early)
        self._began = time.monotonic()
        self._problem: ListingMirrorError | None = None
        self._notes: list[str] = []
        wire = Wire(options.workers)
        self.scheduler: Scheduler[ImageTask] = Scheduler(
            self.limits,
            is_dropped=lambda task: task.work.is_lost,
            give_up=lambda task: self._settled(task, task.as_tried()),
            tell=self._found_out,
            wire=wire,
            max_hold_s=LONGEST_RETRY_AFTER_S + 1.0,
        )
        self._recorder = Recorder(
            claims,
            self.counter,
            self._stop,
            recorded=self._recorded,
            failed=self._fatal,
            enough=options.workers,
        )
        self._workers = Workers(
            options.threads,
            scheduler=self.scheduler,
            images=settler(self.counter, self.limits, wire, self._stop),
            settled=self._settled_and_told,
            hold=self._held,
            fatal=self._fatal,
        )
        self._heartbeat = Heartbeat(
            claims, lease_s=settings.lease_s, tokens=self.claims_held.tokens, lost=self._lost
        )
        self._claimer = Claimer(
            claims,
            options,
            self._stop,
            scheduler=self.scheduler,
            claims_held=self.claims_held,
            recorder=self._recorder,
            counter=self.counter,
            lease_s=settings.lease_s,
            say=say,
        )
        self._held_until: dict[str, float] = {}
        self._left_alone: dict[tuple[str, int], LeftAlone] = {}
        self._own_verdicts: set[tuple[str, int]] = set()

    def work(self) -> None:
        """Claim until there is nothing left to claim, then end in order."""
        if self._asked.is_set():
            self._stop.now()
        timer = self._start_timer()
        for part in (self._recorder, self._workers, self._heartbeat):
            part.start()
        try:
            self._claimer.drain()
            while not self._claimer.is_ending() and self._claimer.take_over():
                self._claimer.drain()
        except DatabaseError as error:
            self._fatal(error)
        finally:
            timer.cancel()
            self._end()
        if self._problem is not None:
            raise self._problem

    def summary(self) -> RunSummary:
        """The numbers so far."""
        return self.counter.summary(
            seconds=time.monotonic() - self._began,
            hosts=self.limits.snapshot(),
            left_alone=tuple(one for _, one in sorted(self._left_alone.items())),
            notes=self._notes,
            is_interrupted=self._asked.is_interrupt,
        )

    # ---------------------------------------------------------------------------- the way of a task

    def _settled(self, task: ImageTask, results: Sequence[ImageResult]) -> None:
        self.counter.settle(len(task.images))
        is_last = task.work.done(results)
        if is_last or results:
            self._recorder.put(task.work)
        if not is_last:
            self.claims_held.wake()

    def _settled_and_told(self, task: ImageTask, results: Sequence[ImageResult]) -> None:
        """A worker takes its next image when the database knows of this one.

        So a runner that is killed has left no more behind than what was on the wire, and the few
        images that were being checked or recorded.
        """
        self._settled(task, results)
        if results:
            task.work.wait_until_told(self._stop.is_set)

    def _recorded(self, work: ListingWork) -> None:
        self.claims_held.remove(work)

    def _held(self, host: str, seconds: float) -> None:
        """Keep a host's wish beyond this process, once for all who heard it at the same time."""
        until = time.monotonic() + seconds
        if until > self._held_until.get(host, 0.0) + 0.5:
            self._held_until[host] = until
            self.limits.hold(host, seconds)  # where a redirect led, no permit has said so
            self._recorder.note(lambda: self._claims.hold_host(host, seconds, "Retry-After"))

    def _heard(self, holds: Sequence[Hold]) -> None:
        """What other runs were asked for, or this one: then a second more or less is no news."""
        for hold in holds:
            held_s = self.limits.held_for(hold.host)
            if hold.seconds > held_s + (1.0 if held_s else 0.0):
                self.limits.hold(hold.host, hold.seconds, "asked for in another run")
                self.scheduler.wake()

    def _found_out(self, news: Verdict | Recovery) -> None:
        """A host, or a dealer's part of it, is left alone, or has answered again: keep that."""
        key = (news.host, news.dealer_id)
        dealer_id = None if news.dealer_id == WHOLE_HOST else news.dealer_id
        if isinstance(news, Recovery):
            self._own_verdicts.discard(key)
            self._left_alone.pop(key, None)
            self._recorder.note(lambda: self._claims.host_answered(news.host, dealer_id))
        elif news.dealer_id != NO_DEALER:
            self._own_verdicts.add(key)
            self._recorder.note(lambda: self._leave_alone(news, dealer_id))
        self.scheduler.wake()

    def _leave_alone(self, verdict: Verdict, dealer_id: int | None) -> None:
        fault = verdict.fault
        _log.info("%s is left alone: %s, %s", verdict.host, fault.kind.value, fault.detail)
        self._left_alone[verdict.host, verdict.dealer_id] = self._claims.leave_alone(
            verdict.host,
            dealer_id,
            kind=fault.kind.value,
            detail=fault.detail,
            status=fault.status,
        )

    def _heard_left_alone(self, hosts: Sequence[LeftAlone]) -> None:
        """What the database knows; of our own verdicts it may not have heard yet."""
        known = {(one.host, one.dealer_id or WHOLE_HOST): one for one in hosts}
        own = {key: one for key, one in self._left_alone.items() if key in self._own_verdicts}
        self._left_alone = own | known
        for host, dealer_id in known.keys() - self._own_verdicts:
            self.scheduler.suspect(host, dealer_id)

    def _lost(self, tokens: frozenset[str]) -> None:
        lost = self.claims_held.mark_lost(tokens)
        if lost:
            self._notes.append(f"{lost} claims were lost to another run")
            self.scheduler.wake()

    # ---------------------------------------------------------------------------- ending

    def _start_timer(self) -> threading.Timer:
        """The deadline itself; without one, a timer that is never started."""
        deadline_s = self._options.deadline_s
        after_s = min(max(0.0, (deadline_s or 0.0) - HANDS_OFF_S), threading.TIMEOUT_MAX)
        timer = threading.Timer(after_s, self._stop.now)
        timer.daemon = True
        if deadline_s is not None:
            timer.start()
        return timer

    def _fatal(self, error: ListingMirrorError) -> None:
        """Our own side cannot go on: remember the first reason and stop."""
        if self._problem is None:
            self._problem = error
        self._stop.now()

    def _end_early(self) -> None:
        self.scheduler.close()
        self.claims_held.wake()
        self._session.abort()

    def _end(self) -> None:
        """Everybody goes home; what was finished is recorded, the rest is given back."""
        self.scheduler.close()
        if not self._workers.join(within_s=HANDS_OFF_S if self._stop.is_set() else 60.0):
            _log.warning("a worker did not end in time; its image stays as it was")
        self._workers_are_gone()
        self._recorder.finish(within_s=RECORD_S)
        self._heartbeat.end()
        left = self.claims_held.take_all()
        if left:
            self.counter.skip(len(left))
            self._release(left)
        self.over.set()

    def _workers_are_gone(self) -> None:
        """Listings with images that nobody will settle now are recorded as far as they came."""
        for task in self.scheduler.drain():
            self._settled(task, task.as_tried())
        for work in self.claims_held.all():
            if work.close():
                self._recorder.put(work)

    def _release(self, works: Sequence[ListingWork]) -> None:
        try:
            self._claims.release([work.claim.token for work in works])
        except DatabaseError as error:
            _log.warning("claims could not be given back and lapse with their lease: %s", error)


def _finish_run(
    database: Database, run_id: int, summary: RunSummary, problem: ListingMirrorError | None
) -> None:
    failed = problem is not None
    try:
        database.rpc(
            "finish_run",
            {
                "p_run_id": run_id,
                "p_status": "failed" if failed else "completed",
                "p_error_message": str(problem) if failed else None,
                "p_urls_processed": summary.claimed,
                "p_new_listings": 0,
                "p_updated_listings": summary.completed + summary.partial,
                "p_errors": summary.images_failed,
                "p_counts": summary.as_counts(),
            },
            idempotent=True,
        )
    except (DatabaseError, MigrateError) as error:
        _log.warning("the end of run %s could not be recorded: %s", run_id, error)
