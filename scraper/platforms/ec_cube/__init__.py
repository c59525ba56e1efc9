"""EC-CUBE 2, 3 and 4: the usual shop program of Japan; it knows no shop.

Checked against: the default templates of 2.13, 3.0 and 4.2, rendered by Smarty and Twig with items
of our own (ranges, regular prices, tags, sold out, without a picture). Shops rename little of them.
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
from scraper.platforms.ec_cube.catalogue import read_catalogue
from scraper.platforms.ec_cube.pages import read_menu_mark, read_page

_SIGNS = (
    (
        "meta[name=generator][content*='EC-CUBE'], meta[name=eccube-csrf-token], "
        "[class*='ec-layoutRole'], script[src*='eccube'], link[href*='eccube.css']",
        "it has EC-CUBE's layout or files",
    ),
)
_ADDRESSES = (
    (
        "[href*='/products/detail.php?product_id='], form[action*='products/list.php']",
        "its product addresses are those of EC-CUBE 2",
    ),
    (
        "form[action$='/products/list'], [href*='/products/list?category_id='], "
        "#detail_description_box__name, #detail_image_box__slides",
        "its search and lists are those of EC-CUBE 3 and 4",
    ),
)
_UNSURE = (("[href*='/products/detail/']", "its product addresses look like EC-CUBE's"),)


class EcCube(Platform):
    name = "ec_cube"
    descriptions = ".main_comment, .item_comment"

    def recognise(self, document: Document) -> Recognition | None:
        return (
            first_sign(document, _SIGNS)
            or first_sign(document, _ADDRESSES, on_own_host=True)
            or first_sign(document, _UNSURE, is_sure=False, on_own_host=True)
        )

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        return read_catalogue(dealer, fetcher)

    def read_data(self, document: Document) -> Reading:
        return read_menu_mark(document)

    def read(self, document: Document, dealer: Dealer, data: Reading | None) -> Markup:
        return read_page(document, dealer, data)

    def same_item(self, url: str) -> str:
        """The query names the item in version 2 alone, beside the category it was opened from."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return url
        if parts.path.endswith("/products/detail.php"):
            kept = [pair for pair in parts.query.split("&") if pair.startswith("product_id=")]
            return urlunsplit(parts._replace(query="&".join(kept[:1]))) if kept else url
        if re.search(r"/products/detail/\d+$", parts.path):
            return urlunsplit(parts._replace(query=""))
        return url


PLATFORM = EcCube()
