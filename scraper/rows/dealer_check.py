"""A look at a few live pages of a dealer: which fields come out, which differ from the rows;
nothing is written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scraper.base.errors import FetchError, ListingMirrorError
from scraper.pages.dealer import Dealer
from scraper.pages.listing import MissingField
from scraper.reading.assemble import parse_item_page, read_page
from scraper.reading.sibling_pages import SiblingPages
from scraper.rows.discovery import NoShopError, detect_platform
from scraper.rows.fetching import is_gone
from scraper.rows.known_dealers import KnownDealer
from scraper.rows.listing_row import columns_of
from scraper.rows.one_page import api_description
from scraper.rows.run_context import RunContext, fetcher_for

_FIELDS = ("title", "description", "item_type", "price_value", "price_currency", "status", "images")


@dataclass
class PageCheck:
    """One live page: field -> layer or None (absent), what differs from its row, or why it could
    not be read.
    """

    url: str
    fields: dict[str, str | None] = field(default_factory=dict)
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    problem: str | None = None
    title: str | None = None
    missing_fields: tuple[MissingField, ...] = ()


@dataclass
class DealerCheck:
    """All pages looked at, and what stopped the check early."""

    dealer: str
    platform: str | None = None
    source: str | None = None
    pages: list[PageCheck] = field(default_factory=list)
    problem: str | None = None

    @property
    def healthy(self) -> bool:
        return (
            self.problem is None
            and bool(self.pages)
            and not any(page.problem for page in self.pages)
        )


def check_dealer(entry: KnownDealer, context: RunContext, *, pages: int) -> DealerCheck:
    """Read up to `pages` live pages: known rows first, else what the catalogue lists."""
    report = DealerCheck(entry.dealer.name)
    try:
        dealer = entry.dealer
        if entry.fault is not None:
            raise entry.fault
        if dealer.platform is None:
            found = detect_platform(dealer, fetcher_for(dealer, context))
            if found.platform is None:
                raise NoShopError(f"{dealer.catalog_url} is no shop that we know: {found.reason}.")
            report.source = f"detected: {found.reason}"
            dealer = dataclasses.replace(dealer, platform=found.platform)
        assert dealer.platform is not None
        report.platform = dealer.platform.name
        rows = context.repository.listings.of(entry.row.id) if entry.row is not None else []
        live = [row for row in rows if row.get("page_exists") is not False][-pages:]
        known: dict[str, Mapping[str, Any] | None] = {str(row["url"]): row for row in live}
        if not known:
            catalogue = dealer.platform.catalogue(dealer, fetcher_for(dealer, context))
            report.source = f"{len(catalogue.items)} items by {catalogue.source}"
            known = {item.url: None for item in catalogue.items[:pages]}
            if not known:
                report.problem = f"its catalogue lists nothing ({catalogue.source})"
        before = context.repository.runs.last_counts(entry.row.id) if entry.row is not None else {}
        report.pages = [
            _check_page(dealer, context, url, row, before) for url, row in known.items()
        ]
    except ListingMirrorError as error:
        report.problem = str(error)
    return report


def _check_page(
    dealer: Dealer,
    context: RunContext,
    url: str,
    row: Mapping[str, Any] | None,
    before: Mapping[str, Any],
) -> PageCheck:
    check = PageCheck(url)
    try:
        fetcher = fetcher_for(dealer, context)
        try:
            page = fetcher.page(url)
        except FetchError as error:
            if not is_gone(error) or "?" in url or url.endswith("/"):
                raise
            page = fetcher.page(url + "/")
        if page is None:
            return check
        document = parse_item_page(page, dealer)
        api = api_description(dealer, document, fetcher)
        listing, shape = read_page(page, dealer, api=api, document=document)
        SiblingPages(before=before).refuse_odd(page.url, replace(shape, oddities="", details=""))
    except ListingMirrorError as error:
        check.problem = str(error)
        return check
    check.title, check.missing_fields = listing.title, listing.missing_fields
    columns = columns_of(listing)
    for name in _FIELDS:
        present = columns[name] not in (None, "", [])
        check.fields[name] = (
            listing.layers.get(name.split("_")[0] if name.startswith("price") else name, "derived")
            if present
            else None
        )
        if (
            row is not None
            and row.get(name) != columns[name]
            and str(row.get(name)) != str(columns[name])
        ):
            check.changed[name] = (row.get(name), columns[name])
    return check
