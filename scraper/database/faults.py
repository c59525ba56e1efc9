"""What a failure of Supabase means and when an act is repeated; it sends nothing itself."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import httpx
from postgrest.exceptions import APIError

from scraper.base.errors import (
    DatabaseError,
    DatabaseRejectedError,
    DatabaseUnavailableError,
    SchemaMissingError,
    StorageError,
    StorageRejectedError,
    StorageUnavailableError,
    WrongKeyError,
)

TRIES = 5
SCRAPE_TRIES = 10  # some 15 s: a database that is restarted costs a run of hours nothing
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 3.0
FIRST_S = 15.0
"""What is asked for so soon after a command's beginning is repeated for DATABASE_PATIENCE_S."""
TELL_AFTER = 2
"""Failures before somebody who waits is told why."""

_TRANSIENT_HTTP = {429, 500, 502, 503, 504, *range(520, 525)}
# The storage server's own numbers: locked (423), a full connection pool (429), its database (544).
TRANSIENT_STORAGE = _TRANSIENT_HTTP | {423, 544}
_FULL = {402, 507}  # a hosted project over its quota; a disk without room
# SQLSTATEs that say "not now": connection, serialisation, deadlock, resources, lock, cancelled.
_TRANSIENT_STATES = ("08", "53", "40001", "40P01", "55P03", "57014", "57P", "PGRST00")
_NO_WRITES = {"25006", "53100"}  # read-only, and no room on the disk
_MISSING_STATES = {"PGRST202", "PGRST204", "42883", "42703"}
KEY_STATES = {"PGRST301", "PGRST302", "PGRST303", "42501", "401", "403"}
_LOST_STATES = {"42P01", "PGRST205"}

FIREWALL = (
    "a firewall or gateway before it refuses us, the key is not to blame; let this machine's "
    "address through there (the project's network restrictions, a WAF, a company proxy)"
)
RESTORE = (
    "restore it from a backup, or run supabase/roll_back.sql on what is left and then apply the "
    "migrations anew (`supabase db push --linked`); a local one begins anew without its folder "
    "`data`"
)
PUSH = (
    "run `supabase db push --linked` in this project's folder to create or upgrade them; a local "
    "one does that as it starts (`python -m workflows local down`, then `local up`)"
)

T = TypeVar("T")


def database_error(exc: APIError, subject: str) -> DatabaseError:
    """What PostgREST's answer about `subject` (a table or function) means."""
    code = str(exc.code) if exc.code else None
    message = f"{subject}: {exc.message or 'no reason given'}" + (f" ({code})" if code else "")
    if code in _LOST_STATES:
        return SchemaMissingError(
            f"The database has lost one of its tables ({exc.message}; asked for {subject}): "
            f"{RESTORE}.",
            code=code,
        )
    if code in _MISSING_STATES:
        return SchemaMissingError(
            f"The database has no {subject}, or an older one ({exc.message}): {PUSH}.", code=code
        )
    if code in KEY_STATES or (code is None and "api key" in str(exc.message).lower()):
        return WrongKeyError(
            f"The key may not use {subject} ({exc.message or code}): set SUPABASE_SECRET_KEY to "
            "the project's secret key.",
            code=code,
        )
    if code in _NO_WRITES:
        return DatabaseRejectedError(
            f"The database takes no writes, {message}: its disk is probably full; make room in the "
            "project's dashboard, then run this again.",
            code=code,
        )
    if code and (code.startswith(_TRANSIENT_STATES) or _is_number_in(code, _TRANSIENT_HTTP)):
        return DatabaseUnavailableError(message, code=code)
    return DatabaseRejectedError(message, code=code)


class GatewayError(httpx.TransportError):
    """Something before the database answered in its place: as good as no answer."""


def raise_for_gateway(answer: httpx.Response) -> None:
    """For the client's hook, since postgrest's exceptions do not know the HTTP status.

    A gateway says `{"message": …}` and nothing else, or shows a page; PostgREST's own answers are
    JSON, and those that refuse have a code.

    Raises GatewayError.
    """
    if "/rest/" not in answer.request.url.path:
        return
    status, kind = answer.status_code, answer.headers.get("content-type", "")
    if status in _TRANSIENT_HTTP and not (refusal := _refusal_of(answer)).get("code"):
        raise GatewayError(f"HTTP {status}, {refusal.get('message') or 'no reason given'}")
    if status in {401, 403} and "json" not in kind:
        raise GatewayError(f"HTTP {status} with a page: {FIREWALL}")
    if status >= 400 and "html" in kind:
        raise GatewayError(f"HTTP {status} with a page: something before it answers in its place")
    if status == 200 and kind and "json" not in kind:
        raise GatewayError(f"something in front of it answers in its place ({kind})")


