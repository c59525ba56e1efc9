"""What a dealer's host answered, as values and errors; it knows no sockets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scraper.base.errors import ErrorKind, FetchError, FinalFetchError, TransientFetchError
from scraper.net.retry_after import parse_retry_after

_FINAL_KINDS = {403: ErrorKind.HTTP_403, 404: ErrorKind.HTTP_404, 410: ErrorKind.HTTP_410}
_TRANSIENT_4XX = (408, 425)


@dataclass(frozen=True)
class FetchedPage:
    """A page's bytes, any content encoding undone; which characters they are is not decided here.

    `url` is where it came from after redirects. With status 304 the body is empty.
    """

    url: str
    requested_url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    etag: str | None
    last_modified: str | None

    @property
    def not_modified(self) -> bool:
        return self.status == 304


@dataclass(frozen=True)
class Answer:
    """A file that was written to the caller's sink: `bytes` and `sha256` are of what was written.

    With status 304 nothing was written and `sha256` is empty. `is_bounded`: the answer said where
    it ends, and that end came.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    bytes: int
    sha256: str
    etag: str | None
    last_modified: str | None
    content_type: str | None
    is_bounded: bool = True

    @property
    def not_modified(self) -> bool:
        return self.status == 304


def error_of_status(url: str, status: int, headers: Mapping[str, str], *, host: str) -> FetchError:
    """The error that a status without a usable body stands for; `headers` ignore case."""
    retry_after_s = parse_retry_after(headers.get("Retry-After"), server_date=headers.get("Date"))
    detail = f"the server answered {status}"
    if status == 429:
        kind = ErrorKind.HTTP_429
    elif 500 <= status < 600:
        kind = ErrorKind.HTTP_5XX
    elif 400 <= status < 500:
        kind = _FINAL_KINDS.get(status, ErrorKind.HTTP_4XX)
    else:
        detail = f"the server answered {status}, which was not asked for"
        return FinalFetchError(url, ErrorKind.OTHER, detail, status=status)
    is_transient = status in _TRANSIENT_4XX or kind in (ErrorKind.HTTP_429, ErrorKind.HTTP_5XX)
    error = TransientFetchError if is_transient else FinalFetchError
    if not is_transient:
        retry_after_s = None  # on a 404 it is nonsense, and would hold back the whole host
    return error(url, kind, detail, status=status, retry_after_s=retry_after_s, host=host)


def innermost(error: BaseException) -> str:
    """What really happened, out of the wrappings of two libraries."""
    while True:
        reason = getattr(error, "reason", None)
        inner = error.__cause__ or (reason if isinstance(reason, BaseException) else None)
        inner = inner or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        if inner is None or inner is error:
            return str(error) or type(error).__name__
        error = inner
