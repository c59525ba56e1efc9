"""The layers of one page, each read for itself: API, structured data, markup, dealer, generic; it
decides between them nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from scraper.pages.dealer import Dealer, Platform
from scraper.pages.document import Document
from scraper.pages.readings import Layer, Markup, Picture, Reading
from scraper.reading.boilerplate import cut_other_items, cut_struck_prices, drop_invisible
from scraper.reading.dealer_markup import read_by_selectors
from scraper.reading.generic import pictures_described, read_generic
from scraper.reading.images import file_name, is_placeholder, uploads_of
from scraper.reading.structured_data import read_structured
from scraper.reading.tiles import cut_tiles


@dataclass(frozen=True)
class Found:
    """The readings of one page by layer, and the addresses known to be full-size pictures."""

    readings: Mapping[Layer, Reading]
    gallery: tuple[Picture, ...] | None
    full: tuple[str, ...]
    described: tuple[Picture, ...] = ()  # pictures in the description, where pages have places


def has_places(platform: Platform | None) -> bool:
    """Say whether pages have a place of their own for price and state."""
    return platform is not None and platform.has_places


def read_layers(
    document: Document, dealer: Dealer, platform: Platform | None, api: Mapping[str, Any] | None
) -> Found:
    """Return every layer's reading; other items are cut out of the document on the way.

    Raises UnexpectedPageError where the dealer's markup is not as promised, or the page's own data
    names a picture that its gallery lacks.
    """
    own = dealer.canonical_url(document.url)
    structured = read_structured(document, lambda address: dealer.canonical_url(address) == own)
    data = platform.read_data(document) if platform is not None else None
    drop_invisible(document)
    if platform is not None:
        platform.cut(document)
    cut_other_items(document, dealer.cut_selectors)
    cut_tiles(document, dealer, own, guess=not has_places(platform))
    if not has_places(platform):
        cut_struck_prices(document, lambda text: dealer.price(text).value is not None)
    readings = {Layer.STRUCTURED: structured.reading}
    full = structured.pictures
    markup: Markup | None = None
    if platform is not None:
        if api is not None:
            readings[Layer.API] = platform.read_api(api)
            full = (*(readings[Layer.API].images or ()), *full)
        if (markup := platform.read(document, dealer, data)) is not None:
            readings[Layer.PLATFORM] = markup.reading
    gallery = markup.gallery if markup is not None else None
    _check_pictures(document, structured.reading, gallery, platform)
    readings[Layer.DEALER] = _dealer_reading(document, dealer)
    readings[Layer.GENERIC] = _weakest(document, dealer, structured.weak, platform)
    described: tuple[Picture, ...] = ()
    if platform is not None and platform.has_places:
        described = tuple(pictures_described(document, platform.descriptions))
    return Found(readings, gallery, full, described)


def _dealer_reading(document: Document, dealer: Dealer) -> Reading:
    """Return what the dealer reads; a selector that an operator set beats its module's own way."""
    reading = dealer.read(document)
    if not dealer.selected:
        return reading
    stated = read_by_selectors(dealer, document)
    found = {name: getattr(stated, name) for name in dealer.selected}
    return replace(reading, **{name: value for name, value in found.items() if value is not None})


def _check_pictures(
    document: Document,
    structured: Reading,
    gallery: tuple[Picture, ...] | None,
    platform: Platform | None,
) -> None:
    """Note where the page's own data names a picture that its gallery lacks."""
    shown = {name for picture in gallery or () for name in _names_of(picture.url, platform)}
    named = [url for url in structured.images or () if not is_placeholder(url)]
    lost = [url for url in named if not shown & _names_of(url, platform)]
    if shown and lost:
        document.doubt(
            "pictures of its data that the gallery lacks",
            "gallery",
            f"{len(named)} pictures of the page's own data",
            len(shown),
            f"{lost[0]} is missing",
        )


def _names_of(url: str, platform: Platform | None) -> set[str]:
    """Return what sizes and formats of one picture may be called; a name that looks like a size may
    be the picture's own.
    """
    whole = platform.full_size(url) if platform is not None else url
    files = (file_name(whole), *uploads_of([whole]), *uploads_of([url]))
    return {name.partition(".")[0] for name in files}


def _weakest(
    document: Document, dealer: Dealer, weak: Reading, platform: Platform | None
) -> Reading:
    """Generic reading, completed by Open Graph; on a known platform free text never supplies a
    price or a state.
    """
    known = has_places(platform)
    generic = read_generic(document, dealer, states_price=not known)
    return replace(
        generic,
        title=generic.title or weak.title,
        price=weak.price or generic.price,
        status=weak.status or generic.status,
        out_of_stock=weak.out_of_stock if known or weak.out_of_stock else generic.out_of_stock,
        images=(weak.images if known else generic.images or weak.images),
        description=weak.description if known else generic.description or weak.description,
    )
