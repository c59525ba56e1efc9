"""What each error kind means, in words for somebody who looks after the mirror."""

from __future__ import annotations

from scraper.base.errors import ErrorKind

NEVER_TRIED = "pending"

MEANINGS: dict[str, str] = {
    NEVER_TRIED: "not tried yet: the next `migrate` does",
    ErrorKind.TIMEOUT: "the dealer's server took too long",
    ErrorKind.CONNECT: "no connection to the dealer's server",
    ErrorKind.DNS: "the server's name is not known, or the name server did not answer",
    ErrorKind.TLS: "the server's certificate is not trusted",
    ErrorKind.HTTP_403: "the dealer refuses the image: a hot-link or bot block",
    ErrorKind.HTTP_404: "the dealer does not have the file (any more)",
    ErrorKind.HTTP_410: "the dealer has removed the file",
    ErrorKind.HTTP_429: "the dealer asks for fewer requests",
    ErrorKind.HTTP_4XX: "the dealer's server refuses the request",
    ErrorKind.HTTP_5XX: "the dealer's server is in trouble",
    ErrorKind.TRUNCATED: (
        "the file ends too early, or is damaged and did not come twice alike (see `migrate keep`)"
    ),
    ErrorKind.TOO_LARGE: "larger than a limit; `migrate explain ID` names it and its setting",
    ErrorKind.NOT_AN_IMAGE: "the answer is no image that is kept (a page, a drawing, text)",
    ErrorKind.BLOCKED_ADDRESS: "the address is not public, so it is never asked",
    ErrorKind.TOO_MANY_REDIRECTS: "the dealer's server leads on and on",
    ErrorKind.BAD_URL: "what the listing holds is no address of an image",
    ErrorKind.STORAGE_REJECTED: "our storage refuses the copy",
    ErrorKind.STORAGE_UNAVAILABLE: "our storage did not answer",
    ErrorKind.INTERRUPTED: "the run was stopped in the middle",
    ErrorKind.OTHER: "something else, or excluded by an operator: see `migrate explain ID`",
}


def meaning(kind: str) -> str:
    """What a reason means; "" for one of a newer database."""
    return MEANINGS.get(kind, "")
