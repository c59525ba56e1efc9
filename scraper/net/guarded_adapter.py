"""requests' adapter over guarded connections: one request, one answer; it follows no redirect and
reads no body.

What requests works out anew for each request (the pool, the target, cookies, an encoding) is taken
from the address that was checked or left out: it cost a quarter of the CPU of an image's download.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.exceptions import HTTPError

from scraper.base.errors import BadUrlError, ErrorKind, TransientFetchError
from scraper.net.answers import innermost
from scraper.net.dialling import POOLS, Exchange, TlsContexts
from scraper.net.guard import CheckedUrl
from scraper.net.host_access import HostAccess

log = logging.getLogger(__name__)

_POOLED_HOSTS: Final = 64
_POOLED_PER_HOST: Final = 64  # more than --per-host will ever be; urllib3 warns when it is not

_PLAIN: Final = re.compile(
    r"https?://[a-z0-9.-]+(?::\d+)?((?:/[\w~-][\w.~-]*)+(?:\?[\w.~=&-]+)?)", re.A
)
"""An address that is sent as it stands: nothing to be quoted, no dots that stand for a folder."""


class Question(requests.PreparedRequest):
    """A request with the address that the guard has checked."""

    def __init__(self, at: CheckedUrl, headers: Mapping[str, str]) -> None:
        """Raises requests.RequestException for what cannot be sent."""
        super().__init__()
        self.at = at
        self.method = "GET"
        if plain := _PLAIN.fullmatch(at.url):
            self.url, self.target = at.url, plain[1]
        else:
            self.prepare_url(at.url, None)
            self.target = self.path_url
        self.prepare_headers(headers)


class _StaleConnectionError(TransientFetchError):
    """A kept-alive connection was dead before a byte came back."""

    def __init__(self, url: str) -> None:
        super().__init__(url, ErrorKind.CONNECT, "the host keeps closing idle connections")


class GuardedAdapter(HTTPAdapter):
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
        return host, {"ssl_context": verify}

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        if proxies:
            return super().get_connection_with_tls_context(request, verify, proxies, cert)
        at: CheckedUrl = request.at
        context = {"ssl_context": verify}
        return self.poolmanager.connection_from_host(at.host, at.port, at.scheme, context)

    def request_url(self, request: Any, proxies: Any) -> Any:
        return super().request_url(request, proxies) if proxies else request.target

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.url = req.url
        response.raw = resp
        return response

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to do: the context decides, and a shared pool must not be changed per request."""

    def ask(
        self,
        exchange: Exchange,
        at: CheckedUrl,
        headers: dict[str, str],
        access: HostAccess,
        *,
        proxies: Mapping[str, str],
    ) -> requests.Response:
        """One answer, its body not read yet. Raises FetchError.

        TLS is as `access` says, in the place of requests' `verify`.
        """
        if at.scheme == "https" and not access.verify_tls:
            log.warning("%s: its certificate is not checked, as set for this dealer", at.host)
        try:
            request = Question(at, headers)
        except (requests.RequestException, UnicodeError) as exc:
            raise BadUrlError(exchange.url, f"cannot be asked for: {exc}") from exc
        try:
            return self._ask_once(exchange, request, access, proxies)
        except _StaleConnectionError:
            # The host closed an idle connection while we wrote to it, and answered nothing.
            return self._ask_once(exchange, request, access, proxies)

    def _ask_once(
        self,
        exchange: Exchange,
        request: Question,
        access: HostAccess,
        proxies: Mapping[str, str],
    ) -> requests.Response:
        exchange.has_dialled = exchange.has_sent = False
        is_tls = request.at.scheme == "https"  # a context costs 50 ms to make
        verify: Any = self._contexts.for_access(access) if is_tls else None
        try:
            return self.send(
                request,
                stream=True,
                timeout=(exchange.connect_timeout_s, exchange.read_timeout_s),
                verify=verify,
                proxies=dict(proxies),
            )
        except requests.Timeout as exc:
            detail = f"no whole answer in time: {innermost(exc)}"
            raise TransientFetchError(exchange.url, ErrorKind.TIMEOUT, detail) from exc
        except requests.ConnectionError as exc:
            if exchange.has_sent and not exchange.has_dialled:
                raise _StaleConnectionError(exchange.url) from exc
            detail = f"the connection broke before the answer: {innermost(exc)}"
            raise TransientFetchError(exchange.url, ErrorKind.CONNECT, detail) from exc
        except (requests.RequestException, HTTPError, ValueError) as exc:
            detail = f"the answer cannot be read: {innermost(exc)}"
            raise TransientFetchError(exchange.url, ErrorKind.OTHER, detail) from exc
