"""The connections of all threads to the storage; it knows no object and no key."""

from __future__ import annotations

import socket
import ssl
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection

from scraper.base.kernel_timeouts import end_calls_after
from scraper.base.settings import Settings

MAX_CONNECTIONS = 128
CONNECT_S = 10.0
READ_S = 30.0
UPLOAD_PIECE_BYTES = 256 * 1024


def object_pool(settings: Settings, url: str, trusted: ssl.SSLContext) -> urllib3.PoolManager:
    """Connections to the Supabase at `url`, through the operator's proxy if there is one."""
    parts = urlsplit(url)
    proxy = settings.proxies.get(parts.scheme) or settings.proxies.get("all")
    options: dict[str, Any] = {
        "maxsize": MAX_CONNECTIONS,
        "timeout": urllib3.Timeout(connect=CONNECT_S, read=READ_S),
        "ssl_context": trusted,
        "blocksize": UPLOAD_PIECE_BYTES,
    }
    if settings.allow_proxy and proxy and not proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy, **options)
    pool = urllib3.PoolManager(**options)
    pool.pool_classes_by_scheme = pool.pool_classes_by_scheme | {"http": _PlainPool}
    return pool


class _PlainSocket(socket.socket):
    """A socket whose calls the kernel ends."""

    def settimeout(self, value: float | None) -> None:
        """Nothing to do: how long a call may take was said once for all."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        try:
            return super().recv_into(*args, **kwargs)
        except BlockingIOError as exc:
            raise TimeoutError(f"no answer for {READ_S:g} s") from exc


class _PlainConnection(HTTPConnection):
    """To a storage that is asked without TLS, such as the local one."""

    def _new_conn(self) -> socket.socket:
        sock = _PlainSocket(fileno=super()._new_conn().detach())
        end_calls_after(sock, READ_S)
        return sock


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection
