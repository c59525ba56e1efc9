"""One host's tasks, which of them is to be tried next, and when the rest of them is given back.

Tasks stand in lanes, one a dealer, so that one dealer's dead images never hold up another's on a
shared host. While a lane or the host is in doubt it is asked for one thing at a time: other
addresses first, from far apart in the line (dead images often stand together), and then a further
try of those that failed, because a host may refuse each first request and serve the second.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from migrate.run.host_judgement import BAD, HostAnswer, HostJudgement
from migrate.run.retries import MAX_TRIES, Fault

WHOLE_HOST = 0
"""In place of a dealer: the host itself."""
LOOK_AGAIN_S = 900.0
"""A run that lasts longer looks again at what it left alone, like the next run would."""


class HostTask(Protocol):
    """What is to be known of a task."""

    @property
    def host(self) -> str: ...

    @property
    def dealer_id(self) -> int: ...

    @property
    def url(self) -> str: ...

    @property
    def tries(self) -> int:
        """In this run."""

    @property
    def was_tried(self) -> bool:
        """In an earlier run."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A host (dealer 0) or a dealer's part of it is left alone, because of its last `fault`."""

    host: str
    dealer_id: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Recovery:
    """A host that was left alone has answered; with a dealer, that dealer's part of it too."""

    host: str
    dealer_id: int


T = TypeVar("T", bound=HostTask)


class _Lane(Generic[T]):
    """One dealer's tasks on the host, by what was tried of them."""

    def __init__(self, dealer_id: int) -> None:
        self.dealer_id = dealer_id
        self.standing = HostJudgement()
        self.left_until = -math.inf
        self.fresh: deque[T] = deque()
        self.earlier: deque[T] = deque()
        self.again: deque[T] = deque()
        self.last: deque[T] = deque()
        self.pausing: list[T] = []
        self.running = 0
        self._probes = 0

    def __len__(self) -> int:
        return self.ready() + len(self.pausing)

    def ready(self) -> int:
        return len(self.fresh) + len(self.earlier) + len(self.again) + len(self.last)

    def add(self, task: T) -> None:
        if task.tries >= MAX_TRIES - 1:
            self.last.append(task)
        elif task.tries:
            self.again.append(task)
        else:
            (self.earlier if task.was_tried else self.fresh).append(task)

    def pop_all(self) -> list[T]:
        tasks = [*self.again, *self.last, *self.fresh, *self.earlier, *self.pausing]
        for pile in (self.again, self.last, self.fresh, self.earlier, self.pausing):
            pile.clear()
        return tasks

    def in_turn(self) -> tuple[deque[T], int] | None:
        """Where the next task stands while all is well: what has begun is brought to an end."""
        pile = self.again or self.last or self.fresh or self.earlier
        return (pile, 0) if pile else None

    def probe(self) -> tuple[deque[T], int] | None:
        """Where an address stands that was not tried in this run, far from those before it."""
        pile = self.fresh or self.earlier
        return (pile, _far(self._probes, len(pile))) if pile else None

    def further(self) -> tuple[deque[T], int] | None:
        """Where a task stands that has begun; one that is nearer to its end before others."""
        pile = self.last or self.again
        return (pile, 0) if pile else None

    def take(self, place: tuple[deque[T], int]) -> None:
        pile, index = place
        if pile is self.fresh or pile is self.earlier:
            self._probes = self._probes + 1 if index else 0
        del pile[index]
        self.running += 1