def _refusal_of(answer: httpx.Response) -> dict[str, Any]:
    answer.read()
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def unreachable(exc: Exception, subject: str) -> DatabaseUnavailableError:
    """No answer, or one that broke off."""
    return DatabaseUnavailableError(f"No answer from the database for {subject}: {_why(exc)}.")


def storage_unreachable(exc: Exception, path: str | None) -> StorageUnavailableError:
    """No answer of the storage, or one that broke off."""
    return StorageUnavailableError(f"No answer from the storage: {_why(exc)}.", path=path)


def no_receipt(path: str) -> StorageUnavailableError:
    """A good answer that is not the storage's."""
    return StorageUnavailableError(
        "Something in front of the storage answers in its place (no JSON).", path=path
    )


def storage_error(
    status_line: int, body: Any, *, bucket: str, path: str | None, key_is_ours: bool = False
) -> StorageError:
    """What a refusal of the storage means; its body decides, for the HTTP status is mostly 400.

    Args:
        key_is_ours: it is the local one, whose key we have made: it calls every statement that its
            database refuses a missing right, also one that a full disk broke off.
    """
    known = body if isinstance(body, dict) else {}
    status = _number(known.get("statusCode"), status_line)
    code = str(known.get("error") or known.get("code") or "")
    text = str(known.get("message") or code or f"HTTP {status_line}")
    if status == 404 and "bucket" in f"{code} {text}".lower():
        return StorageRejectedError(
            f"There is no bucket {bucket!r}: {PUSH}, or set STORAGE_BUCKET.",
            path=path,
            status=status,
            code=code,
            fatal=True,
        )
    if not isinstance(body, dict) and 400 <= status < 500 and status not in _FULL:
        blame = FIREWALL if status in {401, 403} else "something before it answers in its place"
        return StorageUnavailableError(
            f"The storage's answer is a page, HTTP {status}: {blame}.", path=path, status=status
        )
    if status in {401, 403} or code.lower() in {"unauthorized", "invalidjwt"}:
        if key_is_ours:
            return StorageUnavailableError(
                f"The local storage cannot do it ({text}). Its key is right, so its database is in "
                "trouble, mostly because its disk was full: make room where LOCAL_SUPABASE_HOME "
                "is, run `python -m workflows local down`, then this again.",
                path=path,
                status=status,
                code=code,
            )
        return StorageRejectedError(
            f"The storage refuses the key ({text}): set SUPABASE_SECRET_KEY to the secret key.",
            path=path,
            status=status,
            code=code,
            fatal=True,
        )
    if status in _FULL or "enospc" in text.lower():
        return StorageRejectedError(
            f"The storage is full or over its quota ({text}): make room there or raise the plan, "
            "then run this again.",
            path=path,
            status=status,
            code=code,
            fatal=True,
        )
    if status in TRANSIENT_STORAGE:
        return StorageUnavailableError(
            f"The storage is not available: {text} ({status}).", path=path, status=status, code=code
        )
    return StorageRejectedError(
        f"The storage refuses {path or bucket}: {text} ({status}).",
        path=path,
        status=status,
        code=code,
    )


def repeat(
    act: Callable[[], T],
    *,
    tries: int = TRIES,
    patience_s: float = 0.0,
    tell: Callable[[Exception], None] = lambda error: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Call `act` again, after a growing pause, while its failure is transient.

    It is called `tries` times, and on until it has failed for `patience_s`; `tell` hears once why.
    """
    failing_since: float | None = None
    for number in count():
        try:
            return act()
        except (DatabaseUnavailableError, StorageUnavailableError) as error:
            now = clock()
            if failing_since is None:
                failing_since = now
            if number + 1 >= tries and now - failing_since >= patience_s:
                raise
            if number == TELL_AFTER:
                tell(error)
            pause_s = min(FIRST_PAUSE_S * 3 ** min(number, 9), LONGEST_PAUSE_S)
            sleep(pause_s * random.uniform(0.5, 1.0))
    raise AssertionError("unreachable")


def _why(exc: Exception) -> str:
    if isinstance(exc, httpx.ConnectTimeout):
        return "no connection in time"
    if isinstance(exc, httpx.TimeoutException):
        return "no answer in time"
    return str(exc) or type(exc).__name__


def _number(value: object, otherwise: int) -> int:
    try:
        return int(str(value))
    except ValueError:
        return otherwise


def _is_number_in(code: str, numbers: set[int]) -> bool:
    return code.isdigit() and int(code) in numbers
