"""Signs by which a page shows its shop system: selectors with what they mean in words."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from bs4 import Tag

from scraper.pages.dealer import Recognition
from scraper.pages.document import Document

_SCRIPTS_READ = 40
_LETTERS_OF_EACH = 2_000


def first_sign(
    document: Document,
    signs: Iterable[tuple[str, str]],
    *,
    is_sure: bool = True,
    on_own_host: bool = False,
) -> Recognition | None:
    """Return the first sign, given as (selector, reason), that the page shows.

    Args:
        on_own_host: for signs that are addresses of pages: a site may link to a shop elsewhere.
    """
    for selector, reason in signs:
        if any(not on_own_host or _is_own(document, tag) for tag in document.all(selector)):
            return Recognition(reason, is_sure)
    return None


def _is_own(document: Document, tag: Tag) -> bool:
    named = tag.get("href") or tag.get("action")
    url = document.absolute(str(named)) if named else document.url
    return url is not None and urlsplit(url).netloc == urlsplit(document.url).netloc


def scripts_of(document: Document) -> str:
    """Return how the page's own scripts begin."""
    scripts = document.all("script")[:_SCRIPTS_READ]
    return " ".join(tag.get_text()[:_LETTERS_OF_EACH] for tag in scripts)
