"""How a page is built: what it contradicts itself in, for its neighbours to judge."""

from __future__ import annotations

from dataclasses import dataclass

from scraper.pages.dealer import Dealer, Platform
from scraper.pages.document import Document, Doubt
from scraper.pages.listing import ScrapedListing
from scraper.pages.readings import Layer, Reading
from scraper.reading.contradictions import has_torn_address, odd_details, odd_pictures
from scraper.reading.images import is_placeholder, stem_of
from scraper.reading.layers import Found


@dataclass(frozen=True)
class PageShape:
    """How a page is built: by that, a page with a hole in it is unlike its neighbours.

    `oddities` is "" for a page that closes what it opens and has a place for its price; `frame` is
    the same without the description, where a dealer may well forget to close a tag. `details` are
    small things that many authors get wrong: they tell only where the others have none of them.
    """

    oddities: str
    frame: str
    details: str = ""
    doubts: tuple[Doubt, ...] = ()  # what the page contradicts itself in
    heading: str = ""  # the title, where it is only a heading's and names no kind of thing


@dataclass(frozen=True)
class UncutPage:
    """What is odd about a page before other items are cut out of it."""

    details: str
    is_torn: bool


def before_cuts(document: Document) -> UncutPage:
    return UncutPage(odd_details(document), has_torn_address(document))


def shape_of(
    document: Document,
    dealer: Dealer,
    platform: Platform | None,
    found: Found,
    listing: ScrapedListing,
    uncut: UncutPage,
) -> PageShape:
    details = (uncut.details, _two_prices(found), odd_pictures(listing.images, found.full))
    odd = ["torn address"] if uncut.is_torn else []
    odd += _missing_places(document, platform, found)
    containers = document.unclosed.containers
    return PageShape(
        ", ".join([containers, *odd] if containers else odd),
        ", ".join([document.unclosed.frame, *odd]),
        ", ".join(filter(None, details)),
        _unsettled(document, found, listing),
        _heading(document, dealer, listing),
    )


def _heading(document: Document, dealer: Dealer, listing: ScrapedListing) -> str:
    """Return a title that may as well be the shop's slogan: its neighbours tell."""
    is_named = dealer.item_type(listing.title, (), document.url) is not None
    return "" if is_named or listing.layers.get("title") != Layer.GENERIC else listing.title


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


def _two_prices(found: Found) -> str:
    """Say whether the page's own data states another amount than the page prints: many shops leave
    the tax out of one of them, so this tells only among pages where both are the same.
    """
    printed = found.readings.get(Layer.PLATFORM, Reading()).price
    stated = [found.readings[layer].price for layer in (Layer.STRUCTURED, Layer.GENERIC)]
    amounts = {price.value for price in stated if price is not None and price.value}
    differs = printed is not None and bool(amounts) and printed.value not in amounts
    return "two prices" if differs else ""


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
