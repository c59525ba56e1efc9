"""Places on the wire: as many transfers at once as were asked for, uploads before new downloads."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import pytest

from migrate.run.scheduler import OUR_BUCKET, Scheduler
from migrate.run.wire import Wire
from scraper.net.host_limits import HostLimits


@dataclass(eq=False)
class Task:
    host: str
    dealer_id: int = 1
    url: str = "http://shop.example/1.jpg"
    tries: int = 0
    was_tried: bool = False


@pytest.fixture
def wire() -> Wire:
    return Wire(2)


@pytest.fixture
def scheduler(wire: Wire) -> Any:
    limits = HostLimits(per_host_max=4, start=4, has_breaker=False)
    return Scheduler[Any](
        limits, is_dropped=lambda task: False, give_up=print, wire=wire, max_hold_s=30.0
    )


def taking(scheduler: Any) -> tuple[threading.Thread, list[Any]]:
    taken: list[Any] = []
    thread = threading.Thread(target=lambda: taken.append(scheduler.take()), daemon=True)
    thread.start()
    return thread, taken


def test_a_download_waits_for_a_place_and_holds_no_hosts_permit_meanwhile(
    scheduler: Any, wire: Wire
) -> None:
    scheduler.put([Task("a"), Task("b"), Task("c")])
    first, _ = scheduler.take(), scheduler.take()
    thread, taken = taking(scheduler)
    thread.join(0.2)
    assert thread.is_alive()
    assert not taken

    scheduler.leave(*first, None)

    thread.join(0.8)  # told, not only awake after its longest sleep
    assert taken[0][0].host == "c"


def test_an_upload_goes_before_the_next_download(scheduler: Any, wire: Wire) -> None:
    scheduler.put([Task("a"), Task("b"), Task("c")])
    first, second = scheduler.take(), scheduler.take()
    going, done = threading.Event(), threading.Event()

    def upload() -> None:
        with wire.upload():
            going.set()
            done.wait(10)

    uploader = threading.Thread(target=upload, daemon=True)
    uploader.start()
    while not wire._waiting:
        pass
    thread, taken = taking(scheduler)
    scheduler.leave(*first, None)
    assert going.wait(5)
    thread.join(0.2)
    assert not taken

    done.set()
    thread.join(0.8)
    assert taken[0][0].host == "c"
    scheduler.leave_unasked(*second)
    assert wire.try_begin()
    assert not wire.try_begin()


def test_work_inside_our_bucket_takes_no_place(scheduler: Any, wire: Wire) -> None:
    scheduler.put([Task(OUR_BUCKET), Task(OUR_BUCKET), Task(OUR_BUCKET)])
    assert [scheduler.take()[1] for _ in range(3)] == [None, None, None]
    assert wire.try_begin()
    assert wire.try_begin()


def test_whoever_looks_for_nothing_gives_the_place_back(scheduler: Any, wire: Wire) -> None:
    threads = [taking(scheduler)[0] for _ in range(5)]
    for thread in threads:
        thread.join(0.05)
    assert wire.try_begin()
    assert wire.try_begin()
    scheduler.close()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
