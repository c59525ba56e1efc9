"""The layers of one page, each read for itself: API, structured data, markup, dealer, generic; it
decides between them nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from scraper.pages.dealer import Dealer, Layer, PlatformName, Reading
from scraper.pages.document import Document
from scraper.pages.errors import UnexpectedPageError
from scraper.reading import shopify_markup, store_api, woocommerce_markup
from scraper.reading.cutting import cut_other_items, cut_struck_prices, drop_invisible
from scraper.reading.dealer_markup import read_by_selectors
from scraper.reading.ec_cube_markup import read_ec_cube, read_menu_mark
from scraper.reading.generic import read_generic
from scraper.reading.images import Picture, is_placeholder, stem_of
from scraper.reading.shopify_markup import large_shopify
from scraper.reading.shopserve_markup import read_shopserve
from scraper.reading.structured import read_structured
from scraper.reading.tiles import cut_tiles

# Platforms whose pages have a place of their own for price and state.
WITH_PLACES = frozenset(
    (
        PlatformName.WOOCOMMERCE,
        PlatformName.SHOPIFY,
        PlatformName.EC_CUBE,
        PlatformName.SHOPSERVE,
    )
)


@dataclass(frozen=True)
class Found:
    """The readings of one page by layer, and the addresses known to be full-size pictures."""

    readings: Mapping[Layer, Reading]
    gallery: tuple[Picture, ...] | None
    full: tuple[str, ...]


def read_api(platform: PlatformName | None, api: Mapping[str, Any]) -> Reading:
    """Return what the shop's own API says of the product."""
    if platform is PlatformName.SHOPIFY:
        return shopify_markup.read_product(api)
    return store_api.read_product(api)


def read_layers(
    document: Document, dealer: Dealer, platform: PlatformName | None, api: Mapping[str, Any] | None
) -> Found:
    """Return every layer's reading; other items are cut out of the document on the way.

    Raises UnexpectedPageError where the dealer's markup is not as promised, or the page's own data
    names a picture that its gallery lacks.
    """
    own = dealer.canonical_url(document.url)
    structured = read_structured(document, lambda address: dealer.canonical_url(address) == own)
    embedded = (
        shopify_markup.embedded_product(document) if platform is PlatformName.SHOPIFY else None
    )
    menu_mark = read_menu_mark(document)
    drop_invisible(document)
    cut_other_items(document, dealer.cut_selectors)
    cut_tiles(document, dealer, own, guess=platform not in WITH_PLACES)
    if platform not in WITH_PLACES:
        cut_struck_prices(document, lambda text: dealer.price(text).value is not None)
    readings = {Layer.STRUCTURED: structured.reading}
    gallery: tuple[Picture, ...] | None = None
    full = structured.pictures
    if api is not None:
        readings[Layer.API] = read_api(platform, api)
        full = (*(readings[Layer.API].images or ()), *full)
    if platform is PlatformName.WOOCOMMERCE and woocommerce_markup.is_product_page(document):
        markup, pictures = woocommerce_markup.read_markup(document, currency=dealer.currency)
        readings[Layer.PLATFORM] = markup
        gallery = tuple(pictures) if pictures is not None else None
    elif platform is PlatformName.EC_CUBE:
        readings[Layer.PLATFORM], gallery = read_ec_cube(document, dealer, menu_mark)
    elif platform is PlatformName.SHOPSERVE:
        readings[Layer.PLATFORM], gallery = read_shopserve(document, dealer)
    elif platform is PlatformName.SHOPIFY:
        markup, shown = shopify_markup.read_page(document, dealer)
        readings[Layer.PLATFORM] = embedded or markup
        gallery = shown if embedded is None or embedded.images is None else None
    _check_pictures(document, structured.reading, gallery)
    readings[Layer.DEALER] = _dealer_reading(document, dealer)
    readings[Layer.GENERIC] = _weakest(document, dealer, structured.weak, platform)
    return Found(readings, gallery, full)


def _dealer_reading(document: Document, dealer: Dealer) -> Reading:
    """Return what the dealer reads; a selector that an operator set beats its module's own way."""
    reading = dealer.read(document)
    if not dealer.selected:
        return reading
    stated = read_by_selectors(dealer, document)
    found = {name: getattr(stated, name) for name in dealer.selected}
    return replace(reading, **{name: value for name, value in found.items() if value is not None})


def _check_pictures(
    document: Document, structured: Reading, gallery: tuple[Picture, ...] | None
) -> None:
    """Raise where the page's own data names a picture that its gallery lacks."""
    shown = {_name_of(picture.url) for picture in gallery or ()}
    named = [url for url in structured.images or () if not is_placeholder(url)]
    lost = [url for url in named if _name_of(url) not in shown]
    if shown and lost:
        raise UnexpectedPageError(
            document.url,
            "gallery",
            f"{len(named)} pictures of the page's own data",
            len(shown),
            f"{lost[0]} is missing",
        )


def _name_of(url: str) -> str:
    """Return what all sizes and formats of one picture are called."""
    return stem_of(large_shopify(url)).rsplit("/", 1)[-1].partition(".")[0]


def _weakest(
    document: Document, dealer: Dealer, weak: Reading, platform: PlatformName | None
) -> Reading:
    """Generic reading, completed by Open Graph; on a known platform free text never supplies a
    price or a state.
    """
    known = platform in WITH_PLACES
    generic = read_generic(document, dealer, states_price=not known)
    return replace(
        generic,
        title=generic.title or weak.title,
        price=weak.price or generic.price,
        status=weak.status or generic.status,
        out_of_stock=weak.out_of_stock,
        images=(weak.images if known else generic.images or weak.images),
        description=weak.description if known else generic.description or weak.description,
    )
