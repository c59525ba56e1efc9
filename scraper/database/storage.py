"""The objects of one bucket over HTTP: put, copy, read, remove; it knows no listing.

Written on urllib3 instead of storage3, which hides the body's own error code, takes no spooled file
and sends multipart through a pool with one lock for all threads. An upload is one raw body: the
server then knows its length beforehand and reads the cache time from the header (supabase/storage,
uploader.ts).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError

from scraper.base.errors import StorageError, StorageRejectedError
from scraper.database import faults
from scraper.database.faults import (
    TRANSIENT_STORAGE,
    TRIES,
    no_receipt,
    repeat,
    storage_error,
    storage_unreachable,
)

YEAR_S = 31_536_000
REMOVED_AT_ONCE = 200
FIRST_BYTE = {"range": "bytes=0-0"}
NO_SUCH_RANGE = 416
OTHER_THINGS = ("text/html", "application/xhtml", "application/json")
SERVER_ERROR = 500
"""Of a lost file some servers know only this, so it is an answer about one object, too."""
LONGEST_REFUSAL = 64 * 1024
READ_BYTES = 64 * 1024


class Sink(Protocol):
    """Where a download goes."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True)
class BucketSettings:
    """What a bucket itself says: who may read it, and what it takes; None where it sets nothing."""

    is_public: bool
    max_bytes: int | None = None
    allowed_types: tuple[str, ...] | None = None

    def takes(self, content_type: str) -> bool:
        """Whether objects of this type are taken."""
        if self.allowed_types is None:
            return True
        group = content_type.partition("/")[0]
        return any(one in ("*/*", f"{group}/*", content_type) for one in self.allowed_types)


