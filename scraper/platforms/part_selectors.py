"""Reading an item by the places that a shop system's themes have for its parts; which places those
are is the shop system's to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bs4 import Tag

from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.readings import Markup, Picture, Reading
from scraper.parsing.status import status_of
from scraper.reading.images import pictures_in


@dataclass(frozen=True)
class PartSelectors:
    """Selectors for each part of an item; of several the first that is on the page counts."""

    titles: tuple[str, ...]
    prices: tuple[str, ...]
    galleries: tuple[str, ...]
    descriptions: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    categories: str = ""  # links, all of them
    marks: str = ""  # short texts that may say sold or reserved: badges, buttons, stock
    sold_out: str = ""  # elements that stand there only when nothing is left


def read_parts(
    document: Document,
    dealer: Dealer,
    places: PartSelectors,
    *,
    full_size: Callable[[str], str] = lambda url: url,
) -> Markup:
    """Return what the cut page says in those places, and its pictures in page order."""
    price = text_in(document, places.prices)
    marks = [mark_of(document, tag) for tag in _all(document, places.marks)]
    title = text_in(document, places.titles)
    return Markup(
        Reading(
            title=title.replace("\n", " ") if title else None,
            price=dealer.price(price) if price else None,
            description=text_in(document, places.descriptions),
            status=status_of(" / ".join(marks)),
            out_of_stock=True if _all(document, places.sold_out) else None,
            categories=_texts(document, _all(document, places.categories)) or None,
            sku=text_in(document, places.codes),
        ),
        gallery_in(document, places.galleries, full_size),
    )


def text_in(document: Document, selectors: tuple[str, ...]) -> str | None:
    """Return the text in the first of these places that is there, None for none or an empty one."""
    tag = document.preferred(*selectors)
    return (document.text_of(tag) or None) if tag is not None else None


def mark_of(document: Document, tag: Tag) -> str:
    """Return what a badge, a button or a picture of one says."""
    return f"{tag.get('alt') or tag.get('value') or ''} {document.text_of(tag)}".strip()


def gallery_in(
    document: Document, selectors: tuple[str, ...], full_size: Callable[[str], str]
) -> tuple[Picture, ...] | None:
    """Return the pictures in the first of these places, None where there is none of them."""
    for selector in selectors:
        if scope := document.all(selector):
            found = pictures_in(document, scope)
            return tuple(Picture(full_size(p.url), p.stated) for p in found)
    return None


def _all(document: Document, selector: str) -> list[Tag]:
    return document.all(selector) if selector else []


def _texts(document: Document, tags: list[Tag]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for tag in tags if (text := document.text_of(tag))))
