"""The threads that record results: nothing that an answer holds may end one of them."""

from __future__ import annotations

from typing import Any

from migrate.queue.claims import Claim, DueImage
from migrate.run.counts import Tally
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
    recorder = Recorder(claims, Tally(), Stop(), recorded=left.append, failed=errors.append)
    works = [work_in_progress() for _ in range(10)]  # more than there are threads
    recorder.start()
    for work in works:
        recorder.put(work)
    recorder.finish(within_s=30.0)
    assert {id(work) for work in left} == {id(work) for work in works}
    assert {str(error) for error in errors} == {"an answer makes no sense: KeyError('released')"}
