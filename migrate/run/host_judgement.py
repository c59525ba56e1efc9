"""What answers say about a host, or about one dealer's part of it, and when it is to be left alone.

A pure decision, without tasks and clocks. A host is judged by what says something about the
*host*: nothing came back at all, from different addresses. An HTTP error is about its address; many
of them, from different addresses of one dealer, are about that dealer there. One good answer, and
it lives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from scraper.base.errors import ErrorKind, FetchError
from scraper.net.host_limits import HostHeldError

SILENT_ADDRESSES: Final = 4
"""So many addresses without any answer are enough, after one of them had all its tries."""
REFUSED_ADDRESSES: Final = 10
"""So many that were answered with an error are enough to leave the dealer's part."""
MORE_SILENT: Final = 6
MORE_REFUSED: Final = 100
"""For each good answer of this run one more (of errors, which cost less time, two), up to so many:
there may be many dead images among good ones."""


class HostAnswer(Enum):
    """What an answer says about where it came from."""

    GOOD = "good"  # an answer: a picture, but also a missing one or something else than a picture
    REFUSED = "refused"  # the host answered, with an error about this address
    THROTTLED = "throttled"  # the same, and it asks to be asked less
    SILENT = "silent"  # nothing came back
    NOTHING = "nothing"  # it was not asked, or we broke it off


BAD: Final = frozenset({HostAnswer.REFUSED, HostAnswer.THROTTLED, HostAnswer.SILENT})

_SILENT: Final = {ErrorKind.TIMEOUT, ErrorKind.CONNECT, ErrorKind.DNS, ErrorKind.TLS}
_REFUSED: Final = {ErrorKind.HTTP_403, ErrorKind.HTTP_5XX, ErrorKind.TRUNCATED}
_NOTHING: Final = {ErrorKind.INTERRUPTED, ErrorKind.BAD_URL, ErrorKind.BLOCKED_ADDRESS}


def host_answer(error: FetchError | None, host: str) -> HostAnswer:
    """What a fetch from `host` says about it; None is a good answer."""
    if error is None:
        return HostAnswer.GOOD
    if isinstance(error, HostHeldError) or error.kind in _NOTHING:
        return HostAnswer.NOTHING
    if error.kind in _SILENT:
        # After a redirect it is the other host that is silent: this one has answered.
        return HostAnswer.SILENT if (error.host or host) == host else HostAnswer.REFUSED
    if error.kind is ErrorKind.HTTP_429 or error.status == 503:
        return HostAnswer.THROTTLED
    return HostAnswer.REFUSED if error.kind in _REFUSED else HostAnswer.GOOD


@dataclass
class HostJudgement:
    """What a host, or a dealer's part of it, has answered; mostly since its last good answer."""

    is_suspect: bool = False
    """It was left alone before, and has not answered since."""
    addresses: set[str] = field(default_factory=set)
    exhausted: int = 0
    """Addresses among them that had all their tries."""
    bad_in_a_row: int = 0
    bad: int = 0
    answers: int = 0
    good_answers: int = 0
    _is_only_refused: bool = True

    def good(self) -> None:
        self.answers += 1
        self.good_answers += 1
        self.forget()

    def forget(self) -> None:
        """Begin anew: what was bad so far says nothing any more."""
        self.is_suspect = False
        self.addresses.clear()
        self.exhausted = 0
        self.bad_in_a_row = 0
        self._is_only_refused = True

    def worse(self, address: str, says: HostAnswer) -> None:
        self.answers += 1
        self.bad += 1
        self.bad_in_a_row += 1
        self.addresses.add(address)
        self._is_only_refused = self._is_only_refused and says is HostAnswer.REFUSED

    def exhaust(self, address: str) -> None:
        """This address had all its tries."""
        if address in self.addresses:
            self.exhausted += 1

    @property
    def is_in_doubt(self) -> bool:
        """One bad answer is enough where they are the rule, two where they are exceptions."""
        enough = 1 if 2 * self.bad >= self.answers else 2
        return self.is_suspect or self.bad_in_a_row >= enough

    @property
    def has_shown_enough(self) -> bool:
        """Whether asking still other addresses would tell nothing new."""
        if self._is_only_refused:
            needed = REFUSED_ADDRESSES + min(2 * self.good_answers, MORE_REFUSED)
        else:
            needed = SILENT_ADDRESSES + min(self.good_answers, MORE_SILENT)
        return len(self.addresses) >= needed

    @property
    def is_over(self) -> bool:
        """Whether it is to be left alone."""
        return self.has_shown_enough and self.exhausted > 0
