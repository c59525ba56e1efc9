"""Which heading of a page is its item's: not the shop's own name above it; it knows no shop."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from bs4 import Tag

from scraper.pages.document import Document


def item_heading(document: Document, shop_names: Iterable[str] = ()) -> Tag | None:
    """Return the first h1, else the first h2, that is not the shop's name or its link home.

    Many themes and hand-made pages make the shop's name, or its logo, the h1 of every page.
    """
    names = {letters_of(name) for name in shop_names} | {""}
    for level in ("h1", "h2"):
        for tag in document.all(level):
            is_name = letters_of(tag.get_text()) in names or _leads_home(document, tag)
            if not is_name:
                return tag
    return None


def letters_of(text: str) -> str:
    """Return letters and digits alone, in lower case: what two spellings of a name share."""
    return re.sub(r"[\W_]+", "", text).casefold()


def _leads_home(document: Document, heading: Tag) -> bool:
    link = heading.select_one("a[href]")
    if link is None or letters_of(link.get_text()) != letters_of(heading.get_text()):
        return False
    parts = urlsplit(document.absolute(str(link["href"])) or "")
    here = urlsplit(document.url)
    is_page_itself = parts.path == here.path
    return (
        parts.netloc == here.netloc
        and not is_page_itself
        and not parts.query
        and re.fullmatch(r"/?(?:index\.\w+|[a-z]{2}/?)?", parts.path) is not None
    )
