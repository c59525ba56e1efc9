"""Whether a project's address, key and schema fit, asked once before any query.

Each of the usual mistakes has its own sentence, and a project that is just not there yet is waited
for as patiently as in the middle of a run.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx

from scraper.base.console import say
from scraper.base.errors import (
    DatabaseError,
    DatabaseUnavailableError,
    SchemaMissingError,
    WrongKeyError,
)
from scraper.database.faults import FIREWALL, KEY_STATES, PUSH, repeat

SCHEMA_VERSION = 1
TIMEOUT = httpx.Timeout(15, connect=10)
# What is not listed, such as 501, is another kind of server.
PASSING_TROUBLE = {429, 500, 502, 503, 504, *range(520, 525), 544}
PAUSED = 540


def check_connection(
    http: httpx.Client, url: str, headers: dict[str, str], *, patience_s: float
) -> None:
    """Ask the database for its version. Raises DatabaseError with what stands in the way."""
    host = urlsplit(url).netloc

    def ask() -> httpx.Response:
        try:
            answer = http.post(
                f"{url}/rest/v1/rpc/schema_version",
                json={},
                headers=headers,
                follow_redirects=False,
                timeout=TIMEOUT,
            )
        except (httpx.TransportError, httpx.InvalidURL) as exc:
            raise _nobody(exc, host) from exc
        if answer.status_code in PASSING_TROUBLE:
            raise DatabaseUnavailableError(
                f"{host} answers HTTP {answer.status_code}: try again later, "
                "or look at the project's status in the dashboard."
            )
        return answer

    def tell(error: Exception) -> None:
        reason = str(error).partition(": ")[0]
        say(f"{reason}; waiting up to {patience_s:.0f} s …")

    _judge(repeat(ask, patience_s=patience_s, tell=tell), host)


def _nobody(exc: Exception, host: str) -> DatabaseError:
    if _is_no_name(exc):
        return WrongAddressError(
            f"There is no host named {host} ({exc}): check SUPABASE_URL; "
            "a project that was deleted has no name any more."
        )
    return DatabaseUnavailableError(
        f"Nobody answers at {host} ({exc}): check SUPABASE_URL and the network; "
        "a paused project must be woken in the dashboard."
    )


def _is_no_name(exc: BaseException | None) -> bool:
    """Whether a name server said that there is no such name, not that it could not be asked."""
    while exc is not None:
        if isinstance(exc, socket.gaierror):
            return exc.errno == socket.EAI_NONAME
        exc = exc.__cause__ or exc.__context__
    return False


def _judge(answer: httpx.Response, host: str) -> None:
    status = answer.status_code
    try:
        body = answer.json()
    except ValueError:
        body = None
    code = body.get("code") if isinstance(body, dict) else None
    if status in {401, 403} and not isinstance(body, dict):
        raise DatabaseUnavailableError(f"{host} answers HTTP {status} with a page: {FIREWALL}.")
    if status in {401, 403} or code in KEY_STATES:
        said = body.get("message") if isinstance(body, dict) else None
        raise WrongKeyError(
            f"{host} refuses the key ({said or f'HTTP {status}'}): set "
            "SUPABASE_SECRET_KEY to the secret key of this very project (dashboard, Settings, "
            "API keys).",
            code=code,
        )
    if status == PAUSED:
        raise DatabaseUnavailableError(
            f"The project at {host} is paused (HTTP {PAUSED}): restore it in the dashboard, "
            "then try again."
        )
    if not isinstance(body, dict):
        raise DatabaseUnavailableError(
            f"{host} answers (HTTP {status}), but not as a Supabase project: "
            "SUPABASE_URL should look like https://abcdefgh.supabase.co."
        )
    _judge_version(body, status, host)


def _judge_version(body: dict[str, object], status: int, host: str) -> None:
    version, code = body.get("version"), body.get("code")
    if status != 200 or not isinstance(version, int):
        if code in {"PGRST202", "42883", "PGRST106"} or status == 200:
            raise SchemaMissingError(
                f"The database at {host} has none of our tables and functions: {PUSH}.",
                code=str(code) if code else None,
            )
        raise DatabaseUnavailableError(
            f"{host} answers HTTP {status} ({body.get('message', 'no reason given')}): "
            "check that SUPABASE_URL is the address of a Supabase project."
        )
    if version < SCHEMA_VERSION:
        raise SchemaMissingError(
            f"The database at {host} has an older version of our tables: {PUSH}."
        )


class WrongAddressError(DatabaseError):
    """SUPABASE_URL names a host that does not exist."""
