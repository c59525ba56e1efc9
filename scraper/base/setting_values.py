"""What a variable may hold: each reader takes its text and returns the value.

A ValueError says what was expected, as the end of a sentence; it does not know for which variable.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def header(raw: str) -> str:
    if not (raw.isascii() and raw.isprintable()):
        raise ValueError("one line of plain letters (ASCII), for it is sent as a header")
    return raw


def bucket(raw: str) -> str:
    # What Supabase allows in a bucket's name; "." and ".." would lead out of the bucket's folder.
    if not re.fullmatch(r"[A-Za-z0-9_!.*'() &$=@;:+,?-]{1,100}", raw) or set(raw) == {"."}:
        raise ValueError("the name of a bucket: letters, digits, '-', '_', no slash")
    return raw


def _number(
    convert: Callable[[str], Any], is_fine: Callable[[Any], bool], expected: str
) -> Callable[[str], Any]:
    """A parser that says what it expected, for whatever it was given instead."""

    def parse(raw: str) -> Any:
        try:
            value = convert(raw)
        except ValueError:
            raise ValueError(expected) from None
        if not is_fine(value):
            raise ValueError(expected)
        return value

    return parse


# Clocks and locks of the system take no endless waits, and nobody means one.
_LONGEST_S = 1_000_000
seconds = _number(float, lambda s: 0 <= s <= _LONGEST_S, "a number of seconds, 0 or more")
positive_seconds = _number(float, lambda s: 0 < s <= _LONGEST_S, "a number of seconds above 0")
count = _number(int, lambda n: n >= 1, "a whole number above 0")
count_or_zero = _number(int, lambda n: n >= 0, "a whole number, 0 or more")
port = _number(int, lambda n: 1 <= n <= 65535, "a port from 1 to 65535")


def _bound(expected: str, units: Mapping[str, float]) -> Callable[[str], float | None]:
    """A parser of a bound, 0 or more, with a unit or without; `off` is None."""

    def parse(raw: str) -> float | None:
        if raw.strip().lower() == "off":
            return None
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z%]*)", raw.strip().lower())
        if found is None or found[2] not in units:
            raise ValueError(expected)
        return float(found[1]) * units[found[2]]

    return parse


most = _bound("a number, 0 or more, or off", {"": 1})
percent = _bound("a number of percent, 0 or more, or off", {"": 1, "%": 1})
hours = _bound(
    "a number of hours (or 90min, 36h, 2d), or off",
    {"": 1, "h": 1, "min": 1 / 60, "m": 1 / 60, "d": 24},
)


def words(raw: str) -> tuple[str, ...]:
    found = tuple(raw.replace(",", " ").split())
    if not found:
        raise ValueError("one or more words")
    return found


def on_or_off(raw: str) -> float | None:
    """A rule that has no bound: on is 0, for not one is allowed."""
    return 0.0 if flag(raw) else None


def flag(raw: str) -> bool:
    if raw.lower() in {"1", "true", "yes", "on"}:
        return True
    if raw.lower() in {"0", "false", "no", "off"}:
        return False
    raise ValueError("1 or 0")


def level(raw: str) -> str:
    if raw.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("DEBUG, INFO, WARNING or ERROR")
    return raw.upper()


def languages(raw: str) -> str:
    if not (raw.isascii() and raw.isprintable() and raw.strip()):
        raise ValueError("a list of languages such as ja, en;q=0.5")
    return raw.strip()


def log_format(raw: str) -> str:
    if raw.lower() not in {"text", "json"}:
        raise ValueError("text or json")
    return raw.lower()


def path(raw: str) -> Path:
    return Path(raw).expanduser().resolve()


def networks(raw: str) -> tuple[Network, ...]:
    parts = raw.replace(",", " ").split()
    try:
        return tuple(ipaddress.ip_network(part) for part in parts)
    except ValueError as exc:
        raise ValueError(f"a list of networks such as 127.0.0.0/8 ({exc})") from None
