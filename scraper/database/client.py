"""The door to Supabase: tables and functions over one HTTP/1.1 client, objects over one pool.

Of supabase-py only its part for tables and functions is loaded (postgrest); the whole, with log-in
and realtime, would double what a command costs before it does anything. Its own client speaks
HTTP/2 and is not safe between threads (encode/httpx#3002), so one HTTP/1.1 client is shared.
Objects go through urllib3, whose pool makes no thread wait for another's bytes.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import certifi
import httpx
from postgrest import SyncPostgrestClient
from postgrest.exceptions import APIError

from scraper.base.console import say
from scraper.base.errors import ServerEndedError
from scraper.base.settings import Settings
from scraper.base.version import AGENT
from scraper.database import embedded, faults
from scraper.database.connection_check import check_connection
from scraper.database.faults import (
    TRIES,
    database_error,
    raise_for_gateway,
    repeat,
    unreachable,
)
from scraper.database.object_pool import CONNECT_S, MAX_CONNECTIONS, READ_S, object_pool
from scraper.database.storage import YEAR_S, BucketSettings, Sink, Storage

TIMEOUT = httpx.Timeout(READ_S, connect=CONNECT_S, pool=60)

T = TypeVar("T")


class Door:
    """How a call goes out: what its failure means, and how long it is repeated."""

    def __init__(
        self, has_ended: Callable[[], str | None] = lambda: None, *, patience_s: float = 0.0
    ) -> None:
        self._has_ended = has_ended
        self._patience_s = patience_s
        self._opened = time.monotonic()

    def once(self, act: Callable[[], T], subject: str) -> T:
        """Call it. Raises DatabaseError."""
        try:
            return act()
        except APIError as exc:
            raise database_error(exc, subject) from exc
        except (httpx.TransportError, httpx.InvalidURL) as exc:
            if ended := self._has_ended():
                raise ServerEndedError(ended) from exc
            raise unreachable(exc, subject) from exc

    def repeated(self, act: Callable[[], T], subject: str, *, tries: int) -> T:
        """Call it again while its failure is transient, the first calls of a command for longer."""
        is_first = time.monotonic() - self._opened < faults.FIRST_S
        patience_s = self._patience_s if is_first else 0.0
        return repeat(lambda: self.once(act, subject), tries=tries, patience_s=patience_s)


class Query:
    """A query under construction; `execute` fails with our errors, and repeats what may repeat."""

    def __init__(self, builder: Any, subject: str, door: Door, *, is_insert: bool = False) -> None:
        self._builder = builder
        self._subject = subject
        self._door = door
        self._is_insert = is_insert

    def __getattr__(self, name: str) -> Any:
        part = getattr(self._builder, name)
        if not callable(part):
            return Query(part, self._subject, self._door, is_insert=self._is_insert)

        def step(*args: Any, **kwargs: Any) -> Query:
            is_insert = self._is_insert or name == "insert"
            return Query(part(*args, **kwargs), self._subject, self._door, is_insert=is_insert)

        return step

    def execute(self, *, tries: int = TRIES) -> Any:
        """Send it. An insert is sent once, because a lost answer may have been an applied one."""
        if self._is_insert:
            return self._door.once(self._builder.execute, self._subject)
        return self._door.repeated(self._builder.execute, self._subject, tries=tries)


class Database:
    """One project's tables, functions and bucket. Thread-safe; closed by `open_database`."""

    def __init__(
        self,
        tables: SyncPostgrestClient,
        http: httpx.Client,
        *,
        storage: Storage,
        door: Door | None = None,
    ) -> None:
        self._door = door or Door()
        self._storage = storage
        self.http = http
        self._postgrest = tables

    @property
    def bucket_name(self) -> str:
        """The bucket all copies are in."""
        return self._storage.bucket

    def table(self, name: str) -> Any:
        """Start a query on a table, as in supabase-py: `.select(…)`, `.eq(…)`, `.execute()`."""
        return Query(self._postgrest.from_(name), f"table {name}", self._door)

    def rpc(
        self,
        name: str,
        params: dict[str, Any] | None = None,
        *,
        idempotent: bool,
        tries: int = TRIES,
    ) -> Any:
        """Call an SQL function and return its value; repeated when transient and `idempotent`."""

        def call() -> Any:
            return self._postgrest.rpc(name, params or {}).execute().data

        if idempotent:
            return self._door.repeated(call, f"function {name}", tries=tries)
        return self._door.once(call, f"function {name}")

    def public_url(self, path: str) -> str:
        """The address anybody may read a copy from."""
        return self._storage.public_url(path)

    def upload(
        self,
        path: str,
        file: bytes | Path | BinaryIO,
        *,
        content_type: str,
        cache_for_s: int = YEAR_S,
    ) -> None:
        """Write an object, over whatever is there; see Storage.upload."""
        self._storage.upload(path, file, content_type=content_type, cache_for_s=cache_for_s)

    def copy(self, source: str, target: str) -> None:
        """Copy inside the bucket; see Storage.copy for what its refusals mean."""
        self._storage.copy(source, target)

    def download(self, path: str, sink: Sink | None = None) -> bytes:
        """Read an object into `sink`, or return it; see Storage.download."""
        return self._storage.download(path, sink)

    def stat(self, path: str, *, tries: int = TRIES) -> int | None:
        """The size of an object in bytes; None when there is none."""
        return self._storage.stat(path, tries=tries)

    def look(self, path: str) -> str | None:
        """Why a visitor without a key does not get this object; None when he does."""
        return self._storage.look(path)

    def bucket_settings(self) -> BucketSettings | None:
        """What the bucket says about itself; None when there is none."""
        return self._storage.settings()

    def remove(self, names: list[str]) -> list[str]:
        """Remove objects; returns the names that were there."""
        return self._storage.remove(names)


