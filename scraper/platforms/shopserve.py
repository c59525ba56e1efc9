"""How a Shopserve shop lists its items: /SHOP/list.html and category pages, items as
/SHOP/NAME.html.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from scraper.dealers.protocol import Dealer, PlatformName
from scraper.page import Document
from scraper.page_source import Fetcher
from scraper.platforms.catalogue import Catalogue, Collected, item_like, links, walk

_ITEM = r"^/SHOP/(?!list|\d+/list)[^/]+\.html$"


class Shopserve:
    """Shopserve (E-Store): Japanese hosted shops."""

    name = PlatformName.SHOPSERVE

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        collected = Collected(dealer)

        def collect(document: Document) -> bool:
            found = False
            for url in links(document):
                if item_like(dealer, dealer.canonical_url(url), _ITEM):
                    collected.add(url)
                    found = True
            return found

        def following(document: Document) -> list[str]:
            host = urlsplit(document.url).netloc
            return [
                u
                for u in links(document)
                if urlsplit(u).netloc == host
                and urlsplit(u).path.startswith("/SHOP/")
                and "list" in u
            ]

        start = dealer.catalogue_urls or (
            dealer.catalog_url
            if "/SHOP/" in dealer.catalog_url
            else urljoin(dealer.catalog_url, "/SHOP/list.html"),
        )
        walk(fetcher, start, collect=collect, next_pages=following)
        return Catalogue(collected.result(), "item list")
