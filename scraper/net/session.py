"""The only door to dealers: one session for all threads, for pages and files alike.

Every fetch is bounded in time, bytes and redirects, every hop passes the guard, and nothing is
carried from one dealer to another: cookies live as long as one fetch. requests' adapter is used
without its Session: there is no cookie jar, no .netrc, no environment and no redirect logic that
could act on its own (Session.send reads the whole body of a redirect even when told not to follow
it). Retries, pace per host and robots.txt are the callers'.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, Protocol
from urllib.parse import urljoin

import requests
from requests.utils import requote_uri

from scraper.base.errors import (
    BadUrlError,
    BlockedAddressError,
    ErrorKind,
    FetchError,
    FinalFetchError,
)
from scraper.base.settings import Settings
from scraper.net.answers import Answer, FetchedPage
from scraper.net.cookies import Cookies
from scraper.net.dialling import (
    CURRENT,
    Abort,
    Dialler,
    Exchange,
)
from scraper.net.guard import (
    CheckedUrl,
    as_networks,
    check_url,
    host_of,
    refuse_environment_proxies,
)
from scraper.net.guarded_adapter import GuardedAdapter
from scraper.net.host_access import USUAL, HostAccess
from scraper.net.name_resolution import Names, Resolver, system_resolver
from scraper.net.public_addresses import Network
from scraper.net.redirect_target import readable_target
from scraper.net.response_body import Limit, discard, receive, says_where_it_ends
from scraper.net.validators import is_unchanged, sent_validators, stated_validator

__all__ = ["Answer", "DealerSession", "FetchedPage", "Sink"]

log = logging.getLogger(__name__)

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_GOOD_PAGE: Final = {200, 203}
_GOOD_FILE: Final = {200, 201, 203, 206}
"""Some servers answer a plain question with 201, or with 206 and the whole file as its part."""
_PAGE_HEADERS: Final = {
    "Accept": "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8",
    "Accept-Encoding": "gzip, deflate",
}
_FILE_HEADERS: Final = {"Accept": "image/*, */*;q=0.5", "Accept-Encoding": "identity"}


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class DealerSession:
    """Fetches from dealers. Thread-safe; one per process.

    Args:
        resolver: (host, port) -> addresses; the system's when not given.
        clock: monotonic seconds.
        ca_file: certificates to trust besides the usual ones.

    Raises SettingsError when the environment names a proxy that was not allowed.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        resolver: Resolver | None = None,
        clock: Callable[[], float] = time.monotonic,
        ca_file: str | None = None,
    ) -> None:
        refuse_environment_proxies(settings)
        if settings.proxies:
            log.warning("Dealers are asked through a proxy: it chooses the addresses, we cannot.")
        self._settings = settings
        self._clock = clock
        self._abort = Abort()
        self._allowed = as_networks(settings.private_networks)
        self._dialler = Dialler(Names(resolver or system_resolver, clock=clock), self._allowed)
        self._adapter = GuardedAdapter(ca_file)

    def __enter__(self) -> DealerSession:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connections."""
        self._adapter.close()

    def abort(self) -> None:
        """Make every fetch, running or new, raise InterruptedFetchError; safe in a signal."""
        self._abort.is_set = True

    def fetch_page(
        self,
        url: str,
        *,
        etag: str | None = None,
        last_modified: str | None = None,
        access: HostAccess = USUAL,
        referer: str | None = None,
        before_hop: Callable[[str], None] = lambda url: None,
        sink: Sink | None = None,
        max_bytes: int | None = None,
    ) -> FetchedPage:
        """Fetch one page; with `etag` or `last_modified` the answer may be 304, "not modified".

        `before_hop` hears the address of each redirect before it is asked; it may wait, which is
        not counted, and what it raises comes through. With a `sink` the body goes there.

        Raises FetchError: a TransientFetchError may go away by itself, a FinalFetchError will not.
        """
        validators = sent_validators(etag, last_modified)
        with self._exchange(url, self._settings.total_timeout_s) as exchange:
            response, final_url = self._follow(
                exchange, _PAGE_HEADERS | validators, referer, access, before_hop
            )
            body = bytearray()
            if not is_unchanged(response, validators):
                limit = Limit(self._settings.max_page_bytes, "MAX_PAGE_BYTES")
                if max_bytes is not None:
                    limit = Limit(max_bytes, None)
                write = body.extend if sink is None else sink.write
                receive(exchange, response, limit, write, good=_GOOD_PAGE)
        return FetchedPage(
            final_url,
            url,
            response.status_code,
            response.headers,
            bytes(body),
            stated_validator(response, "ETag"),
            stated_validator(response, "Last-Modified"),
        )

    def fetch_file(
        self,
        url: str,
        sink: Sink,
        *,
        referer: str | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
        access: HostAccess = USUAL,
        max_bytes: int | None = None,
        deadline_s: float | None = None,
        before_hop: Callable[[str], None] = lambda host: None,
    ) -> Answer:
        """Fetch one file into `sink`, 256 KB at a time; `referer` is the URL of its page.

        `before_hop` hears the host of each redirect before it is asked, and may raise a FetchError.

        Raises FetchError like `fetch_page`; what `sink` holds is then worthless. An error of the
        sink itself (a full disk) comes through as it is.
        """
        validators = sent_validators(etag, last_modified)
        digest, count = hashlib.sha256(), 0

        def write(chunk: bytes) -> None:
            nonlocal count
            digest.update(chunk)
            count += len(chunk)
            sink.write(chunk)

        limit = Limit(self._settings.max_image_bytes, "MAX_IMAGE_BYTES")
        if max_bytes is not None:
            limit = Limit(max_bytes, None)
        total_s = self._settings.total_timeout_s if deadline_s is None else deadline_s
        with self._exchange(url, total_s) as exchange:
            response, final_url = self._follow(
                exchange,
                _FILE_HEADERS | validators,
                referer,
                access,
                lambda to: before_hop(host_of(to)),
            )
            unchanged = is_unchanged(response, validators)
            is_bounded = False
            if not unchanged:
                is_bounded = says_where_it_ends(response)
                receive(exchange, response, limit, write, good=_GOOD_FILE)
        return Answer(
            final_url,
            response.status_code,
            response.headers,
            count,
            "" if unchanged else digest.hexdigest(),
            stated_validator(response, "ETag"),
            stated_validator(response, "Last-Modified"),
            response.headers.get("Content-Type"),
            is_bounded,
        )

    @contextlib.contextmanager
    def _exchange(self, url: str, total_s: float) -> Iterator[Exchange]:
        exchange = Exchange(
            url=url,
            deadline=self._clock() + total_s,
            connect_timeout_s=self._settings.connect_timeout_s,
            read_timeout_s=self._settings.read_timeout_s,
            clock=self._clock,
            abort=self._abort,
            dialler=self._dialler,
        )
        token = CURRENT.set(exchange)
        try:
            exchange.left_s(exchange.deadline)
            yield exchange
        finally:
            CURRENT.reset(token)

    def _follow(
        self,
        exchange: Exchange,
        headers: dict[str, str],
        referer: str | None,
        access: HostAccess,
        before_hop: Callable[[str], None],
    ) -> tuple[requests.Response, str]:
        """The first answer that is no redirect, and its URL; every hop passes the guard anew."""
        first = at = check_url(exchange.url, allowed=self._allowed)
        cookies = Cookies()
        for hops in range(self._settings.max_redirects + 1):
            if hops:
                began = self._clock()
                before_hop(at.url)
                exchange.deadline += self._clock() - began
            applies = access if _is_same_site(first, at) else USUAL
            sent = headers | self._names_of(referer, at) | self._language_of(access)
            sent |= cookies.header(at.host, is_secure=at.scheme == "https")
            response = self._adapter.ask(
                exchange, at, sent, applies, proxies=self._settings.proxies
            )
            cookies.hear(at.host, response.raw.headers.getlist("Set-Cookie"))
            target = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or not target:
                return response, at.url
            discard(exchange, response)
            at = self._next_hop(exchange, at, target)
        detail = f"more than {self._settings.max_redirects} redirects, the last to {at.url}"
        raise FinalFetchError(exchange.url, ErrorKind.TOO_MANY_REDIRECTS, detail)

    def _next_hop(self, exchange: Exchange, at: CheckedUrl, target: str) -> CheckedUrl:
        try:
            return check_url(urljoin(at.url, readable_target(target)), allowed=self._allowed)
        except BlockedAddressError as exc:
            detail = f"redirects to {exc.url}: {exc.detail}"
            raise BlockedAddressError(exchange.url, detail) from exc
        except (BadUrlError, ValueError) as exc:
            # Not bad_url: the image's own URL is fine, and the dealer may mend the redirect.
            detail = f"redirects to an address that cannot be asked: {exc}"
            raise FinalFetchError(exchange.url, ErrorKind.OTHER, detail) from exc

    def _names_of(self, referer: str | None, at: CheckedUrl) -> dict[str, str]:
        """Who asks, and from which page; a page read over TLS is not told to a plain host."""
        names = {"User-Agent": self._settings.user_agent}
        if referer is None:
            return names
        page = _page_of(referer, self._allowed)
        if page is None or (page.startswith("https:") and at.scheme == "http"):
            return names
        return names | {"Referer": page}

    def _language_of(self, access: HostAccess) -> dict[str, str]:
        wanted = access.accept_language or self._settings.accept_language
        return {"Accept-Language": wanted} if wanted else {}


def _is_same_site(first: CheckedUrl, other: CheckedUrl) -> bool:
    return first.host.removeprefix("www.") == other.host.removeprefix("www.")


@lru_cache(maxsize=256)
def _page_of(referer: str, allowed: tuple[Network, ...]) -> str | None:
    """A page's address as it is told to the host of its images: the same for many of them."""
    try:
        page = check_url(referer, allowed=allowed)
    except FetchError:
        return None
    return requote_uri(page.url.partition("#")[0])
