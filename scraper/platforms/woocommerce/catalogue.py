"""How a WooCommerce shop lists its items: its catalogue pages decide, its Store API describes.

The Store API of some versions also lists products that are hidden from the catalogue, and the
sitemap does always; so an item is listed when the shop's own catalogue shows it. Where no catalogue
can be walked the API decides, and where that does not answer either, the sitemap.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scraper.base.errors import FetchError
from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer
from scraper.pages.dealer_addresses import item_like
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.platforms.pagination import Collected, fetch_optional, fetch_page, walk
from scraper.platforms.sitemaps import sitemap_urls
from scraper.platforms.woocommerce.api_list import (
    ApiList,
    currency_of,
    read_api_list,
    visible_products,
)
from scraper.platforms.woocommerce.catalogue_walk import ListWalk, turn_pages
from scraper.platforms.woocommerce.entry_pages import entry_pages

log = logging.getLogger(__name__)

_PRODUCT = (
    r"/(?:product|shop|item|products|produkt|produit|producto|"
    r"prodotto)/[^/?]+|[?&]product="
)


def read_catalogue(dealer: Dealer, fetcher: Fetcher) -> Catalogue:
    """Return what the shop lists. Raises FetchError and PageError."""
    home = fetch_optional(fetcher, dealer.catalog_url)
    api = read_api_list(dealer, fetcher, home) if dealer.uses_api else None
    described = (
        {dealer.canonical_url(str(p.get("permalink"))): p for p in api.products} if api else {}
    )
    collected, walked = _walk(dealer, fetcher, home)
    if collected.items:
        return _from_pages(collected, described, api, walked)
    if api is not None and api.products:
        notes = (
            "no catalogue page could be read; products hidden from the catalogue may be among "
            "these",
        )
        listed = visible_products(fetcher, api)
        for product in listed:
            collected.add(str(product.get("permalink")), product)
        return Catalogue(collected.result(), api.path, notes, currency_of(api))
    return _from_sitemap(dealer, fetcher, collected)


def _from_pages(
    collected: Collected,
    described: Mapping[str, Mapping[str, Any]],
    api: ApiList | None,
    walked: ListWalk,
) -> Catalogue:
    items = tuple(replace(item, api=described.get(item.canonical)) for item in collected.result())
    notes = []
    if walked.announced and walked.announced > len(items):
        notes.append(f"the catalogue announces {walked.announced} products and shows {len(items)}")
    if walked.repeats:
        notes.append("further pages show the same list again; are there items on none of them?")
    hidden = len(set(described) - set(collected.items))
    if hidden:
        notes.append(f"{hidden} products of the API are not in the catalogue and were left out")
    source = "catalogue pages" + (
        f", described by {api.path}" if api else ", the Store API did not answer"
    )
    return Catalogue(
        items, source, tuple(notes), (currency_of(api) if api else None) or walked.currency
    )


def _from_sitemap(dealer: Dealer, fetcher: Fetcher, collected: Collected) -> Catalogue:
    listed = sitemap_urls(
        fetcher,
        dealer.catalog_url,
        lambda u: item_like(dealer, dealer.canonical_url(u), _PRODUCT),
    )
    for url in listed.urls:
        collected.add(url)
    if not collected.items:
        fetch_page(fetcher, dealer.catalog_url)  # raises where that is the reason
    return Catalogue(
        collected.result(), "sitemap", ("neither catalogue nor API could be read", *listed.notes)
    )


def _walk(dealer: Dealer, fetcher: Fetcher, home: Document | None) -> tuple[Collected, ListWalk]:
    """Walk the whole catalogue; where one way in breaks off, try the next from its start."""
    broken: FetchError | None = None
    for start in entry_pages(dealer, fetcher, home):
        collected = Collected(dealer)
        walked = ListWalk(dealer, collected)
        try:
            walk(
                fetcher,
                start,
                collect=walked.collect,
                next_pages=walked.following,
                ready=start,
            )
            if not walked.is_led_on:
                turn_pages(fetcher, start.values(), walked)
        except FetchError as error:
            if error.status not in (404, 410):
                raise
            log.info("%s: the catalogue breaks off: %s", dealer.name, error)
            broken = error
            continue
        if collected.items:
            return collected, walked
    if broken is not None:
        raise broken
    empty = Collected(dealer)
    return empty, ListWalk(dealer, empty)