@contextmanager
def connect(settings: Settings) -> Iterator[Database]:
    """The database of `settings`, hosted or local, for as long as a command runs.

    Says on stderr which it is, starts the local one when it is not running and stops it again
    when this was the last command that used it.
    """
    if not settings.local:
        host = urlsplit(settings.supabase_url or "").netloc
        say(f"Using the Supabase project at {host} (SUPABASE_URL).")
        with open_database(settings) as database:
            yield database
        return
    with embedded.using(settings) as endpoint:
        say(f"Using the local Supabase at {endpoint.url} ({settings.local_home}).")
        local = replace(settings, supabase_url=endpoint.url, supabase_key=endpoint.secret_key)
        with open_database(local, has_ended=lambda: embedded.ended(settings)) as database:
            yield database


@contextmanager
def open_database(
    settings: Settings, *, has_ended: Callable[[], str | None] = lambda: None
) -> Iterator[Database]:
    """The project at `settings.supabase_url`, after a look whether address, key and schema fit.

    `has_ended` is asked when nobody answers: the sentence about a server that will not come back.
    """
    url, key = settings.supabase_url or "", settings.supabase_key or ""
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}
    trusted, patience_s = _tls(), settings.database_patience_s
    with _http_client(settings, trusted) as http:
        check_connection(http, url, headers, patience_s=patience_s)
        http.event_hooks = {"response": [raise_for_gateway]}
        tables = SyncPostgrestClient(f"{url}/rest/v1", headers=headers, http_client=http)
        with object_pool(settings, url, trusted) as pool:
            storage = Storage(
                pool,
                url=url,
                headers={**headers, "User-Agent": AGENT},
                bucket=settings.bucket,
                has_ended=has_ended,
                patience_s=patience_s,
                key_is_ours=settings.local,
            )
            door = Door(has_ended, patience_s=patience_s)
            yield Database(tables, http, storage=storage, door=door)


def _tls() -> ssl.SSLContext:
    return _trusting(ssl.get_default_verify_paths())


@lru_cache(maxsize=1)
def _trusting(paths: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """One for tables and objects alike: reading every authority takes longer than a call."""
    context = ssl.create_default_context()  # reads what `paths` names
    context.load_verify_locations(certifi.where())
    return context


def _http_client(settings: Settings, trusted: ssl.SSLContext) -> httpx.Client:
    return httpx.Client(
        http2=False,
        verify=trusted,
        timeout=TIMEOUT,
        limits=httpx.Limits(
            max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS
        ),
        follow_redirects=True,
        headers={"User-Agent": AGENT},
        trust_env=settings.allow_proxy,
    )