class HostQueue(Generic[T]):
    """The tasks of one host in lanes, and how the host and each lane stands."""

    def __init__(self, host: str = "", *, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.host = host
        self._clock = clock
        self._lanes: dict[int, _Lane[T]] = {}
        self._round: deque[int] = deque()
        self._standing = HostJudgement()
        self._left_until = -math.inf
        self._owing: dict[T, Fault] = {}
        self._news: list[Verdict | Recovery] = []

    def __len__(self) -> int:
        """Tasks that are ready or wait for their time."""
        return sum(len(lane) for lane in self._lanes.values())

    @property
    def is_left_alone(self) -> bool:
        """Whether the host itself is asked for nothing more at the moment."""
        return self._clock() < self._left_until

    def add(self, task: T) -> None:
        """A task that may be tried now."""
        self._lane_of(task).add(task)

    def pause(self, task: T) -> None:
        """A task that comes back later, with `resume`."""
        self._owing.pop(task, None)
        self._lane_of(task).pausing.append(task)

    def resume(self, task: T) -> None:
        """The time of a pausing task has come."""
        lane = self._lane_of(task)
        lane.pausing.remove(task)
        lane.add(task)

    def suspect(self, dealer_id: int) -> None:
        """It was left alone until now: one thing at a time, until it answers."""
        if dealer_id == WHOLE_HOST:
            self._standing.is_suspect = not self._standing.good_answers
        else:
            standing = self._lane(dealer_id).standing
            standing.is_suspect = not standing.good_answers

    def note(self, task: T, says: HostAnswer, fault: Fault | None = None) -> None:
        """How the host answered a task, which is still in hand; with the fault of a bad answer."""
        lane = self._lane_of(task)
        lane.running -= 1
        self._owing.pop(task, None)
        if says in BAD and fault is not None:
            self._owing[task] = fault
            lane.standing.worse(task.url, says)
            if says is HostAnswer.SILENT:
                self._standing.worse(task.url, says)
        if says not in (HostAnswer.SILENT, HostAnswer.NOTHING):
            self._recover(WHOLE_HOST)
        if says is HostAnswer.GOOD:
            self._recover(lane.dealer_id)

    def settle(self, task: T) -> None:
        """A task that was in hand does not come back."""
        fault = self._owing.pop(task, None)
        if fault is None:
            return
        lane = self._lane_of(task)
        lane.standing.exhaust(task.url)
        self._standing.exhaust(task.url)
        if self._standing.is_over and not self._answers_others(lane):
            self._leave_alone(WHOLE_HOST, fault)
        elif lane.standing.is_over:
            self._leave_alone(lane.dealer_id, fault)

    def news(self) -> list[Verdict | Recovery]:
        """What was found out about the host since the last call."""
        found, self._news = self._news, []
        return found

    def peek(self) -> T | None:
        """The task to try next; None when it is better to wait."""
        found = self._choice()
        return None if found is None else found[1][0][found[1][1]]

    def pop(self) -> None:
        """Hand out what `peek` shows."""
        found = self._choice()
        if found is not None:
            lane, place = found
            lane.take(place)
            self._round.remove(lane.dealer_id)
            self._round.append(lane.dealer_id)

    def drop(self) -> T | None:
        """Take out what `peek` shows without trying it."""
        found = self._choice()
        if found is None:
            return None
        pile, index = found[1]
        task = pile[index]
        del pile[index]
        return task

    def hopeless(self) -> list[T]:
        """Take out the tasks that will not be tried (any more) in this run."""
        if self.is_left_alone:
            return self.pop_all()
        now = self._clock()
        given_up: list[T] = []
        for lane in self._lanes.values():
            if now < lane.left_until:
                given_up += lane.pop_all()
        return given_up

    def pop_all(self) -> list[T]:
        """Every task that is ready or pausing."""
        return [task for lane in self._lanes.values() for task in lane.pop_all()]

    def _choice(self) -> tuple[_Lane[T], tuple[deque[T], int]] | None:
        lanes = [self._lanes[dealer_id] for dealer_id in self._round]
        if self._standing.is_in_doubt:
            return self._choice_in_doubt(lanes, self._standing)
        for lane in lanes:
            if not lane.ready():
                continue
            if lane.standing.is_in_doubt:
                found = self._choice_in_doubt([lane], lane.standing)
                if found is not None:
                    return found
            elif (place := lane.in_turn()) is not None:
                return lane, place
        return None

    def _choice_in_doubt(
        self, lanes: list[_Lane[T]], standing: HostJudgement
    ) -> tuple[_Lane[T], tuple[deque[T], int]] | None:
        if any(lane.running for lane in lanes):
            return None
        if not standing.has_shown_enough:
            for lane in lanes:
                if (place := lane.probe()) is not None:
                    return lane, place
        furthest = max((task.tries for task in self._begun(lanes)), default=0)
        for lane in lanes:
            place = lane.further()
            # Only what is nearest to its end: one that had all its tries is all that is missing.
            if place is not None and (
                not standing.has_shown_enough or place[0][0].tries == furthest
            ):
                return lane, place
        if standing.has_shown_enough and not furthest:
            for lane in lanes:
                if (place := lane.probe()) is not None:
                    return lane, place
        return None

    def _begun(self, lanes: list[_Lane[T]]) -> list[T]:
        """Tasks that were tried and will be again, or are still in some hand after a bad answer."""
        begun = [task for lane in lanes for task in (*lane.again, *lane.last, *lane.pausing)]
        return [task for task in begun if task.tries] + [
            task for task in self._owing if self._lane_of(task) in lanes
        ]

    def _answers_others(self, lane: _Lane[T]) -> bool:
        """Whether only this dealer's addresses are silent, on a host that served others."""
        others = [one for one in self._lanes.values() if one is not lane]
        return any(one.standing.good_answers for one in others) and not any(
            one.standing.addresses for one in others
        )

    def _leave_alone(self, dealer_id: int, fault: Fault) -> None:
        until = self._clock() + LOOK_AGAIN_S
        if dealer_id == WHOLE_HOST:
            self._left_until = until
            standing = self._standing
        else:
            lane = self._lane(dealer_id)
            lane.left_until = until
            standing = lane.standing
        standing.forget()
        standing.good_answers = 0
        standing.is_suspect = True
        self._news.append(Verdict(self.host, dealer_id, fault))

    def _recover(self, dealer_id: int) -> None:
        standing = self._standing if dealer_id == WHOLE_HOST else self._lane(dealer_id).standing
        if standing.is_suspect:
            self._news.append(Recovery(self.host, dealer_id))
        standing.good()
        if dealer_id == WHOLE_HOST:
            self._left_until = -math.inf
        else:
            self._lane(dealer_id).left_until = -math.inf

    def _lane_of(self, task: T) -> _Lane[T]:
        return self._lane(task.dealer_id)

    def _lane(self, dealer_id: int) -> _Lane[T]:
        if dealer_id not in self._lanes:
            self._lanes[dealer_id] = _Lane(dealer_id)
            self._round.append(dealer_id)
        return self._lanes[dealer_id]


def _far(number: int, length: int) -> int:
    """The place of the nth probe among `length`: the last, the middle one, then between those."""
    share, part = 0.0, 1.0
    while number:
        part /= 2
        share += part * (number % 2)
        number //= 2
    return length - 1 - int(share * length)
