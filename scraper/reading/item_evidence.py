"""Whether anything on a page shows a single item; a heading and a picture alone do not."""

from __future__ import annotations

import re
from collections.abc import Mapping

from scraper.pages.dealer import Dealer, Platform
from scraper.pages.document import Document
from scraper.pages.readings import Layer, Reading
from scraper.reading.layers import has_places
from scraper.reading.page_lines import amounts_on

_SIZE = re.compile(r"\d\s*(?:[cｃ][mｍ]|㎝|mm|[尺寸]|inch)", re.IGNORECASE)


def looks_like_item(platform: Platform | None, readings: Mapping[Layer, Reading]) -> bool:
    """A page counts as an item when something stronger than its heading says so."""
    layers = (Layer.API, Layer.STRUCTURED, Layer.PLATFORM)
    for reading in (readings.get(layer, Reading()) for layer in layers):
        # A title without a mark of its own needs its price beside it.
        is_marked = platform is not None and platform.marks_titles
        if reading.title and (is_marked or reading.price):
            return True
    if has_places(platform):
        return False
    rest = [readings.get(layer, Reading()) for layer in (Layer.DEALER, Layer.GENERIC)]
    return any(reading.price for reading in rest)


def is_described(document: Document, dealer: Dealer, merged: Reading) -> bool:
    """Say whether a page that states no price shows one item all the same: a picture or a mark, and
    a title that names a kind of thing, or sizes. A notice has a heading and a picture as well, a
    list several amounts.
    """
    if not merged.images and merged.status is None:
        return False
    text = merged.specification or merged.description or ""
    is_named = (
        dealer.item_type(merged.title or "", merged.categories or (), document.url) is not None
    )
    is_measured = _SIZE.search(text) is not None
    return (is_named or is_measured) and len(amounts_on(document, dealer)) < 2
