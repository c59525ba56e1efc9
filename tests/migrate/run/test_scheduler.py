"""Tasks are handed out host by host: nobody waits for a host while another has work."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import Any

import pytest

from migrate.run.host_queue import Recovery, Verdict
from migrate.run.retries import Fault, pause_before
from migrate.run.scheduler import OUR_BUCKET, Scheduler
from migrate.run.wire import Wire
from scraper.base.errors import ErrorKind, FetchError, TransientFetchError
from scraper.net.host_limits import HostLimits


@dataclass(frozen=True)
class Task:
    host: str
    number: int = 0
    tries: int = 0
    dealer_id: int = 1
    was_tried: bool = False

    @property
    def url(self) -> str:
        return f"http://{self.host}/{self.number}.jpg"


def failed(task: Task) -> FetchError:
    return TransientFetchError(task.url, ErrorKind.TIMEOUT, "no answer")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Desk:
    scheduler: Scheduler[Task]
    limits: HostLimits
    clock: Clock
    dropped: set[Task]
    given_up: list[Task]
    told: list[Verdict | Recovery]


@pytest.fixture
def desk() -> Desk:
    clock = Clock()
    limits = HostLimits(per_host_max=2, start=1, has_breaker=False, clock=clock)
    dropped: set[Task] = set()
    given_up: list[Task] = []
    told: list[Verdict | Recovery] = []
    scheduler = Scheduler[Task](
        limits,
        is_dropped=dropped.__contains__,
        give_up=given_up.append,
        tell=told.append,
        wire=Wire(100),
        max_hold_s=30.0,
        clock=clock,
    )
    return Desk(scheduler, limits, clock, dropped, given_up, told)


def take(desk: Desk) -> Any:
    taken = desk.scheduler.take()
    assert taken is not None
    return taken


def test_hosts_take_turns(desk: Desk) -> None:
    desk.scheduler.put([Task("a", 1), Task("a", 2), Task("b", 1), Task("c", 1)])
    hosts = []
    for _ in range(3):
        task, _ = take(desk)
        hosts.append(task.host)
    assert sorted(hosts) == ["a", "b", "c"]


def asked_in_order(desk: Desk, *, workers: int, until: float) -> list[tuple[float, str]]:
    """When which host is asked, with so many workers that wait for each answer."""
    asked: list[tuple[float, str]] = []
    busy: list[tuple[float, int, Task, Any]] = []
    while desk.clock.now < until:
        while len(busy) < workers:
            task, permit = take(desk)
            asked.append((desk.clock.now, task.host))
            takes_s = 10.0 if task.host.startswith("slow") else 1.0
            heapq.heappush(busy, (desk.clock.now + takes_s, len(asked), task, permit))
        desk.clock.now, _, task, permit = heapq.heappop(busy)
        desk.scheduler.leave(task, permit, None)
    return asked


def test_a_slow_host_never_waits_for_a_worker(desk: Desk) -> None:
    hosts = ["slow", *(f"fast-{number}" for number in range(60))]
    desk.scheduler.put(Task(host, number) for host in hosts for number in range(400))
    asked = asked_in_order(desk, workers=8, until=1200.0)
    of_slow = [at for at, host in asked if host == "slow" and at > 1050.0]
    assert len(of_slow) >= 2 * 14, "two slots, each asked anew at most a second after it is free"


def test_several_slow_hosts_go_first_only_with_half_of_the_workers(desk: Desk) -> None:
    hosts = [*(f"slow-{number}" for number in range(6)), "fast"]
    desk.scheduler.put(Task(host, number) for host in hosts for number in range(400))
    desk.limits._of("fast").limit = 2
    asked = asked_in_order(desk, workers=8, until=1200.0)
    of_fast = [at for at, host in asked if host == "fast"]
    assert len(of_fast) >= 40


def test_a_busy_host_is_passed_over_and_comes_back(desk: Desk) -> None:
    desk.scheduler.put([Task("a", 1), Task("a", 2), Task("b", 1)])
    first, permit = take(desk)
    second, _ = take(desk)
    assert (first, second) == (Task("a", 1), Task("b", 1))
    desk.scheduler.leave(first, permit, None)
    assert take(desk)[0] == Task("a", 2)


def test_our_own_bucket_needs_no_permit(desk: Desk) -> None:
    desk.scheduler.put([Task(OUR_BUCKET, number) for number in range(3)])
    assert [take(desk)[1] for _ in range(3)] == [None, None, None]


def test_a_delayed_task_waits_for_its_time_and_nobody_else_does(desk: Desk) -> None:
    desk.scheduler.put_again(Task("a", 1), delay_s=5.0)
    desk.scheduler.put([Task("a", 2)])
    task, permit = take(desk)
    assert task == Task("a", 2)
    desk.scheduler.leave(task, permit, None)
    desk.clock.now += 5.0
    assert take(desk)[0] == Task("a", 1)


def test_a_host_in_trouble_is_asked_for_one_thing_at_a_time(desk: Desk) -> None:
    desk.scheduler.put([Task("a", 1), Task("a", 2), Task("a", 3), Task("b", 1)])
    desk.limits._of("a").limit = 2
    task, permit = take(desk)
    desk.scheduler.leave(task, permit, failed(task))
    desk.scheduler.put_again(Task("a", task.number, tries=1), delay_s=60.0)
    taken = {task.host: (task, permit) for task, permit in (take(desk), take(desk))}
    far, permit = taken["a"]
    assert (taken["b"][0], far) == (Task("b", 1), Task("a", 3)), "far from the one that failed"
    assert desk.scheduler.stuck_hosts() == {"a"}
    desk.scheduler.leave(far, permit, None)
    assert take(desk)[0] == Task("a", 2)


def test_further_tries_come_before_first_ones_in_the_order_they_became_ripe(desk: Desk) -> None:
    desk.scheduler.put([Task("a", 3)])
    desk.scheduler.put_again(Task("a", 1, tries=2), delay_s=2.0)
    desk.scheduler.put_again(Task("a", 2, tries=1), delay_s=1.0)
    numbers = []
    desk.clock.now += 1.0
    desk.scheduler.wake()
    desk.limits.hold("a", 5.0)
    desk.scheduler.put([Task("b")])
    take(desk)
    desk.clock.now += 5.0
    for _ in range(3):
        task, permit = take(desk)
        numbers.append(task.number)
        desk.scheduler.leave(task, permit, None)
    assert numbers == [2, 1, 3]


def test_a_host_given_up_gives_back_all_its_tasks(desk: Desk) -> None:
    desk.scheduler.put([Task("dead", number) for number in range(8)])
    for _ in range(4):
        task, permit = take(desk)
        desk.scheduler.leave(task, permit, failed(task))
        desk.scheduler.settled(task)
    desk.scheduler.put_again(Task("dead", 9), delay_s=60.0)
    desk.scheduler.put([Task("fine", 1)])
    assert take(desk)[0] == Task("fine", 1)
    assert len(desk.given_up) == 5
    assert desk.scheduler.backlog() == {}
    assert desk.scheduler.unavailable_hosts() == {"dead"}
    (verdict,) = desk.told
    assert verdict == Verdict("dead", 0, Fault(ErrorKind.TIMEOUT, "no answer"))


def test_one_dealers_errors_on_a_shared_host_give_back_its_tasks_only(desk: Desk) -> None:
    desk.scheduler.put([Task("cdn", number, dealer_id=1) for number in range(14)])
    desk.scheduler.put([Task("cdn", 100 + number, dealer_id=2) for number in range(14)])
    served = []
    for _ in range(24):
        task, permit = take(desk)
        served += [task.number] if task.dealer_id == 2 else []
        error = TransientFetchError(task.url, ErrorKind.HTTP_5XX, "500", status=500)
        desk.scheduler.leave(task, permit, error if task.dealer_id == 1 else None)
        desk.scheduler.settled(task)
    assert (len(served), len(desk.given_up)) == (14, 4)
    assert {task.dealer_id for task in desk.given_up} == {1}
    (verdict,) = desk.told
    assert verdict == Verdict("cdn", 1, Fault(ErrorKind.HTTP_5XX, "500", 500))
    assert desk.scheduler.unavailable_hosts() == set()


def test_a_short_hold_is_waited_out_and_a_long_one_is_not(desk: Desk) -> None:
    desk.limits.hold("short", 20.0)
    desk.limits.hold("long", 600.0)
    desk.scheduler.put([Task("short"), Task("long"), Task("fine")])
    assert take(desk)[0] == Task("fine")
    assert desk.given_up == [Task("long")]
    assert desk.scheduler.backlog() == {"short": 1}
    desk.clock.now += 20.0
    assert take(desk)[0] == Task("short")


def test_a_task_nobody_wants_is_given_up(desk: Desk) -> None:
    desk.dropped.add(Task("a", 1))
    desk.scheduler.put([Task("a", 1), Task("a", 2)])
    assert take(desk)[0] == Task("a", 2)
    assert desk.given_up == [Task("a", 1)]


def test_a_closed_scheduler_sends_everybody_home_and_keeps_the_rest(desk: Desk) -> None:
    desk.scheduler.put([Task("a")])
    desk.scheduler.put_again(Task("b"), delay_s=3.0)
    desk.scheduler.close()
    assert desk.scheduler.take() is None
    assert {task.host for task in desk.scheduler.drain()} == {"a", "b"}


@pytest.mark.parametrize(
    ("tries", "kind", "retry_after_s", "is_transient", "between"),
    [
        (1, ErrorKind.TIMEOUT, None, True, (0.3, 0.8)),
        (2, ErrorKind.TIMEOUT, None, True, (0.7, 1.6)),
        (3, ErrorKind.TIMEOUT, None, True, None),
        (1, ErrorKind.HTTP_429, 3.0, True, (3.0, 3.0)),
        (1, ErrorKind.HTTP_429, 30.0, True, (30.0, 30.0)),
        (1, ErrorKind.HTTP_429, 31.0, True, None),
        (1, ErrorKind.HTTP_404, None, False, (0.7, 1.6)),
        (2, ErrorKind.HTTP_404, None, False, None),
        (1, ErrorKind.NOT_AN_IMAGE, None, False, (0.7, 1.6)),
        (1, ErrorKind.HTTP_403, None, False, None),
        (1, ErrorKind.TOO_LARGE, None, False, None),
        (1, ErrorKind.BLOCKED_ADDRESS, None, False, None),
    ],
)
def test_another_try_is_decided_by_kind_and_count(
    tries: int,
    kind: ErrorKind,
    retry_after_s: float | None,
    is_transient: bool,
    between: tuple[float, float] | None,
) -> None:
    fault = Fault(kind, "why", retry_after_s=retry_after_s)
    pause_s = pause_before(tries, fault, is_transient=is_transient)
    if between is None:
        assert pause_s is None
    else:
        assert pause_s is not None and math.isfinite(pause_s)
        assert between[0] <= pause_s <= between[1]
