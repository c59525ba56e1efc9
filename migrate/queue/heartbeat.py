"""Renews the leases of claims in progress and finds out which were lost; it knows no images."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from migrate.queue.claims import Claims
from scraper.base.errors import DatabaseError

BEATS_PER_LEASE = 4
AFTER_FAILURE_S = 1.0

_log = logging.getLogger(__name__)


class Heartbeat:
    """A thread that extends whatever `tokens` names, several times within a lease."""

    def __init__(
        self,
        claims: Claims,
        *,
        lease_s: float,
        tokens: Callable[[], Sequence[str]],
        lost: Callable[[frozenset[str]], None],
    ) -> None:
        self._claims = claims
        self._beat_s = lease_s / BEATS_PER_LEASE
        self._tokens = tokens
        self._lost = lost
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Stop beating; claims that are still open lapse by themselves."""
        self._ended.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        pause_s = self._beat_s
        while not self._ended.wait(pause_s):
            pause_s = self._beat_s
            if not (tokens := self._tokens()):
                continue
            try:
                lost = self._claims.extend(tokens)
            except DatabaseError as error:
                # The leases run on; whoever takes a claim over changes its token, which fences us.
                _log.warning("leases could not be renewed: %s", error)
                pause_s = AFTER_FAILURE_S
            else:
                if lost:
                    self._lost(lost)
