"""The pictures of a page's item: which layer's list, and which of it; it fetches none."""

from __future__ import annotations

import re
from collections.abc import Iterable

from scraper.pages.dealer import Dealer, Platform
from scraper.pages.document import Document
from scraper.pages.readings import Layer, Picture, Reading
from scraper.reading.images import is_placeholder, settle, stem_of
from scraper.reading.layer_order import PAGE_FIRST
from scraper.reading.layers import Found

_NO_LIMIT = 10_000  # the dealer's own is applied, and said, afterwards


def pictures_of(
    dealer: Dealer, platform: Platform | None, found: Found, layers: dict[str, str]
) -> tuple[str, ...]:
    """Return the pictures: the API's list where it answered, else the gallery, else the dealer's
    or generic ones.
    """
    readings = found.readings
    order: tuple[Layer, ...] = PAGE_FIRST
    if "images" in dealer.dealer_layer_first | dealer.selected:
        order = (Layer.DEALER, *(layer for layer in PAGE_FIRST if layer is not Layer.DEALER))
    for layer in order:
        if layer is Layer.PLATFORM and found.gallery is not None:
            pictures: Iterable[Picture] = found.gallery
        else:
            urls = readings.get(layer, Reading()).images
            if urls is None or (layer is Layer.API and not urls and found.gallery):
                continue  # an API that lists no pictures of an item that shows some is no proof
            pictures = [Picture(url, True) for url in urls]
            if platform is not None and layer in (Layer.STRUCTURED, Layer.GENERIC):
                pictures = [Picture(platform.full_size(url), True) for url in urls]
            if layer is Layer.STRUCTURED and _is_one_of(urls, readings[Layer.GENERIC].images):
                continue
        kept = [p for p in pictures if _wanted(dealer, p.url)]
        layers["images"] = layer.value
        if not kept or dealer.description_images:
            kept += [p for p in found.described if _wanted(dealer, p.url)]
        return settle(kept, known_full=found.full, full_size=dealer.full_size, limit=_NO_LIMIT)
    described = [p for p in found.described if _wanted(dealer, p.url)]
    layers.pop("images", None)
    if described:
        layers["images"] = Layer.PLATFORM.value
    return settle(described, full_size=dealer.full_size, limit=_NO_LIMIT)


def _is_one_of(named: tuple[str, ...], shown: tuple[str, ...] | None) -> bool:
    """Say whether the one picture of a page's data is one of several that the page shows."""
    if len(named) != 1 or shown is None:
        return False
    folder = named[0].rsplit("/", 1)[0]
    beside = [url for url in shown if url.rsplit("/", 1)[0] == folder]
    return len(beside) > 1 and stem_of(named[0]) in {stem_of(url) for url in beside}


def shows_placeholder(document: Document) -> bool:
    """Say whether the shop itself says that there is no picture."""
    return any(
        is_placeholder(str(image.get("src") or "")) or "placeholder" in " ".join(image["class"])
        for image in document.all("img[class]")
    ) or any(is_placeholder(str(image["src"])) for image in document.all("img[src]"))


def _wanted(dealer: Dealer, url: str) -> bool:
    if is_placeholder(url) or any(re.search(pattern, url) for pattern in dealer.excluded_images):
        return False
    return dealer.image_pattern is None or re.search(dealer.image_pattern, url) is not None
