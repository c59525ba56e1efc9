"""What a site's robots.txt asks of us; fetched once per site and run, through the session.

RFC 9309: a robots.txt that does not exist (any 4xx, or too many redirects) forbids nothing; one
that cannot be had now (5xx, 429, no connection) forbids everything, because its owner may well have
rules. That is undone by the next run. Rules are read by Protego, from at most the first 500 KiB.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlsplit

from protego import Protego

from scraper.base.errors import (
    BadUrlError,
    BlockedAddressError,
    ErrorKind,
    FetchError,
    InterruptedFetchError,
    ListingMirrorError,
    RobotsRefusedError,
    RobotsUnreadableError,
    TransientFetchError,
)
from scraper.net.answers import FetchedPage
from scraper.net.host_access import USUAL, HostAccess
from scraper.net.host_limits import HostLimits
from scraper.net.host_permit import HostPermit

log = logging.getLogger(__name__)

MAX_RULES_BYTES: Final = 500 * 1024
_TRIES: Final = 3
_ABSENT: Final = {
    ErrorKind.HTTP_403,
    ErrorKind.HTTP_404,
    ErrorKind.HTTP_410,
    ErrorKind.HTTP_4XX,
    ErrorKind.TOO_MANY_REDIRECTS,
}


class PageSession(Protocol):
    """The part of the session that is needed here."""

    def fetch_page(
        self,
        url: str,
        *,
        access: HostAccess = USUAL,
        before_hop: Callable[[str], None] = lambda url: None,
    ) -> FetchedPage: ...


@dataclass
class _Site:
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_read: bool = False
    rules: Protego | None = None  # None: everything is forbidden
    error: FetchError | None = None  # why there are no rules


class Robots:
    """The rules of every site met in a run; thread-safe, one fetch per site.

    Args:
        user_agent: the name that rules are looked up for; the part before "/" counts.
        limits: where the fetch of robots.txt is counted as a request to its host, if anywhere.
        max_delay_s: a longer Crawl-delay is cut to this.
        pause_s: before the second try of a fetch that failed in passing; twice as long before the
            third.
    """

    def __init__(
        self,
        session: PageSession,
        *,
        user_agent: str,
        limits: HostLimits | None = None,
        max_delay_s: float = 30.0,
        pause_s: float = 1.0,
        stop: threading.Event | None = None,
    ) -> None:
        self._session = session
        self._user_agent = user_agent
        self._limits = limits
        self._max_delay_s = max_delay_s
        self._pause_s = pause_s
        self._stop = stop or threading.Event()
        self._sites: dict[str, _Site] = {}
        self._lock = threading.Lock()

    def allowed(self, url: str, *, access: HostAccess = USUAL) -> bool:
        """Whether the site lets us fetch `url`. Raises InterruptedFetchError when the run is
        ending.
        """
        return self.refusal(url, access=access) is None

    def refusal(self, url: str, *, access: HostAccess = USUAL) -> ListingMirrorError | None:
        """Why `url` is not to be fetched, or None when it may be."""
        site = self._read(url, access)
        if isinstance(site.error, BadUrlError | BlockedAddressError):
            return type(site.error)(url, site.error.detail)
        if site.rules is None:
            return RobotsUnreadableError(url, site.error.detail if site.error else "")
        if site.rules.can_fetch(url, self._user_agent):
            return None
        return RobotsRefusedError(url)

    def crawl_delay_s(self, url: str, *, access: HostAccess = USUAL) -> float | None:
        """The seconds between two requests that the site asks for, bounded; None when it does not
        say.
        """
        rules = self._read(url, access).rules
        delay_s = rules.crawl_delay(self._user_agent) if rules is not None else None
        if delay_s is None or not math.isfinite(delay_s) or delay_s < 0:
            return None
        return min(float(delay_s), self._max_delay_s)

    def sitemaps(self, url: str, *, access: HostAccess = USUAL) -> tuple[str, ...]:
        """The sitemaps that the site names, as it spells them."""
        rules = self._read(url, access).rules
        return tuple(rules.sitemaps) if rules is not None else ()

    def _read(self, url: str, access: HostAccess) -> _Site:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}".lower()
        with self._lock:
            site = self._sites.setdefault(origin, _Site())
        with site.lock:
            if not site.is_read:
                self._fetch(site, f"{origin}/robots.txt", access)
                site.is_read = True
        return site

    def _fetch(self, site: _Site, url: str, access: HostAccess) -> None:
        try:
            page = self._page(url, access)
            text = page.body[:MAX_RULES_BYTES].decode("utf-8-sig", errors="replace")
            site.rules = Protego.parse(text)
        except InterruptedFetchError:
            raise
        except FetchError as exc:
            if exc.kind in _ABSENT:
                site.rules = Protego.parse("")
                return
            site.error = exc
            log.warning("%s: nothing is fetched from this site: %s", url, exc.detail)

    def _page(self, url: str, access: HostAccess) -> FetchedPage:
        for attempt in range(1, _TRIES):
            try:
                return self._page_once(url, access)
            except TransientFetchError as exc:
                log.info("%s: %s, trying again", url, exc.detail)
            if self._stop.wait(attempt * self._pause_s):
                raise InterruptedFetchError(url)
        return self._page_once(url, access)

    def _page_once(self, url: str, access: HostAccess) -> FetchedPage:
        if self._limits is None:
            return self._session.fetch_page(url, access=access)
        with HostPermit(self._limits, self._stop) as turn:
            turn.at(url)
            return self._session.fetch_page(url, access=access, before_hop=turn.led_to)