class Storage:
    """One bucket. Thread-safe. Every failure is a StorageError; only reads and removals repeat."""

    def __init__(
        self,
        http: urllib3.PoolManager,
        *,
        url: str,
        headers: Mapping[str, str],
        bucket: str,
        has_ended: Callable[[], str | None] = lambda: None,
        patience_s: float = 0.0,
        key_is_ours: bool = False,
    ) -> None:
        self._http = http
        self._key_is_ours = key_is_ours
        self._patience_s = patience_s
        self._has_ended = has_ended
        self._opened = time.monotonic()
        self._api = f"{url}/storage/v1"
        self._root = f"{self._api}/object"
        self._headers = headers
        self._nobody = {
            name: value for name, value in headers.items() if name.lower() == "user-agent"
        }
        self.bucket = bucket

    def public_url(self, path: str) -> str:
        """The address anybody may read the object from."""
        return f"{self._root}/public/{self._name(path)}"

    def upload(
        self,
        path: str,
        file: bytes | Path | BinaryIO,
        *,
        content_type: str,
        cache_for_s: int = YEAR_S,
    ) -> None:
        """Write the whole of `file` under `path`, over whatever is there."""
        if isinstance(file, Path):
            with file.open("rb") as opened:
                return self.upload(path, opened, content_type=content_type, cache_for_s=cache_for_s)
        self._write(
            self._name(path),
            path=path,
            headers={
                "x-upsert": "true",
                "cache-control": f"max-age={cache_for_s}",
                "content-type": content_type,
                "content-length": str(_size_of(file)),
            },
            body=file,
        )
        return None

    def copy(self, source: str, target: str) -> None:
        """Copy inside the bucket. A StorageRejectedError's `status` is 409 when the target is
        there already and 404 when the source is not."""
        body = {"bucketId": self.bucket, "sourceKey": source, "destinationKey": target}
        self._write("copy", path=target, **_json_body(body))

    def download(self, path: str, sink: Sink | None = None) -> bytes:
        """Write the object to `sink`, or return it when there is none.

        Raises StorageRejectedError with status 404 when there is no such object.
        """
        target = BytesIO() if sink is None else sink
        self._send("GET", self._name(path), path=path, sink=target)
        return target.getvalue() if isinstance(target, BytesIO) and sink is None else b""

    def stat(self, path: str, *, tries: int = TRIES) -> int | None:
        """The size of the object in bytes, as its file has it; None when there is none.

        The real server answers HEAD from its record of the object, which outlives the file, so a
        byte of the file is asked for.
        """
        return repeat(lambda: self._size(path), tries=tries)

    def _size(self, path: str) -> int | None:
        where = f"{self._root}/{self._name(path)}"
        with self._answered("GET", where, path=path, headers=FIRST_BYTE) as answer:
            if answer.status == NO_SUCH_RANGE:  # no byte, but a file: an empty one
                return 0
            if answer.status >= 300:
                refusal = self._refused(answer, path)
                if refusal.status == 404 and not _is_fatal(refusal):
                    return None
                raise refusal
            return _whole_size(answer)

    def look(self, path: str, *, tries: int = TRIES) -> str | None:
        """Why a visitor without a key does not get this object as a picture; None: he does."""
        return repeat(lambda: self._look(path), tries=tries, patience_s=self._patience())

    def _look(self, path: str) -> str | None:
        with self._answered(
            "GET", self.public_url(path), path=path, headers=FIRST_BYTE, has_key=False
        ) as answer:
            if answer.status in TRANSIENT_STORAGE and answer.status != SERVER_ERROR:
                raise self._refused(answer, path)
            if answer.status not in (200, 206):
                return f"HTTP {answer.status}: {_words_of(answer)}"
            kind = answer.headers.get("content-type", "")
            if kind.startswith(OTHER_THINGS):  # an old copy may have any type, and is shown
                return f"something else comes in its place ({kind})"
            return None if answer.read(1) else "nothing comes, although it is said to be there"

    def settings(self, *, tries: int = TRIES) -> BucketSettings | None:
        """What the bucket says about itself; None when there is no such bucket."""
        return repeat(self._settings, tries=tries, patience_s=self._patience())

    def _patience(self) -> float:
        """The first calls of a command are repeated for as long as those in the middle of a run."""
        is_first = time.monotonic() - self._opened < faults.FIRST_S
        return self._patience_s if is_first else 0.0

    def _settings(self) -> BucketSettings | None:
        with self._answered("GET", f"{self._api}/bucket/{quote(self.bucket)}", path=None) as answer:
            if answer.status >= 300:
                refusal = self._refused(answer, None)
                if refusal.status == 404:
                    return None
                raise refusal
            said = _as_json(answer.read())
        if not isinstance(said, dict):
            raise no_receipt(self.bucket)
        limit, types = said.get("file_size_limit"), said.get("allowed_mime_types")
        return BucketSettings(
            said.get("public", True) is True,
            limit if isinstance(limit, int) and limit > 0 else None,
            tuple(map(str, types)) if isinstance(types, list) and types else None,
        )

    def remove(self, names: Sequence[str]) -> list[str]:
        """Remove these objects and return the names that were there; missing ones are no error."""
        removed: list[str] = []
        for start in range(0, len(names), REMOVED_AT_ONCE):
            removed += self._remove(list(names[start : start + REMOVED_AT_ONCE]))
        return removed

    def _remove(self, names: list[str]) -> list[str]:
        answer = repeat(
            lambda: self._send("DELETE", self.bucket, **_json_body({"prefixes": names}))
        )
        return [str(one["name"]) for one in json.loads(answer)]

    def _write(self, where: str, *, path: str, **content: Any) -> None:
        """A gateway's page with status 200 is no receipt: nothing was written."""
        if not isinstance(_as_json(self._send("POST", where, path=path, **content)), dict):
            raise no_receipt(path)

    def _name(self, path: str) -> str:
        return f"{self.bucket}/{quote(path, safe='/')}"

    def _send(
        self,
        method: str,
        where: str,
        *,
        path: str | None = None,
        sink: Sink | None = None,
        **content: Any,
    ) -> bytes:
        with self._answered(method, f"{self._root}/{where}", path=path, **content) as answer:
            if answer.status >= 300:
                raise self._refused(answer, path)
            if sink is None:
                return answer.read()
            for chunk in answer.stream(READ_BYTES):
                sink.write(chunk)
            return b""

    def _refused(self, answer: urllib3.BaseHTTPResponse, path: str | None) -> StorageError:
        body = _as_json(_refusal(answer))
        return storage_error(
            answer.status, body, bucket=self.bucket, path=path, key_is_ours=self._key_is_ours
        )

    @contextmanager
    def _answered(
        self,
        method: str,
        url: str,
        *,
        path: str | None,
        has_key: bool = True,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """The answer while it is read; what is left of it then is not read any more.

        A real storage server that refuses early leaves our body unread, and the next request on
        that connection stalls until its time-out: a connection is used again only after an answer
        that was read to its end and was no refusal.
        """
        if body is not None and not isinstance(body, bytes):
            body.seek(0)
        try:
            answer = self._http.request(
                method,
                url,
                headers={**(self._headers if has_key else self._nobody), **(headers or {})},
                body=body,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            if answer.status >= 300:
                _use_no_more(answer)
            try:
                yield answer
            finally:
                if not _is_read(answer):
                    answer.close()
                answer.release_conn()
        except HTTPError as exc:
            if ended := self._has_ended():
                raise StorageRejectedError(ended, path=path, fatal=True) from exc
            raise storage_unreachable(exc, path) from exc


def _json_body(content: object) -> dict[str, Any]:
    return {
        "headers": {"content-type": "application/json"},
        "body": json.dumps(content).encode(),
    }


def _whole_size(answer: urllib3.BaseHTTPResponse) -> int:
    """The size of the file of which a byte came, or all of it from a server without ranges."""
    _, found, total = answer.headers.get("content-range", "").rpartition("/")
    length = answer.headers.get("content-length", "")
    first = answer.read(1)
    if answer.status == 206 and found and total.isdecimal():
        return int(total) if first else 0
    if length.isdecimal() and int(length) > LONGEST_REFUSAL:
        return int(length)
    return len(first) + len(answer.read())  # read to its end, its connection may be used again


def _is_fatal(refusal: StorageError) -> bool:
    return isinstance(refusal, StorageRejectedError) and refusal.fatal


def _words_of(answer: urllib3.BaseHTTPResponse) -> str:
    """What a refusal says in JSON, or that it says nothing."""
    said = _as_json(_refusal(answer))
    known = said if isinstance(said, dict) else {}
    return str(known.get("message") or known.get("error") or "a page without a reason")[:200]


def _size_of(file: bytes | BinaryIO) -> int:
    return len(file) if isinstance(file, bytes) else file.seek(0, SEEK_END)


def _use_no_more(answer: urllib3.BaseHTTPResponse) -> None:
    """Take the socket from the connection; it lives on until this answer is read or closed."""
    connection: Any = answer.connection
    if connection is not None and connection.sock is not None:
        connection.sock.close()
        connection.sock = None


def _is_read(answer: urllib3.BaseHTTPResponse) -> bool:
    left = getattr(answer, "length_remaining", None)
    return left == 0 or answer.closed


def _refusal(answer: urllib3.BaseHTTPResponse) -> bytes:
    """The body of a refusal, as far as anybody needs it."""
    return answer.read(LONGEST_REFUSAL)


def _as_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
