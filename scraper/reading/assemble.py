"""The layers of one page are put together field by field; it decides whom to believe and what
must be there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from scraper.pages.dealer import Dealer, Platform
from scraper.pages.dealer_addresses import is_other_page
from scraper.pages.document import Document, Doubt, decode, parse
from scraper.pages.errors import (
    NotAnItemPageError,
    PageError,
    ServerErrorPageError,
    UnexpectedPageError,
)
from scraper.pages.listing import BY_DEFAULT, Measurements, Page, Price, ScrapedListing, Status
from scraper.pages.readings import Layer, Picture, Reading
from scraper.parsing.price import names_currency
from scraper.parsing.title import as_typed
from scraper.parsing.title_mark import mark_of
from scraper.reading.contradictions import has_torn_address, odd_details, odd_pictures
from scraper.reading.error_pages import refuse_messages, refuse_walls
from scraper.reading.images import is_placeholder, settle, stem_of
from scraper.reading.layers import Found, has_places, read_layers
from scraper.reading.missing_fields import missing_fields_of
from scraper.reading.non_item_pages import (
    program_error,
    refuse_files,
    refuse_stand_ins,
    refuse_without_name,
)
from scraper.reading.page_lines import amounts_on, lone_price
from scraper.reading.sibling_pages import PageShape

_ORDER = (
    Layer.API,
    Layer.STRUCTURED,
    Layer.PLATFORM,
    Layer.DEALER,
    Layer.GENERIC,
    Layer.CATALOGUE,
)
# JSON-LD names one picture and a shortened text: the page itself knows better.
_PAGE_FIRST = (Layer.API, Layer.PLATFORM, Layer.DEALER, Layer.STRUCTURED, Layer.GENERIC)
# JSON-LD's name may be the one for search engines, with the shop's name behind it.
_TITLE = (Layer.API, Layer.PLATFORM, Layer.STRUCTURED, Layer.DEALER, Layer.GENERIC)
_TEXT_FROM_PAGE = (Layer.PLATFORM, Layer.DEALER, Layer.API, Layer.STRUCTURED, Layer.GENERIC)
_ORDER_OF: Mapping[str, tuple[Layer, ...]] = {
    "images": _PAGE_FIRST,
    "title": _TITLE,
    "description": _TEXT_FROM_PAGE,
}
_NO_LIMIT = 10_000  # the dealer's own is applied, and said, afterwards
_SIZE = re.compile(r"\d\s*(?:[cｃ][mｍ]|㎝|mm|[尺寸]|inch)", re.IGNORECASE)


def read_listing(
    page: Page,
    dealer: Dealer,
    *,
    platform: Platform | None = None,
    api: Mapping[str, Any] | None = None,
    tile: Reading | None = None,
) -> ScrapedListing:
    """Return the listing that `page` shows.

    Args:
        platform: which shop system's markup to expect; None takes the dealer's, and that
        may be None as well.
        api: this product as the shop's own API gave it, where it answered.
        tile: what the shop's catalogue says of it, for what the page does not say.

    Raises:
        PageError: the page is no item page, or not as expected; nothing may be saved from it.
    """
    listing, shape = read_page(page, dealer, platform=platform, api=api, tile=tile)
    if shape.doubts:
        raise shape.doubts[0].error
    return listing


def parse_item_page(page: Page, dealer: Dealer) -> Document:
    """Parse a page in the dealer's encoding. Raises PageError for a file in its place."""
    if not page.text:
        page = replace(page, text=decode(page.body, page.headers, dealer.encoding))
    refuse_files(page)
    return parse(page)


