"""How much one host may be asked at a time; bookkeeping only, without sockets and threads.

Per host it keeps: how many requests may be open (starting low, growing while answers are good,
halved when the host complains), when the next one may start, until when the whole host is held
back, and a breaker that gives the host up for the rest of the run. One dealer never harms another:
nothing here is shared by hosts.

The breaker, where the caller has none of its own (a run over images, many dealers to a host, has),
counts what says that the *host* is in trouble or unwilling: unreachable, name not
found, TLS, time-out, cut body, 5xx, 429 and 403. A missing file (404, 410), another 4xx, a file too
large or not an image is an answer like any other. It opens at 5 tries of which 80 % failed, the
last 5 without an exception (a host whose second or third answer is good is slow, not dead), and
stays open for the run.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from scraper.base.errors import (
    ErrorKind,
    FetchError,
    FinalFetchError,
    InterruptedFetchError,
)

log = logging.getLogger(__name__)

BREAKER_TRIES: Final = 5
BREAKER_SHARE: Final = 0.8
BREAKER_WINDOW: Final = 10
GOOD_ANSWERS_TO_GROW: Final = 8
"""Of a host that has complained; before that each slot must have served once for one more."""
FORGIVEN_AFTER_S: Final = 10.0
"""A host that has not complained for so long gets as many as at the beginning, at least: a single
picture that only trickles would else keep the only slot."""
_WAIT_SLICE_S: Final = 0.2


class Outcome(Enum):
    """What an answer says about its host."""

    OK = "ok"
    THROTTLED = "throttled"  # 429 and 503: slow down, and a failure for the breaker
    TIMEOUT = "timeout"  # slow down, and a failure
    FAILED = "failed"  # a failure that says nothing about speed
    NEUTRAL = "neutral"  # not asked, or interrupted by us: does not count at all


_FAILED_KINDS: Final = {
    ErrorKind.CONNECT,
    ErrorKind.DNS,
    ErrorKind.TLS,
    ErrorKind.TRUNCATED,
    ErrorKind.HTTP_403,
    ErrorKind.HTTP_5XX,
}
_NEUTRAL_KINDS: Final = {ErrorKind.INTERRUPTED, ErrorKind.BAD_URL, ErrorKind.BLOCKED_ADDRESS}


def outcome_of(error: FetchError | None) -> Outcome:
    """What a fetch says about its host; None is a good answer."""
    if error is None:
        return Outcome.OK
    if isinstance(error, HostHeldError):
        return Outcome.NEUTRAL
    if error.kind is ErrorKind.HTTP_429 or error.status == 503:
        return Outcome.THROTTLED
    if error.kind is ErrorKind.TIMEOUT:
        return Outcome.TIMEOUT
    if error.kind in _FAILED_KINDS:
        return Outcome.FAILED
    return Outcome.NEUTRAL if error.kind in _NEUTRAL_KINDS else Outcome.OK


class HostTrippedError(FinalFetchError):
    """The host failed so often in this run that it is left alone until the next."""

    def __init__(self, host: str) -> None:
        super().__init__(host, ErrorKind.CONNECT, "left alone for this run after repeated failures")


class HostHeldError(FinalFetchError):
    """The host asked for a longer pause than is waited for; `retry_after_s` is what is left."""

    def __init__(self, host: str, held_s: float) -> None:
        detail = f"held back for another {held_s:.0f} s, as it asked"
        super().__init__(host, ErrorKind.HTTP_429, detail, retry_after_s=held_s)


@dataclass(frozen=True)
class HostReport:
    """One host in the run's summary; `slowest_s` is its longest request, `limit` where it ended."""

    host: str
    requests: int
    failed: int
    breaker: bool
    held_s: float
    slowest_s: float
    limit: int


