"""The body of an answer: received whole and within bounds, or not at all; it asks for nothing."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from scraper.base.errors import (
    ErrorKind,
    FinalFetchError,
    InterruptedFetchError,
    TransientFetchError,
)
from scraper.net.answers import error_of_status, innermost
from scraper.net.dialling import Exchange
from scraper.net.guard import host_of
from scraper.net.unpacking import Unpacker

CHUNK_BYTES: Final = 256 * 1024
"""Most files in one piece: threads hand the interpreter on with each."""
PACKED: Final = {"gzip", "x-gzip", "deflate"}
UNREADABLE: Final = {"br", "zstd", "compress", "x-compress", "dcb", "dcz"}
"""Encodings that exist and that we cannot undo; made-up ones ("none", "utf-8") mean nothing."""
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)")
_DISCARD_BYTES: Final = 16 * 1024
_DISCARD_S: Final = 0.5


@dataclass(frozen=True)
class Limit:
    """The most bytes of a body, and the variable that says so."""

    bytes: int
    name: str | None


def receive(
    exchange: Exchange,
    response: requests.Response,
    limit: Limit,
    write: Callable[[bytes], object],
    *,
    good: set[int],
) -> None:
    """Hand the decoded body to `write` in chunks; only a whole body keeps the connection."""
    if response.status_code not in good or _is_a_part(response):
        discard(exchange, response)
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
        detail = f"the body did not come in time: {innermost(exc)}"
        raise TransientFetchError(exchange.url, ErrorKind.TIMEOUT, detail) from exc
    except (HTTPError, OSError, ValueError) as exc:  # ValueError: http.client on a bad chunk
        detail = f"the body was cut off: {innermost(exc)}"
        raise TransientFetchError(exchange.url, ErrorKind.TRUNCATED, detail) from exc


def discard(exchange: Exchange, response: requests.Response) -> None:
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


def _check_length(exchange: Exchange, headers: Mapping[str, str], limit: Limit) -> None:
    length = _declared_length(headers)
    if length is not None and length > limit.bytes:
        raise _too_large(exchange, limit, length)


def _declared_length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _too_large(exchange: Exchange, limit: Limit, length: int | None = None) -> FinalFetchError:
    size = "larger" if length is None else f"{length:,} bytes, more"
    setting = "" if limit.name is None else f" (setting {limit.name})"
    detail = f"{size} than the {limit.bytes:,} bytes allowed{setting}"
    return FinalFetchError(exchange.url, ErrorKind.TOO_LARGE, detail)


def says_where_it_ends(response: requests.Response) -> bool:
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
