"""A careful reading of a page nobody described: heading, labelled price, main pictures; silence
rather than a guess.
"""

from __future__ import annotations

import re

from bs4 import Tag

from scraper.dealers.protocol import Dealer, Reading
from scraper.listing import Price
from scraper.page import Document
from scraper.parsing.status import status_of
from scraper.reading.images import is_picture_url, is_placeholder, pictures_in

_LABEL = re.compile(
    r"^(?:販売価格|価格|値段|定価|price|selling price|sale "
    r"price)\s*(?:\(税込\)|（税込）)?\s*[:：]?\s*",
    re.IGNORECASE,
)
_BID = re.compile(r"starting bid|current bid|入札|開始価格|現在価格|送料|shipping", re.IGNORECASE)
_MAIN = "main, article, #main, #content, .entry-content, #contents, .contents, body"


def read_generic(document: Document, dealer: Dealer) -> Reading:
    """Read what any item page may show; a price needs its label, a state needs to stand with it."""
    heading = document.first("h1") or document.first("h2")
    title = document.text_of(heading).replace("\n", " ") if heading is not None else ""
    line = _price_line(document)
    price = dealer.price(line) if line is not None else None
    main = _main(document)
    return Reading(
        title=title or document.title or None,
        description=document.text_of(main) or None if main is not None else None,
        price=price if price is not None and (price.value is not None or price.raw) else None,
        status=status_of(line) if line else None,
        images=_images(document, main),
    )


def _price_line(document: Document) -> str | None:
    lines = document.text().split("\n")
    for index, line in enumerate(lines):
        found = _LABEL.match(line)
        if found and not _BID.search(line):
            rest = line[found.end() :].strip()
            return rest or (lines[index + 1] if index + 1 < len(lines) else None)
    return None


def _main(document: Document) -> Tag | None:
    for selector in _MAIN.split(", "):
        tag = document.first(selector)
        if tag is not None and len(document.text_of(tag)) > 40:
            return tag
    return document.soup.body


def _images(document: Document, main: Tag | None) -> tuple[str, ...] | None:
    if main is None:
        return None
    found = []
    for picture in pictures_in(document, [main]):
        if (
            is_picture_url(picture.url)
            and not is_placeholder(picture.url)
            and not _is_decoration(picture.url)
        ):
            found.append(picture.url)
    return tuple(dict.fromkeys(found)) or None


def _is_decoration(url: str) -> bool:
    name = url.rsplit("/", 1)[-1].lower()
    return (
        re.search(
            r"(?:^|[_\-/])(?:logo|banner|bnr|btn|button|icon|arrow|flag|spacer|header|footer|nav|"
            r"menu|line|bg|title|cart)"
            r"(?:[_\-.\d]|$)",
            name,
        )
        is not None
    )


def no_price(currency: str | None) -> Price:
    return Price(None, currency, None)
