"""Limits, holds and breakers of hosts, on a clock that the test moves."""

from __future__ import annotations

import itertools
import math
import threading
import time
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.base.errors import (
    BadUrlError,
    BlockedAddressError,
    ErrorKind,
    FetchError,
    FinalFetchError,
    InterruptedFetchError,
    TransientFetchError,
)
from scraper.net.host_limits import (
    FORGIVEN_AFTER_S,
    GOOD_ANSWERS_TO_GROW,
    HostHeldError,
    HostLimits,
    HostReport,
    HostTrippedError,
    Outcome,
    Permit,
    outcome_of,
)

HOST = "shop.test"


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> HostLimits:
    return HostLimits(clock=clock)


def entered(limits: HostLimits, host: str = HOST) -> Permit:
    permit = limits.try_enter(host)
    assert permit is not None
    return permit


def answered(limits: HostLimits, *outcomes: Outcome, host: str = HOST) -> None:
    for outcome in outcomes:
        entered(limits, host).leave(outcome)


def open_slots(limits: HostLimits, host: str = HOST) -> int:
    """How many requests may run at once now."""
    permits = []
    while (permit := limits.try_enter(host)) is not None:
        permits.append(permit)
    for permit in permits:
        permit.leave(Outcome.NEUTRAL)
    return len(permits)


def test_a_host_starts_with_two_slots(limits: HostLimits) -> None:
    first, second = entered(limits), entered(limits)
    assert limits.try_enter(HOST) is None
    assert limits.ready_in(HOST) == math.inf
    first.leave(Outcome.OK)
    assert limits.ready_in(HOST) == 0.0
    entered(limits).leave(Outcome.OK)
    second.leave(Outcome.OK)


def test_good_answers_earn_slots_up_to_the_most(limits: HostLimits) -> None:
    for slots in (2, 3, 4, 4):
        answered(limits, *[Outcome.OK] * (slots - 1))
        assert open_slots(limits) == slots, "each slot must have served"
        answered(limits, Outcome.OK)


def test_a_host_that_complained_earns_its_slots_slowly(limits: HostLimits) -> None:
    answered(limits, *[Outcome.OK] * 5, Outcome.THROTTLED)
    for slots in (2, 3, 4):
        assert open_slots(limits) == slots
        answered(limits, *[Outcome.OK] * (GOOD_ANSWERS_TO_GROW - 1))
        assert open_slots(limits) == slots
        answered(limits, Outcome.OK)


@pytest.mark.parametrize("complaint", [Outcome.THROTTLED, Outcome.TIMEOUT])
def test_a_complaint_halves_the_slots_down_to_one(limits: HostLimits, complaint: Outcome) -> None:
    answered(limits, *[Outcome.OK] * 5)
    assert open_slots(limits) == 4
    for slots in (2, 1, 1):
        answered(limits, complaint)
        assert open_slots(limits) == slots
    answered(limits, *[Outcome.OK] * GOOD_ANSWERS_TO_GROW)
    assert open_slots(limits) == 2


def test_a_slow_answer_does_not_keep_the_only_slot_for_good(
    limits: HostLimits, clock: Clock
) -> None:
    permit = limits.try_enter(HOST)
    assert permit is not None
    permit.leave(Outcome.THROTTLED)
    trickling = limits.try_enter(HOST)
    assert trickling is not None
    assert limits.try_enter(HOST) is None
    clock.now += FORGIVEN_AFTER_S + 0.1
    assert limits.try_enter(HOST) is not None
    assert limits.try_enter(HOST) is None


def test_complaints_about_one_moment_halve_once(limits: HostLimits, clock: Clock) -> None:
    answered(limits, *[Outcome.OK] * 5)
    together = [entered(limits) for _ in range(4)]
    clock.now += 1
    for permit in together:
        permit.leave(Outcome.THROTTLED)
    assert open_slots(limits) == 2


def test_an_ordinary_failure_costs_no_slot_but_breaks_the_row(limits: HostLimits) -> None:
    answered(limits, Outcome.OK, Outcome.FAILED, Outcome.OK)
    assert open_slots(limits) == 2


def test_a_permit_is_left_exactly_once(limits: HostLimits) -> None:
    permit = entered(limits)
    permit.leave(Outcome.OK)
    with pytest.raises(RuntimeError, match="twice"):
        permit.leave(Outcome.OK)
    assert open_slots(limits) == 2


def test_requests_start_with_the_spacing_between_them(clock: Clock) -> None:
    limits = HostLimits(spacing_s=2.0, clock=clock)
    answered(limits, Outcome.OK)
    assert limits.try_enter(HOST) is None
    assert limits.ready_in(HOST) == 2.0
    assert limits.ready_in("other.test") == 0.0
    clock.now += 2.0
    limits.try_enter(HOST, spacing_s=5.0)
    assert limits.ready_in(HOST) == 5.0


