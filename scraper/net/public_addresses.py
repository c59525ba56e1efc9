"""Which network addresses are public, as pure arithmetic; it knows neither URLs nor sockets.

The ranges are the union of what go-camo, imgproxy, Discourse, Mastodon, smokescreen and
requests-hardened refuse, plus Azure's wire server. `ipaddress.is_global` alone is not enough: it
lets multicast, NAT64, 6to4, ISATAP, site-local and others through (Python 3.11), and changes
between patch releases, so the list is complete by itself and `is_global` is only asked afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REFUSED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's wire server"),
        ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "IETF protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "automatic multicast tunnelling"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("100::/64", "discard-only"),
        ("100:0:0:1::/64", "dummy prefix"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "IETF protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "unique local"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "old site-local"),
        ("ff00::/8", "multicast"),
    )
)
_UNICAST = ip_network("2000::/3")  # all of IPv6 that was ever given out
_NAT64 = ip_network("64:ff9b::/96")
_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")
_COMPATIBLE = ip_network("::/96")
_ISATAP_MARKS = (0x00005EFE, 0x02005EFE)


def refusal(address: str, allowed: Iterable[Network] = ()) -> str | None:
    """Why nothing may be sent to `address` (IPv4, or IPv6 with or without scope), None if it may.

    `allowed` opens whole networks. An address that carries an IPv4 one inside must pass as both: an
    opened NAT64 prefix does not open loopback behind it. IPv4-mapped addresses *are* IPv4 and
    judged as that.
    """
    return _refusal(address, tuple(allowed))


@lru_cache(maxsize=4096)
def _refusal(address: str, networks: tuple[Network, ...]) -> str | None:
    if "%" in address:
        return f"{address} has a scope id"
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"{address!r} is not an address"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        inner = _refusal_of(parsed.ipv4_mapped, networks)
        return inner and f"{parsed} carries {inner}"
    outer = _refusal_of(parsed, networks)
    carried = embedded_ipv4(parsed)
    if carried is None:
        return outer
    inner = _refusal_of(carried, networks)
    if outer and inner:
        return f"{outer}, carrying {inner}"
    return outer or (inner and f"{parsed} carries {inner}")


def is_within(address: str, networks: Iterable[Network]) -> bool:
    """Whether `address` lies in one of `networks`; an IPv4-mapped one counts as its IPv4 one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


def embedded_ipv4(address: Address) -> IPv4Address | None:
    """The IPv4 address that a tunnel or translator would deliver to, or None."""
    if isinstance(address, IPv4Address):
        return None
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    number = int(address)
    if address in _LOCAL_NAT64:  # RFC 6052, prefix of 48 bits: 16 bits, the `u` octet, 16 bits
        return IPv4Address((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF)
    if address in _NAT64 or (address in _COMPATIBLE and number > 1):
        return IPv4Address(number & 0xFFFFFFFF)
    if number >> 32 & 0xFFFFFFFF in _ISATAP_MARKS:
        return IPv4Address(number & 0xFFFFFFFF)
    return None


def _refusal_of(address: Address, allowed: tuple[Network, ...]) -> str | None:
    if any(address in network for network in allowed):
        return None
    for network, why in _REFUSED:
        if address in network:
            return f"{address} ({why})"
    if isinstance(address, IPv6Address) and int(address) >> 32 & 0xFFFFFFFF in _ISATAP_MARKS:
        return f"{address} (ISATAP)"
    if not address.is_global or (isinstance(address, IPv6Address) and address not in _UNICAST):
        return f"{address} (not public)"
    return None
