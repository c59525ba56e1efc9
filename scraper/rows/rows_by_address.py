"""A dealer's rows by address while it is scraped: which row an item has, also when its address has
changed; it reads no page.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
from collections.abc import Iterable
from typing import Any

from scraper.base.errors import FetchError, InterruptedFetchError
from scraper.pages.dealer import Dealer
from scraper.pages.dealer_addresses import belongs
from scraper.pages.errors import PageError, SoftNotFoundError
from scraper.pages.fetcher import Fetcher
from scraper.pages.listing import ScrapedListing
from scraper.parsing.text import words_of
from scraper.rows.discovery import Target
from scraper.rows.listing_row import can_move, columns_of, is_same, may_move, shows_same
from scraper.rows.repository import Repository
from scraper.rows.same_pictures import SamePictures

log = logging.getLogger(__name__)

Row = dict[str, Any]

_TWINS_ASKED = 3  # old addresses that are asked whether they lead to a new item


class RowsByAddress:
    """The rows of one dealer by canonical address, and what the dealer lists today."""

    def __init__(self, dealer: Dealer, repository: Repository, fetcher: Fetcher) -> None:
        self._dealer = dealer
        self._repository = repository
        self._fetcher = fetcher
        self._rows: dict[str, Row] = {}
        self._pictures = SamePictures({})
        self._listed: frozenset[str] = frozenset()
        self._left: set[str] = set()
        self._arrived: set[str] = set()

    def read(self, dealer_id: int) -> list[str]:
        """Read all rows of the dealer; returns their addresses."""
        rows = self._repository.listings.of(dealer_id)
        self._rows = {self._dealer.canonical_url(str(row["url"])): row for row in rows}
        self._pictures = SamePictures(self._rows)
        return list(self._rows)

    def compare(self, listed: Iterable[str]) -> None:
        """Learn which canonical addresses the dealer lists today."""
        self._listed = frozenset(listed)

    def at(self, url: str) -> Row | None:
        """Return the row of the item behind an address, however that is spelled."""
        return self._rows.get(self._dealer.canonical_url(url))

    def has_left(self, url: str) -> bool:
        """Say whether the row that was at an address has moved on with its item in this run."""
        return self._dealer.canonical_url(url) in self._left

    def has_arrived(self, url: str) -> bool:
        """Say whether the row at an address came there with its item in this run."""
        return url in self._arrived

    def is_listed(self, url: str) -> bool:
        """Say whether the dealer lists a canonical address today."""
        return url in self._listed

    def of(self, scraped: ScrapedListing) -> Row | None:
        """Return the item's row, moved to its address from an older one where need be."""
        return self._rows.get(scraped.url) or self._moved_here(scraped)

    def led_here(self, scraped: ScrapedListing) -> Row | None:
        """Return the item's row like `of`, where nobody knows what is listed today: moved only when
        its old address leads here.
        """
        if scraped.url not in self._rows:
            old = self._leading(scraped)
            if old is not None:
                self._move(old, scraped.url)
        return self._rows.get(scraped.url)

    def add(self, listing_id: int | None, scraped: ScrapedListing) -> None:
        """Remember a row that was just made."""
        self._rows[scraped.url] = {
            "id": listing_id,
            "url": scraped.url,
            **columns_of(scraped),
        }
        self._pictures.add(scraped.url, scraped.images)

    def knows(self, url: str) -> bool:
        """Say whether an address is listed today or has a row."""
        canonical = self._dealer.canonical_url(url)
        return canonical in self._listed or canonical in self._rows

    def twin_of(self, scraped: ScrapedListing) -> Row | None:
        """Return the row of another address that shows the same item: its title, most pictures."""
        alike = (row for row in self._rows.values() if row.get("title") == scraped.title)
        return next((row for row in alike if scraped.images and shows_same(row, scraped)), None)

    def followed(self, target: Target, scraped: ScrapedListing) -> ScrapedListing | None:
        """Return what to save of the item that another address than its own has led to.

        Its row moves with it. None: nothing, for the item is visited under its own address.
        Raises SoftNotFoundError where the address of one item leads to another item.
        """
        mine = self._dealer.canonical_url(target.row.url)
        before = self._rows.get(mine)
        if not belongs(self._dealer, scraped.url):
            if target.item is None:
                raise SoftNotFoundError(scraped.url, f"{target.row.url} leads to another shop")
            return dataclasses.replace(scraped, url=mine)
        if before is not None:
            if scraped.url in self._rows or not self._may_be(mine, scraped):
                raise SoftNotFoundError(scraped.url, f"{target.row.url} leads to another item")
            self._move(mine, scraped.url)
        elif scraped.url in self._listed or target.item is None:
            return None
        return scraped

    def _moved_here(self, scraped: ScrapedListing) -> Row | None:
        """Return the row that this very item has under an address which is no longer listed: its
        pictures and title have come back here, or that address leads here. None mostly.

        A sold item comes back as well: bought in again, or in the archive of a rebuilt shop.
        """
        old = self._old_address(scraped)
        if old is None:
            return None
        self._move(old, scraped.url)
        return self._rows[scraped.url]

    def is_known_elsewhere(self, scraped: ScrapedListing) -> bool:
        """Say whether a page of a new address shows an item that has a row already."""
        return scraped.url not in self._rows and self._old_address(scraped) is not None

    def _old_address(self, scraped: ScrapedListing) -> str | None:
        """Return where the row of a page's item stands, None where it has none."""
        returned = self._returned(scraped)
        return returned if returned is not None else self._leading(scraped)

    def _leading(self, scraped: ScrapedListing) -> str | None:
        """Return the address, of a row that may be the item's, which leads to its page now."""
        alike = (
            old for old in self._rows if old not in self._listed and self._may_be(old, scraped)
        )
        asked = itertools.islice(alike, _TWINS_ASKED)
        return next((old for old in asked if self._leads_to(old, scraped.url)), None)

    def _may_be(self, old: str, scraped: ScrapedListing) -> bool:
        """Say whether a page may show a row's very item, if the row's address leads there: most
        pictures are the same, or the title, where no other row has it, and the price.
        """
        row = self._rows[old]
        if can_move(row, scraped):
            return True
        price = scraped.price.value
        is_price = None in (row.get("price_value"), price) or is_same(row["price_value"], price)
        return may_move(row) and is_price and self._is_title_of(row, scraped)

    def _is_title_of(self, row: Row, scraped: ScrapedListing) -> bool:
        words = words_of(scraped.title)
        if not words or words_of(str(row.get("title") or "")) != words:
            return False
        same = [other for other in self._rows.values() if other.get("title") == row.get("title")]
        return len(same) == 1

    def _returned(self, scraped: ScrapedListing) -> str | None:
        """Return the address of the row with a page's pictures and title, of what is listed no
        more.
        """
        for old in self._pictures.rows_of(scraped):
            is_free = old not in self._listed and may_move(self._rows[old])
            if is_free and self._pictures.shows_item(old, scraped):
                return old
        return None

    def _leads_to(self, old: str, new: str) -> bool:
        try:
            page = self._fetcher.page(old)
        except InterruptedFetchError:
            raise
        except (FetchError, PageError):
            return False
        return page is not None and self._dealer.canonical_url(page.url) == new

    def _move(self, old: str, new: str) -> None:
        row = self._rows.pop(old)
        self._repository.listings.move(int(row["id"]), new)
        self._rows[new] = row | {"url": new}
        self._left.add(old)
        self._left.discard(new)
        self._arrived.add(new)
        self._pictures.move(old, new)
        log.info("%s is at %s now, with its row", old, new)