class Permit:
    """The right to one request to one host; `leave` it once, as soon as the answer is read."""

    def __init__(self, limits: HostLimits, host: str, started: float) -> None:
        self.host = host
        self.started = started
        self._limits = limits
        self._left = False

    def leave(self, outcome: Outcome, *, retry_after_s: float | None = None) -> None:
        """Give the slot back and say how it went. Raises RuntimeError when left a second time."""
        self._limits._leave(self, outcome, retry_after_s)


@dataclass
class _Host:
    limit: int
    has_breaker: bool
    running: int = 0
    good_in_a_row: int = 0
    bad_in_a_row: int = 0
    requests: int = 0
    failed: int = 0
    recent: deque[bool] = field(default_factory=lambda: deque(maxlen=BREAKER_WINDOW))
    """Whether each of the last tries failed."""
    next_start: float = -math.inf
    held_until: float = -math.inf
    throttled_at: float = -math.inf
    slowest_s: float = 0.0

    @property
    def good_answers_to_grow(self) -> int:
        """One for each slot while the host has never complained, more once it has."""
        has_complained = self.throttled_at > -math.inf
        return GOOD_ANSWERS_TO_GROW if has_complained else self.limit

    @property
    def is_tripped(self) -> bool:
        is_mostly_bad = sum(self.recent) >= BREAKER_SHARE * len(self.recent)
        return self.has_breaker and is_mostly_bad and self.bad_in_a_row >= BREAKER_TRIES


