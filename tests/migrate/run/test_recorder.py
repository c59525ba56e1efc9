"""The threads that record results: nothing that an answer holds may end one of them."""

from __future__ import annotations

import threading
from typing import Any

from migrate.queue.claims import Claim, DueImage, Finished
from migrate.queue.outcome import ImageResult, Outcome
from migrate.run.counts import RunCounter
from migrate.run.listing_work import ListingWork
from migrate.run.recorder import Recorder
from migrate.run.stopping import Stop
from scraper.base.errors import DatabaseError


def work_in_progress() -> ListingWork:
    image = DueImage(0, "https://img.example/a.jpg")
    work = ListingWork(Claim(1, "token", 1, "Shop", "shop", "https://shop.example/1", (image,)))
    work.close()
    return work


class Senseless:
    """Claims behind a server whose answers have another shape than ours."""

    def release(self, tokens: Any) -> Any:
        raise KeyError("released")


def test_an_answer_that_makes_no_sense_ends_the_run_and_not_the_thread() -> None:
    left: list[ListingWork] = []
    errors: list[DatabaseError] = []
    claims: Any = Senseless()
    recorder = Recorder(claims, RunCounter(), Stop(), recorded=left.append, failed=errors.append)
    works = [work_in_progress() for _ in range(10)]  # more than there are threads
    recorder.start()
    for work in works:
        recorder.put(work)
    recorder.finish(within_s=30.0)
    assert {id(work) for work in left} == {id(work) for work in works}
    assert {str(error) for error in errors} == {"an answer makes no sense: KeyError('released')"}


class Slow:
    """A database that is told of a part, and only then of the end."""

    def __init__(self) -> None:
        self.heard: list[list[int]] = []
        self.may_answer = threading.Event()

    def record(self, _: Any, results: Any) -> bool:
        self.may_answer.wait(20)
        self.heard.append([result.position for result in results])
        return True

    def finish(self, _: Any, results: Any) -> Finished:
        self.heard.append([result.position for result in results])
        return Finished(accepted=True, status="completed")


def test_a_worker_goes_on_when_the_database_knows_of_its_image() -> None:
    images = tuple(DueImage(at, f"https://img.example/{at}.jpg") for at in range(4))
    work = ListingWork(Claim(1, "token", 1, "Shop", "shop", "https://shop.example/1", images))
    tasks = work.tasks()
    claims = Slow()
    left: list[ListingWork] = []
    door: Any = claims
    recorder = Recorder(door, RunCounter(), Stop(), recorded=left.append, failed=lambda error: None)
    recorder.start()

    def settle(at: int) -> threading.Thread:
        def act() -> None:
            if work.done([ImageResult(at, tasks[at].url, Outcome.STORED)]):
                recorder.put(work)
                return
            recorder.put(work)
            work.wait_until_told(lambda: False)

        thread = threading.Thread(target=act)
        thread.start()
        return thread

    first = settle(0)
    others = [settle(1), settle(2)]
    first.join(0.3)
    assert first.is_alive()  # the database has not said that it knows
    claims.may_answer.set()
    for thread in (first, *others):
        thread.join(20)
        assert not thread.is_alive()
    settle(3).join(20)
    recorder.finish(within_s=20)
    told = [position for part in claims.heard[:-1] for position in part]
    assert sorted(told) == [0, 1, 2]  # each once, whatever waited together went together
    assert sorted(claims.heard[-1]) == [0, 1, 2, 3]
    assert left == [work]
