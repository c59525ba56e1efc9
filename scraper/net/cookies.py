"""Cookies for the length of one fetch: a shop that sets one and redirects to itself wants it back.

Nothing outlives the fetch, and nothing goes to another host than the one that set it, except to the
same name with or without www.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MOST_COOKIES: Final = 20
LONGEST_COOKIE: Final = 4096
_PAIR = re.compile(r"\s*([^\s=;,\x00-\x1f\x7f]+)\s*=\s*([^;\x00-\x1f\x7f]*)")
_OVER = re.compile(r";\s*max-age\s*=\s*(?:-\d+|0+)\s*(?:;|$)", re.IGNORECASE)
_OVER_LONG_AGO = re.compile(r";\s*expires\s*=[^;]*\b(?:19\d\d|200\d)\b", re.IGNORECASE)
_SECURE = re.compile(r";\s*secure\s*(?:;|$)", re.IGNORECASE)


class Cookies:
    """What the hosts of one fetch have set so far."""

    def __init__(self) -> None:
        self._set: dict[tuple[str, str], tuple[str, bool]] = {}

    def hear(self, host: str, lines: Iterable[str]) -> None:
        """Take the values of an answer's Set-Cookie headers; odd ones are passed over."""
        for line in lines:
            found = _PAIR.match(line)
            if found is None or len(line) > LONGEST_COOKIE or not line.isascii():
                continue
            key = (_site(host), found[1])
            if _OVER.search(line) or _OVER_LONG_AGO.search(line):
                self._set.pop(key, None)
            elif key in self._set or len(self._set) < MOST_COOKIES:
                self._set[key] = (found[2].strip(), bool(_SECURE.search(line)))

    def header(self, host: str, *, is_secure: bool) -> dict[str, str]:
        """The Cookie header for `host`; empty when there is nothing to say."""
        pairs = [
            f"{name}={value}"
            for (site, name), (value, needs_tls) in self._set.items()
            if site == _site(host) and (is_secure or not needs_tls)
        ]
        return {"Cookie": "; ".join(pairs)} if pairs else {}


def _site(host: str) -> str:
    return host.removeprefix("www.")
