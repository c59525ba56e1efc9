"""How an EC-CUBE shop lists its items: /products/list with pageno, items by their product_id or
number.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

from scraper.dealers.protocol import Dealer, PlatformName
from scraper.page import Document
from scraper.page_source import Fetcher
from scraper.platforms.catalogue import Catalogue, Collected, item_like, links, walk

_ITEM = r"/products/detail(?:\.php\?(?:.*&)?product_id=\d+|/\d+)"
_NEXT = (
    "a[href*='pageno='], .ec-pager a[href], .navi a[href], .pagenumber_area a[href], a[rel=next]"
)


class EcCube:
    """EC-CUBE 2 (`detail.php?product_id=345`, the query is identity) to 4
    (`/products/detail/345`).
    """

    name = PlatformName.EC_CUBE

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        collected = Collected(dealer)

        def collect(document: Document) -> bool:
            before = len(collected.items)
            for url in links(document):
                if item_like(dealer, dealer.canonical_url(url), _ITEM):
                    collected.add(url)
            return len(collected.items) > before

        def following(document: Document) -> list[str]:
            host = urlsplit(document.url).netloc
            return [
                u
                for u in links(document, _NEXT)
                if urlsplit(u).netloc == host and "/products/list" in u
            ]

        start = dealer.catalogue_urls or _start(dealer)
        walk(fetcher, start, collect=collect, next_pages=following)
        return Catalogue(collected.result(), "product list")


def _start(dealer: Dealer) -> tuple[str, ...]:
    if "/products/list" in dealer.catalog_url:
        return (dealer.catalog_url,)
    return (urljoin(dealer.catalog_url.rstrip("/") + "/", "products/list"),)
