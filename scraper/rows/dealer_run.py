"""One dealer's run: its catalogue, its pages, second looks, and the record of it all; it never
touches an image's bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any

from scraper.base.errors import (
    DatabaseError,
    FetchError,
    InterruptedFetchError,
    ListingMirrorError,
)
from scraper.database.run_records import RunResult
from scraper.net.guard import host_of
from scraper.pages.catalogue import Item
from scraper.pages.dealer import Dealer
from scraper.pages.errors import (
    ChallengePageError,
    PageError,
    SoftNotFoundError,
    UnexpectedPageError,
)
from scraper.pages.readings import Reading
from scraper.reading.assemble import read_page
from scraper.reading.missing_fields import missing_fields_sentence
from scraper.rows.dealer_table import DealerRow
from scraper.rows.discovery import Target, discover
from scraper.rows.fetching import is_gone
from scraper.rows.item_pages import ItemPages
from scraper.rows.listing_row import missing_changes
from scraper.rows.new_listings import ListingDates
from scraper.rows.page_visits import (
    NOT_ASKED,
    Answer,
    PageVisits,
    in_order,
    is_worth_a_visit,
)
from scraper.rows.row_writer import RowWriter
from scraper.rows.rows_by_address import RowsByAddress
from scraper.rows.run_context import DealerReport, RunContext, ScrapeOptions, fetcher_for

log = logging.getLogger(__name__)

SECOND_LOOK_S = 2.0
_NOTE_EVERY = 20
_ROWS_TO_TELL = 3
_CHALLENGES_TO_STOP = 3


class DealerRun:
    """One dealer's run: catalogue, visits, second looks, the record of it all."""

    def __init__(
        self,
        dealer: Dealer,
        row: DealerRow,
        context: RunContext,
        options: ScrapeOptions,
        report: DealerReport,
    ) -> None:
        self.dealer = dealer
        self.row = row
        self.context = context
        self.repository = context.repository
        self.options = options
        self.report = report
        self.fetcher = fetcher_for(dealer, context)
        self.rows = RowsByAddress(dealer, self.repository, self.fetcher)
        self.visits = PageVisits(
            self.fetcher,
            self.rows,
            platform=dealer.platform,
            digest=lambda target: self.pages.catalogue_digest(target),
            now=context.now,
            at_once=context.settings.page_concurrency,
            reread=options.reread,
        )
        self.writer = RowWriter(self.repository, row.id, self.rows, report)
        self.pages = ItemPages(
            dealer, row, self.fetcher, self.rows, self.writer, self.repository, report
        )
        self.gone: list[tuple[Target, str]] = []
        self.before: Mapping[str, Any] = {}
        self.challenges = 0
        self.cursor: int | None = None
        self.ended_by: ListingMirrorError | None = None  # what says to leave the rest

    def run(self) -> None:
        kind = "discovery" if self.options.discover_only else "daily_scrape"
        self.before = self.repository.runs.last_counts(self.row.id)
        self.cursor = self.before.get("cursor")  # kept where this run comes to visit nothing
        run_id = self.repository.runs.start(kind, self.row.id)
        status = "failed"
        try:
            targets = self._discover()
            if not self.options.discover_only:
                self._visit(targets, run_id)
                self._look_again()
                self.pages.save_what_waited()
                self._note_what_pages_left_out()
                self.writer.confirm()
                self._count_missing()
            status = "completed"
        except ListingMirrorError as error:
            self.report.failed = str(error)
            raise
        finally:
            self.report.requests = self.fetcher.fetched
            with suppress(DatabaseError):  # what ended the run is told, not this
                self.writer.confirm()
            self._finish(run_id, status)

    def _discover(self) -> list[Target]:
        """Write which addresses are listed, and return what may be visited."""
        found = discover(
            self.dealer,
            self.row.id,
            self.fetcher,
            self.repository,
            listed_before=self.before.get("listed"),
            saved=self.rows.read(self.row.id),
            accept_shrink=self.options.accept_shrink,
            is_known_item=self._is_known_item,
        )
        catalogue, report = found.catalogue, self.report
        report.listed, report.discovered = len(catalogue.items), found.new
        report.vanished = sum(
            target.item is None and is_worth_a_visit(target, self.rows) for target in found.targets
        )
        report.source, report.notes = catalogue.source, catalogue.notes
        self.pages.learn_currency(catalogue.currency)
        self.writer.dates = ListingDates(target.row.discovered_at for target in found.targets)
        if not self.options.discover_only:
            self.rows.compare(item.canonical for item in catalogue.items)
        return list(found.targets)

    def _visit(self, targets: list[Target], run_id: int) -> None:
        """Fetch what is worth it, read it, and save what is settled at once."""
        self.pages.siblings.before = self.before
        wanted = in_order(targets, self.rows, after=self.cursor)[: self.options.limit]
        self.report.to_visit = len(wanted)
        with closing(self.visits.fetched(wanted)) as answers:
            for count, (target, answer) in enumerate(answers, 1):
                self.report.visited += not isinstance(answer, NOT_ASKED)
                self._take(target, answer)
                if target.row.is_scraped and self.ended_by is None:
                    self.cursor = target.row.id
                if count % _NOTE_EVERY == 0:
                    self.writer.confirm()
                    progress = {"listed": self.before.get("listed"), "cursor": self.cursor}
                    self.repository.runs.note_progress(run_id, progress)
        self._end_if_left()
        if self.options.limit is None or len(wanted) < self.options.limit:
            self.cursor = None

    def _is_known_item(self, item: Item) -> bool:
        """Say whether the page of a new address shows an item that has a row under another one."""
        try:
            page = self.fetcher.page(item.url)
            if page is None:
                return False
            tile = Reading(out_of_stock=item.out_of_stock)
            scraped, _ = read_page(page, self.pages.dealer, api=item.api, tile=tile)
        except InterruptedFetchError:
            raise
        except (FetchError, PageError):
            return False
        return self.rows.is_known_elsewhere(scraped)

    def _note_what_pages_left_out(self) -> None:
        report = self.report
        report.unsaid = missing_fields_sentence(
            report.rows_read, report.missing_fields, report.titles
        )
        said = (self.pages.siblings.habits(), self._changing_by_itself())
        report.notes = (*report.notes, *(sentence for sentence in said if sentence))

    def _changing_by_itself(self) -> str | None:
        """Say that descriptions change though nothing else does, in this run as in the last."""
        changed, rows = self.writer.described_anew, self.report.rows_read
        again = int(self.before.get("described_anew") or 0)
        if changed < _ROWS_TO_TELL or changed * 2 < rows or again * 2 < rows:
            return None
        return (
            f"the description of {changed} of {rows} rows changed and nothing else, as in an "
            f"earlier run: something on the pages changes by itself; name it in cut_selectors"
        )

    def _take(self, target: Target, answer: Answer) -> None:
        """Save what a fetch brought, or note why there is nothing to save, and whether the rest
        is to be left.
        """
        try:
            self._judge(target, answer)
        except (DealerDownError, ChallengePageError) as error:
            self.ended_by = self.ended_by or error
            self.visits.leave_rest()

    def _end_if_left(self) -> None:
        if self.ended_by is not None:
            raise self.ended_by

    def _judge(self, target: Target, answer: Answer) -> None:
        """Save what a fetch brought, or note why not; raises what says to leave the rest."""
        if isinstance(answer, NOT_ASKED):
            raise DealerDownError(
                f"{self.dealer.name}: {answer}; the rest is left for the next run."
            ) from answer
        try:
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                self.report.unchanged += 1
                self.writer.note_seen(target)
                return
            read = self.pages.read(target, answer)
            self.challenges = 0
            self.pages.take(read, answer)
        except InterruptedFetchError:
            raise
        except (SoftNotFoundError, FetchError) as error:
            if isinstance(error, SoftNotFoundError) or is_gone(error):
                self.gone.append((target, str(error)))
                return
            self.writer.note_problem(target, error)
            host = host_of(target.fetch_url)
            if self.context.limits.is_tripped(host):
                raise DealerDownError(
                    f"{self.dealer.name}: {host} fails again and again, "
                    f"so the rest is left for the next run. Last: {error}"
                ) from error
        except PageError as error:
            self.writer.note_problem(target, error)
            self.pages.siblings.refused += isinstance(error, UnexpectedPageError)
            if isinstance(error, ChallengePageError):
                self.challenges += 1
                if self.challenges >= _CHALLENGES_TO_STOP:
                    raise

    def _look_again(self) -> None:
        """Give each missing page a second look, after a pause."""
        first, self.gone = self.gone, []
        if first:
            self.fetcher.pause(SECOND_LOOK_S, self.dealer.catalog_url)
        with closing(self.visits.fetched((target for target, _ in first), again=True)) as answers:
            for target, answer in answers:
                self._take(target, answer)
        self._end_if_left()

    def _count_missing(self) -> None:
        """Count the 404s that the second look confirmed, unless half of the shop is missing."""
        listed = [target for target, _ in self.gone if target.item is not None]
        if len(listed) > max(5, self.report.listed // 2):
            raise DealerDownError(
                f"{self.dealer.name}: {len(listed)} of its {self.report.listed} listed items "
                f"are gone (404, or their address leads away); that is not believed, so none was "
                f"counted."
            )
        for target, reason in self.gone:
            if self.rows.has_left(target.row.url):
                self.report.moved += 1
            else:
                self.report.missing += 1
            existing = self.rows.at(target.row.url)
            if existing is not None and self.repository.listings.note_missing(
                existing, missing_changes(existing, now=self.context.now())
            ):
                self.report.updated += 1
            self.repository.addresses.note_failure(target.row, reason)

    def _finish(self, run_id: int, status: str) -> None:
        report = self.report
        counts = {
            "listed": report.listed or None,
            "discovered": report.discovered,
            "vanished": report.vanished,
            "unchanged": report.unchanged,
            "missing": report.missing,
            "moved": report.moved,
            "not_ours": report.not_ours,
            "described_anew": self.writer.described_anew,
            "requests": report.requests,
            "source": report.source,
            "cursor": self.cursor,
            **self.pages.siblings.as_counts(),
        }
        result = RunResult(
            status,
            report.failed,
            processed=report.visited,
            new=report.new,
            updated=report.updated,
            errors=report.errors,
            counts=counts,
        )
        self.repository.runs.finish(run_id, result)
        self.repository.runs.note_coverage(self.row.id)


class DealerDownError(ListingMirrorError):
    """A dealer that cannot be scraped now; the others go on."""
