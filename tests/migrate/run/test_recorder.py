"""The threads that record results: nothing that an answer holds may end one of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from migrate.queue.claims import Claim, DueImage, Recorded, Told
from migrate.queue.outcome import ImageResult, Outcome
from migrate.run.counts import RunCounter
from migrate.run.listing_work import ListingWork
from migrate.run.recorder import Recorder
from migrate.run.stopping import Stop
from scraper.base.errors import DatabaseError


def work_in_progress(number: int) -> ListingWork:
    image = DueImage(0, "https://img.example/a.jpg")
    work = ListingWork(Claim(number, f"token {number}", 1, "Shop", "shop", None, (image,)))
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
    works = [work_in_progress(number) for number in range(10)]  # more than there are threads
    recorder.start()
    for work in works:
        recorder.put(work)
    recorder.finish(within_s=30.0)
    assert {id(work) for work in left} == {id(work) for work in works}
    assert {str(error) for error in errors} == {"an answer makes no sense: KeyError('released')"}


class Database:
    """Answers when it may, and remembers of each call: listing, positions, is it the end."""

    def __init__(self, *, busy: Sequence[int] = (), fails: bool = False) -> None:
        self.calls: list[list[tuple[int, list[int], bool]]] = []
        self.alone: list[int] = []
        self.may_answer = threading.Event()
        self.is_asked = threading.Event()
        self._busy = busy
        self._fails = fails

    def record(self, told: Sequence[Told]) -> list[Recorded]:
        self.is_asked.set()
        self.may_answer.wait(20)
        self.calls.append([_heard(one) for one in told])
        if self._fails:
            raise DatabaseError("one of them is not to be recorded")
        return [
            Recorded(accepted=False, is_busy=True)
            if one.claim.listing_id in self._busy
            else Recorded(accepted=True, status="completed", gone=1)
            for one in told
        ]

    def record_alone(self, told: Told) -> Recorded:
        self.alone.append(told.claim.listing_id)
        return Recorded(accepted=True, status="completed")


def _heard(told: Told) -> tuple[int, list[int], bool]:
    return told.claim.listing_id, [one.position for one in told.results], told.is_last


def listing(number: int, images: int) -> ListingWork:
    due = tuple(DueImage(at, f"https://img.example/{number}/{at}.jpg") for at in range(images))
    work = ListingWork(Claim(number, f"token {number}", 1, "Shop", "shop", None, due))
    work.tasks()
    return work


def settle(recorder: Recorder, work: ListingWork, position: int) -> None:
    image = work.claim.images[position]
    work.done([ImageResult(position, image.source_url, Outcome.FAILED)])
    recorder.put(work)


def recorder_of(claims: Any, left: list[ListingWork], *, enough: int) -> Recorder:
    recorder = Recorder(
        claims, RunCounter(), Stop(), recorded=left.append, failed=lambda _: None, enough=enough
    )
    recorder.start()
    return recorder


def test_what_comes_in_during_a_call_goes_with_the_next_one() -> None:
    works, left = [listing(number, 2) for number in range(3)], []  # type: ignore[var-annotated]
    claims = Database()
    recorder = recorder_of(claims, left, enough=99)
    settle(recorder, works[0], 0)
    claims.is_asked.wait(20)
    for work, position in [(works[0], 1), (works[1], 0), (works[2], 0), (works[2], 1)]:
        settle(recorder, work, position)
    claims.may_answer.set()
    recorder.finish(within_s=20)
    assert claims.calls == [
        [(0, [0], False)],
        [(0, [1], True), (1, [0], False), (2, [0, 1], True)],
    ]
    assert {work.claim.listing_id for work in left} == {0, 2}
    assert [work.gone for work in works] == [2, 1, 1]


@pytest.mark.parametrize(
    ("claims", "alone"), [(Database(busy=[1]), [1]), (Database(fails=True), [0, 1, 2])]
)
def test_what_can_not_go_with_others_is_told_alone(claims: Database, alone: list[int]) -> None:
    works, left = [listing(number, 1) for number in range(3)], []  # type: ignore[var-annotated]
    claims.may_answer.set()
    recorder = recorder_of(claims, left, enough=99)
    with recorder._changed:  # so that they go together
        for work in works:
            settle(recorder, work, 0)
    recorder.finish(within_s=20)
    assert sorted(claims.alone) == alone
    assert {work.claim.listing_id for work in left} == {0, 1, 2}


def test_a_worker_goes_on_when_the_database_knows_of_its_image() -> None:
    work, left = listing(1, 4), []  # type: ignore[var-annotated]
    claims = Database()
    recorder = recorder_of(claims, left, enough=99)

    def act() -> None:
        settle(recorder, work, 0)
        work.wait_until_told(lambda: False)

    worker = threading.Thread(target=act)
    worker.start()
    worker.join(0.3)
    assert worker.is_alive()  # the database has not said that it knows
    claims.may_answer.set()
    worker.join(20)
    assert not worker.is_alive()
    recorder.finish(within_s=20)


def test_a_worker_goes_on_when_its_claim_is_lost_while_it_is_told() -> None:
    work, left = listing(1, 2), []  # type: ignore[var-annotated]

    class Losing(Database):
        def record(self, told: Sequence[Told]) -> list[Recorded]:
            work.is_lost = True  # as the heartbeat finds out
            raise DatabaseError("one of them is not to be recorded")

    recorder = recorder_of(Losing(), left, enough=99)
    settle(recorder, work, 0)
    worker = threading.Thread(target=work.wait_until_told, args=(lambda: False,), daemon=True)
    worker.start()
    worker.join(20)
    assert not worker.is_alive()
    settle(recorder, work, 1)
    recorder.finish(within_s=20)
    assert left == [work]
