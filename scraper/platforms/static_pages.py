"""How hand-made pages list their items: links that fit the dealer's pattern on its catalogue
pages.
"""

from __future__ import annotations

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer, Platform, Recognition
from scraper.pages.dealer_addresses import item_like
from scraper.pages.document import Document
from scraper.pages.errors import UnexpectedPageError
from scraper.pages.fetcher import Fetcher
from scraper.platforms.pagination import (
    Collected,
    linked_catalogues,
    links,
    notes_on,
    walk,
)


class StaticPages(Platform):
    """Static HTML: nothing is guessed, the dealer's `product_pattern` says what an item's address
    looks like.
    """

    name = "static"
    is_shop = False
    has_places = False

    def recognise(self, document: Document) -> Recognition | None:
        return None  # an operator says so

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        if not dealer.states_addresses:
            raise UnexpectedPageError(
                dealer.catalog_url,
                "product_pattern",
                "a pattern of item addresses",
                0,
                f"static pages need one: scrape dealers set {dealer.name!r} "
                "product_pattern='/items/.+\\.html$'",
            )
        collected = Collected(dealer)

        def collect(document: Document) -> bool:
            for url in links(document, "a[href], area[href]"):
                if item_like(dealer, dealer.canonical_url(url)):
                    collected.add(url)
            return True

        def following(document: Document) -> list[str]:
            return linked_catalogues(dealer, document)

        missing: list[str] | None = [] if dealer.catalogue_pattern else None
        walk(
            fetcher,
            dealer.catalogue_urls or (dealer.catalog_url,),
            collect=collect,
            next_pages=following,
            missing=missing,
        )
        return Catalogue(collected.result(), "catalogue pages", notes_on(missing or ()))


PLATFORM = StaticPages()
