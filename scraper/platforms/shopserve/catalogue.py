"""How a Shopserve shop lists its items: /SHOP/list.html and category pages, items as
/SHOP/NAME.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer
from scraper.pages.dealer_addresses import item_like
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.platforms.pagination import (
    Collected,
    fetch_page,
    first_entry_page,
    links,
    walk,
)

_ITEM = r"^/SHOP/(?!list|\d+/list)[^/]+\.html$"


def read_catalogue(dealer: Dealer, fetcher: Fetcher) -> Catalogue:
    """Walk the list of all items, else the lists that the front page links."""
    collected = Collected(dealer)

    def collect(document: Document) -> bool:
        for url in links(document):
            if item_like(dealer, dealer.canonical_url(url), _ITEM):
                collected.add(url)
        return True  # a category may hold further categories only

    def following(document: Document) -> list[str]:
        host = urlsplit(document.url).netloc
        return [
            u
            for u in links(document)
            if urlsplit(u).netloc == host and urlsplit(u).path.startswith("/SHOP/") and "list" in u
        ]

    start = _ways_in(dealer, fetcher)
    walk(fetcher, start, collect=collect, next_pages=following, ready=start)
    return Catalogue(collected.result(), "item list")


def _ways_in(dealer: Dealer, fetcher: Fetcher) -> Mapping[str, Document]:
    """Return the list of all items, else the shop's front, which links the lists there are."""
    if dealer.catalogue_urls:
        return {url: fetch_page(fetcher, url) for url in dealer.catalogue_urls}
    if "/SHOP/" in dealer.catalog_url:
        return {dealer.catalog_url: fetch_page(fetcher, dealer.catalog_url)}
    everything = first_entry_page(fetcher, [urljoin(dealer.catalog_url, "/SHOP/list.html")])
    return everything or {dealer.catalog_url: fetch_page(fetcher, dealer.catalog_url)}
