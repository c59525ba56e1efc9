"""The objects of one bucket over HTTP: put, copy, read, remove; it knows no listing.

Written on urllib3 instead of storage3, which hides the body's own error code, takes no spooled file
and sends multipart through a pool with one lock for all threads. An upload is one raw body: the
server then knows its length beforehand and reads the cache time from the header (supabase/storage,
uploader.ts).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

import urllib3
from urllib3.exceptions import HTTPError

from scraper.base.errors import StorageRejectedError
from scraper.database.answers import (
    TRIES,
    no_receipt,
    repeat,
    storage_error,
    storage_unreachable,
)

YEAR_S = 31_536_000
REMOVED_AT_ONCE = 200
LONGEST_REFUSAL = 64 * 1024
READ_BYTES = 64 * 1024


class Sink(Protocol):
    """Where a download goes."""

    def write(self, data: bytes, /) -> object: ...


class Storage:
    """One bucket. Thread-safe. Every failure is a StorageError; only reads and removals repeat."""

    def __init__(
        self, http: urllib3.PoolManager, *, url: str, headers: Mapping[str, str], bucket: str
    ) -> None:
        self._http = http
        self._root = f"{url}/storage/v1/object"
        self._headers = headers
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

        The server's record of an object outlives the file, so the file is asked for (HEAD); the
        record is read only for the words of a refusal, which a HEAD has not.
        """
        return repeat(lambda: self._size(path), tries=tries)

    def _size(self, path: str) -> int | None:
        with self._answered("HEAD", self._name(path), path=path) as answer:
            if answer.status == 200 and "content-length" in answer.headers:
                return int(answer.headers["content-length"])
        try:
            known = json.loads(self._send("GET", f"info/{self._name(path)}", path=path))
        except StorageRejectedError as exc:
            if exc.status == 404 and not exc.fatal:
                return None
            raise
        nested = known.get("metadata") or {}
        size = next((s for s in (known.get("size"), nested.get("size")) if s is not None), None)
        return None if size is None else int(size)

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
        with self._answered(method, where, path=path, **content) as answer:
            if answer.status >= 300:
                body = _as_json(_refusal(answer))
                raise storage_error(answer.status, body, bucket=self.bucket, path=path)
            if sink is None:
                return answer.read()
            for chunk in answer.stream(READ_BYTES):
                sink.write(chunk)
            return b""

    @contextmanager
    def _answered(
        self,
        method: str,
        where: str,
        *,
        path: str | None,
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
                f"{self._root}/{where}",
                headers={**self._headers, **(headers or {})},
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
            raise storage_unreachable(exc, path) from exc


def _json_body(content: object) -> dict[str, Any]:
    return {
        "headers": {"content-type": "application/json"},
        "body": json.dumps(content).encode(),
    }


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
