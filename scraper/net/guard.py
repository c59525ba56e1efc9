"""Which URLs may be asked for at all; it decides, but never resolves a name or opens a socket.

No request may leave for an address that is not public, whatever a page, a redirect or a name server
says. `check_url` refuses what is wrong to look at; `check_address` judges the address that is
really dialled (dialling.py calls it for every candidate and again for the peer), so that
neither an odd spelling nor a name that changes its mind gets round it.

Why not requests-hardened, which is made for this: it looks at the first address of a name only,
dials by rewriting the URL to that address, lets NAT64 /48, ISATAP, Teredo, site-local and
168.63.129.16 through or leaves them to the Python release, opens loopback only as a whole, and has
no total deadline. Such a deadline needs a socket class of our own in any case, and once connections
are ours the check belongs into the one place where they are made; what would remain of the library
is its list of networks.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

import idna

from scraper.base.errors import BadUrlError, BlockedAddressError, SettingsError
from scraper.base.settings import Settings
from scraper.net.public_addresses import Network, is_within, refusal

MAX_URL_CHARS: Final = 2048
DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)


@dataclass(frozen=True)
class CheckedUrl:
    """A URL taken apart; `url` is rebuilt from the parts, so what was checked is what is sent.

    `host` is lower-case ASCII without brackets; `address` is set when it is an address, not a name.
    """

    url: str
    scheme: str
    host: str
    port: int
    address: str | None


def check_url(url: str, *, allowed: Iterable[Network | str] = ()) -> CheckedUrl:
    """Return the parts of an http(s) URL that may be tried.

    A port other than 80 and 443 passes only with `allowed` networks: at once for an address inside
    them, for a name when every address it resolves to lies there (`check_port`, at dialling).

    Raises BadUrlError for a URL that nobody should ever ask for, BlockedAddressError for one whose
    address or port is not public (these two differ: opening a network cannot mend a bad URL).
    """
    text = url.strip(" ")
    parts = _split(text)
    if parts.scheme not in DEFAULT_PORTS:
        raise BadUrlError(url, f"only http and https are fetched, not {parts.scheme or 'this'!r}")
    if "@" in parts.netloc:
        raise BadUrlError(_without_userinfo(url), "a user name or password stands in the URL")
    host, port = _host_and_port(text, parts)
    networks = as_networks(allowed)
    address = host if _is_address(host) else None
    if address is not None:
        check_address(address, allowed=networks, url=text)
    check_port(port, [address] if address else [], allowed=networks, url=text)
    return CheckedUrl(_rebuilt(parts, host, port), parts.scheme, host, port, address)


def check_address(address: str, *, allowed: Iterable[Network | str] = (), url: str = "") -> None:
    """Raises BlockedAddressError unless `address` is public or lies in one of the `allowed`
    networks.
    """
    why = refusal(address, as_networks(allowed))
    if why is not None:
        raise BlockedAddressError(url or address, f"the address is not public: {why}")


def check_port(
    port: int, addresses: Iterable[str], *, allowed: Iterable[Network | str] = (), url: str = ""
) -> None:
    """Raises BlockedAddressError for an odd port, unless all `addresses` lie in the `allowed`
    networks.
    """
    if port in DEFAULT_PORTS.values():
        return
    networks = as_networks(allowed)
    if not networks or not all(is_within(address, networks) for address in addresses):
        raise BlockedAddressError(url, f"port {port} is neither 80 nor 443")


def host_of(url: str) -> str:
    """The key of a host's limits: lower-case ASCII, `:port` only where odd, "" if unreadable.

    Never raises, and judges nothing.
    """
    try:
        parts = _split(url.strip(" "))
        host, port = _host_and_port(url, parts)
    except BadUrlError:
        return ""
    return host if port in DEFAULT_PORTS.values() else f"{host}:{port}"


def as_networks(networks: Iterable[Network | str]) -> tuple[Network, ...]:
    return tuple(ip_network(one) if isinstance(one, str) else one for one in networks)


def refuse_environment_proxies(settings: Settings) -> None:
    """Raises SettingsError when the environment names a proxy that nobody said may be used."""
    if settings.proxy_variables and not settings.allow_proxy:
        raise SettingsError(
            f"{', '.join(settings.proxy_variables)} is set, but a proxy would choose the addresses "
            "and so void the address guard: unset it, or set ALLOW_PROXY=1 to use it all the same."
        )


def _split(url: str) -> SplitResult:
    if len(url) > MAX_URL_CHARS:
        raise BadUrlError(url[:100] + "…", f"longer than {MAX_URL_CHARS} characters")
    if _CONTROL.search(url):
        raise BadUrlError(_CONTROL.sub("?", url), "control characters in the URL")
    if "\\" in url:
        raise BadUrlError(url, "a backslash in the URL, which programs read differently")
    try:
        url.encode()
        return urlsplit(url)
    except ValueError as exc:
        raise BadUrlError(url.encode(errors="replace").decode(), f"cannot be read: {exc}") from exc


def _host_and_port(url: str, parts: SplitResult) -> tuple[str, int]:
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise BadUrlError(url, f"the port cannot be read: {exc}") from exc
    if not host:
        raise BadUrlError(url, "no host in the URL")
    if port == 0 or parts.netloc.endswith(":"):
        raise BadUrlError(url, "port 0 or no port after the colon")
    if "[" in parts.netloc:
        if not _is_address(host):
            raise BadUrlError(url, f"[{host}] is not an IPv6 address (scope ids are refused)")
        return str(ip_address(host)), port or DEFAULT_PORTS.get(parts.scheme, 0)
    return _checked_name(url, host), port or DEFAULT_PORTS.get(parts.scheme, 0)


def _checked_name(url: str, host: str) -> str:
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError as exc:
            raise BadUrlError(url, f"the host is no domain name: {exc}") from exc
    name = host.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadUrlError(url, "the host is no domain name")
    if _NUMBER.fullmatch(labels[-1]) and not _is_address(name):
        raise BadUrlError(url, f"the host is a number in disguise ({_spelled_out(name)})")
    return name


def _spelled_out(name: str) -> str:
    try:
        return f"{name} means {socket.inet_ntoa(socket.inet_aton(name))}"
    except OSError:
        return name


@lru_cache(maxsize=1024)
def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _rebuilt(parts: SplitResult, host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    netloc = shown if port == DEFAULT_PORTS[parts.scheme] else f"{shown}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, parts.fragment))


def _without_userinfo(url: str) -> str:
    return re.sub(r"//[^/?#]*@", "//…@", url, count=1)
