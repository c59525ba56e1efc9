"""Walking a shop's list page by page; it knows links and walls, and no shop system."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from scraper.base.errors import FetchError, RobotsRefusedError, RobotsUnreadableError
from scraper.pages.catalogue import Catalogue, Item
from scraper.pages.dealer import Dealer
from scraper.pages.dealer_addresses import belongs, item_like
from scraper.pages.document import Document, parse
from scraper.pages.errors import EmptyPageError, SoftNotFoundError, UnexpectedPageError
from scraper.pages.fetcher import Fetcher
from scraper.platforms.sitemaps import sitemap_urls
from scraper.reading.error_pages import refuse_walls

log = logging.getLogger(__name__)

MAX_PAGES = 1_000


@dataclass
class Collected:
    """Items in the order met, each canonical address once."""

    dealer: Dealer
    items: dict[str, Item] = field(default_factory=dict)

    def add(
        self,
        url: str,
        api: Mapping[str, Any] | None = None,
        *,
        out_of_stock: bool | None = None,
    ) -> bool:
        canonical = self.dealer.canonical_url(url)
        if not belongs(self.dealer, canonical) or canonical in self.items:
            return False
        self.items[canonical] = Item(
            url.split("#")[0] if "#" not in canonical else url, canonical, api, out_of_stock
        )
        return True

    def result(self) -> tuple[Item, ...]:
        return tuple(self.items.values())


def walk(
    fetcher: Fetcher,
    start: Iterable[str],
    *,
    collect: Callable[[Document], bool],
    next_pages: Callable[[Document], Iterable[str]],
    ready: Mapping[str, Document] = MappingProxyType({}),
    missing: list[str] | None = None,
) -> int:
    """Fetch pages breadth first, each once; `collect` says whether a page held anything; returns
    pages read.

    Linked pages that are not there are added to `missing`, where that is given: a menu may lead
    to a list that is gone. Without it they raise like the first pages.

    Raises UnexpectedPageError for a catalogue without an end: half of it would be no catalogue.
    """
    first = tuple(dict.fromkeys(start))
    waiting = list(first)
    seen = set(waiting)
    count = 0
    while waiting and count < MAX_PAGES:
        url = waiting.pop(0)
        document = ready.get(url)
        if document is None and missing is not None and url not in first:
            document = fetch_optional(fetcher, url)
            if document is None:
                missing.append(url)
                continue
        document = document or fetch_page(fetcher, url)
        count += 1
        if not collect(document):
            continue
        for url in next_pages(document):
            if url not in seen:
                seen.add(url)
                waiting.append(url)
    if waiting:
        raise UnexpectedPageError(
            waiting[0], "next page", f"an end of the catalogue after {MAX_PAGES} pages", count
        )
    return count


def walk_links(
    dealer: Dealer,
    fetcher: Fetcher,
    start: Mapping[str, Document],
    *,
    item: str,
    onward: Callable[[Document], Iterable[str]],
) -> tuple[Item, ...]:
    """Return the items that lists link, from page to page, until a page brings nothing new; the
    first pages may lead to lists only.

    Args:
        item: the pattern of an item's address, where the dealer states none of its own.
        onward: the addresses that may be further lists; those of other hosts are left out.
    """
    collected = Collected(dealer)

    def collect(document: Document) -> bool:
        found = [
            url for url in links(document) if item_like(dealer, dealer.canonical_url(url), item)
        ]
        return any([collected.add(url) for url in found]) or document.url in start

    def following(document: Document) -> Iterator[str]:
        host = urlsplit(document.url).netloc
        return (url for url in onward(document) if urlsplit(url).netloc == host)

    walk(fetcher, start, collect=collect, next_pages=following, ready=start)
    return collected.result()


def from_sitemap(dealer: Dealer, fetcher: Fetcher, item: str) -> Catalogue:
    """Return the items that the shop's sitemaps list, known by the pattern of their addresses."""
    listed = sitemap_urls(
        fetcher, dealer.catalog_url, lambda u: item_like(dealer, dealer.canonical_url(u), item)
    )
    collected = Collected(dealer)
    for url in listed.urls:
        collected.add(url)
    if not collected.items:
        fetch_page(fetcher, dealer.catalog_url)  # raises where that is the reason
    return Catalogue(collected.result(), "sitemap", listed.notes)


def from_sitemap_or_lists(
    dealer: Dealer, fetcher: Fetcher, item: str, *, onward: Callable[[Document], Iterable[str]]
) -> Catalogue:
    """Return the items of the shop's sitemaps; those that its lists link where it has none, or
    where the dealer's own catalogue pages are set.
    """
    if not dealer.catalogue_urls:
        listed = from_sitemap(dealer, fetcher, item)
        if listed.items:
            return listed
    start = given_entry_pages(dealer, fetcher)
    items = walk_links(dealer, fetcher, start, item=item, onward=onward)
    return Catalogue(items, "lists of items")


def fetch_page(fetcher: Fetcher, url: str) -> Document:
    """Return a catalogue page. Raises FetchError, and PageError for a wall in its place."""
    page = fetcher.page(url)
    if page is None:
        raise EmptyPageError(url, "it said that it had not changed, although nobody asked")
    document = parse(page)
    refuse_walls(document)
    return document


def fetch_optional(fetcher: Fetcher, url: str) -> Document | None:
    """Return a page that may be missing, or be refused by robots.txt; walls (challenge,
    maintenance) still raise.
    """
    try:
        return fetch_page(fetcher, url)
    except SoftNotFoundError:
        return None
    except RobotsRefusedError as error:
        if isinstance(error, RobotsUnreadableError):
            raise
        log.info("%s", error)
        return None
    except FetchError as error:
        if error.status in (404, 410):
            return None
        raise


def given_entry_pages(dealer: Dealer, fetcher: Fetcher) -> Mapping[str, Document]:
    """Return the lists that the dealer's settings name, else its catalogue's own page."""
    given = dealer.catalogue_urls or (dealer.catalog_url,)
    return {url: fetch_page(fetcher, url) for url in given}


def first_entry_page(fetcher: Fetcher, addresses: Iterable[str]) -> Mapping[str, Document]:
    """Return the first of these pages that is there, by its address; nothing where none is."""
    for url in addresses:
        document = fetch_optional(fetcher, url)
        if document is not None:
            return {url: document}
    return {}


def notes_on(missing: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"a list that is linked is not there or may not be read: {url}" for url in missing)


def linked_catalogues(dealer: Dealer, document: Document) -> list[str]:
    """Return what a page links or frames on its own host that fits the dealer's
    `catalogue_pattern` and is no item.
    """
    if dealer.catalogue_pattern is None:
        return []
    host = urlsplit(document.url).netloc
    return [
        url
        for url in links(document, "a[href], area[href], frame[src], iframe[src]")
        if urlsplit(url).netloc == host
        and re.search(dealer.catalogue_pattern, url.split("#")[0])
        and not _is_item(dealer, dealer.canonical_url(url))
    ]


def _is_item(dealer: Dealer, canonical: str) -> bool:
    return item_like(dealer, canonical) and belongs(dealer, canonical)


def links(document: Document, selector: str = "a[href]") -> list[str]:
    """Return the absolute addresses of links in page order, each once."""
    found = (
        document.absolute(str(tag.get("href") or tag.get("src") or ""))
        for tag in document.all(selector)
    )
    return list(dict.fromkeys(url for url in found if url))