class HostLimits:
    """The limits of every host, shared by all threads of a run.

    Args:
        per_host_max: most simultaneous requests to one host, however well it behaves.
        start: how many a host is given before it has shown anything.
        spacing_s: least time between the starts of two requests to one host.
        max_hold_s: no hold lasts longer than this, whatever a server asks for.
        has_breaker: give a host up that fails; without it, the caller judges.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        per_host_max: int = 4,
        start: int = 2,
        spacing_s: float = 0.0,
        max_hold_s: float = 6 * 3600.0,
        has_breaker: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if per_host_max < 1 or start < 1:
            raise ValueError("a host needs at least one slot")
        self._max = per_host_max
        self._start = min(start, per_host_max)
        self._spacing_s = spacing_s
        self._max_hold_s = max_hold_s
        self._has_breaker = has_breaker
        self._clock = clock
        self._hosts: dict[str, _Host] = {}
        self._changed = threading.Condition()

    def try_enter(self, host: str, *, spacing_s: float | None = None) -> Permit | None:
        """A permit to start one request now, or None when the host is full, held, too soon or
        tripped.
        """
        with self._changed:
            state, now = self._of(host), self._clock()
            if self._wait_of(state, now) > 0:
                return None
            state.running += 1
            spacing = self._spacing_s if spacing_s is None else spacing_s
            state.next_start = now + spacing
            return Permit(self, host, now)

    def running(self, host: str) -> int:
        """How many requests to this host are open."""
        with self._changed:
            return self._of(host).running

    def ready_in(self, host: str) -> float:
        """Seconds until asking again makes sense, 0.0 for now.

        inf when only the return of a permit (or, for a tripped host, nothing) changes the answer.
        """
        with self._changed:
            return self._wait_of(self._of(host), self._clock())

    def hold(self, host: str, seconds: float, reason: str = "") -> None:
        """Let no request to `host` start for that long; of several holds the longest counts."""
        if not seconds > 0:  # also NaN
            return
        log.info("%s is left alone for %.0f s: %s", host, seconds, reason or "it asked for it")
        with self._changed:
            state = self._of(host)
            until = self._clock() + min(seconds, self._max_hold_s)
            state.held_until = max(state.held_until, until)

    def held_for(self, host: str) -> float:
        """Seconds that the host is still held back, 0.0 when it is not."""
        with self._changed:
            return max(0.0, self._of(host).held_until - self._clock())

    def is_tripped(self, host: str) -> bool:
        """Whether the breaker gave this host up for the rest of the run."""
        with self._changed:
            return self._of(host).is_tripped

    def tripped_hosts(self) -> tuple[str, ...]:
        with self._changed:
            return tuple(sorted(host for host, state in self._hosts.items() if state.is_tripped))

    def snapshot(self) -> tuple[HostReport, ...]:
        """Every host that was asked or held, by name."""
        with self._changed:
            now = self._clock()
            return tuple(
                HostReport(
                    host,
                    state.requests,
                    state.failed,
                    state.is_tripped,
                    max(0.0, state.held_until - now),
                    state.slowest_s,
                    state.limit,
                )
                for host, state in sorted(self._hosts.items())
                if state.requests or state.running or state.held_until > now
            )

    @contextmanager
    def entered(
        self,
        host: str,
        stop: threading.Event,
        *,
        spacing_s: float | None = None,
        max_held_s: float = 60.0,
    ) -> Iterator[Permit]:
        """Wait for a permit, and leave it according to how the block ends.

        Raises InterruptedFetchError when `stop` is set, HostTrippedError when the breaker is open,
        HostHeldError when the host is held back for longer than `max_held_s`.
        """
        permit = self._wait_for_permit(host, stop, spacing_s, max_held_s)
        outcome, retry_after_s = Outcome.NEUTRAL, None
        try:
            yield permit
            outcome = Outcome.OK
        except FetchError as exc:
            outcome, retry_after_s = outcome_of(exc), exc.retry_after_s
            raise
        finally:
            permit.leave(outcome, retry_after_s=retry_after_s)

    def _wait_for_permit(
        self, host: str, stop: threading.Event, spacing_s: float | None, max_held_s: float
    ) -> Permit:
        while True:
            if stop.is_set():
                raise InterruptedFetchError(host)
            if self.is_tripped(host):
                raise HostTrippedError(host)
            if (held_s := self.held_for(host)) > max_held_s:
                raise HostHeldError(host, held_s)
            permit = self.try_enter(host, spacing_s=spacing_s)
            if permit is not None:
                return permit
            with self._changed:
                wait_s = self._wait_of(self._of(host), self._clock())
                if wait_s > 0:
                    self._changed.wait(min(wait_s, _WAIT_SLICE_S))

    def _leave(self, permit: Permit, outcome: Outcome, retry_after_s: float | None) -> None:
        with self._changed:
            if permit._left:
                raise RuntimeError(f"the permit for {permit.host} was left twice")
            permit._left = True
            state, now = self._of(permit.host), self._clock()
            state.running -= 1
            if outcome is not Outcome.NEUTRAL:
                state.requests += 1
                state.slowest_s = max(state.slowest_s, now - permit.started)
                self._count(state, outcome, permit, now)
            if retry_after_s is not None:  # before anybody else can take the slot
                self.hold(permit.host, retry_after_s)
            self._changed.notify_all()

    def _count(self, state: _Host, outcome: Outcome, permit: Permit, now: float) -> None:
        state.recent.append(outcome is not Outcome.OK)
        if outcome is Outcome.OK:
            state.good_in_a_row += 1
            state.bad_in_a_row = 0
            if state.good_in_a_row >= state.good_answers_to_grow and state.limit < self._max:
                state.limit += 1
                state.good_in_a_row = 0
            return
        state.failed += 1
        state.bad_in_a_row += 1
        state.good_in_a_row = 0
        # Several requests that were open together complain about one moment: halve once for them.
        if outcome is not Outcome.FAILED and permit.started >= state.throttled_at:
            state.limit = max(1, state.limit // 2)
            state.throttled_at = now

    def _of(self, host: str) -> _Host:
        state = self._hosts.get(host)
        if state is None:
            state = self._hosts[host] = _Host(limit=self._start, has_breaker=self._has_breaker)
        return state

    def _wait_of(self, state: _Host, now: float) -> float:
        if state.is_tripped:
            return math.inf
        if now - state.throttled_at > FORGIVEN_AFTER_S:
            state.limit = max(state.limit, self._start)
        wait_s = max(state.held_until, state.next_start) - now
        if wait_s > 0:
            return wait_s
        return math.inf if state.running >= state.limit else 0.0