def test_one_retry_after_holds_the_host_and_no_other(limits: HostLimits, clock: Clock) -> None:
    entered(limits).leave(Outcome.THROTTLED, retry_after_s=30.0)
    assert limits.try_enter(HOST) is None
    assert (limits.ready_in(HOST), limits.held_for(HOST)) == (30.0, 30.0)
    answered(limits, Outcome.OK, host="other.test")
    clock.now += 29.9
    assert limits.try_enter(HOST) is None
    clock.now += 0.2
    entered(limits).leave(Outcome.OK)
    assert limits.held_for(HOST) == 0.0


def test_the_longest_hold_counts_and_none_lasts_for_ever(clock: Clock) -> None:
    limits = HostLimits(max_hold_s=3600.0, clock=clock)
    limits.hold(HOST, 60.0, "from an earlier run")
    limits.hold(HOST, 10.0)
    assert limits.held_for(HOST) == 60.0
    limits.hold(HOST, math.inf)
    assert limits.held_for(HOST) == 3600.0


@pytest.mark.parametrize("nonsense", [0.0, -5.0, math.nan])
def test_a_hold_of_no_time_holds_nothing(limits: HostLimits, nonsense: float) -> None:
    limits.hold(HOST, nonsense)
    assert limits.ready_in(HOST) == 0.0


@pytest.mark.parametrize(
    ("good", "bad", "tripped"),
    [
        (0, 4, False),
        (0, 5, True),
        (1, 4, False),
        (1, 5, True),
        (2, 4, False),
        (2, 8, True),
        (3, 7, False),
        (300, 7, False),
        (300, 8, True),
    ],
)
def test_the_breaker_opens_at_five_tries_and_four_fifths_of_the_last_ten(
    limits: HostLimits, good: int, bad: int, tripped: bool
) -> None:
    answered(limits, *[Outcome.OK] * good, *[Outcome.FAILED] * bad)
    assert limits.is_tripped(HOST) is tripped
    assert limits.tripped_hosts() == ((HOST,) if tripped else ())
    assert (limits.try_enter(HOST) is None) is tripped
    assert limits.ready_in(HOST) == (math.inf if tripped else 0.0)
    assert not limits.is_tripped("other.test")


def test_what_we_broke_off_ourselves_counts_for_nothing(limits: HostLimits) -> None:
    answered(limits, *[Outcome.NEUTRAL] * 20)
    assert limits.snapshot() == ()
    assert open_slots(limits) == 2


def test_the_report_tells_each_host(limits: HostLimits, clock: Clock) -> None:
    slow = entered(limits)
    clock.now += 7.5
    slow.leave(Outcome.OK)
    answered(limits, *[Outcome.FAILED] * 5, host="dead.test")
    limits.hold("held.test", 60.0)
    limits.ready_in("never-asked.test")
    assert limits.snapshot() == (
        HostReport("dead.test", 5, 5, True, 0.0, 0.0, 2),
        HostReport("held.test", 0, 0, False, 60.0, 0.0, 2),
        HostReport(HOST, 1, 0, False, 0.0, 7.5, 2),
    )


def failed(kind: ErrorKind, status: int | None = None) -> FetchError:
    return TransientFetchError("http://shop.test/", kind, "…", status=status)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Outcome.OK),
        (failed(ErrorKind.HTTP_429, 429), Outcome.THROTTLED),
        (failed(ErrorKind.HTTP_5XX, 503), Outcome.THROTTLED),
        (failed(ErrorKind.HTTP_5XX, 500), Outcome.FAILED),
        (failed(ErrorKind.TIMEOUT), Outcome.TIMEOUT),
        (failed(ErrorKind.CONNECT), Outcome.FAILED),
        (failed(ErrorKind.DNS), Outcome.FAILED),
        (failed(ErrorKind.TLS), Outcome.FAILED),
        (failed(ErrorKind.TRUNCATED), Outcome.FAILED),
        (failed(ErrorKind.HTTP_403, 403), Outcome.FAILED),
        (failed(ErrorKind.HTTP_404, 404), Outcome.OK),
        (failed(ErrorKind.HTTP_410, 410), Outcome.OK),
        (failed(ErrorKind.HTTP_4XX, 400), Outcome.OK),
        (failed(ErrorKind.TOO_LARGE), Outcome.OK),
        (failed(ErrorKind.TOO_MANY_REDIRECTS), Outcome.OK),
        (failed(ErrorKind.OTHER), Outcome.OK),
        (BadUrlError("x", "…"), Outcome.NEUTRAL),
        (BlockedAddressError("x", "…"), Outcome.NEUTRAL),
        (InterruptedFetchError("x"), Outcome.NEUTRAL),
    ],
)
def test_what_an_error_says_about_its_host(error: FetchError | None, outcome: Outcome) -> None:
    assert outcome_of(error) is outcome


