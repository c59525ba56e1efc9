"""A walk through a WooCommerce shop's lists: which items they show, and where they go on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.pages.listing import Price
from scraper.parsing.price import names_currency
from scraper.platforms.pagination import MAX_PAGES, Collected, fetch_optional, links
from scraper.platforms.woocommerce.printed_amounts import amounts_in
from scraper.platforms.woocommerce.tiles import (
    category_links,
    link_of,
    out_of_stock_in,
    tiles_on,
)

_NEXT = (
    "a.next.page-numbers, a.wp-block-query-pagination-next, link[rel=next], a[rel=next], "
    ".woocommerce-pagination a.next"
)
_NUMBERED = (
    ".woocommerce-pagination a, .wp-block-query-pagination-numbers a, nav.pagination a.page-numbers"
)
_CURRENT = ".page-numbers.current, [aria-current=page].page-numbers"
_SAME_LISTS = 3  # a small category may show what its parent shows


class ListWalk:
    """Collects tiles and finds further pages while the catalogue is walked."""

    def __init__(self, dealer: Dealer, collected: Collected) -> None:
        self.dealer = dealer
        self.collected = collected
        self.announced: int | None = None
        self.is_led_on = False  # some page linked to a further one
        self.currency: str | None = None
        self.repeats = False
        self._shown = Counter[tuple[str, ...]]()

    def collect(self, document: Document) -> bool:
        count = document.first(
            ".woocommerce-result-count, .wp-block-woocommerce-product-results-count"
        )
        numbers = [
            int(n.replace(",", ""))
            for n in re.findall(r"\d[\d,]*", count.get_text() if count is not None else "")
        ]
        if numbers:
            self.announced = max(self.announced or 0, max(numbers))
        shown = []
        for tile in tiles_on(document):
            url = link_of(document, tile)
            if url:
                self.collected.add(url, out_of_stock=out_of_stock_in(tile))
                shown.append(url)
            if self.currency is None and (amounts := amounts_in(tile, self.dealer.currency)):
                amount = Price(*amounts[0])
                self.currency = amount.currency if names_currency(amount) else None
        self._shown[tuple(shown)] += 1
        if shown and self._shown[tuple(shown)] > _SAME_LISTS:
            self.repeats = True
            return False
        return bool(shown or category_links(document))

    def following(self, document: Document) -> Iterator[str]:
        host = urlsplit(document.url).netloc
        onward = links(document, _NEXT)
        if not onward and document.first(_CURRENT) is None:  # a theme with numbers only
            onward = [url for url in links(document, _NUMBERED) if "/page/1/" not in url]
        self.is_led_on |= bool(onward)
        for url in (*onward, *category_links(document)):
            if urlsplit(url).netloc == host:
                yield url


def turn_pages(fetcher: Fetcher, first: Iterable[Document], walked: ListWalk) -> None:
    """Ask for further pages by WordPress' own addresses, where the theme loads them by a script
    ("load more", endless scrolling) and links to none.
    """
    items = walked.collected.items
    for document in first:
        for number in range(2, MAX_PAGES):
            seen = len(items)
            if not seen or (walked.announced is not None and walked.announced <= seen):
                return
            parts = urlsplit(document.url)
            path = f"{parts.path.rstrip('/')}/page/{number}/"
            page = fetch_optional(fetcher, parts._replace(path=path).geturl())
            if page is None or not walked.collect(page) or len(items) == seen:
                break
