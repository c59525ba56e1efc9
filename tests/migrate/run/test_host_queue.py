"""A slow host is told from a dead one, and a dead image from both, in any order of answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.run.host_judgement import HostAnswer, host_answer
from migrate.run.host_queue import WHOLE_HOST, HostQueue, Recovery, Verdict
from migrate.run.retries import MAX_TRIES, Fault
from scraper.base.errors import BlockedAddressError, ErrorKind, FetchError, TransientFetchError
from scraper.net.host_limits import HostHeldError, HostLimits, Outcome, Permit

HOST = "dealer.example"
KINDS = {
    HostAnswer.SILENT: ErrorKind.TIMEOUT,
    HostAnswer.REFUSED: ErrorKind.HTTP_5XX,
    HostAnswer.THROTTLED: ErrorKind.HTTP_429,
}


@dataclass(eq=False)
class Image:
    number: int
    tries: int = 0
    host: str = HOST
    dealer_id: int = 1
    was_tried: bool = False

    @property
    def url(self) -> str:
        return f"http://{HOST}/{self.dealer_id}/{self.number}.jpg"


@dataclass
class Round:
    """What became of the images of one host."""

    stored: list[Image] = field(default_factory=list)
    failed: list[Image] = field(default_factory=list)
    untried: list[Image] = field(default_factory=list)
    requests: int = 0
    verdicts: list[tuple[str, int]] = field(default_factory=list)


def play(
    images: list[Image],
    answer: Callable[[Image], HostAnswer],
    *,
    data: st.DataObject | None = None,
    slots: int = 2,
) -> Round:
    """Ask for `images` until nothing is left to ask for; answers come in the order of `data`."""
    limits = HostLimits(
        per_host_max=slots, start=min(2, slots), has_breaker=False, clock=lambda: 0.0
    )
    queue: HostQueue[Image] = HostQueue(HOST)
    for image in images:
        queue.add(image)
    pausing: list[Image] = []
    open_requests: list[tuple[Image, Permit]] = []
    result = Round()

    def give_back() -> None:
        for image in queue.hopeless():
            if image in pausing:
                pausing.remove(image)
            (result.failed if image.tries else result.untried).append(image)

    while True:
        give_back()
        while (image := queue.peek()) is not None:
            permit = limits.try_enter(HOST)
            if permit is None:
                break
            queue.pop()
            image.tries += 1
            open_requests.append((image, permit))
        if not open_requests and not pausing:
            break
        last = len(open_requests) + len(pausing) - 1
        index = data.draw(st.integers(0, last)) if data else 0
        if index >= len(open_requests):
            queue.resume(pausing.pop(index - len(open_requests)))
            continue
        image, permit = open_requests.pop(index)
        says = answer(image)
        result.requests += 1
        permit.leave(Outcome.OK if says is HostAnswer.GOOD else Outcome.FAILED)
        queue.note(image, says, Fault(KINDS[says], "why") if says in KINDS else None)
        if says is HostAnswer.GOOD:
            result.stored.append(image)
            queue.settle(image)
        elif image.tries < MAX_TRIES:
            queue.pause(image)
            pausing.append(image)
        else:
            result.failed.append(image)
            queue.settle(image)
        result.verdicts += [
            (news.host, news.dealer_id) for news in queue.news() if isinstance(news, Verdict)
        ]
    assert len(queue) == 0, "nothing is forgotten in some pile"
    everyone = result.stored + result.failed + result.untried
    assert sorted(map(id, everyone)) == sorted(map(id, images)), "each image ends in one way"
    return result


BAD = st.sampled_from(list(KINDS))


@given(st.data(), st.integers(1, 12), st.integers(1, 4), st.integers(0, 2), BAD)
def test_a_host_that_answers_in_the_end_is_never_given_up(
    data: st.DataObject, count: int, slots: int, bad_answers: int, bad: HostAnswer
) -> None:
    images = [Image(number) for number in range(count)]
    result = play(
        images,
        lambda image: bad if image.tries <= bad_answers else HostAnswer.GOOD,
        data=data,
        slots=slots,
    )
    assert (len(result.stored), result.verdicts) == (count, [])
    assert result.requests == count * (bad_answers + 1)


@given(st.data(), st.integers(11, 30), st.integers(1, 4), BAD)
def test_a_dead_host_costs_few_requests_and_those_asked_for_say_so(
    data: st.DataObject, count: int, slots: int, bad: HostAnswer
) -> None:
    images = [Image(number) for number in range(count)]
    result = play(images, lambda image: bad, data=data, slots=slots)
    assert result.stored == []
    assert result.verdicts == [(HOST, WHOLE_HOST if bad is HostAnswer.SILENT else 1)]
    assert result.requests <= (13 if bad is HostAnswer.REFUSED else 7)
    assert len(result.failed) >= 4
    assert all(image.tries for image in result.failed)


@given(st.data(), st.integers(1, 3), BAD)
def test_few_addresses_are_no_proof_against_a_host(
    data: st.DataObject, count: int, bad: HostAnswer
) -> None:
    images = [Image(number) for number in range(count)]
    result = play(images, lambda image: bad, data=data)
    assert (len(result.failed), result.verdicts) == (count, [])
    assert result.requests == MAX_TRIES * count


@given(st.data(), st.integers(1, 30), st.integers(1, 40), st.sampled_from(["front", "back"]), BAD)
def test_dead_images_in_a_row_do_not_hold_up_the_others(
    data: st.DataObject, dead: int, fine: int, where: str, bad: HostAnswer
) -> None:
    images = [Image(number) for number in range(dead + fine)]
    rotten = set(images[:dead] if where == "front" else images[-dead:])
    result = play(images, lambda image: bad if image in rotten else HostAnswer.GOOD, data=data)
    if fine >= dead:
        assert set(result.stored) == set(images) - rotten
    assert rotten == set(result.failed) or result.verdicts


@given(st.data(), st.integers(12, 30), st.integers(1, 30), BAD)
def test_a_dealers_dead_images_do_not_hold_up_another_dealers_on_the_same_host(
    data: st.DataObject, dead: int, fine: int, bad: HostAnswer
) -> None:
    images = [Image(number, dealer_id=1) for number in range(dead)]
    images += [Image(number, dealer_id=2) for number in range(fine)]
    result = play(images, lambda image: bad if image.dealer_id == 1 else HostAnswer.GOOD, data=data)
    assert {image.number for image in result.stored} == set(range(fine))
    assert result.verdicts == [(HOST, 1)]


def test_a_look_begins_with_what_was_not_tried_before() -> None:
    queue: HostQueue[Image] = HostQueue(HOST)
    queue.suspect(WHOLE_HOST)
    for image in (Image(1, was_tried=True), Image(2), Image(3, was_tried=True)):
        queue.add(image)
    look = queue.peek()
    assert look is not None and look.number == 2
    queue.pop()
    assert queue.peek() is None, "one at a time until it answers"
    queue.note(look, HostAnswer.GOOD)
    assert queue.news() == [Recovery(HOST, WHOLE_HOST)]
    assert queue.peek() is not None


def test_an_answer_that_comes_late_takes_the_verdict_back() -> None:
    queue: HostQueue[Image] = HostQueue(HOST)
    images = [Image(number) for number in range(8)]
    for image in images:
        queue.add(image)
    late = queue.peek()
    queue.pop()
    assert late is not None
    for number in (10, 11, 12, 13):
        one = Image(number)
        queue.add(one)
        queue.note(one, HostAnswer.SILENT, Fault(ErrorKind.TIMEOUT, "no answer"))
        queue.settle(one)
    assert queue.is_left_alone
    queue.note(late, HostAnswer.GOOD)
    assert not queue.is_left_alone
    assert [type(news) for news in queue.news()] == [Verdict, Recovery]


def error(kind: ErrorKind, status: int | None = None, host: str | None = None) -> FetchError:
    return TransientFetchError(f"http://{HOST}/", kind, "…", status=status, host=host)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, HostAnswer.GOOD),
        (error(ErrorKind.TIMEOUT), HostAnswer.SILENT),
        (error(ErrorKind.CONNECT), HostAnswer.SILENT),
        (error(ErrorKind.DNS), HostAnswer.SILENT),
        (error(ErrorKind.TLS), HostAnswer.SILENT),
        (error(ErrorKind.TIMEOUT, host="other.example"), HostAnswer.REFUSED),
        (error(ErrorKind.TIMEOUT, host=HOST), HostAnswer.SILENT),
        (error(ErrorKind.HTTP_5XX, 500), HostAnswer.REFUSED),
        (error(ErrorKind.HTTP_5XX, 503), HostAnswer.THROTTLED),
        (error(ErrorKind.HTTP_429, 429), HostAnswer.THROTTLED),
        (error(ErrorKind.HTTP_403, 403), HostAnswer.REFUSED),
        (error(ErrorKind.TRUNCATED), HostAnswer.REFUSED),
        (error(ErrorKind.HTTP_404, 404), HostAnswer.GOOD),
        (error(ErrorKind.TOO_LARGE), HostAnswer.GOOD),
        (BlockedAddressError("x", "…"), HostAnswer.NOTHING),
        (HostHeldError(HOST, 60.0), HostAnswer.NOTHING),
    ],
)
def test_what_an_answer_says_of_its_host(answer: FetchError | None, says: HostAnswer) -> None:
    assert host_answer(answer, HOST) is says
