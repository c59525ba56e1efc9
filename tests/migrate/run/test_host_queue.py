"""A slow host is told from a dead one, whatever the order in which answers come."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from migrate.run.host_queue import HostQueue
from migrate.run.retries import MAX_TRIES
from scraper.net.host_limits import HostLimits, Outcome, Permit

HOST = "dealer.example"


@dataclass(eq=False)
class Image:
    number: int
    tries: int = 0
    host: str = HOST


@dataclass
class Round:
    """What became of the images of one host."""

    stored: int
    failed: int
    released: int
    requests: int


def play(data: st.DataObject, *, images: int, slots: int, bad_answers: int, bad: Outcome) -> Round:
    """Ask for `images` images, each with so many bad answers first; answers come in any order."""
    limits = HostLimits(per_host_max=slots, start=min(2, slots), clock=lambda: 0.0)
    queue: HostQueue[Image] = HostQueue()
    for number in range(images):
        queue.add(Image(number))
    pausing: list[Image] = []
    open_requests: list[tuple[Image, Permit]] = []
    result = Round(0, 0, 0, 0)
    while not limits.is_tripped(HOST):
        while (image := queue.peek(running=limits.running(HOST))) is not None:
            permit = limits.try_enter(HOST)
            if permit is None:
                break
            queue.pop(running=limits.running(HOST) - 1)
            image.tries += 1
            open_requests.append((image, permit))
        if not open_requests and not pausing:
            break
        index = data.draw(st.integers(0, len(open_requests) + len(pausing) - 1))
        if index >= len(open_requests):
            queue.resume(pausing.pop(index - len(open_requests)))
            continue
        image, permit = open_requests.pop(index)
        outcome = bad if image.tries <= bad_answers else Outcome.OK
        result.requests += 1
        permit.leave(outcome)
        queue.note(image, outcome)
        if outcome is Outcome.OK:
            result.stored += 1
            queue.settle(image)
        elif limits.is_tripped(HOST):
            queue.settle(image)
            result.released += 1
        elif image.tries < MAX_TRIES:
            queue.pause(image)
            pausing.append(image)
        else:
            queue.settle(image)
            result.failed += 1
    result.released += len(queue.pop_all()) + len(open_requests)
    return result


BAD = st.sampled_from([Outcome.FAILED, Outcome.THROTTLED, Outcome.TIMEOUT])


@given(st.data(), st.integers(1, 12), st.integers(1, 4), st.integers(0, 2), BAD)
def test_a_host_that_answers_in_the_end_is_never_given_up(
    data: st.DataObject, images: int, slots: int, bad_answers: int, bad: Outcome
) -> None:
    result = play(data, images=images, slots=slots, bad_answers=bad_answers, bad=bad)
    assert result == Round(images, 0, 0, images * (bad_answers + 1))


@given(st.data(), st.integers(2, 12), st.integers(1, 4), BAD)
def test_a_dead_host_costs_few_requests_and_no_image_is_blamed(
    data: st.DataObject, images: int, slots: int, bad: Outcome
) -> None:
    result = play(data, images=images, slots=slots, bad_answers=MAX_TRIES, bad=bad)
    assert (result.stored, result.failed, result.released) == (0, 0, images)
    assert result.requests <= 6


def test_a_lone_image_has_its_three_tries() -> None:
    queue: HostQueue[Image] = HostQueue()
    image = Image(1)
    queue.add(image)
    for _ in range(MAX_TRIES):
        assert queue.peek(running=0) is image
        queue.pop(running=0)
        image.tries += 1
        queue.note(image, Outcome.FAILED)
        if image.tries < MAX_TRIES:
            queue.pause(image)
            assert queue.peek(running=0) is None
            queue.resume(image)
    queue.settle(image)
    assert len(queue) == 0
