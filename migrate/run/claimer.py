"""Claims ahead of the workers, no more than they can use, and takes over from dead runners.

It knows the queue and how busy the hosts are; it must not know what is done with an image.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import TypeVar

from migrate.queue.claims import Claims
from migrate.run.claims_held import ClaimsHeld
from migrate.run.counts import RunCounter
from migrate.run.listing_work import ImageTask, ListingWork
from migrate.run.options import MigrateOptions
from migrate.run.recorder import Recorder
from migrate.run.scheduler import Scheduler
from migrate.run.stopping import Stop
from scraper.base.errors import DatabaseUnavailableError

LOOK_AGAIN_S = 1.0
BETWEEN_LOOKS_S = 0.02
"""News comes with each image; the claims held last long enough not to look at every one."""
CROWDED_BACKLOG = 4
"""Tasks waiting for each of a host's slots that are enough to keep it busy during a claim."""
LOW_STOCK = 4
FULL_STOCK = 10
"""Images waiting for each worker: when to claim, and how many to have then. More would only be
kept from other runners."""
USUAL_IMAGES = 5
"""Images of a listing, as long as none has been seen."""
TAKE_OVER_LEASES = 1.5
"""How long a run waits for others' claims: a claim may have been made just as its runner died."""
LAPSED_LOOKS = 3
"""How often a run looks for lapsed claims that it should be able to take."""
LAST_CLAIM_SHARE = 0.15
"""The part of a deadline kept for work that is already claimed, at most a minute."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Claimer:
    """The claiming side of one run; used by the thread that called it."""

    def __init__(
        self,
        claims: Claims,
        options: MigrateOptions,
        stop: Stop,
        *,
        scheduler: Scheduler[ImageTask],
        claims_held: ClaimsHeld,
        recorder: Recorder,
        counter: RunCounter,
        lease_s: float,
        say: Callable[[str], None],
    ) -> None:
        self._claims = claims
        self._options = options
        self._stop = stop
        self._scheduler = scheduler
        self._claims_held = claims_held
        self._recorder = recorder
        self._counter = counter
        self._lease_s = lease_s
        self._say = say
        self._began = time.monotonic()

    def drain(self) -> None:
        """Claim ahead of the workers until nothing is left; wait until all of it is recorded."""
        emptied: frozenset[str] | None = None
        while not self.is_ending() and self._room() > 0:
            crowded = self._crowded()
            if emptied is not None and crowded >= emptied:
                # Nothing was left but what waits for these hosts already.
                if self._claims_held.is_empty():
                    return
                self._claims_held.wait(LOOK_AGAIN_S)
            elif not self._wants_more(crowded):
                self._claims_held.wait(LOOK_AGAIN_S)
                self._stop.wait(BETWEEN_LOOKS_S)
            elif self._claim(crowded):
                emptied = None
            else:
                emptied = crowded
        while not self._stop.is_set() and not self._claims_held.is_empty():
            self._claims_held.wait(LOOK_AGAIN_S)

    def take_over(self) -> bool:
        """After the drain: take what a dead runner still seemed to hold. False: there is nothing.

        A claim of a dead runner only grows older; those of a live one are renewed several times
        within a lease, and are not waited for.
        """
        if self._room() <= 0:
            return False
        waiting = self._claims.waiting()
        if waiting.listings == 0:
            # They may have lapsed since the drain looked last.
            return self._claim_lapsed()
        self._say(
            f"{waiting.listings} listings are claimed by another run; waiting up to "
            f"{min(waiting.longest_s, self._lease_s):.0f} s in case it has died."
        )
        began = time.monotonic()
        while (waited_s := time.monotonic() - began) < TAKE_OVER_LEASES * self._lease_s:
            if self._stop.wait(LOOK_AGAIN_S) or self.is_ending():
                return False
            # Looked at before the claim: a lease that lapses in between is then still seen.
            waiting = self._claims.waiting()
            if self._claim(frozenset()):
                return True
            if waiting.listings == 0:
                return self._claim_lapsed()
            if min(waited_s, waiting.shortest_s) > self._lease_s / 2:
                return False  # somebody renews them
        return False

    def _claim_lapsed(self) -> bool:
        """Take what no live claim holds; said when there are lapsed ones that cannot be taken."""
        for _ in range(LAPSED_LOOKS):
            if self._claim(frozenset()):
                return True
            lapsed = self._claims.waiting().lapsed
            if lapsed == 0 or self._stop.wait(LOOK_AGAIN_S) or self.is_ending():
                return False
        _log.warning(
            "%d listings whose claims have lapsed are due, and could not be claimed; "
            "the next run tries again",
            lapsed,
        )
        return False

    def is_ending(self) -> bool:
        """Whether nothing more is to be claimed: a stop, or a deadline that is near."""
        if self._stop.is_set():
            return True
        deadline_s = self._options.deadline_s
        if deadline_s is None:
            return False
        spare_s = min(60.0, deadline_s * LAST_CLAIM_SHARE)
        return time.monotonic() - self._began > deadline_s - spare_s

    def _claim(self, crowded: frozenset[str]) -> int:
        """Claim one batch and queue it; how many listings it brought."""
        skip = self._scheduler.unavailable_hosts() | crowded
        wanted = min(self._options.batch_size, self._room(), self._missing())
        batch = self._patiently(lambda: self._claims.claim(wanted, skip_hosts=skip))
        if batch is None:
            return 0
        works = [ListingWork(claim) for claim in batch]
        self._counter.claim(listings=len(works), images=sum(len(claim.images) for claim in batch))
        self._claims_held.add(works)
        for work in works:
            tasks = work.tasks()
            if tasks:
                self._scheduler.put(tasks)
            else:
                self._recorder.put(work)
        return len(works)

    def _room(self) -> int:
        return self._options.limit - self._counter.claimed

    def _crowded(self) -> frozenset[str]:
        """Hosts with enough work waiting; claiming more of theirs would only age in our hands.

        A host that takes nothing new at the moment has enough with anything at all.
        """
        stuck = self._scheduler.stuck_hosts()
        enough = CROWDED_BACKLOG * self._options.per_host
        backlog = self._scheduler.backlog()
        return frozenset(
            host for host, count in backlog.items() if host and (count >= enough or host in stuck)
        )

    def _wants_more(self, crowded: frozenset[str]) -> bool:
        """Whether the workers could soon be idle."""
        backlog = self._scheduler.backlog()
        waiting = sum(backlog.get(host, 0) for host in crowded)
        if len(self._claims_held) - waiting >= 4 * self._options.batch_size:
            return False
        return self._usable() < LOW_STOCK * self._options.workers

    def _missing(self) -> int:
        """How many listings would keep the workers busy for a while, by the images they have."""
        images = FULL_STOCK * self._options.workers - self._usable()
        claimed = self._counter.claimed
        images_each = self._counter.images_claimed / claimed if claimed else USUAL_IMAGES
        return max(1, math.ceil(images / max(1, images_each)))

    def _usable(self) -> int:
        """Images that workers could take soon; one host keeps only a few of them busy."""
        most = 2 * self._options.per_host
        stuck = self._scheduler.stuck_hosts()
        return sum(
            min(count, most) if host else count
            for host, count in self._scheduler.backlog().items()
            if host not in stuck
        )

    def _patiently(self, act: Callable[[], T]) -> T | None:
        """A database that vanishes for a while is waited for; None when the run ends meanwhile."""
        failing_since: float | None = None
        while True:
            try:
                return act()
            except DatabaseUnavailableError:
                now = time.monotonic()
                # From the first failure on: a single call may take as long as we wait in all.
                failing_since = now if failing_since is None else failing_since
                if now - failing_since > self._lease_s:
                    raise
                if self._stop.wait(LOOK_AGAIN_S):
                    return None
