"""The objects of one bucket over HTTP: put, copy, read, remove; it knows no listing.

Written on the shared client instead of storage3, which cannot say how long a refused body stalls
its connection, hides the body's own error code and takes no spooled file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

import httpx

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


class Sink(Protocol):
    """Where a download goes."""

    def write(self, data: bytes, /) -> object: ...


class _Body:
    """A file without `fileno`, so that httpx measures what was written, not what is on disk."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


class Storage:
    """One bucket. Thread-safe. Every failure is a StorageError; only reads and removals repeat."""

    def __init__(
        self, http: httpx.Client, *, url: str, headers: dict[str, str], bucket: str
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
        source = BytesIO(file) if isinstance(file, bytes) else file
        source.seek(0)
        self._write(
            self._name(path),
            path=path,
            headers={"x-upsert": "true", "cache-control": str(cache_for_s)},
            data={"cacheControl": str(cache_for_s)},
            files={"file": (path.rsplit("/", 1)[-1], _Body(source), content_type)},
        )
        return None

    def copy(self, source: str, target: str) -> None:
        """Copy inside the bucket. A StorageRejectedError's `status` is 409 when the target is
        there already and 404 when the source is not."""
        body = {"bucketId": self.bucket, "sourceKey": source, "destinationKey": target}
        self._write("copy", path=target, json=body)

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
        try:
            answer = self._http.head(
                f"{self._root}/{self._name(path)}", headers=self._headers, follow_redirects=False
            )
        except (httpx.TransportError, httpx.InvalidURL) as exc:
            raise storage_unreachable(exc, path) from exc
        if answer.status_code == 200 and "content-length" in answer.headers:
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
        answer = repeat(lambda: self._send("DELETE", self.bucket, json={"prefixes": names}))
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
        headers: dict[str, str] | None = None,
        sink: Sink | None = None,
        **content: Any,
    ) -> bytes:
        try:
            with self._http.stream(
                method,
                f"{self._root}/{where}",
                headers=self._headers | (headers or {}),
                follow_redirects=False,
                **content,
            ) as answer:
                if answer.status_code >= 300:
                    body = _as_json(_refusal(answer))
                    raise storage_error(answer.status_code, body, bucket=self.bucket, path=path)
                if sink is None:
                    return answer.read()
                for chunk in answer.iter_bytes():
                    sink.write(chunk)
                return b""
        except (httpx.TransportError, httpx.InvalidURL) as exc:
            raise storage_unreachable(exc, path) from exc


def _refusal(answer: httpx.Response) -> bytes:
    """The body of a refusal, read so that the connection is closed and not used again.

    A real storage server that refuses early leaves our body unread, and the next request on that
    connection stalls until its time-out. Leaving the answer unfinished makes httpx close it.
    """
    collected = b""
    chunks: Iterable[bytes] = answer.iter_raw()
    length = answer.headers.get("content-length", "")
    enough = min(int(length) if length.isdecimal() else LONGEST_REFUSAL, LONGEST_REFUSAL)
    for chunk in chunks:
        collected += chunk
        if len(collected) >= enough:
            break
    return collected


def _as_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
