"""What one dealer's run writes of its pages: rows, visits, failures; it decides about no page."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass

from scraper.base.errors import DatabaseRejectedError, ListingMirrorError, RobotsRefusedError
from scraper.pages.listing import ScrapedListing
from scraper.reading.page_shape import PageShape
from scraper.rows.discovery import Target
from scraper.rows.listing_row import changed_fields
from scraper.rows.listing_table import Saved
from scraper.rows.new_listings import ListingDates
from scraper.rows.repository import Repository
from scraper.rows.rows_by_address import RowsByAddress
from scraper.rows.run_context import DealerReport

log = logging.getLogger(__name__)

_REJECTED_TO_STOP = 3


@dataclass(frozen=True)
class ReadPage:
    """What a page said and how it is built; the page itself is not kept."""

    target: Target
    scraped: ScrapedListing
    shape: PageShape
    url: str
    etag: str | None
    last_modified: str | None
    is_moved: bool = False  # found at an old address, of an item that is visited at its new one


class RowWriter:
    """Writes one dealer's rows and counts them in its report."""

    def __init__(
        self, repository: Repository, dealer_id: int, rows: RowsByAddress, report: DealerReport
    ) -> None:
        self._repository = repository
        self._dealer_id = dealer_id
        self._rows = rows
        self._report = report
        self.dates = ListingDates(())
        self.described_anew = 0  # rows of which only the description differs
        self._seen: list[int] = []  # rows seen unchanged, until that is written
        self._rejected = 0  # rows in a row that the database refused

    def save(self, read: ReadPage, *, currency: str | None, digest: str | None) -> None:
        """Save what a page said, its price in `currency` where it names none, and `digest` of what
        the catalogue said of the item.

        Raises DatabaseRejectedError when the database has refused several rows in a row.
        """
        scraped = read.scraped
        if scraped.price.currency is None and currency is not None:
            price = dataclasses.replace(scraped.price, currency=currency)
            scraped = dataclasses.replace(scraped, price=price)
        existing = self._rows.of(scraped)
        self.described_anew += existing is not None and changed_fields(existing, scraped) == {
            "description"
        }
        try:
            saved = self._repository.listings.save(
                self._dealer_id,
                existing,
                scraped,
                is_import=self.dates.is_import(read.target.row.discovered_at),
            )
        except DatabaseRejectedError as error:
            self._rejected += 1
            if self._rejected >= _REJECTED_TO_STOP:
                raise
            self.note_problem(
                read.target, RowRejectedError(f"{scraped.url} was not saved: {error}")
            )
            return
        self._rejected = 0
        self._count(saved.outcome, read, scraped)
        if saved.outcome is Saved.NEW:
            self._rows.add(saved.listing_id, scraped)
        if saved.outcome is Saved.UNCHANGED and saved.listing_id is not None:
            self._seen.append(saved.listing_id)
        wrote = saved.outcome in (Saved.NEW, Saved.UPDATED)
        if wrote and saved.listing_id is not None:
            self._report.listing_ids.append(saved.listing_id)
        self._repository.addresses.note_visit(
            read.target.row,
            etag=read.etag,
            last_modified=read.last_modified,
            catalogue_digest=digest,
            wrote=wrote,
        )

    def _count(self, outcome: Saved, read: ReadPage, scraped: ScrapedListing) -> None:
        """Count a page in the one column that it belongs to; a row that moved has changed."""
        counted = {
            Saved.NEW: "new",
            Saved.UPDATED: "updated",
            Saved.UNCHANGED: "unchanged",
            Saved.NOT_OURS: "not_ours",
        }[outcome]
        if read.is_moved:
            counted = "moved"
        elif outcome is Saved.UNCHANGED and self._rows.has_arrived(scraped.url):
            counted = "updated"
        setattr(self._report, counted, getattr(self._report, counted) + 1)

    def note_seen(self, target: Target) -> None:
        """Record a visit that brought nothing to save: what failed before fails no more."""
        row = target.row
        known = self._rows.at(row.url)
        if known is not None and known.get("id") is not None:
            self._seen.append(int(known["id"]))
        self._repository.addresses.note_visit(
            row,
            etag=row.etag,
            last_modified=row.last_modified,
            catalogue_digest=row.catalogue_digest,
            wrote=False,
        )

    def confirm(self) -> None:
        """Write, for many rows at once, that they were seen as they are."""
        seen, self._seen = self._seen, []
        self._repository.listings.confirm(seen)

    def note_problem(self, target: Target, error: Exception) -> None:
        self._report.errors += 1
        self._report.problems.append(str(error))
        log.warning("%s: %s", self._report.dealer, error)
        if isinstance(error, RobotsRefusedError) and target.row.last_error == str(error):
            return  # known, and nothing was tried
        self._repository.addresses.note_failure(target.row, str(error))


class RowRejectedError(ListingMirrorError):
    """One row that the database refused, such as a number too large for a project's own column."""
