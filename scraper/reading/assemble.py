"""The layers of one page are put together field by field; it decides whom to believe and what
must be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from scraper.pages.dealer import Dealer, Platform
from scraper.pages.dealer_addresses import is_other_page
from scraper.pages.document import Document, parse
from scraper.pages.errors import (
    NotAnItemPageError,
    PageError,
    ServerErrorPageError,
    UnexpectedPageError,
)
from scraper.pages.listing import BY_DEFAULT, Measurements, Page, Price, ScrapedListing, Status
from scraper.pages.page_encoding import decode
from scraper.pages.readings import Layer, Reading
from scraper.parsing.price import names_currency
from scraper.parsing.title import as_typed
from scraper.parsing.title_mark import mark_of
from scraper.reading.error_pages import refuse_messages, refuse_walls
from scraper.reading.item_evidence import is_described, looks_like_item
from scraper.reading.item_pictures import pictures_of, shows_placeholder
from scraper.reading.layer_order import merge, stated_currency
from scraper.reading.layers import Found, has_places, read_layers
from scraper.reading.missing_fields import missing_fields_of
from scraper.reading.non_item_pages import (
    program_error,
    refuse_files,
    refuse_stand_ins,
    refuse_without_name,
)
from scraper.reading.page_lines import lone_price
from scraper.reading.page_shape import PageShape, before_cuts, shape_of

_UNSAID = ("sku", "out_of_stock", "categories", "specification")


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
    uncut = before_cuts(document)
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
    return listing, shape_of(document, dealer, platform, found, listing, uncut)


def _assemble(
    document: Document, dealer: Dealer, platform: Platform | None, found: Found
) -> ScrapedListing:
    layers: dict[str, str] = {}
    merged = merge(dealer, found.readings, layers)
    merged = replace(merged, title=_title(document, dealer, found, merged))
    shown = pictures_of(dealer, platform, found, layers)
    merged = replace(merged, images=shown[: dealer.max_images])
    if not merged.images and not shows_placeholder(document):
        layers.pop("images", None)  # an empty gallery says nothing
    lone = _lone_price(document, dealer, platform, found) if merged.price is None else None
    if lone is not None:
        merged, layers["price"] = replace(merged, price=lone), Layer.GENERIC.value
    if not (looks_like_item(platform, found.readings) or bool(lone and merged.images)):
        _refuse_without_item(document, dealer, platform, merged)
    price = _price(document, dealer, platform, found, merged, layers)
    merged = replace(merged, price=price)
    _require(document, dealer, merged)
    return _listing(document, dealer, found, merged, price, layers, shown=len(shown))


def _listing(
    document: Document,
    dealer: Dealer,
    found: Found,
    merged: Reading,
    price: Price,
    layers: dict[str, str],
    *,
    shown: int,
) -> ScrapedListing:
    """Return what is told as a listing, with what its words tell besides."""
    title, images = merged.title or "", merged.images or ()
    marked = mark_of(title)
    if marked is Status.RESERVED or (marked and merged.status in (None, Status.AVAILABLE)):
        merged, layers["status"] = replace(merged, status=marked), "title"
    categories = merged.categories or ()
    item_type = merged.item_type or dealer.item_type(title, categories, document.url)
    status, layers["status"] = _status(document, dealer, merged, layers)
    if item_type is not None:
        layers.setdefault("item_type", "title and categories")
    text = merged.specification or merged.description or ""
    measurements = merged.measurements or dealer.measurements(text)
    if measurements != Measurements():
        told_by = layers.get("specification") or layers.get("description", Layer.GENERIC.value)
        layers.setdefault("measurements", told_by)
    return ScrapedListing(
        url=dealer.canonical_url(document.url),
        title=title,
        description=merged.description,
        item_type=item_type,
        price=price,
        status=status,
        images=images,
        measurements=measurements,
        layers={name: layer for name, layer in layers.items() if name not in _UNSAID},
        names_currency=any(
            names_currency(reading.price) and reading.price.currency == price.currency
            for reading in found.readings.values()
            if reading.price is not None
        ),
        missing_fields=missing_fields_of(
            document, price=price, status=status, layers=layers, images=images, found=shown
        ),
    )


def _title(document: Document, dealer: Dealer, found: Found, merged: Reading) -> str:
    """Return the item's name. Raises UnexpectedPageError where there is none, or no letters."""
    title = as_typed(dealer.clean_title(merged.title or ""), _names_on(document, dealer, found))
    selector = dealer.title_selector or "h1"
    if not title:
        refuse_messages(document)
        raise UnexpectedPageError(document.url, selector, "exactly 1 title", 0)
    if "\ufffd" in title:
        raise UnexpectedPageError(document.url, selector, "a readable title", 1, title[:60])
    return title


def _refuse_without_item(
    document: Document, dealer: Dealer, platform: Platform | None, merged: Reading
) -> None:
    """Raise for a page on which nothing stands for an item but its heading."""
    if has_places(platform) or not is_described(document, dealer, merged):
        refuse_messages(document)
        title = (merged.title or "")[:60]
        raise NotAnItemPageError(document.url, f"nothing on it shows a single item ({title})")


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


def _price(
    document: Document,
    dealer: Dealer,
    platform: Platform | None,
    found: Found,
    merged: Reading,
    layers: Mapping[str, str],
) -> Price:
    price = _stated_price(document, dealer, platform, merged)
    if price.currency is None:
        price = replace(price, currency=stated_currency(found.readings))
    printed = found.readings.get(Layer.PLATFORM, Reading()).price
    if printed is not None and layers.get("price") != Layer.DEALER:  # as the page prints it
        price = replace(price, raw=printed.raw)
    return price


def _stated_price(
    document: Document, dealer: Dealer, platform: Platform | None, merged: Reading
) -> Price:
    price = merged.price
    if price is None:
        if (
            document.unclosed.containers
            and platform is not None
            and platform.always_has_price_element
        ):
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
