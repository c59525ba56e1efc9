"""Connections that go only where the guard allows and never outlive a deadline; it knows no HTTP.

urllib3 calls these classes where it would open its own sockets. The name is resolved once, every
address is checked, one of exactly these is dialled, and the peer is checked again; the host name
stays what TLS and the Host header see. Each blocking call waits in short slices, so the total
deadline of the fetch, the longest silence and an abort hold everywhere: in DNS, connecting, the TLS
handshake, headers and body, also when a byte a second arrives.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, TypeVar

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.wait import wait_for_write

from scraper.base.errors import (
    ErrorKind,
    FinalFetchError,
    InterruptedFetchError,
    TransientFetchError,
)
from scraper.base.kernel_timeouts import end_calls_after
from scraper.net.guard import check_address, check_port
from scraper.net.host_access import HostAccess
from scraper.net.interim_answers import PatientResponse
from scraper.net.name_resolution import Names
from scraper.net.public_addresses import Network

SLICE_S: Final = 0.2
MAX_ADDRESSES_TRIED: Final = 4

T = TypeVar("T")


@dataclass(slots=True)
class Abort:
    """A flag that a signal handler may set: an Event's lock could be held by the thread it
    interrupts.
    """

    is_set: bool = False


@dataclass(slots=True)
class Exchange:
    """One fetch, redirects included: its limits and what happened to its connection so far."""

    url: str
    deadline: float
    connect_timeout_s: float
    read_timeout_s: float
    clock: Callable[[], float]
    abort: Abort
    dialler: Dialler
    has_dialled: bool = False
    has_sent: bool = False

    def left_s(self, until: float) -> float:
        """Seconds until `until` or the deadline. Raises InterruptedFetchError after an abort."""
        if self.abort.is_set:
            raise InterruptedFetchError(self.url)
        return min(until, self.deadline) - self.clock()

    def patiently(self, timeout_s: float, attempt: Callable[[float], T]) -> T:
        """Call `attempt(seconds)` until it no longer says that its time was too short.

        Raises TimeoutError saying which limit it was.
        """
        until = self.clock() + timeout_s
        while (left_s := self.left_s(until)) > 0:
            try:
                return attempt(min(left_s, SLICE_S))
            except (TimeoutError, BlockingIOError):
                continue
        if until < self.deadline:
            raise TimeoutError(f"no answer for {timeout_s:g} s")
        raise TimeoutError("the total time is up")


CURRENT: ContextVar[Exchange] = ContextVar("current exchange")
"""The fetch that this thread is working on: urllib3 offers no way to hand it to a socket."""


class PatientSocket(socket.socket):
    """A socket whose every call obeys the current exchange.

    The kernel ends each call after a slice (`end_calls_after`).
    """

    def settimeout(self, value: float | None) -> None:
        """The exchange alone says how long a call may take."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        return _patiently(lambda _: socket.socket.recv_into(self, *args, **kwargs))

    def sendall(self, data: Any, flags: int = 0) -> None:
        CURRENT.get().has_sent = True
        rest = memoryview(data).cast("B")
        while rest:
            sent = _patiently(lambda _, part=rest: socket.socket.send(self, part, flags))  # type: ignore[misc]
            rest = rest[sent:]


class PatientTlsSocket(ssl.SSLSocket):
    """The same over TLS, whose calls know Python's time-out only; its `sendall` calls `send`."""

    def settimeout(self, value: float | None) -> None:
        """As above."""
        self._wait(SLICE_S)

    def do_handshake(self, block: bool = False) -> None:
        self._patiently(lambda: ssl.SSLSocket.do_handshake(self))

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        return self._patiently(lambda: ssl.SSLSocket.recv_into(self, *args, **kwargs))

    def send(self, data: Any, flags: int = 0) -> int:
        CURRENT.get().has_sent = True
        return self._patiently(lambda: ssl.SSLSocket.send(self, data, flags))

    def _patiently(self, operation: Callable[[], T]) -> T:
        def attempt(timeout_s: float) -> T:
            self._wait(timeout_s)
            return operation()

        return _patiently(attempt)

    def _wait(self, timeout_s: float) -> None:
        if self.gettimeout() != timeout_s:  # a call of the system each time, mostly for nothing
            super().settimeout(timeout_s)


