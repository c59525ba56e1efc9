"""Shopserve (E-Store): Japanese hosted shops; it knows no shop.

Checked against: addresses, prices ("0円 (税込)" means "ask") and picture servers of two shops; what
a public program says of a third: its lists, tables of price and stock, what it tells Analytics.
"""

from __future__ import annotations

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer, Platform, Recognition
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.pages.readings import Markup, Reading
from scraper.platforms.detection_signs import first_sign
from scraper.platforms.shopserve.catalogue import read_catalogue
from scraper.platforms.shopserve.pages import large_picture, read_event, read_page

_SIGNS = (("[src*='shopserve.jp/'], link[href*='shopserve.jp/']", "it uses Shopserve's servers"),)
_ADDRESSES = (("[href*='/SHOP/'][href$='.html']", "it has Shopserve's addresses, /SHOP/"),)


class Shopserve(Platform):
    name = "shopserve"
    descriptions = ".explain"
    unverified = "pages of shops; known are addresses, pictures and tables of three"

    def recognise(self, document: Document) -> Recognition | None:
        return first_sign(document, _SIGNS) or first_sign(document, _ADDRESSES, on_own_host=True)

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        return read_catalogue(dealer, fetcher)

    def read_data(self, document: Document) -> Reading | None:
        return read_event(document)

    def read(self, document: Document, dealer: Dealer, data: Reading | None) -> Markup:
        return read_page(document, dealer, data)

    def full_size(self, image_url: str) -> str:
        return large_picture(image_url)


PLATFORM = Shopserve()
