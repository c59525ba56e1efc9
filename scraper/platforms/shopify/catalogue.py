"""How a Shopify shop lists its items: /products.json, page by page."""

from __future__ import annotations

from urllib.parse import urljoin

from scraper.base.errors import FetchError
from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer
from scraper.pages.dealer_addresses import item_like
from scraper.pages.errors import PageError
from scraper.pages.fetcher import Fetcher
from scraper.platforms.walking import MAX_PAGES, Collected, links, walk

_SIZE = 250
_ITEM = r"/products/[^/?]+$"
_NEXT = "a[href*='page='], link[rel=next]"


def read_catalogue(dealer: Dealer, fetcher: Fetcher) -> Catalogue:
    """Read Shopify's public product list; its collection pages where that does not answer."""
    collected = Collected(dealer)
    try:
        for number in range(1, MAX_PAGES + 1):
            answer, page = fetcher.json(
                urljoin(dealer.catalog_url, f"/products.json?limit={_SIZE}&page={number}")
            )
            products = answer.get("products") if isinstance(answer, dict) else None
            if not isinstance(products, list):
                raise ValueError(f"{page.url} is no list of products")
            new = [
                collected.add(urljoin(page.url, f"/products/{p['handle']}"), p)
                for p in products
                if p.get("handle")
            ]
            if len(products) < _SIZE or not any(new):
                break
        if collected.items:
            return Catalogue(collected.result(), "products.json")
    except (FetchError, PageError, ValueError):
        collected = Collected(dealer)
    start = dealer.catalogue_urls or (urljoin(dealer.catalog_url, "/collections/all"),)
    walk(
        fetcher,
        start,
        collect=lambda d: any(
            [
                collected.add(u)
                for u in links(d)
                if item_like(dealer, dealer.canonical_url(u), _ITEM)
            ]
        ),
        next_pages=lambda d: [u for u in links(d, _NEXT) if "/collections/" in u],
    )
    return Catalogue(collected.result(), "collection pages")
