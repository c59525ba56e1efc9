"""MakeShop: Japanese hosted shops whose items and pictures carry a number of twelve digits; it
knows no shop.

Checked against: addresses of items and pictures of several shops. Its markup was not seen, so price
and state are read as on any page; the number tells the item's own pictures from all others.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer, Platform, Recognition
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.pages.readings import Markup, Reading
from scraper.platforms.detection_signs import first_sign
from scraper.platforms.own_pictures import own_pictures
from scraper.platforms.pagination import from_sitemap, given_entry_pages, links, walk_links

_SIGNS = (
    (
        "script[src*='.makeshop.jp/'], link[href*='.makeshop.jp/'], "
        "script[src*='makeshop-multi-images.'], link[href*='makeshop-multi-images.']",
        "it loads MakeShop's files",
    ),
)
_PICTURES = (("img[src*='makeshop-multi-images.']", "it shows pictures of MakeShop's"),)
_UNSURE = (
    (
        "[href*='shopdetail.html?brandcode='], [href*='/shopdetail/0'], [href*='/view/item/0']",
        "its addresses of items look like MakeShop's",
    ),
)
_ITEM = r"/(?:view/item|shopdetail)/\d{6,}|shopdetail\.html\?(?:.*&)?brandcode=\d+"
_NUMBER = re.compile(r"(?:/view/item/|/shopdetail/|[?&]brandcode=)(\d{6,})")
_LIST = re.compile(r"/view/(?:category|search)|/shopbrand/|shopbrand\.html\?")


class MakeShop(Platform):
    name = "makeshop"
    has_places = False
    unverified = "the markup of its pages; price and state are read as on any page"

    def recognise(self, document: Document) -> Recognition | None:
        return (
            first_sign(document, _SIGNS)
            or first_sign(document, _UNSURE, is_sure=False, on_own_host=True)
            or first_sign(document, _PICTURES, is_sure=False)
        )

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        start = given_entry_pages(dealer, fetcher)
        items = walk_links(dealer, fetcher, start, item=_ITEM, onward=_lists)
        return Catalogue(items, "lists of items") if items else from_sitemap(dealer, fetcher, _ITEM)

    def read(self, document: Document, dealer: Dealer, data: Reading | None) -> Markup | None:
        found = _NUMBER.search(document.url)
        if found is None:
            return None
        own = rf"(?:\d+_)?{found[1]}(?:_\w+)?\.\w{{3,4}}$"
        return Markup(Reading(), own_pictures(document, own, any_item=r"s?(?:\d+_)?\d{12}(?=[_.])"))

    def same_item(self, url: str) -> str:
        """Leave out the category that an item was opened from; the query may be its identity."""
        found = _NUMBER.search(url)
        if found is None:
            return url
        parts = urlsplit(url)
        if "brandcode=" in parts.query:
            return urlunsplit(parts._replace(query=f"brandcode={found[1]}"))
        path = parts.path[: parts.path.index(found[1]) + len(found[1])]
        return urlunsplit(parts._replace(path=path, query=""))


def _lists(document: Document) -> list[str]:
    return [url for url in links(document) if _LIST.search(url) and not _NUMBER.search(url)]


PLATFORM = MakeShop()