def read_page(
    page: Page,
    dealer: Dealer,
    *,
    platform: Platform | None = None,
    api: Mapping[str, Any] | None = None,
    tile: Reading | None = None,
    document: Document | None = None,
) -> tuple[ScrapedListing, PageShape]:
    """Return the listing like `read_listing`, and how the page is built: what it contradicts itself
    in is a doubt for its neighbours to settle, no error yet.

    Args:
        document: the page's tree, where it was parsed already; other items are cut out of it.
    """
    if document is None:
        document = parse_item_page(page, dealer)
    refuse_walls(document)
    if is_other_page(dealer, dealer.canonical_url(document.url)):
        raise NotAnItemPageError(
            document.url,
            f"its address is none by the product_pattern and excluded_pages of {dealer.name}",
        )
    refuse_stand_ins(document, (dealer.name, *dealer.shop_names))
    complaint = program_error(document)
    details = odd_details(document)
    torn = ["torn address"] if has_torn_address(document) else []
    platform = platform or dealer.platform
    if api is not None and platform is not None:
        refuse_without_name(document, platform.read_api(api).title)
    found = read_layers(document, dealer, platform, api)
    if tile is not None:
        found = replace(found, readings={**found.readings, Layer.CATALOGUE: tile})
    try:
        listing = _assemble(document, dealer, platform, found)
    except PageError as error:
        if document.doubts:  # that is why
            raise document.doubts[0].error from error
        raise
    if complaint and (
        complaint[:20] in listing.title or not (listing.price.value and listing.images)
    ):
        raise ServerErrorPageError(document.url, complaint)
    details = ", ".join(
        filter(None, (details, _two_prices(found), odd_pictures(listing.images, found.full)))
    )
    shape = _shape(document, details, [*torn, *_missing_places(document, platform, found)])
    return listing, replace(shape, doubts=_unsettled(document, found, listing))


def _unsettled(document: Document, found: Found, listing: ScrapedListing) -> tuple[Doubt, ...]:
    """Return the doubts that the page's own data does not settle: where they state the price, none
    is hidden by a hole; where the API lists the same pictures, all are there.
    """
    data = [found.readings.get(layer, Reading()) for layer in (Layer.API, Layer.STRUCTURED)]
    has_price = any(reading.price is not None and reading.price.value for reading in data)
    listed = {stem_of(url) for url in data[0].images or ()}
    has_pictures = bool(listed) and listed == {stem_of(url) for url in listing.images}
    return tuple(
        doubt
        for doubt in document.doubts
        if not (has_price and "price" in doubt.kind and "close" not in doubt.kind)
        and not (has_pictures and ("gallery" in doubt.kind or "picture" in doubt.kind))
    )


def _two_prices(found: Found) -> str:
    """Say whether the page's own data states another amount than the page prints: many shops leave
    the tax out of one of them, so this tells only among pages where both are the same.
    """
    printed = found.readings.get(Layer.PLATFORM, Reading()).price
    stated = [found.readings[layer].price for layer in (Layer.STRUCTURED, Layer.GENERIC)]
    amounts = {price.value for price in stated if price is not None and price.value}
    differs = printed is not None and bool(amounts) and printed.value not in amounts
    return "two prices" if differs else ""


def _missing_places(document: Document, platform: Platform | None, found: Found) -> list[str]:
    """Name the places that a shop system gives every item and that this page has not."""
    if platform is None:
        return []
    odd = platform.missing_places(document)
    stated = (found.readings.get(layer, Reading()) for layer in (Layer.API, Layer.PLATFORM))
    is_shown = bool(found.gallery) or any(reading.images is not None for reading in stated)
    named = found.readings[Layer.STRUCTURED].images or ()
    if platform.shares_only_items:
        named = (*named, *found.full)
    is_named = any(not is_placeholder(url) for url in named)
    if platform.has_places and is_named and not is_shown:
        odd.append("no gallery")
    return odd


def _shape(document: Document, details: str, odd: list[str]) -> PageShape:
    whole = [document.balance, *odd] if document.balance else odd
    return PageShape(", ".join(whole), ", ".join([document.frame, *odd]), details)


def digest_of_catalogue(
    dealer: Dealer, api: Mapping[str, Any] | None, out_of_stock: bool | None
) -> str | None:
    """Return what tells one description of an item by its shop's API and catalogue from another,
    None where they do not describe it: a page may say that it has not changed while they know
    better.
    """
    platform = dealer.platform
    described = None if api is None or platform is None else platform.read_api(api)
    if described is None and out_of_stock is None:
        return None
    changed = None if api is None or platform is None else platform.changed_at(api)
    known = (described, out_of_stock) if changed is None else (described, out_of_stock, changed)
    return hashlib.sha256(repr(known).encode()).hexdigest()[:16]


