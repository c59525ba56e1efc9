"""Signs by which a page shows its shop system: selectors with what they mean in words."""

from __future__ import annotations

from collections.abc import Iterable

from scraper.pages.dealer import Recognition
from scraper.pages.document import Document

_SCRIPTS_READ = 40
_LETTERS_OF_EACH = 2_000


def first_sign(
    document: Document, signs: Iterable[tuple[str, str]], *, is_sure: bool = True
) -> Recognition | None:
    """Return the first sign, given as (selector, reason), that the page shows."""
    for selector, reason in signs:
        if document.first(selector) is not None:
            return Recognition(reason, is_sure)
    return None


def scripts_of(document: Document) -> str:
    """Return how the page's own scripts begin."""
    scripts = document.all("script")[:_SCRIPTS_READ]
    return " ".join(tag.get_text()[:_LETTERS_OF_EACH] for tag in scripts)
