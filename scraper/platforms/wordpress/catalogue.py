"""How a WordPress site without a shop plugin lists its items: archive pages, else the sitemap."""

from __future__ import annotations

from urllib.parse import urlsplit

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer
from scraper.pages.dealer_addresses import item_like
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.platforms.pagination import (
    Collected,
    linked_catalogues,
    links,
    notes_on,
    walk,
)
from scraper.platforms.sitemaps import Listed, sitemap_urls

_NEXT = (
    "a.next.page-numbers, a.page-numbers, link[rel=next], a[rel=next], "
    ".nav-previous a, a.wp-block-query-pagination-next"
)
_OUTSIDE_MENUS = "a[href]:not(nav a, footer a, .menu a, #header a, #footer a)"
_CARDS = (
    "article h2 a, article h3 a, article a.post-thumbnail, .entry-title a, "
    ".wp-block-post-title a, .post-title a, .portfolio-item a"
)


def read_catalogue(dealer: Dealer, fetcher: Fetcher) -> Catalogue:
    """Walk posts or pages; the dealer's pattern says which links are items."""
    collected = Collected(dealer)

    def collect(document: Document) -> bool:
        found = False
        for url in links(document, _OUTSIDE_MENUS if dealer.product_pattern else _CARDS):
            if item_like(
                dealer, dealer.canonical_url(url), None if dealer.product_pattern else r"^/.+"
            ):
                collected.add(url)
                found = True
        return found

    def following(document: Document) -> list[str]:
        host = urlsplit(document.url).netloc
        following = [url for url in links(document, _NEXT) if urlsplit(url).netloc == host]
        return following + linked_catalogues(dealer, document)

    missing: list[str] | None = [] if dealer.catalogue_pattern else None
    walk(
        fetcher,
        dealer.catalogue_urls or (dealer.catalog_url,),
        collect=collect,
        next_pages=following,
        missing=missing,
    )
    if collected.items:
        return Catalogue(collected.result(), "archive pages", notes_on(missing or ()))
    listed = Listed(())
    if dealer.product_pattern:
        listed = sitemap_urls(
            fetcher, dealer.catalog_url, lambda u: item_like(dealer, dealer.canonical_url(u))
        )
    for url in listed.urls:
        collected.add(url)
    return Catalogue(collected.result(), "sitemap", listed.notes)