def _assemble(
    document: Document, dealer: Dealer, platform: Platform | None, found: Found
) -> ScrapedListing:
    layers: dict[str, str] = {}
    merged = _merge(dealer, found.readings, layers)
    title = as_typed(dealer.clean_title(merged.title or ""), _names_on(document, dealer, found))
    if not title:
        refuse_messages(document)
        raise UnexpectedPageError(document.url, dealer.title_selector or "h1", "exactly 1 title", 0)
    if "\ufffd" in title:
        raise UnexpectedPageError(
            document.url, dealer.title_selector or "h1", "a readable title", 1, title[:60]
        )
    shown = _images(dealer, platform, found, layers)
    images = shown[: dealer.max_images]
    if not images and not _shows_placeholder(document):
        layers.pop("images", None)  # an empty gallery says nothing
    lone = _lone_price(document, dealer, platform, found) if merged.price is None else None
    if lone is not None:
        merged, layers["price"] = replace(merged, price=lone), Layer.GENERIC.value
    is_sold_here = _looks_like_item(platform, found.readings) or bool(lone and images)
    if not is_sold_here and (
        has_places(platform) or not _is_described(document, dealer, title, merged, images)
    ):
        refuse_messages(document)
        raise NotAnItemPageError(document.url, f"nothing on it shows a single item ({title[:60]})")
    price = _price(merged, dealer, platform, document)
    if price.currency is None:
        price = replace(price, currency=_stated_currency(found.readings))
    printed = found.readings.get(Layer.PLATFORM, Reading()).price
    if printed is not None and layers.get("price") != Layer.DEALER:  # as the page prints it
        price = replace(price, raw=printed.raw)
    merged = replace(merged, title=title, price=price, images=images)
    _require(document, dealer, merged)
    categories = merged.categories or ()
    marked = mark_of(title)
    if marked is Status.RESERVED or (marked and merged.status in (None, Status.AVAILABLE)):
        merged, layers["status"] = replace(merged, status=marked), "title"
    item_type = merged.item_type or dealer.item_type(title, categories, document.url)
    status, status_layer = _status(document, dealer, merged, layers)
    layers["status"] = status_layer
    measurements = merged.measurements or dealer.measurements(
        merged.specification or merged.description or ""
    )
    if item_type is not None:
        layers.setdefault("item_type", "title and categories")
    if measurements != Measurements():
        layers.setdefault(
            "measurements",
            layers.get("specification") or layers.get("description", Layer.GENERIC.value),
        )
    return ScrapedListing(
        url=dealer.canonical_url(document.url),
        title=title,
        description=merged.description,
        item_type=item_type,
        price=price,
        status=status,
        images=images,
        measurements=measurements,
        layers={
            k: v
            for k, v in layers.items()
            if k not in ("sku", "out_of_stock", "categories", "specification")
        },
        names_currency=any(
            names_currency(reading.price) and reading.price.currency == price.currency
            for reading in found.readings.values()
            if reading.price is not None
        ),
        missing_fields=missing_fields_of(
            document, price=price, status=status, layers=layers, images=images, found=len(shown)
        ),
    )


def _lone_price(
    document: Document, dealer: Dealer, platform: Platform | None, found: Found
) -> Price | None:
    """Return the only amount of a page that nobody knows better: neither its shop system nor the
    dealer's own markup says where a price stands.
    """
    is_described = has_places(platform) or found.readings[Layer.DEALER] != Reading()
    return None if is_described or document.doubts else lone_price(document, dealer)


def _names_on(document: Document, dealer: Dealer, found: Found) -> list[str]:
    """Return what else on the page may be the item's name: in its data, or said of a picture."""
    said = [str(tag["alt"]) for tag in document.all("img[alt]")]
    return [
        dealer.clean_title(name) for name in (found.readings[Layer.STRUCTURED].title or "", *said)
    ]


def _merge(dealer: Dealer, readings: Mapping[Layer, Reading], layers: dict[str, str]) -> Reading:
    chosen: dict[str, Any] = {}
    for name in Reading.__dataclass_fields__:
        order: tuple[Layer, ...] = _ORDER_OF.get(name, _ORDER)
        if name in dealer.dealer_layer_first | dealer.selected:
            order = (Layer.DEALER, *(layer for layer in order if layer is not Layer.DEALER))
        for layer in order:
            value = getattr(readings.get(layer, Reading()), name)
            if value is not None:
                chosen[name] = value
                layers[name] = layer.value
                break
    return Reading(**chosen)


