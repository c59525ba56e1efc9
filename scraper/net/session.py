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
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ssl import SSLContext
from typing import Any, Final, Protocol
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, requote_uri
from urllib3.exceptions import HTTPError, ReadTimeoutError

from scraper.base.errors import (
    BadUrlError,
    BlockedAddressError,
    ErrorKind,
    FetchError,
    FinalFetchError,
    InterruptedFetchError,
    TransientFetchError,
)
from scraper.base.settings import Settings
from scraper.net.answers import Answer, FetchedPage, error_of_status
from scraper.net.cookies import Cookies
from scraper.net.dialling import (
    CURRENT,
    POOLS,
    Abort,
    Dialler,
    Exchange,
    TlsContexts,
)
from scraper.net.guard import (
    CheckedUrl,
    as_networks,
    check_url,
    host_of,
    refuse_environment_proxies,
)
from scraper.net.host_access import USUAL, HostAccess
from scraper.net.name_resolution import Names, Resolver, system_resolver
from scraper.net.public_addresses import Network
from scraper.net.redirect_target import readable_target
from scraper.net.unpacking import Unpacker

__all__ = ["Answer", "DealerSession", "FetchedPage", "Sink"]

log = logging.getLogger(__name__)

CHUNK_BYTES: Final = 64 * 1024
PACKED: Final = {"gzip", "x-gzip", "deflate"}
UNREADABLE: Final = {"br", "zstd", "compress", "x-compress", "dcb", "dcz"}
"""Encodings that exist and that we cannot undo; made-up ones ("none", "utf-8") mean nothing."""
LONGEST_VALIDATOR: Final = 1024
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)")
_REDIRECTS: Final = {301, 302, 303, 307, 308}
_GOOD_PAGE: Final = {200, 203}
_GOOD_FILE: Final = {200, 201, 203, 206}
"""Some servers answer a plain question with 201, or with 206 and the whole file as its part."""
_PAGE_HEADERS: Final = {
    "Accept": "text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8",
    "Accept-Encoding": "gzip, deflate",
}
_FILE_HEADERS: Final = {"Accept": "image/*, */*;q=0.5", "Accept-Encoding": "identity"}
_POOLED_HOSTS: Final = 64
_POOLED_PER_HOST: Final = 64  # more than --per-host will ever be; urllib3 warns when it is not
_DISCARD_BYTES: Final = 16 * 1024
_DISCARD_S: Final = 0.5


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
        self._adapter = _GuardedAdapter(ca_file)

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
        validators = _validators(etag, last_modified)
        with self._exchange(url, self._settings.total_timeout_s) as exchange:
            response, final_url = self._follow(
                exchange, _PAGE_HEADERS | validators, referer, access, before_hop
            )
            body = bytearray()
            if not _is_unchanged(response, validators):
                limit = _Limit(self._settings.max_page_bytes, "MAX_PAGE_BYTES")
                if max_bytes is not None:
                    limit = _Limit(max_bytes, None)
                write = body.extend if sink is None else sink.write
                self._receive(exchange, response, limit, write, good=_GOOD_PAGE)
        return FetchedPage(
            final_url,
            url,
            response.status_code,
            response.headers,
            bytes(body),
            _validator(response, "ETag"),
            _validator(response, "Last-Modified"),
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
        """Fetch one file into `sink`, 64 KB at a time; `referer` is the URL of its page.

        `before_hop` hears the host of each redirect before it is asked, and may raise a FetchError.

        Raises FetchError like `fetch_page`; what `sink` holds is then worthless. An error of the
        sink itself (a full disk) comes through as it is.
        """
        validators = _validators(etag, last_modified)
        digest, count = hashlib.sha256(), 0

        def write(chunk: bytes) -> None:
            nonlocal count
            digest.update(chunk)
            count += len(chunk)
            sink.write(chunk)

        limit = _Limit(self._settings.max_image_bytes, "MAX_IMAGE_BYTES")
        if max_bytes is not None:
            limit = _Limit(max_bytes, None)
        total_s = self._settings.total_timeout_s if deadline_s is None else deadline_s
        with self._exchange(url, total_s) as exchange:
            response, final_url = self._follow(
                exchange,
                _FILE_HEADERS | validators,
                referer,
                access,
                lambda to: before_hop(host_of(to)),
            )
            unchanged = _is_unchanged(response, validators)
            is_bounded = False
            if not unchanged:
                is_bounded = _is_bounded(response)
                self._receive(exchange, response, limit, write, good=_GOOD_FILE)
        return Answer(
            final_url,
            response.status_code,
            response.headers,
            count,
            "" if unchanged else digest.hexdigest(),
            _validator(response, "ETag"),
            _validator(response, "Last-Modified"),
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
            response = self._send(exchange, at, sent, applies)
            cookies.hear(at.host, response.raw.headers.getlist("Set-Cookie"))
            target = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or not target:
                return response, at.url
            _discard(exchange, response)
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

    def _send(
        self, exchange: Exchange, at: CheckedUrl, headers: dict[str, str], access: HostAccess
    ) -> requests.Response:
        if at.scheme == "https" and not access.verify_tls:
            log.warning("%s: its certificate is not checked, as set for this dealer", at.host)
        request = requests.PreparedRequest()
        try:
            request.prepare(method="GET", url=at.url, headers=headers)
        except (requests.RequestException, UnicodeError) as exc:
            raise BadUrlError(exchange.url, f"cannot be asked for: {exc}") from exc
        try:
            return self._send_once(exchange, request, access)
        except _StaleConnectionError:
            # The host closed an idle connection while we wrote to it, and answered nothing.
            return self._send_once(exchange, request, access)

    def _send_once(
        self, exchange: Exchange, request: requests.PreparedRequest, access: HostAccess
    ) -> requests.Response:
        exchange.has_dialled = exchange.has_sent = False
        try:
            return self._adapter.send(
                request,
                stream=True,
                timeout=(exchange.connect_timeout_s, exchange.read_timeout_s),
                verify=self._adapter.choice(access),
                proxies=dict(self._settings.proxies),
            )
        except requests.Timeout as exc:
            detail = f"no whole answer in time: {_innermost(exc)}"
            raise TransientFetchError(exchange.url, ErrorKind.TIMEOUT, detail) from exc
        except requests.ConnectionError as exc:
            if exchange.has_sent and not exchange.has_dialled:
                raise _StaleConnectionError(exchange.url) from exc
            detail = f"the connection broke before the answer: {_innermost(exc)}"
            raise TransientFetchError(exchange.url, ErrorKind.CONNECT, detail) from exc
        except (requests.RequestException, HTTPError, ValueError) as exc:
            detail = f"the answer cannot be read: {_innermost(exc)}"
            raise TransientFetchError(exchange.url, ErrorKind.OTHER, detail) from exc

    def _receive(
        self,
        exchange: Exchange,
        response: requests.Response,
        limit: _Limit,
        write: Callable[[bytes], object],
        *,
        good: set[int],
    ) -> None:
        """Hand the decoded body to `write` in chunks; only a whole body keeps the connection."""
        if response.status_code not in good or _is_a_part(response):
            _discard(exchange, response)
            raise error_of_status(
                exchange.url, response.status_code, response.headers, host=host_of(response.url)
            )
        try:
            encoding = response.headers.get("Content-Encoding", "").strip().lower()
            if encoding in UNREADABLE:
                detail = f"sent in the encoding {encoding!r}, which was not asked for"
                raise FinalFetchError(exchange.url, ErrorKind.OTHER, detail, status=200)
            _check_length(exchange, response.headers, limit)
            count = 0
            for chunk in _body(exchange, response, is_packed=encoding in PACKED):
                count += len(chunk)
                if count > limit.bytes:
                    raise _too_large(exchange, limit)
                write(chunk)
        except BaseException:
            response.raw.close()
            raise
        response.raw.release_conn()


@dataclass(frozen=True)
class _Limit:
    """The most bytes of a body, and the variable that says so."""

    bytes: int
    name: str | None


class _StaleConnectionError(TransientFetchError):
    """A kept-alive connection was dead before a byte came back."""

    def __init__(self, url: str) -> None:
        super().__init__(url, ErrorKind.CONNECT, "the host keeps closing idle connections")


class _GuardedAdapter(HTTPAdapter):
    """requests' adapter with guarded connections and TLS contexts that are made once."""

    def __init__(self, ca_file: str | None) -> None:
        self._contexts = TlsContexts(ca_file=ca_file, certificates=DEFAULT_CA_BUNDLE_PATH)
        super().__init__(pool_connections=_POOLED_HOSTS, pool_maxsize=_POOLED_PER_HOST)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = dict(POOLS)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = dict(POOLS)
        return manager

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": verify if isinstance(verify, SSLContext) else None}

    def choice(self, access: HostAccess) -> Any:
        """The TLS context for `access`, in the place of requests' `verify`."""
        return self._contexts.for_access(access)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to do: the context decides, and a shared pool must not be changed per request."""


@lru_cache(maxsize=256)
def _page_of(referer: str, allowed: tuple[Network, ...]) -> str | None:
    """A page's address as it is told to the host of its images: the same for many of them."""
    try:
        page = check_url(referer, allowed=allowed)
    except FetchError:
        return None
    return requote_uri(page.url.partition("#")[0])


def _body(exchange: Exchange, response: requests.Response, *, is_packed: bool) -> Iterator[bytes]:
    """Yield the body, unpacked. Raises TransientFetchError where its end is missing."""
    unpacker = Unpacker()
    try:
        while chunk := _read(exchange, response):
            yield from unpacker.unpack(chunk) if is_packed else (chunk,)
    except zlib.error as exc:
        raise TransientFetchError(exchange.url, ErrorKind.TRUNCATED, str(exc)) from exc
    if not unpacker.is_whole:
        detail = "the body was cut off: the end of its packing is missing"
        raise TransientFetchError(exchange.url, ErrorKind.TRUNCATED, detail)


def _read(exchange: Exchange, response: requests.Response) -> bytes:
    try:
        chunk: bytes = response.raw.read(CHUNK_BYTES, decode_content=False)
        exchange.left_s(exchange.deadline)
        return chunk
    except (ReadTimeoutError, TimeoutError) as exc:
        detail = f"the body did not come in time: {_innermost(exc)}"
        raise TransientFetchError(exchange.url, ErrorKind.TIMEOUT, detail) from exc
    except (HTTPError, OSError, ValueError) as exc:  # ValueError: http.client on a bad chunk
        detail = f"the body was cut off: {_innermost(exc)}"
        raise TransientFetchError(exchange.url, ErrorKind.TRUNCATED, detail) from exc


def _discard(exchange: Exchange, response: requests.Response) -> None:
    """Read a short body that nobody wants, to keep its connection; drop a long one with it."""
    deadline = exchange.deadline
    exchange.deadline = min(deadline, exchange.clock() + _DISCARD_S)
    try:
        length = _declared_length(response.headers)
        if length is not None and length <= _DISCARD_BYTES:
            while response.raw.read(CHUNK_BYTES, decode_content=False):
                pass
            response.raw.release_conn()
        else:
            response.raw.close()
    except InterruptedFetchError:
        raise
    except (HTTPError, OSError):
        response.raw.close()
    finally:
        exchange.deadline = deadline


def _check_length(exchange: Exchange, headers: Mapping[str, str], limit: _Limit) -> None:
    length = _declared_length(headers)
    if length is not None and length > limit.bytes:
        raise _too_large(exchange, limit, length)


def _declared_length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _too_large(exchange: Exchange, limit: _Limit, length: int | None = None) -> FinalFetchError:
    size = "larger" if length is None else f"{length:,} bytes, more"
    setting = "" if limit.name is None else f" (setting {limit.name})"
    detail = f"{size} than the {limit.bytes:,} bytes allowed{setting}"
    return FinalFetchError(exchange.url, ErrorKind.TOO_LARGE, detail)


def _is_bounded(response: requests.Response) -> bool:
    """Whether the answer says where it ends: then a body that was received came whole."""
    headers = response.headers
    is_chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
    is_packed = headers.get("Content-Encoding", "").strip().lower() in PACKED
    return is_chunked or is_packed or _declared_length(headers) is not None


def _is_a_part(response: requests.Response) -> bool:
    """A 206 that does not bring the whole file, although nobody asked for a part."""
    if response.status_code != 206:
        return False
    said = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if said is None:
        return bool(response.headers.get("Content-Range"))
    first, last, whole = said.groups()
    return int(first) != 0 or (whole != "*" and int(last) + 1 != int(whole))


def _validators(etag: str | None, last_modified: str | None) -> dict[str, str]:
    given = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in given.items() if value and _is_header_text(value)}


def _validator(response: requests.Response, name: str) -> str | None:
    """What may be stored and sent back: a server may put anything into a header, even a NUL."""
    value = response.headers.get(name, "").strip()
    return value if value and _is_header_text(value) else None


def _is_header_text(value: str) -> bool:
    is_plain = value.isascii() and value.isprintable() and value == value.strip()
    return is_plain and len(value) <= LONGEST_VALIDATOR


def _is_unchanged(response: requests.Response, validators: Mapping[str, str]) -> bool:
    if response.status_code != 304 or not validators:
        return False
    response.raw.release_conn()
    return True


def _is_same_site(first: CheckedUrl, other: CheckedUrl) -> bool:
    return first.host.removeprefix("www.") == other.host.removeprefix("www.")


def _innermost(error: BaseException) -> str:
    """What really happened, out of the wrappings of two libraries."""
    while True:
        reason = getattr(error, "reason", None)
        inner = error.__cause__ or (reason if isinstance(reason, BaseException) else None)
        inner = inner or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        if inner is None or inner is error:
            return str(error) or type(error).__name__
        error = inner
