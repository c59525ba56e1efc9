"""How an EC-CUBE shop lists its items: /products/list or list.php with pageno, items by their
product_id or number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer
from scraper.pages.dealer_addresses import item_like
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.platforms.pagination import (
    Collected,
    fetch_optional,
    fetch_page,
    first_entry_page,
    links,
    walk,
)

_ITEM = r"/products/detail(?:\.php\?(?:.*&)?product_id=\d+|/\d+)"
_NEXT = (
    "a[href*='pageno='], .ec-pager a[href], .navi a[href], .pagenumber_area a[href], a[rel=next]"
)


def read_catalogue(dealer: Dealer, fetcher: Fetcher) -> Catalogue:
    """Walk the lists of products; version 2 names an item in its query, later ones in its path."""
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
            for u in [*links(document, _NEXT), *_numbered(document)]
            if urlsplit(u).netloc == host and "/products/list" in u
        ]

    start = _ways_in(dealer, fetcher)
    walk(fetcher, start, collect=collect, next_pages=following, ready=start)
    return Catalogue(collected.result(), "product list")


def _ways_in(dealer: Dealer, fetcher: Fetcher) -> Mapping[str, Document]:
    """Return the list of all products, else the lists by category that the shop's front links."""
    given = dealer.catalogue_urls
    if not given and "/products/list" in dealer.catalog_url:
        given = (dealer.catalog_url,)
    if given:
        return {url: fetch_page(fetcher, url) for url in given}
    front = fetch_optional(fetcher, dealer.catalog_url)
    linked = [u for u in links(front) if "/products/list" in u] if front is not None else []
    root = dealer.catalog_url.rstrip("/") + "/"
    plain = dict.fromkeys([*(u.partition("?")[0] for u in linked), urljoin(root, "products/list")])
    everything = first_entry_page(fetcher, [*plain, urljoin(root, "products/list.php")])
    if everything:
        return everything
    return {url: fetch_page(fetcher, url) for url in linked}


def _numbered(document: Document) -> list[str]:
    """Return the pages that EC-CUBE 2 turns to by a script, `fnNaviPage('2')`."""
    calls = (f"{tag.get('href')} {tag.get('onclick')}" for tag in document.all("a[href]"))
    numbers = dict.fromkeys(n for call in calls for n in re.findall(r"fnNaviPage\('(\d+)'\)", call))
    parts = urlsplit(document.url)
    kept = [pair for pair in parts.query.split("&") if pair and not pair.startswith("pageno=")]
    return [parts._replace(query="&".join([*kept, f"pageno={n}"])).geturl() for n in numbers]