def _looks_like_item(platform: Platform | None, readings: Mapping[Layer, Reading]) -> bool:
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


def _is_described(
    document: Document, dealer: Dealer, title: str, merged: Reading, images: tuple[str, ...]
) -> bool:
    """Say whether a page that states no price shows one item all the same: a picture or a mark, and
    a title that names a kind of thing, or sizes. A notice has a heading and a picture as well, a
    list several amounts.
    """
    if not images and merged.status is None:
        return False
    text = merged.specification or merged.description or ""
    is_named = dealer.item_type(title, merged.categories or (), document.url) is not None
    is_measured = _SIZE.search(text) is not None
    return (is_named or is_measured) and len(amounts_on(document, dealer)) < 2


def _price(merged: Reading, dealer: Dealer, platform: Platform | None, document: Document) -> Price:
    price = merged.price
    if price is None:
        if document.balance and platform is not None and platform.always_has_price_element:
            document.doubt(
                "no price element, and markup that does not close",
                "p.price",
                "a price element, if only an empty one",
                0,
                "and the markup does not close",
            )
        return Price(None, dealer.currency, None)
    zero_is_a_price = platform is not None and platform.zero_is_a_price
    if price.value == 0 and (dealer.zero_is_inquiry or not zero_is_a_price):
        price = replace(price, value=None)  # 0円 is how these shops write "ask us"
    return replace(price, currency=price.currency or dealer.currency)


def _stated_currency(readings: Mapping[Layer, Reading]) -> str | None:
    """Return the currency of a layer that names one, for an amount whose own layer does not."""
    prices = (readings[layer].price for layer in _ORDER if layer in readings)
    return next((price.currency for price in prices if price and price.currency), None)


def _images(
    dealer: Dealer, platform: Platform | None, found: Found, layers: dict[str, str]
) -> tuple[str, ...]:
    """Return the pictures: the API's list where it answered, else the gallery, else the dealer's
    or generic ones.
    """
    readings = found.readings
    order: tuple[Layer, ...] = _PAGE_FIRST
    if "images" in dealer.dealer_layer_first | dealer.selected:
        order = (Layer.DEALER, *(layer for layer in _PAGE_FIRST if layer is not Layer.DEALER))
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


def _shows_placeholder(document: Document) -> bool:
    """Say whether the shop itself says that there is no picture."""
    return any(
        is_placeholder(str(image.get("src") or "")) or "placeholder" in " ".join(image["class"])
        for image in document.all("img[class]")
    ) or any(is_placeholder(str(image["src"])) for image in document.all("img[src]"))


def _wanted(dealer: Dealer, url: str) -> bool:
    if is_placeholder(url) or any(re.search(pattern, url) for pattern in dealer.excluded_images):
        return False
    return dealer.image_pattern is None or re.search(dealer.image_pattern, url) is not None


def _require(document: Document, dealer: Dealer, merged: Reading) -> None:
    for name in dealer.required:
        value = (
            merged.price.value
            if name == "price" and merged.price is not None
            else getattr(merged, name)
        )
        if value is None or value == () or value == "":
            selectors = {
                "title": dealer.title_selector,
                "price": dealer.price_selector,
                "images": ", ".join(dealer.image_selectors),
                "description": dealer.description_selector,
            }
            raise UnexpectedPageError(
                document.url, selectors.get(name) or name, f"at least 1 {name}", 0
            )


def _status(
    document: Document, dealer: Dealer, merged: Reading, layers: Mapping[str, str]
) -> tuple[Status, str]:
    """Archive first, then the dealer's rule, a stated state, the stock flag; else available."""
    if (urlsplit(document.url).hostname or "") in dealer.archive_hosts:
        return Status.SOLD, "archive host"
    if (decided := dealer.status(merged)) is not None:
        return decided, Layer.DEALER.value
    if merged.status is not None and merged.status is not Status.AVAILABLE:
        return merged.status, layers["status"]
    if merged.out_of_stock:
        return Status.SOLD, layers["out_of_stock"]
    return Status.AVAILABLE, layers.get("status") or layers.get("out_of_stock") or BY_DEFAULT
