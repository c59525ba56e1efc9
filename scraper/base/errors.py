"""Every failure we expect, as types that a caller can decide on without reading a message.

ListingMirrorError
├── SettingsError                 an environment variable is missing or makes no sense
├── OutputError                   stdout leads to a full disk, or to nobody
├── EmbeddedError                 the local Supabase cannot be started or stopped
├── DatabaseError
│   ├── DatabaseUnavailableError  transient: nobody answered, or answered "later"
│   ├── ServerEndedError          the local server has ended and will not come back by itself
│   ├── WrongKeyError             the key is refused, or is not a secret key
│   ├── SchemaMissingError        a database without our tables and functions
│   └── DatabaseRejectedError     final: the same call would be refused again
├── StorageError
│   ├── StorageUnavailableError   transient
│   └── StorageRejectedError      final; `fatal` when every other upload would fail too
├── PageError                     a dealer's page that must not become a row: `url`
│   └── RobotsRefusedError        the site's robots.txt asks us not to fetch it
│       └── RobotsUnreadableError whether it does is not known
└── FetchError                    a dealer's page or file: `kind`, `url`, `status`, `retry_after_s`
    ├── TransientFetchError       worth another try in this run
    ├── FinalFetchError           not in this run
    │   ├── BadUrlError           the URL itself can never be asked for
    │   └── BlockedAddressError   it leads to an address that is not public
    └── InterruptedFetchError     we stopped it ourselves: nothing is known about the thing fetched
"""

from __future__ import annotations

from enum import StrEnum


class ErrorKind(StrEnum):
    """Why an image has no copy: a closed set, shown in the statistics."""

    TIMEOUT = "timeout"
    CONNECT = "connect"
    DNS = "dns"
    TLS = "tls"
    HTTP_403 = "http_403"
    HTTP_404 = "http_404"
    HTTP_410 = "http_410"
    HTTP_429 = "http_429"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    BLOCKED_ADDRESS = "blocked_address"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    BAD_URL = "bad_url"
    STORAGE_REJECTED = "storage_rejected"
    STORAGE_UNAVAILABLE = "storage_unavailable"
    INTERRUPTED = "interrupted"
    OTHER = "other"


class ListingMirrorError(Exception):
    """One sentence for the user: what, on which thing, what to do; `exit_code` ends the command."""

    exit_code = 1


class SettingsError(ListingMirrorError):
    """A variable is missing or has a value that makes no sense."""


class OutputError(ListingMirrorError):
    """A result cannot be written to where stdout leads."""


class EmbeddedError(ListingMirrorError):
    """The local Supabase cannot be started, reached or stopped."""


class DatabaseError(ListingMirrorError):
    """Base of what the database or its API answers. `code` is a SQLSTATE, a PGRST code or None."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class DatabaseUnavailableError(DatabaseError):
    """Transient and on our side: no connection, a time-out, too many connections."""


class ServerEndedError(DatabaseError):
    """The local server's process is gone: waiting for it would be in vain."""


class WrongKeyError(DatabaseError):
    """The key is refused, or it is a publishable or anon key where a secret one is needed."""


class SchemaMissingError(DatabaseError):
    """The database answers but does not have our tables or functions."""


class DatabaseRejectedError(DatabaseError):
    """Final: the statement itself is refused, and would be refused again."""


class StorageError(ListingMirrorError):
    """Base of what the bucket answers. `status` and `code` are the body's own (`statusCode`,
    `error`), not the HTTP status, which is 400 for nearly everything; `path` is the object."""

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        status: int | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.status = status
        self.code = code


class StorageUnavailableError(StorageError):
    """Transient: the same call may succeed later."""


class StorageRejectedError(StorageError):
    """Final for this object; `fatal` when no upload can succeed (no bucket, no permission)."""

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        status: int | None = None,
        code: str | None = None,
        fatal: bool = False,
    ) -> None:
        super().__init__(message, path=path, status=status, code=code)
        self.fatal = fatal


class PageError(ListingMirrorError):
    """A page that must not become a row; `url` is the page."""

    reason = "cannot be read"
    remedy = "Look at the page in a browser; nothing was saved from it."

    def __init__(self, url: str, detail: str = "") -> None:
        self.url = url
        self.detail = detail = "".join(c if c.isprintable() else " " for c in detail)
        super().__init__(f"{url} {self.reason}{': ' + detail if detail else ''}. {self.remedy}")


class RobotsRefusedError(PageError):
    """The site's robots.txt asks us not to fetch this."""

    reason = "is refused by the site's robots.txt"
    remedy = "It was not fetched; ask the dealer for leave or exclude it."


class RobotsUnreadableError(RobotsRefusedError):
    """Whether the site lets us fetch this is not known, because its server does not say."""

    reason = "was not fetched, because its site's robots.txt cannot be read"
    remedy = "Nothing was changed, the next run tries again; is the dealer's server up?"


class FetchError(ListingMirrorError):
    """A dealer's host did not hand over what was asked for.

    `retry_after_s` is what the server asked for, not yet bounded; None when it asked for nothing
    sensible. `host` is who answered, where that is known: after a redirect not the host of `url`.
    """

    def __init__(
        self,
        url: str,
        kind: ErrorKind,
        detail: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        host: str | None = None,
    ) -> None:
        super().__init__(f"{url}: {detail}")
        self.url = url
        self.kind = kind
        self.detail = detail
        self.status = status
        self.retry_after_s = retry_after_s
        self.host = host


class TransientFetchError(FetchError):
    """Another try in this run may succeed: time-outs, resets, cut bodies, 429, 5xx."""


class FinalFetchError(FetchError):
    """Another try in this run would end the same: 403, 404, 410, too large, an untrusted
    certificate.
    """


class BadUrlError(FinalFetchError):
    """The URL is malformed or of a kind that is never fetched."""

    def __init__(self, url: str, detail: str) -> None:
        super().__init__(url, ErrorKind.BAD_URL, detail)


class BlockedAddressError(FinalFetchError):
    """The URL, a redirect or a name server points at an address or port that is not public."""

    def __init__(self, url: str, detail: str) -> None:
        super().__init__(url, ErrorKind.BLOCKED_ADDRESS, detail)


class InterruptedFetchError(FetchError):
    """The run was stopped while the fetch went on."""

    def __init__(self, url: str, detail: str = "stopped because the run is ending") -> None:
        super().__init__(url, ErrorKind.INTERRUPTED, detail)