EVENTS = st.lists(
    st.one_of(
        st.just("enter"),
        st.tuples(st.sampled_from(list(Outcome)), st.sampled_from([None, 0.5, 3.0])),
        st.floats(0.0, 2.0),
    ),
    max_size=80,
)


@given(events=EVENTS, most=st.integers(1, 5), start=st.integers(1, 5))
def test_whatever_happens_the_limits_hold(events: list[object], most: int, start: int) -> None:
    clock = Clock()
    limits = HostLimits(per_host_max=most, start=start, spacing_s=0.25, clock=clock)
    running: list[Permit] = []
    starts: list[float] = []
    held_until = -math.inf
    bad: list[bool] = []
    for event in events:
        if isinstance(event, float):
            clock.now += event
        elif event == "enter":
            ready_s = limits.ready_in(HOST)
            permit = limits.try_enter(HOST)
            assert (permit is not None) == (ready_s == 0.0)
            if permit is not None:
                assert clock.now >= held_until
                assert not starts or clock.now >= starts[-1] + 0.25
                starts.append(clock.now)
                running.append(permit)
        elif running and isinstance(event, tuple):
            outcome, retry_after_s = event
            running.pop(0).leave(outcome, retry_after_s=retry_after_s)
            bad += [outcome is not Outcome.OK] * (outcome is not Outcome.NEUTRAL)
            if retry_after_s is not None:
                held_until = max(held_until, clock.now + retry_after_s)
        assert len(running) <= most
        last = bad[-10:]
        is_bad = len(last) >= 5 and all(last[-5:]) and sum(last) >= 0.8 * len(last)
        assert limits.is_tripped(HOST) == is_bad
    assert sum(report.requests for report in limits.snapshot()) == len(bad)
    assert sum(report.failed for report in limits.snapshot()) == sum(bad)


class TestBlockingForm:
    """`entered`, on the real clock."""

    def test_it_waits_for_the_spacing(self) -> None:
        limits, stop = HostLimits(spacing_s=0.1), threading.Event()
        starts = []
        for _ in range(3):
            with limits.entered(HOST, stop):
                starts.append(time.monotonic())
        assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(starts))

    def test_no_more_threads_get_in_than_there_are_slots(self) -> None:
        limits, stop = HostLimits(per_host_max=2), threading.Event()
        lock, inside, most = threading.Lock(), 0, 0

        def visit() -> None:
            nonlocal inside, most
            with limits.entered(HOST, stop):
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.01)
                with lock:
                    inside -= 1

        threads = [threading.Thread(target=visit) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert most == 2
        assert limits.snapshot()[0].requests == 12

    def test_a_fetch_error_tells_how_it_went(self) -> None:
        limits, stop = HostLimits(), threading.Event()
        error = TransientFetchError(
            "http://shop.test/", ErrorKind.HTTP_429, "…", status=429, retry_after_s=60.0
        )
        with pytest.raises(TransientFetchError), limits.entered(HOST, stop):
            raise error
        assert limits.held_for(HOST) > 59
        assert limits.snapshot()[0].failed == 1

    def test_another_error_says_nothing_about_the_host(self) -> None:
        limits, stop = HostLimits(start=1), threading.Event()
        with pytest.raises(KeyError), limits.entered(HOST, stop):
            raise KeyError
        with limits.entered(HOST, stop):
            assert limits.snapshot()[0].requests == 0

    def test_a_stop_ends_the_wait(self) -> None:
        limits, stop = HostLimits(), threading.Event()
        limits.hold(HOST, 30.0)
        threading.Timer(0.1, stop.set).start()
        started = time.monotonic()
        with pytest.raises(InterruptedFetchError), limits.entered(HOST, stop):
            raise AssertionError
        assert time.monotonic() - started < 10

    def test_a_long_hold_is_not_waited_for(self) -> None:
        limits, stop = HostLimits(), threading.Event()
        limits.hold(HOST, 3600.0)
        with pytest.raises(HostHeldError, match=r"shop\.test") as caught:
            with limits.entered(HOST, stop):
                raise AssertionError
        assert caught.value.retry_after_s == pytest.approx(3600.0, abs=5.0)

    def test_a_tripped_host_is_not_waited_for(self) -> None:
        limits, stop = HostLimits(), threading.Event()
        answered(limits, *[Outcome.FAILED] * 5)
        with pytest.raises(HostTrippedError, match=r"shop\.test") as caught:
            with limits.entered(HOST, stop):
                raise AssertionError
        assert isinstance(caught.value, FinalFetchError)


@pytest.mark.parametrize(("most", "start"), [(0, 1), (1, 0)])
def test_a_host_without_slots_makes_no_sense(most: int, start: int) -> None:
    with pytest.raises(ValueError, match="slot"):
        HostLimits(per_host_max=most, start=start)
