"""WordPress without a shop plugin that we know: posts or pages are the items; it knows no shop."""

from __future__ import annotations

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer, Platform, Recognition
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.platforms.detection_signs import first_sign
from scraper.platforms.wordpress.boilerplate import cut_other_posts
from scraper.platforms.wordpress.catalogue import read_catalogue

_SIGNS = (
    (
        "meta[name=generator][content*=WordPress], link[rel='https://api.w.org/']",
        "it is WordPress without a shop plugin that we know",
    ),
)
_FILES = (
    (
        "[href*='/wp-content/'], [src*='/wp-content/']",
        "it is WordPress without a shop plugin that we know",
    ),
)


class WordPress(Platform):
    name = "wordpress"
    is_shop = False
    has_places = False

    def recognise(self, document: Document) -> Recognition | None:
        return first_sign(document, _SIGNS) or first_sign(document, _FILES, is_sure=False)

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        return read_catalogue(dealer, fetcher)

    def cut(self, document: Document) -> None:
        cut_other_posts(document)


PLATFORM = WordPress()