def _patiently(attempt: Callable[[float], T]) -> T:
    exchange = CURRENT.get()
    return exchange.patiently(exchange.read_timeout_s, attempt)


@dataclass(frozen=True)
class Dialler:
    """Opens connections; `allowed` are the networks that are open although they are not public."""

    names: Names
    allowed: tuple[Network, ...]

    def dial(self, host: str, port: int, *, is_proxy: bool = False) -> PatientSocket:
        """A connection to `host`. A proxy that the operator chose may stand anywhere.

        Raises BlockedAddressError when any of its addresses is not public: an honest dealer's name
        has no such address, and one beside a public one is how a re-binding name looks.
        """
        exchange = CURRENT.get()
        exchange.has_dialled = True
        addresses = self._addresses(exchange, host, port)
        if not is_proxy:
            for address in addresses:
                check_address(address, allowed=self.allowed, url=exchange.url)
            check_port(port, addresses, allowed=self.allowed, url=exchange.url)
        sock = _connect_to_any(exchange, addresses[:MAX_ADDRESSES_TRIED], host, port)
        if not is_proxy:
            self._check_peer(exchange, sock)
        return sock

    def _addresses(self, exchange: Exchange, host: str, port: int) -> tuple[str, ...]:
        with contextlib.suppress(ValueError):
            return (str(ip_address(host)),)

        def wait(done: threading.Event) -> None:
            def attempt(timeout_s: float) -> None:
                if not done.wait(timeout_s):
                    raise TimeoutError

            exchange.patiently(exchange.read_timeout_s, attempt)

        try:
            return self.names.addresses(host, port, wait=wait)
        except TimeoutError as exc:
            detail = f"the name server does not answer for {host}"
            raise TransientFetchError(exchange.url, ErrorKind.DNS, detail) from exc
        except OSError as exc:
            raise TransientFetchError(exchange.url, ErrorKind.DNS, str(exc)) from exc

    def _check_peer(self, exchange: Exchange, sock: PatientSocket) -> None:
        try:
            check_address(sock.getpeername()[0], allowed=self.allowed, url=exchange.url)
        except OSError as exc:
            sock.close()
            raise TransientFetchError(exchange.url, ErrorKind.CONNECT, str(exc)) from exc
        except BaseException:
            sock.close()
            raise


def _connect_to_any(
    exchange: Exchange, addresses: tuple[str, ...], host: str, port: int
) -> PatientSocket:
    """The first address that answers; all of them together get the time for one connection."""
    until = exchange.clock() + exchange.connect_timeout_s
    error: OSError = TimeoutError("no time left")
    for tried, address in enumerate(addresses):
        left_s = exchange.left_s(until)
        if left_s <= 0:
            break
        try:
            return _connect(exchange, address, port, left_s / (len(addresses) - tried))
        except OSError as exc:
            error = exc
    kind = ErrorKind.TIMEOUT if isinstance(error, TimeoutError) else ErrorKind.CONNECT
    detail = (
        f"cannot connect to {host} port {port}: {error.strerror or error or 'no answer in time'}"
    )
    raise TransientFetchError(exchange.url, kind, detail) from error


def _connect(exchange: Exchange, address: str, port: int, timeout_s: float) -> PatientSocket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = PatientSocket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        try:
            sock.connect((address, port))
        except BlockingIOError:
            exchange.patiently(timeout_s, lambda slice_s: _wait_connected(sock, slice_s))
        end_calls_after(sock, SLICE_S)
        return sock
    except BaseException:
        sock.close()
        raise


def _wait_connected(sock: socket.socket, timeout_s: float) -> None:
    if not wait_for_write(sock, timeout=timeout_s):
        raise TimeoutError
    if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        error = OSError(code, os.strerror(code))
        if isinstance(error, TimeoutError):  # the kernel gave up: waiting longer is no use
            raise ConnectionError("the host does not answer")
        raise error


