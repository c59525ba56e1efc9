"""What a platform may ask of a dealer's site; how pages are fetched is not its business."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from scraper.pages.listing import Page


class Sink(Protocol):
    """What takes a body piece by piece, so that nobody holds the whole of it."""

    def write(self, data: bytes, /) -> object: ...


Body = TypeVar("Body", bound=Sink)


class Fetcher(Protocol):
    """What a platform may use to look at a dealer's site."""

    def page(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Page | None:
        """Return the page, None when it has not changed. Raises FetchError and PageError."""
        ...

    def json(self, url: str) -> tuple[Any, Page]:
        """Return a JSON answer and the page it came in. Raises FetchError, PageError and
        ValueError.
        """
        ...

    def stream(self, url: str, begin: Callable[[], Body], *, max_bytes: int) -> Body:
        """Hand what comes to what `begin` makes, piece by piece, and return that; a second try
        begins anew. Raises FetchError and PageError.
        """
        ...

    def sitemaps(self, url: str) -> tuple[str, ...]:
        """Return the sitemaps that robots.txt names."""
        ...
