"""Messages to addresses that the operator named: an alarm, a ping. They never stop the work.

The rules for our own side: https (plain http on this machine and in ALLOW_PRIVATE_NETWORKS), no
redirect is followed, no proxy of the environment is used, and after a few seconds nobody waits any
more. The address may be a secret, so only its host is ever said.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from scraper.base import console
from scraper.base.redaction import redact
from scraper.base.settings import Settings

CONNECT_S = 4.0
READ_S = 6.0
TOTAL_S = 10.0
INTERRUPTED = 130
_log = logging.getLogger(__name__)


def post(
    url: str,
    body: Mapping[str, Any] | None,
    settings: Settings,
    *,
    purpose: str,
    is_quiet: bool = False,
) -> bool:
    """Send it once; False, and one warning, when nobody took it.

    Args:
        body: sent as JSON; None sends an empty request.
        purpose: the variable's name, for the warning.
    """
    trouble = _trouble_with(url, settings) or _sent(url, body, settings)
    if trouble is None:
        return True
    if not is_quiet:
        console.warn(f"{purpose}: {_host(url)} was not told: {trouble}. The work goes on.")
    return False


@contextmanager
def pinged(settings: Settings) -> Iterator[None]:
    """Within, a dead man's switch (PING_URL, as healthchecks.io) knows of the start and the end.

    The end is the address itself for success, "/<exit status>" for an exit status that is not 0,
    and "/fail" for what should never happen.
    """
    if settings.ping_url is None:
        yield
        return
    is_told = _ping(settings, "/start")
    ending = "/fail"
    try:
        yield
        ending = ""
    except KeyboardInterrupt:
        ending = f"/{INTERRUPTED}"
        raise
    except Exception as exc:
        code = getattr(exc, "exit_code", None)
        if code is not None:
            ending = f"/{code}" if code else ""
        raise
    finally:
        _ping(settings, ending, is_quiet=not is_told)  # one warning is enough


def _ping(settings: Settings, ending: str, *, is_quiet: bool = False) -> bool:
    url = settings.ping_url or ""
    with suppress(ValueError):
        parts = urlsplit(url)
        url = urlunsplit(parts._replace(path=parts.path.rstrip("/") + ending))
    return post(url, None, settings, purpose="PING_URL", is_quiet=is_quiet)


def _trouble_with(url: str, settings: Settings) -> str | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "it is no address"
    if parts.scheme == "https" and host:
        return None
    if parts.scheme == "http" and host and _is_near(host, settings):
        return None
    return "it must be an https:// address"


def _is_near(host: str, settings: Settings) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    networks = settings.private_networks
    return address.is_loopback or any(
        address in network for network in networks if network.version == address.version
    )


def _sent(url: str, body: Mapping[str, Any] | None, settings: Settings) -> str | None:
    """Why it was not taken; None when it was. A server that drips its answer is not waited for."""
    outcome: list[str | None] = []

    def send() -> None:
        try:
            with requests.Session() as session:
                session.trust_env = False
                session.headers["User-Agent"] = settings.user_agent
                with session.post(
                    url,
                    json=body,
                    timeout=(CONNECT_S, READ_S),
                    allow_redirects=False,
                    stream=True,
                ) as answer:
                    outcome.append(_refusal(answer.status_code))
        except Exception as exc:
            _log.info("not told: %s", redact(type(exc).__name__))
            outcome.append(_reason(exc))

    thread = threading.Thread(target=send, name="own-side", daemon=True)
    thread.start()
    thread.join(TOTAL_S)
    return outcome[0] if outcome else f"no answer within {TOTAL_S:.0f} s"


def _refusal(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"it redirects (HTTP {status}), and no redirect is followed"
    return f"it answered HTTP {status}"


def _reason(exc: Exception) -> str:
    """What went wrong, without the address: the exception's own words would tell it."""
    if isinstance(exc, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    if isinstance(exc, requests.exceptions.ConnectTimeout | requests.exceptions.ReadTimeout):
        return "it did not answer in time"
    if isinstance(exc, requests.exceptions.ConnectionError):
        return "no connection"
    return type(exc).__name__


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "(no host)"
    except ValueError:
        return "(no host)"