def _close_for_good(sock: socket.socket | None) -> None:
    """Close the descriptor, even while an unreadable answer still refers to the socket."""
    if sock is not None and (descriptor := sock.detach()) >= 0:
        os.close(descriptor)


_SIGNS_OF_OLD_TLS: Final = (
    "HANDSHAKE_FAILURE", "NO_CIPHERS_AVAILABLE", "NO_SHARED_CIPHER", "UNSUPPORTED_PROTOCOL",
    "PROTOCOL_VERSION", "DH_KEY_TOO_SMALL", "UNSAFE_LEGACY_RENEGOTIATION", "WRONG_SIGNATURE_TYPE",
    "VERSION_TOO_LOW", "BAD_KEY_SHARE", "INSUFFICIENT_SECURITY", "INTERNAL_ERROR",
)  # fmt: skip
"""What OpenSSL says when the two sides have no way of TLS in common."""


class GuardedConnection(HTTPConnection):
    """An HTTP connection opened by the exchange's dialler."""

    response_class = PatientResponse

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        sock = self.sock
        try:
            return super().getresponse()
        except BaseException:
            _close_for_good(sock)
            raise

    def _new_conn(self) -> socket.socket:
        return CURRENT.get().dialler.dial(
            self._dns_host, self.port or self.default_port, is_proxy=self.proxy is not None
        )


class GuardedTlsConnection(GuardedConnection, HTTPSConnection):
    """The same over TLS, with the handshake's errors told apart."""

    def connect(self) -> None:
        exchange = CURRENT.get()
        try:
            super().connect()
        except (ssl.SSLCertVerificationError, ssl.CertificateError) as exc:
            detail = (
                f"the certificate of {self.host} cannot be trusted: {exc} "
                "(the dealer's setting verify_tls=false does without)"
            )
            raise FinalFetchError(exchange.url, ErrorKind.TLS, detail) from exc
        except TimeoutError as exc:
            detail = f"TLS with {self.host}: {exc}"
            raise TransientFetchError(exchange.url, ErrorKind.TIMEOUT, detail) from exc
        except OSError as exc:  # ssl.SSLError is one
            detail = f"TLS with {self.host} failed: {exc}"
            if any(sign in str(exc) for sign in _SIGNS_OF_OLD_TLS):
                detail += " (if the server is old: the dealer's setting old_tls=true speaks to it)"
            raise TransientFetchError(exchange.url, ErrorKind.TLS, detail) from exc


class GuardedPool(HTTPConnectionPool):
    ConnectionCls = GuardedConnection


class GuardedTlsPool(HTTPSConnectionPool):
    ConnectionCls = GuardedTlsConnection

    def _validate_conn(self, conn: Any) -> None:
        """As urllib3's, without its warning: the session logs its own at each unverified fetch."""
        if conn.is_closed:
            conn.connect()


POOLS: Final = {"http": GuardedPool, "https": GuardedTlsPool}


class TlsContexts:
    """One TLS context for each way to ask, made when it is first needed."""

    def __init__(self, *, ca_file: str | None, certificates: str) -> None:
        self._ca_file = ca_file
        self._certificates = certificates
        self._lock = threading.Lock()
        self._made: dict[tuple[bool, bool], ssl.SSLContext] = {}

    def for_access(self, access: HostAccess) -> ssl.SSLContext:
        """The context that trusts and speaks what `access` says."""
        key = (access.verify_tls, access.old_tls)
        with self._lock:
            if key not in self._made:
                self._made[key] = self._make(access)
            return self._made[key]

    def _make(self, access: HostAccess) -> ssl.SSLContext:
        """Trusts the bundle, the system's store and the further file, or everything."""
        if access.verify_tls:
            context = ssl.create_default_context(cafile=self._certificates)
            context.load_default_certs()
            if self._ca_file is not None:
                context.load_verify_locations(cafile=self._ca_file)
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if access.old_tls:
            with warnings.catch_warnings():  # that it is old is why it was asked for
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.TLSv1
            context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")
            context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)
        context.sslsocket_class = PatientTlsSocket
        return context
