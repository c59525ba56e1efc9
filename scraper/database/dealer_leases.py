"""Which dealers this scrape has: leased one by one, so that scrapes at once share them; it knows
neither pages nor listings.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

from scraper.base.errors import DatabaseError
from scraper.base.runner_identity import is_dead_here, runner_name
from scraper.database.client import Database

BEATS = 6
"""How often a lease is extended while it lasts."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What came of asking for a dealer: it is ours, another has it, or another was through."""

    is_granted: bool
    is_done: bool = False
    runner: str = ""
    seconds: float = 0.0


class DealerLeases:
    """The dealers of one command. Thread-safe; within, what is held is extended."""

    def __init__(
        self,
        database: Database,
        *,
        lease_s: float,
        shares: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._lease_s = round(lease_s)
        self._shares = shares
        self._clock = clock
        self._began = clock()
        self._scrape = str(uuid.uuid4())
        self._held: set[int] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="dealer-leases", daemon=True)

    def __enter__(self) -> DealerLeases:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=self._lease_s)

    def take(self, dealer_id: int) -> Answer:
        """Ask for a dealer; a process of this machine that has died is not waited for."""
        answer = self._ask(dealer_id, dead=None)
        if answer.runner and not answer.is_granted and is_dead_here(answer.runner):
            answer = self._ask(dealer_id, dead=answer.runner)
        if answer.is_granted:
            self._held.add(dealer_id)
        return answer

    @contextmanager
    def giving_back(self, dealer_id: int) -> Iterator[Callable[[], None]]:
        """Give a dealer back at the end; call what is yielded when all of it has been done."""
        is_done = False

        def done() -> None:
            nonlocal is_done
            is_done = True

        try:
            yield done
        finally:
            self._held.discard(dealer_id)
            self._leave(dealer_id, is_done)

    def _ask(self, dealer_id: int, *, dead: str | None) -> Answer:
        said = self._database.rpc(
            "lease_dealer",
            {
                "p_dealer_id": dealer_id,
                "p_scrape": self._scrape,
                "p_runner": runner_name(),
                "p_lease_s": self._lease_s,
                "p_running_s": self._clock() - self._began,
                "p_shares": self._shares,
                "p_dead": dead,
            },
            idempotent=True,
        )
        return Answer(
            bool(said["granted"]),
            bool(said["done"]),
            str(said.get("runner") or ""),
            float(said.get("seconds") or 0.0),
        )

    def _leave(self, dealer_id: int, is_done: bool) -> None:
        try:
            self._database.rpc(
                "leave_dealer",
                {"p_dealer_id": dealer_id, "p_scrape": self._scrape, "p_is_done": is_done},
                idempotent=True,
            )
        except DatabaseError as error:
            log.warning("a dealer could not be given back, its lease lapses: %s", error)

    def _beat(self) -> None:
        while not self._ended.wait(self._lease_s / BEATS):
            if not self._held:
                continue
            try:
                self._database.rpc(
                    "extend_dealer_leases",
                    {"p_scrape": self._scrape, "p_lease_s": self._lease_s},
                    idempotent=True,
                )
            except DatabaseError as error:
                log.warning("the dealers' leases could not be extended: %s", error)
