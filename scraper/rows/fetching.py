"""Fetching a dealer's pages politely: robots.txt, delay, retries and encodings; it knows hosts, not
shops.
"""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scraper.base.errors import FetchError, InterruptedFetchError, TransientFetchError
from scraper.net.answers import FetchedPage
from scraper.net.guard import host_of
from scraper.net.host_access import USUAL, HostAccess
from scraper.net.host_limits import HostLimits
from scraper.net.host_permit import HostPermit
from scraper.net.robots import Robots
from scraper.net.session import DealerSession
from scraper.pages.dealer import Dealer
from scraper.pages.fetcher import Body
from scraper.pages.listing import Page
from scraper.pages.page_encoding import decode
from scraper.parsing.text import storable

log = logging.getLogger(__name__)
_TRIES = 3
_LONGEST_WAIT_S = 30.0


@dataclass
class PageFetcher:
    """Fetches for one dealer; the session, the limits and robots.txt are shared with all others.

    Thread-safe. `stop` ends every wait at once.
    """

    session: DealerSession
    limits: HostLimits
    robots: Robots
    dealer: Dealer
    delay_s: float
    stop: threading.Event = field(default_factory=threading.Event)
    fetched: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def access(self) -> HostAccess:
        """How this dealer's hosts want to be asked."""
        return HostAccess(self.dealer.verify_tls, self.dealer.old_tls, self.dealer.accept_language)

    def page(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Page | None:
        answer = self._fetch(url, etag, last_modified)
        with self._counting:
            self.fetched += 1
        if answer.status == 304:
            return None
        text = decode(answer.body, answer.headers, self.dealer.encoding)
        return Page(
            answer.url,
            url,
            answer.status,
            answer.headers,
            answer.body,
            text,
            answer.etag,
            answer.last_modified,
        )

    def json(self, url: str) -> tuple[Any, Page]:
        page = self.page(url)
        assert page is not None  # no validators were sent
        try:
            return storable(json.loads(page.text)), page
        except RecursionError as error:
            raise ValueError(f"{page.url} is nested too deep") from error

    def sitemaps(self, url: str) -> tuple[str, ...]:
        return self.robots.sitemaps(url, access=self.access)

    def stream(self, url: str, begin: Callable[[], Body], *, max_bytes: int) -> Body:
        body: list[Body] = []

        def once() -> FetchedPage:
            body[:] = [begin()]  # what came before the connection broke is worth nothing
            return self._once(url, sink=body[0], max_bytes=max_bytes)

        self._repeat(url, once)
        with self._counting:
            self.fetched += 1
        return body[0]

    def _fetch(self, url: str, etag: str | None, last_modified: str | None) -> FetchedPage:
        return self._repeat(url, lambda: self._once(url, etag=etag, last_modified=last_modified))

    def _once(self, url: str, **how: Any) -> FetchedPage:
        """Ask once; robots.txt and the pace hold for every hop, each on its own host."""
        spacing_s = self._admitted(url, self.access)
        with HostPermit(self.limits, self.stop) as turn:

            def before_hop(to: str) -> None:
                turn.leave()  # robots.txt may have to be asked for, on this host or the next
                turn.led_to(to, spacing_s=self._admitted(to, self._access_to(url, to)))

            turn.at(url, spacing_s=spacing_s)
            return self.session.fetch_page(url, access=self.access, before_hop=before_hop, **how)

    def _admitted(self, url: str, access: HostAccess) -> float:
        """The seconds between two requests there. Raises what robots.txt refuses with."""
        if refusal := self.robots.refusal(url, access=access):
            raise refusal
        asked_s = self.robots.crawl_delay_s(url, access=access)
        return max(self.delay_s, asked_s or 0.0)

    def _access_to(self, first: str, to: str) -> HostAccess:
        """What is set about the dealer is meant for its own host."""
        is_theirs = host_of(first).removeprefix("www.") == host_of(to).removeprefix("www.")
        return self.access if is_theirs else USUAL

    def _repeat(self, url: str, act: Callable[[], FetchedPage]) -> FetchedPage:
        for attempt in range(1, _TRIES + 1):
            try:
                return act()
            except TransientFetchError as error:
                if attempt == _TRIES or (error.retry_after_s or 0.0) > _LONGEST_WAIT_S:
                    raise
                wait_s = min(
                    _LONGEST_WAIT_S,
                    max(
                        error.retry_after_s or 0.0, 2.0 ** (attempt - 1) * random.uniform(0.5, 1.0)
                    ),
                )
                log.info("%s: %s, trying again in %.1f s", url, error.kind.value, wait_s)
                self.pause(wait_s, url)
        raise AssertionError("unreachable")

    def pause(self, seconds: float, url: str) -> None:
        """Wait, unless the run ends meanwhile. Raises InterruptedFetchError."""
        if self.stop.wait(seconds):
            raise InterruptedFetchError(url)


def is_gone(error: Exception) -> bool:
    """Say whether an error means that the page is no longer there (404, 410)."""
    return isinstance(error, FetchError) and error.status in (404, 410)
