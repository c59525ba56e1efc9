"""How a Shopify shop lists its items: /products.json, page by page."""

from __future__ import annotations

import logging
import re
from urllib.parse import urljoin, urlsplit

from scraper.base.errors import FetchError
from scraper.pages.catalogue import Catalogue, Item
from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.errors import PageError
from scraper.pages.fetcher import Fetcher
from scraper.platforms.pagination import (
    MAX_PAGES,
    Collected,
    fetch_page,
    first_entry_page,
    from_sitemap,
    links,
    walk_links,
)

log = logging.getLogger(__name__)

_SIZE = 250
_ITEM = r"/products/[^/?]+$"
_NEXT = "a[href*='page='], link[rel=next], a[href*='/collections/']"
_LIST = re.compile(r"/collections/[^/?#]+(?:\?page=\d+)?$")
_LANGUAGE = re.compile(r"(/[a-z]{2}(?:-[a-z]{2,4})?)(?=/|$)", re.IGNORECASE)


def read_catalogue(dealer: Dealer, fetcher: Fetcher) -> Catalogue:
    """Read Shopify's public product list; its collections, or its sitemap, where that does not
    answer.
    """
    listed = _product_list(dealer, fetcher)
    if listed:
        return Catalogue(listed, "products.json")
    ways = [shop_address(dealer, "/collections/all"), shop_address(dealer, "/collections")]
    given = dealer.catalogue_urls or tuple(u for u in [dealer.catalog_url] if "/collections/" in u)
    start = {url: fetch_page(fetcher, url) for url in given} or first_entry_page(fetcher, ways)
    shown = walk_links(dealer, fetcher, start, item=_ITEM, onward=_lists)
    if shown:
        return Catalogue(shown, "collection pages")
    return from_sitemap(dealer, fetcher, _ITEM)


def _lists(document: Document) -> list[str]:
    """Return the lists and further pages that a list links; sorted and filtered ones are no new."""
    return [url for url in links(document, _NEXT) if _LIST.search(url) is not None]


def shop_address(dealer: Dealer, path: str) -> str:
    """Return an address of the shop, in the language in which the dealer is read ("/ja/")."""
    language = _LANGUAGE.match(urlsplit(dealer.catalog_url).path)
    prefix = str(language[1]) if language else ""
    return urljoin(dealer.catalog_url, prefix + path)


def _product_list(dealer: Dealer, fetcher: Fetcher) -> tuple[Item, ...]:
    collected = Collected(dealer)
    try:
        for number in range(1, MAX_PAGES + 1):
            address = shop_address(dealer, f"/products.json?limit={_SIZE}&page={number}")
            answer, page = fetcher.json(address)
            products = answer.get("products") if isinstance(answer, dict) else None
            if not isinstance(products, list):
                raise ValueError(f"{page.url} is no list of products")
            home = page.url.partition("/products.json")[0]
            new = [
                collected.add(f"{home}/products/{p['handle']}", p)
                for p in products
                if p.get("handle")
            ]
            if len(products) < _SIZE or not any(new):
                break
    except (FetchError, PageError, ValueError) as error:
        log.info("%s: the product list did not answer: %s", dealer.name, error)
        return ()
    return collected.result()
