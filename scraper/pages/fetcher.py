"""What a platform may ask of a dealer's site; how pages are fetched is not its business."""

from __future__ import annotations

from typing import Any, Protocol

from scraper.pages.errors import PageError
from scraper.pages.listing import Page


class RobotsRefusedError(PageError):
    """The site's robots.txt asks us not to fetch this."""

    reason = "is refused by the site's robots.txt"
    remedy = "It was not fetched; ask the dealer for leave or exclude it."


class RobotsUnreadableError(RobotsRefusedError):
    """Whether the site lets us fetch this is not known, because its server does not say."""

    reason = "was not fetched, because its site's robots.txt cannot be read"
    remedy = "Nothing was changed, the next run tries again; is the dealer's server up?"


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

    def sitemaps(self, url: str) -> tuple[str, ...]:
        """Return the sitemaps that robots.txt names."""
        ...
