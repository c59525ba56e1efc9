"""Host names to addresses, with a limit on the waiting that the operating system does not offer.

A lookup runs in a thread of its own, one per name at a time, so a name server that never answers
holds one thread per name and no fetch beyond its deadline. Answers are kept for half a minute,
failures not at all. Which address may be used is not decided here.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final

Resolver = Callable[[str, int], Sequence[str]]

KEEP_ANSWER_S: Final = 30.0


def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`, in the order of the system. Raises OSError when it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Lookup:
    def __init__(self) -> None:
        self.done = threading.Event()
        self.addresses: tuple[str, ...] = ()
        self.error: Exception | None = None
        self.answered_at = 0.0


class Names:
    """Looks names up; thread-safe.

    Args:
        resolver: (host, port) -> addresses as text; raises OSError (socket.gaierror) when it finds
        none. clock: monotonic seconds.
    """

    def __init__(
        self,
        resolver: Resolver,
        *,
        clock: Callable[[], float],
        keep_answer_s: float = KEEP_ANSWER_S,
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self._keep_answer_s = keep_answer_s
        self._lookups: dict[str, _Lookup] = {}
        self._lock = threading.Lock()

    def addresses(
        self, host: str, port: int, *, wait: Callable[[threading.Event], None]
    ) -> tuple[str, ...]:
        """All addresses of `host`, at least one.

        `wait` blocks until the event is set, or raises when the caller's patience ends.
        Raises OSError when there is no such name.
        """
        lookup = self._lookup_of(host, port)
        wait(lookup.done)
        if lookup.error is not None:
            raise OSError(f"{host} cannot be resolved: {lookup.error}") from lookup.error
        return lookup.addresses

    def _lookup_of(self, host: str, port: int) -> _Lookup:
        with self._lock:
            known = self._lookups.get(host)
            if known is not None and not self._is_stale(known):
                return known
            lookup = self._lookups[host] = _Lookup()
        threading.Thread(
            target=self._run, args=(lookup, host, port), name=f"resolve {host}", daemon=True
        ).start()
        return lookup

    def _is_stale(self, lookup: _Lookup) -> bool:
        if not lookup.done.is_set():
            return False
        expired = self._clock() - lookup.answered_at > self._keep_answer_s
        return expired or lookup.error is not None

    def _run(self, lookup: _Lookup, host: str, port: int) -> None:
        try:
            lookup.addresses = tuple(self._resolver(host, port))
            if not lookup.addresses:
                lookup.error = OSError("no address")
        except Exception as exc:  # the edge of the thread: the waiting fetch must hear of it
            lookup.error = exc
        lookup.answered_at = self._clock()
        lookup.done.set()
