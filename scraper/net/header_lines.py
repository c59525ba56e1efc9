"""Makes of an answer's header what a browser reads in it; it knows no URLs and no sockets.

http.client ends the header at a line without a colon, takes what follows for the body, and does not
know a name with a space before its colon: the length or the chunks of the body are lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

LONGEST_HEADER: Final = 256 * 1024
"""As Chromium; http.client bounds a line by 64 KB and stops at 100 lines."""
MOST_FORWARDED: Final = 90
MOST_LINES: Final = 2000
LONGEST_LINE: Final = 65000
_ENDS: Final = (b"\r\n", b"\n", b"")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEARD: Final = frozenset(
    {
        b"cache-control", b"connection", b"content-encoding", b"content-length", b"content-range",
        b"content-type", b"date", b"etag", b"last-modified", b"location", b"retry-after",
        b"set-cookie", b"transfer-encoding",
    }
)  # fmt: skip
_ONCE: Final = frozenset({b"content-length"})


class HeaderTooLongError(ValueError):
    """More header than any honest server sends."""


class HeaderLines:
    """Stands before a socket's file while a header is read; `readline` gives lines put right.

    What cannot be read as `name: value` is passed over, a space before the colon too, and a length
    that is said twice counts once. Of very many lines those that nobody here reads are left out.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._lines: Iterator[bytes] | None = None

    def readline(self, limit: int = -1) -> bytes:
        if self._lines is None:
            self._lines = iter(readable(_raw_lines(self._file)))
        return next(self._lines, b"")


def readable(lines: list[bytes]) -> list[bytes]:
    """The lines of one header that http.client understands, its end included."""
    kept: list[bytes] = []
    said: set[bytes] = set()
    is_kept = False
    for line in lines:
        text = line.rstrip(b"\r\n")
        if text[:1] in (b" ", b"\t"):
            if is_kept and text.strip():  # an old way to go on with the value above
                kept[-1] = kept[-1].rstrip(b"\r\n") + b" " + text.strip() + b"\r\n"
            continue
        name, colon, value = text.partition(b":")
        name, value = name.rstrip(b" \t"), value.strip(b" \t")
        key = name.lower()
        if key in _ONCE and len(same := {one.strip() for one in value.split(b",")}) == 1:
            value = same.pop()
        whole = key + b":" + value
        is_kept = bool(colon and _NAME.fullmatch(name)) and not (key in _ONCE and whole in said)
        is_kept = is_kept and (key in _HEARD or len(kept) < MOST_FORWARDED // 2)
        if is_kept and len(kept) < MOST_FORWARDED:
            said.add(whole)
            kept.append(name + b": " + value.replace(b"\r", b" ")[:LONGEST_LINE] + b"\r\n")
        else:
            is_kept = False
    return [*kept, b"\r\n"]


def _raw_lines(file: Any) -> list[bytes]:
    lines: list[bytes] = []
    left = LONGEST_HEADER
    while left > 0 and len(lines) < MOST_LINES:
        line: bytes = file.readline(left)
        if line in _ENDS:
            return lines
        left -= len(line)
        lines.append(line)
    raise HeaderTooLongError(f"a header of more than {LONGEST_HEADER} bytes or {MOST_LINES} lines")
