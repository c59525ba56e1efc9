"""One item page at a time, for an operator: read it, show each field's layer, save it; it walks
no catalogue.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from scraper.base.errors import FetchError, ListingMirrorError
from scraper.net.guard import host_of
from scraper.pages.dealer import Dealer, Platform
from scraper.pages.document import Document
from scraper.pages.errors import PageError, SloganTitleError
from scraper.pages.item_address import decode_entities_once
from scraper.pages.listing import Page, ScrapedListing
from scraper.platforms import detect
from scraper.reading.assemble import parse_item_page, read_page
from scraper.reading.page_shape import PageShape
from scraper.reading.sibling_pages import SiblingPages
from scraper.rows.address_table import DiscoveredRow
from scraper.rows.daily import ensure_row
from scraper.rows.fetching import PageFetcher
from scraper.rows.known_dealers import KnownDealer, UnknownDealerError, build_dealer, dealer_for_url
from scraper.rows.listing_row import columns_of
from scraper.rows.listing_table import Saved, SavedListing
from scraper.rows.lost_fields import LostFieldsError, is_believed, refuse_lost_fields
from scraper.rows.repository import Repository
from scraper.rows.rows_by_address import RowsByAddress
from scraper.rows.run_context import RunContext, fetcher_for


@dataclass(frozen=True)
class OnePage:
    """One item page as it was read: by which dealer, what came out, and how it is built."""

    dealer: Dealer
    page: Page
    listing: ScrapedListing
    shape: PageShape
    unclosed_markup: str


class UnreadableUrlError(ListingMirrorError):
    """An address that is no item page we can read."""


def read_url(
    address: str, known: list[KnownDealer], context: RunContext, *, platform: Platform | None = None
) -> OnePage:
    """Fetch and read one item page; a host nobody knows is read by its platform. Raises PageError
    and FetchError.
    """
    for entry in known:
        if entry.fault is not None and entry.dealer is dealer_for_url(known, address):
            raise entry.fault
    read = _read(address, known, context, platform)
    if read.shape.doubts:
        raise read.shape.doubts[0].error
    return read


def _read(
    address: str, known: list[KnownDealer], context: RunContext, platform: Platform | None
) -> OnePage:
    dealer = dealer_for_url(known, address) or _stranger(address)
    fetcher = fetcher_for(dealer, context)
    page = fetcher.page(decode_entities_once(address))  # copied from a page's source: "&amp;"
    if page is None:
        raise UnreadableUrlError(f"{address} did not send its page.")
    document = parse_item_page(page, dealer)
    dealer = dataclasses.replace(
        dealer, platform=platform or dealer.platform or detect(document).platform
    )
    api = api_description(dealer, document, fetcher)
    listing, shape = read_page(page, dealer, api=api, document=document)
    return OnePage(dealer, page, listing, shape, document.unclosed.containers)


def save_url(address: str, known: list[KnownDealer], context: RunContext) -> SavedListing:
    """Read one item page of a known dealer and save its row.

    Raises PageError and FetchError, also for a page whose markup does not close, where the dealer's
    last run has not shown that its pages are like that: it may have a piece missing.
    """
    dealer = dealer_for_url(known, address)
    entry = next((entry for entry in known if entry.dealer is dealer), None)
    if entry is None:
        raise UnknownDealerError(
            f"{address} belongs to no known dealer. Add the dealer with `scrape dealers add NAME "
            f"URL`, or look at the page with --dry-run."
        )
    dealer, row = ensure_row(entry, context)
    read = _read(address, [KnownDealer(dealer, row)], context, None)
    page, listing, shape = read.page, read.listing, read.shape
    before = context.repository.runs.last_counts(row.id)
    rows = RowsByAddress(dealer, context.repository, fetcher_for(dealer, context))
    _refuse_second_page(dealer, listing.url, rows.read(row.id))
    addresses = {dealer.canonical_url(r.url): r for r in context.repository.addresses.of(row.id)}
    _refuse_odd(page.url, shape, before, addresses.get(listing.url), context.repository)
    _refuse_lost_fields(page.url, rows.at(listing.url), listing, addresses, context.repository)
    saved = context.repository.listings.save(row.id, rows.led_here(listing), listing)
    if saved.outcome is Saved.UNCHANGED and saved.listing_id is not None:
        context.repository.listings.confirm([saved.listing_id])
    if listing.url not in addresses:
        context.repository.addresses.add(row.id, [listing.url], priority=0)
    return saved


def _refuse_odd(
    url: str,
    shape: PageShape,
    before: Mapping[str, Any],
    address: DiscoveredRow | None,
    repository: Repository,
) -> None:
    """Raise PageError like a run does for a page that is unlike the shop's others; each look is
    counted.
    """
    failures, last_error = (address.failures, address.last_error) if address else (0, None)
    try:
        SiblingPages(before=before).refuse_odd(url, shape)
    except PageError as error:
        is_slogan = isinstance(error, SloganTitleError)
        if not is_slogan and is_believed(error, failures=failures, last_error=last_error):
            return
        if address is not None:
            repository.addresses.note_failure(address, str(error))
        raise


def _refuse_lost_fields(
    url: str,
    existing: Mapping[str, Any] | None,
    listing: ScrapedListing,
    addresses: Mapping[str, DiscoveredRow],
    repository: Repository,
) -> None:
    """Raise LostFieldsError like a run does; each look is counted."""
    address = addresses.get(listing.url)
    failures, last_error = (address.failures, address.last_error) if address else (0, None)
    try:
        refuse_lost_fields(url, existing, listing, failures=failures, last_error=last_error)
    except LostFieldsError as error:
        if address is not None:
            repository.addresses.note_failure(address, str(error))
        raise


def _refuse_second_page(dealer: Dealer, url: str, rows: Iterable[str]) -> None:
    """Raise where another page of the same item is the listing already."""
    code = dealer.item_code(url)
    others = [known for known in rows if code is not None and dealer.item_code(known) == code]
    if others and url not in others:
        raise UnreadableUrlError(f"{url} shows the item of {others[0]}: scrape that page instead.")


def listing_as_json(read: OnePage) -> dict[str, Any]:
    """Return what would be saved, with the layer of each field."""
    dealer, listing = read.dealer, read.listing
    return {
        "url": listing.url,
        "fetched": read.page.url,
        "dealer": dealer.name,
        "platform": dealer.platform.name if dealer.platform else None,
        "listing": columns_of(listing),
        "layers": dict(listing.layers),
        "unclosed_markup": read.unclosed_markup or None,
    }


def _stranger(address: str) -> Dealer:
    host = host_of(address)
    if not host:
        raise UnreadableUrlError(
            f"{address} is no address of a page: write it whole, beginning with https://."
        )
    return build_dealer(host, urljoin(address, "/"), platform=None, currency=None, settings={})


def api_description(
    dealer: Dealer, document: Document, fetcher: PageFetcher
) -> Mapping[str, Any] | None:
    """Return a page's product as the shop's API describes it, None where it does not answer."""
    if not dealer.uses_api:
        return None
    platform = dealer.platform
    address = platform.api_address(document) if platform is not None else None
    if platform is None or address is None:
        return None
    try:
        answer, _ = fetcher.json(address)
    except (FetchError, PageError, ValueError):
        return None
    return platform.api_product(answer)
