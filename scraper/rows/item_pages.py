"""What becomes of one dealer's fetched pages: a row now, a row once the other pages have settled
what a page leaves open, or a refusal; it fetches nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from scraper.pages.dealer import Dealer
from scraper.pages.document import stated_address
from scraper.pages.errors import (
    NotAnItemPageError,
    SloganTitleError,
    SoftNotFoundError,
    UnexpectedPageError,
)
from scraper.pages.listing import Page
from scraper.pages.readings import Reading
from scraper.reading.assemble import read_page
from scraper.reading.sibling_pages import DamagedPageError, SiblingPages
from scraper.rows.currency_votes import CurrencyVotes
from scraper.rows.dealer_table import DealerRow
from scraper.rows.discovery import Target
from scraper.rows.fetching import PageFetcher
from scraper.rows.lost_fields import is_believed, refuse_lost_fields
from scraper.rows.page_visits import stable_date
from scraper.rows.repository import Repository
from scraper.rows.row_writer import ReadPage, RowWriter
from scraper.rows.rows_by_address import RowsByAddress
from scraper.rows.run_context import DealerReport


class ItemPages:
    """Reads pages and hands what they say to the writer; `dealer` learns its currency from them."""

    def __init__(
        self,
        dealer: Dealer,
        row: DealerRow,
        fetcher: PageFetcher,
        rows: RowsByAddress,
        writer: RowWriter,
        repository: Repository,
        report: DealerReport,
    ) -> None:
        self.dealer = dealer
        self.siblings = SiblingPages()
        self._row = row
        self._fetcher = fetcher
        self._rows = rows
        self._writer = writer
        self._repository = repository
        self._report = report
        self._currencies = CurrencyVotes()
        self._doubtful: list[ReadPage] = []  # odd, or under a heading of many: the others tell
        self._second: list[ReadPage] = []  # call another address their own
        self._unpriced: list[ReadPage] = []  # until a price names a currency

    def read(self, target: Target, page: Page) -> ReadPage:
        """Read what was fetched for a target. Raises PageError where it is not to be read."""
        is_led = self._is_led(target, page)
        item = target.item if not is_led else None
        api, tile = (item.api, Reading(out_of_stock=item.out_of_stock)) if item else (None, None)
        try:
            scraped, shape = read_page(page, self.dealer, api=api, tile=tile)
        except NotAnItemPageError as error:
            if is_led:  # to the shop's front or to a category, as many shops do with what is gone
                raise SoftNotFoundError(page.url, f"{target.row.url} leads to no item") from error
            raise
        return ReadPage(target, scraped, shape, page.url, page.etag, stable_date(page))

    def take(self, read: ReadPage, page: Page) -> None:
        """Save what was read, or keep it until the other pages are read.

        Raises PageError where it lacks what its row still holds.
        """
        target = read.target
        if self._is_led(target, page):
            followed = self._rows.followed(target, read.scraped)
            if followed is None:
                self._count_led(target)
                self._writer.note_seen(target)
                return
            is_visited = target.item is None and self._rows.is_listed(followed.url)
            read = dataclasses.replace(read, scraped=followed, is_moved=is_visited)
        scraped, shape = read.scraped, read.shape
        refuse_lost_fields(
            page.url,
            self._rows.at(scraped.url),
            scraped,
            failures=target.row.failures,
            last_error=target.row.last_error,
        )
        self.siblings.add(shape)
        self._report.rows_read += 1
        self._report.missing_fields += scraped.missing_fields
        self._report.titles[scraped.title] += 1
        self.learn_currency(self._currencies.hear(scraped))
        if self._is_second_address(page, scraped.url):
            self._second.append(read)
        elif shape.oddities or shape.details or shape.doubts or self.siblings.may_be_slogan(shape):
            self._doubtful.append(read)
        elif self.dealer.currency is None:
            self._unpriced.append(read)
        else:
            self._save(read)

    def _count_led(self, target: Target) -> None:
        """Count an address that leads to an item which is visited under its own."""
        if target.item is None:
            self._report.moved += 1
        else:
            self._report.unchanged += 1

    def _is_led(self, target: Target, page: Page) -> bool:
        """Whether the address of the target led to another one."""
        return self.dealer.canonical_url(page.url) != self.dealer.canonical_url(target.row.url)

    def save_what_waited(self) -> None:
        """Save the pages that only the others could settle: their currency, whether they are whole,
        and whose they are.
        """
        self._settle_currency()
        for read in self._unpriced:
            self._save(read)
        for read in self._doubtful:
            self._save_if_whole(read)
        for read in self._second:
            if self._rows.twin_of(read.scraped) is None:
                self._save_if_whole(read)
            else:
                self._report.unchanged += 1
                self._writer.note_seen(read.target)

    def _settle_currency(self) -> None:
        """Correct what a sign once decided by what all pages state; else let the sign stand for
        this run.
        """
        stated = self._currencies.stated
        if stated is not None and self._row.currency is not None and self.dealer.currency != stated:
            note = f"its pages state {stated}: its currency was {self.dealer.currency}"
            self._report.notes = (*self._report.notes, note)
            self.dealer = dataclasses.replace(self.dealer, currency=None)
            self.learn_currency(stated)
        if self.dealer.currency is None and (usual := self._currencies.usual_sign):
            self.dealer = dataclasses.replace(self.dealer, currency=usual)

    def learn_currency(self, currency: str | None) -> None:
        if self.dealer.currency is None and currency is not None:
            self.dealer = dataclasses.replace(self.dealer, currency=currency)
            self._fetcher.dealer = self.dealer
            self._repository.dealers.update(self._row.id, {"currency": currency})

    def _is_second_address(self, page: Page, url: str) -> bool:
        """Say whether a page without a row names another known page as its own address."""
        stated = stated_address(page) if self._rows.at(url) is None else None
        if stated is None or self.dealer.canonical_url(stated) == url:
            return False
        return self._rows.knows(stated)

    def catalogue_digest(self, target: Target) -> str | None:
        item = target.item
        if item is None:
            return None
        return _digest_of_catalogue(self.dealer, item.api, item.out_of_stock)

    def _save(self, read: ReadPage) -> None:
        digest = self.catalogue_digest(read.target)
        self._writer.save(read, currency=self.dealer.currency, digest=digest)

    def _save_if_whole(self, read: ReadPage) -> None:
        """Save a page with unclosed markup where the others vouch for it; refuse an odd one."""
        try:
            self.siblings.refuse_odd(read.url, read.shape)
        except SloganTitleError as error:  # looked at again it is one still
            self._writer.note_problem(read.target, error)
            return
        except (DamagedPageError, UnexpectedPageError) as error:
            row = read.target.row
            if not is_believed(error, failures=row.failures, last_error=row.last_error):
                self._writer.note_problem(read.target, error)
                return
            self.siblings.believe(read.url, read.shape)
        self._save(read)


def _digest_of_catalogue(
    dealer: Dealer, api: Mapping[str, Any] | None, out_of_stock: bool | None
) -> str | None:
    """Return what tells one description of an item by its shop's API and catalogue from another,
    None where they do not describe it: a page may say that it has not changed while they know
    better.
    """
    platform = dealer.platform
    described = None if api is None or platform is None else platform.read_api(api)
    if described is None and out_of_stock is None:
        return None
    changed = None if api is None or platform is None else platform.changed_at(api)
    known = (described, out_of_stock) if changed is None else (described, out_of_stock, changed)
    return hashlib.sha256(repr(known).encode()).hexdigest()[:16]
