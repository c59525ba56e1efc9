"""Squarespace Commerce: hosted shops, mostly Western; it knows no shop.

Checked against: element names of version 7.0 and 7.1 as public programs and its own notes on
changes name them, its JSON-LD, and the addresses of its pictures; no page of a shop was seen.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer, Platform, Recognition
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.pages.readings import Markup, Reading
from scraper.platforms.detection_signs import first_sign, scripts_of
from scraper.platforms.pagination import Collected, from_sitemap, given_entry_pages, links, walk
from scraper.platforms.part_selectors import PartSelectors, read_parts

_SIGNS = (
    (
        "meta[name=generator][content*=Squarespace], script[src*='squarespace.com'], "
        "link[href*='squarespace.com'], script[src*='squarespace-cdn.com'], "
        "link[href*='squarespace-cdn.com']",
        "it loads Squarespace's files",
    ),
)
_ITEM = r"/p/[^/?]+$"
_TILES = (
    ".ProductList-item a[href], a.ProductList-item-link[href], a.grid-item-link[href], "
    ".product-list-item a[href], a.product-list-item-link[href], a[href*='/p/']"
)
_ONWARD = "a[href*='?offset='], a[href*='?page='], .pagination a[href], .list-pagination a[href]"
_PLACES = PartSelectors(
    titles=(".ProductItem-details-title", "h1.product-title", ".product-detail .product-title"),
    prices=(
        ".ProductItem-product-price .product-price",
        ".product-meta .product-price",
        ".product-price",
    ),
    galleries=(".ProductItem-gallery", ".product-gallery"),
    descriptions=(".ProductItem-details-excerpt", ".product-description"),
    sold_out=".product-mark.sold-out, .ProductItem-status.sold-out, .product-status.sold-out",
)


class Squarespace(Platform):
    name = "squarespace"
    unverified = (
        "pages of shops; known are the names of its elements and the data for search engines"
    )

    def recognise(self, document: Document) -> Recognition | None:
        if "Static.SQUARESPACE_CONTEXT" in scripts_of(document):
            return Recognition("its scripts carry Squarespace's object")
        return first_sign(document, _SIGNS)

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        collected = Collected(dealer)
        start = given_entry_pages(dealer, fetcher)
        walk(
            fetcher,
            start,
            collect=lambda d: any([collected.add(url) for url in links(d, _TILES)]),
            next_pages=lambda d: (
                u for u in links(d, _ONWARD) if urlsplit(u).netloc == urlsplit(d.url).netloc
            ),
            ready=start,
        )
        if collected.items:
            return Catalogue(collected.result(), "product pages")
        return from_sitemap(dealer, fetcher, _ITEM)

    def read(self, document: Document, dealer: Dealer, data: Reading | None) -> Markup:
        return read_parts(document, dealer, _PLACES, full_size=self.full_size)

    def same_item(self, url: str) -> str:
        """The query names the category that an item was opened from."""
        parts = urlsplit(url)
        kept = [pair for pair in parse_qsl(parts.query) if pair[0] not in ("category", "tag")]
        return urlunsplit(parts._replace(query=urlencode(kept))) if parts.query else url

    def full_size(self, image_url: str) -> str:
        if re.search(r"//[^/]*squarespace(?:-cdn)?\.com/", image_url) is None:
            return image_url
        parts = urlsplit(image_url)
        kept = [pair for pair in parse_qsl(parts.query) if pair[0] != "format"]
        return urlunsplit(parts._replace(query=urlencode(kept)))


PLATFORM = Squarespace()
