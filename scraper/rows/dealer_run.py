"""One dealer's run: its catalogue, its pages, second looks, and the record of it all; it never
touches an image's bytes.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import Counter, deque
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from scraper.base.errors import (
    DatabaseError,
    DatabaseRejectedError,
    FetchError,
    InterruptedFetchError,
    ListingMirrorError,
    RobotsRefusedError,
)
from scraper.database.run_records import RunResult
from scraper.net.guard import host_of
from scraper.net.host_limits import HostHeldError, HostTrippedError
from scraper.pages.catalogue import Item
from scraper.pages.dealer import Dealer
from scraper.pages.document import stated_address
from scraper.pages.errors import (
    ChallengePageError,
    NotAnItemPageError,
    PageError,
    SoftNotFoundError,
    UnexpectedPageError,
)
from scraper.pages.listing import Page, ScrapedListing
from scraper.pages.readings import Reading
from scraper.reading.assemble import digest_of_catalogue, read_page
from scraper.reading.missing_fields import missing_fields_sentence
from scraper.reading.sibling_pages import DamagedPageError, PageShape, SiblingPages
from scraper.rows.discovery import Target, discover
from scraper.rows.fetching import is_gone
from scraper.rows.listing_row import changed_fields, missing_changes
from scraper.rows.lost_fields import is_believed, refuse_lost_fields
from scraper.rows.new_listings import ListingDates
from scraper.rows.repository import DealerRow, Saved
from scraper.rows.rows_by_address import RowsByAddress
from scraper.rows.run_context import DealerReport, RunContext, ScrapeOptions, fetcher_for

log = logging.getLogger(__name__)

_SECOND_LOOK_S = 2.0
_DAYS_BETWEEN_LOOKS = 7  # at a page of which the shop's API says that nothing has changed
_NOTE_EVERY = 20
_PAGES_TO_CORRECT = 3  # that state another currency than a sign once decided
_CHALLENGES_TO_STOP = 3
_REJECTED_TO_STOP = 3
_NOT_ASKED = (HostHeldError, HostTrippedError)

_Answer = Page | FetchError | PageError | None


@dataclass(frozen=True)
class _Read:
    """What a page said and how it is built; the page itself is not kept."""

    target: Target
    scraped: ScrapedListing
    shape: PageShape
    url: str
    etag: str | None
    last_modified: str | None


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
        self.gone: list[tuple[Target, str]] = []
        self.doubtful: list[_Read] = []  # markup does not close: saved where many are like that
        self.neighbours = SiblingPages()
        self.second: list[_Read] = []  # pages that call another address their own
        self.unpriced: list[_Read] = []  # until a price names a currency
        self.stated_currencies = Counter[str]()  # by a code, or a sign of that one alone
        self.signed_currencies = Counter[str]()  # by a sign of several
        self.described_anew = 0  # rows of which only the description differs
        self.before: Mapping[str, Any] = {}
        self.challenges = 0
        self.arrivals = ListingDates(())
        self.seen: list[int] = []  # rows seen unchanged, until that is written
        self.rejected = 0  # rows in a row that the database refused
        self.cursor: int | None = None
        self.ended_by: ListingMirrorError | None = None  # what says to leave the rest

    def run(self) -> None:
        kind = "discovery" if self.options.discover_only else "daily_scrape"
        before = self.repository.runs.last_counts(self.row.id)
        run_id = self.repository.runs.start(kind, self.row.id)
        status = "failed"
        try:
            self._work(run_id, before)
            status = "completed"
        except ListingMirrorError as error:
            self.report.failed = str(error)
            raise
        finally:
            self.report.requests = self.fetcher.fetched
            with suppress(DatabaseError):  # what ended the run is told, not this
                self._confirm()
            self._finish(run_id, status)

    def _work(self, run_id: int, before: Mapping[str, Any]) -> None:
        self.cursor = before.get("cursor")  # kept where this run does not come to visit anything
        found = discover(
            self.dealer,
            self.row.id,
            self.fetcher,
            self.repository,
            listed_before=before.get("listed"),
            saved=self.rows.read(self.row.id),
            accept_shrink=self.options.accept_shrink,
            is_known_item=self._is_known_item,
        )
        catalogue = found.catalogue
        self.report.listed, self.report.discovered = len(catalogue.items), found.new
        self.report.vanished = sum(
            target.item is None and self._worth_a_visit(target) for target in found.targets
        )
        self.report.source, self.report.notes = catalogue.source, catalogue.notes
        self._learn_currency(catalogue.currency)
        if self.options.discover_only:
            return
        self.arrivals = ListingDates(target.row.discovered_at for target in found.targets)
        self.rows.compare(item.canonical for item in catalogue.items)
        self.neighbours.before = self.before = before
        targets = self._ordered(found.targets, before.get("cursor"))
        self.report.to_visit = len(targets)
        with closing(self._fetched(targets)) as answers:
            for count, (target, answer) in enumerate(answers, 1):
                self.report.visited += not isinstance(answer, _NOT_ASKED)
                self._take(target, answer)
                if target.row.is_scraped and self.ended_by is None:
                    self.cursor = target.row.id
                if count % _NOTE_EVERY == 0:
                    self._confirm()
                    progress = {"listed": before.get("listed"), "cursor": self.cursor}
                    self.repository.runs.note_progress(run_id, progress)
        self._end_if_left()
        if self.options.limit is None or len(targets) < self.options.limit:
            self.cursor = None
        self._look_again()
        self._settle_currency()
        for read in self.unpriced:
            self._save(read)
        self._settle_doubtful()
        self._settle_second()
        self._say_untold()
        self._confirm()
        self._count_missing()

    def _is_known_item(self, item: Item) -> bool:
        """Say whether the page of a new address shows an item that has a row under another one."""
        try:
            page = self.fetcher.page(item.url)
            if page is None:
                return False
            tile = Reading(out_of_stock=item.out_of_stock)
            scraped, _ = read_page(page, self.dealer, api=item.api, tile=tile)
        except InterruptedFetchError:
            raise
        except (FetchError, PageError):
            return False
        return self.rows.is_known_elsewhere(scraped)

    def _say_untold(self) -> None:
        report = self.report
        report.unsaid = missing_fields_sentence(
            report.rows_read, report.missing_fields, report.titles
        )
        said = (self.neighbours.habits(), self._changing_by_itself())
        report.notes = (*report.notes, *(sentence for sentence in said if sentence))

    def _changing_by_itself(self) -> str | None:
        """Say that descriptions change though nothing else does, in this run as in the last."""
        changed, rows = self.described_anew, self.report.rows_read
        again = int(self.before.get("described_anew") or 0)
        if changed < _PAGES_TO_CORRECT or changed * 2 < rows or again * 2 < rows:
            return None
        return (
            f"the description of {changed} of {rows} rows changed and nothing else, as in an "
            f"earlier run: something on the pages changes by itself; name it in cut_selectors"
        )

    def _hear_currency(self, scraped: ScrapedListing) -> None:
        """Learn the dealer's currency from a price that names it; a sign of several ("$") decides
        nothing for good.
        """
        price = scraped.price
        if price.currency is None or price.value is None:
            return
        if scraped.names_currency:
            self.stated_currencies[price.currency] += 1
            self._learn_currency(price.currency)
        else:
            self.signed_currencies[price.currency] += 1

    def _settle_currency(self) -> None:
        """Correct what a sign once decided by what all pages state; else let the sign stand for
        this run.
        """
        stated = list(self.stated_currencies)
        is_sure = len(stated) == 1 and self.stated_currencies[stated[0]] >= _PAGES_TO_CORRECT
        if is_sure and self.row.currency is not None and self.dealer.currency != stated[0]:
            note = f"its pages state {stated[0]}: its currency was {self.dealer.currency}"
            self.report.notes = (*self.report.notes, note)
            self.dealer = dataclasses.replace(self.dealer, currency=None)
            self._learn_currency(stated[0])
        if self.dealer.currency is None and self.signed_currencies:
            usual = self.signed_currencies.most_common(1)[0][0]
            self.dealer = dataclasses.replace(self.dealer, currency=usual)

    def _learn_currency(self, currency: str | None) -> None:
        if self.dealer.currency is None and currency is not None:
            self.dealer = dataclasses.replace(self.dealer, currency=currency)
            self.fetcher.dealer = self.dealer
            self.repository.update_dealer(self.row.id, {"currency": currency})

    def _ordered(self, targets: Iterable[Target], cursor: Any) -> list[Target]:
        """New items first, then the rest from where the last run stopped; at most --limit."""
        wanted = [target for target in targets if self._worth_a_visit(target)]
        after = cursor if isinstance(cursor, int) else 0
        wanted.sort(key=lambda t: (t.row.is_scraped, -t.row.priority, t.row.id <= after, t.row.id))
        return wanted[: self.options.limit]

    def _worth_a_visit(self, target: Target) -> bool:
        """A vanished item is looked at until it is known to be sold or gone."""
        if target.item is not None:
            return True
        listing = self.rows.at(target.row.url)
        if listing is None:  # never saved, unless its row has moved or was deleted
            return not target.row.is_scraped and target.row.failures < 5
        return listing.get("page_exists") is not False and not listing.get("is_sold")

    def _fetched(
        self, targets: Iterable[Target], *, again: bool = False
    ) -> Generator[tuple[Target, _Answer], None, None]:
        """Fetch the pages side by side, as far as the host's limits let them, and yield them in
        order. Once the rest is to be left no further one is asked for; what is on its way still
        comes, because it was asked and will be answered.
        """
        at_once = self.context.settings.page_concurrency
        waiting: deque[tuple[Target, Future[_Answer]]] = deque()
        with ThreadPoolExecutor(max_workers=at_once) as pool:
            try:
                for target in targets:
                    if self.ended_by is not None:
                        break
                    waiting.append((target, pool.submit(self._fetch, target, again)))
                    if len(waiting) == at_once:
                        first, future = waiting.popleft()
                        yield first, future.result()
                for target, future in waiting:
                    yield target, future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _fetch(self, target: Target, again: bool) -> _Answer:
        """Return the page, None when it has not changed, or why there is none."""
        known = self.rows.at(target.row.url)
        conditional = (
            known is not None
            and not self.options.reread
            and not known.get("consecutive_404_count")
            and not again
            and target.row.catalogue_digest == self._catalogue_digest(target)
        )
        if conditional and self._is_unchanged_by_api(target):
            return None
        address = target.fetch_url
        bare = "?" not in address and not address.endswith(("/", ".html", ".htm", ".php"))
        if again and target.item is None and bare:  # stored without the slash that some want
            address += "/"
        try:
            return self.fetcher.page(
                address,
                etag=target.row.etag if conditional else None,
                last_modified=target.row.last_modified if conditional else None,
            )
        except (FetchError, PageError) as error:
            return error

    def _is_unchanged_by_api(self, target: Target) -> bool:
        """Say whether the shop's API, of which nothing has changed, states when it last changed the
        item: then its page need not be asked for, but for one look a week.
        """
        api, row = target.item.api if target.item else None, target.row
        if api is None or row.catalogue_digest is None or row.failures or not row.is_scraped:
            return False
        platform = self.dealer.platform
        is_its_day = (row.id + self.context.now().toordinal()) % _DAYS_BETWEEN_LOOKS == 0
        return platform is not None and platform.changed_at(api) is not None and not is_its_day

    def _take(self, target: Target, answer: _Answer) -> None:
        """Save what a fetch brought, or note why there is nothing to save, and whether the rest
        is to be left.
        """
        try:
            self._judge(target, answer)
        except (DealerDownError, ChallengePageError) as error:
            self.ended_by = self.ended_by or error

    def _end_if_left(self) -> None:
        if self.ended_by is not None:
            raise self.ended_by

    def _judge(self, target: Target, answer: _Answer) -> None:
        """Save what a fetch brought, or note why not; raises what says to leave the rest."""
        if isinstance(answer, _NOT_ASKED):
            raise DealerDownError(
                f"{self.dealer.name}: {answer}; the rest is left for the next run."
            ) from answer
        try:
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                self.report.unchanged += 1
                self._note_seen(target)
                return
            self._read(target, answer)
        except InterruptedFetchError:
            raise
        except (SoftNotFoundError, FetchError) as error:
            if isinstance(error, SoftNotFoundError) or is_gone(error):
                self.gone.append((target, str(error)))
                return
            self._problem(target, error)
            host = host_of(target.fetch_url)
            if self.context.limits.is_tripped(host):
                raise DealerDownError(
                    f"{self.dealer.name}: {host} fails again and again, "
                    f"so the rest is left for the next run. Last: {error}"
                ) from error
        except PageError as error:
            self._problem(target, error)
            self.neighbours.refused += isinstance(error, UnexpectedPageError)
            if isinstance(error, ChallengePageError):
                self.challenges += 1
                if self.challenges >= _CHALLENGES_TO_STOP:
                    raise

    def _read(self, target: Target, page: Page) -> None:
        mine = self.dealer.canonical_url(target.row.url)
        is_led = self.dealer.canonical_url(page.url) != mine
        item = target.item if not is_led else None
        api, tile = (item.api, Reading(out_of_stock=item.out_of_stock)) if item else (None, None)
        try:
            scraped, shape = read_page(page, self.dealer, api=api, tile=tile)
        except NotAnItemPageError as error:
            if is_led:  # to the shop's front or to a category, as many shops do with what is gone
                raise SoftNotFoundError(page.url, f"{target.row.url} leads to no item") from error
            raise
        self.challenges = 0
        if is_led:
            followed = self.rows.followed(target, scraped)
            if followed is None:
                self.report.unchanged += 1
                self._note_seen(target)
                return
            scraped = followed
        refuse_lost_fields(
            page.url,
            self.rows.at(scraped.url),
            scraped,
            failures=target.row.failures,
            last_error=target.row.last_error,
        )
        self.neighbours.add(shape)
        self.report.rows_read += 1
        self.report.missing_fields += scraped.missing_fields
        self.report.titles[scraped.title] += 1
        self._hear_currency(scraped)
        read = _Read(target, scraped, shape, page.url, page.etag, _stable_date(page))
        if self._is_second_address(page, scraped.url):
            self.second.append(read)
        elif shape.oddities or shape.details or shape.doubts:
            self.doubtful.append(read)
        elif self.dealer.currency is None:
            self.unpriced.append(read)
        else:
            self._save(read)

    def _is_second_address(self, page: Page, url: str) -> bool:
        """Say whether a page without a row names another known page as its own address."""
        stated = stated_address(page) if self.rows.at(url) is None else None
        if stated is None or self.dealer.canonical_url(stated) == url:
            return False
        return self.rows.knows(stated)

    def _save(self, read: _Read) -> None:
        scraped = read.scraped
        if scraped.price.currency is None and self.dealer.currency is not None:
            price = dataclasses.replace(scraped.price, currency=self.dealer.currency)
            scraped = dataclasses.replace(scraped, price=price)
        existing = self.rows.of(scraped)
        self.described_anew += existing is not None and changed_fields(existing, scraped) == {
            "description"
        }
        try:
            saved = self.repository.save(
                self.row.id,
                existing,
                scraped,
                is_import=self.arrivals.is_import(read.target.row.discovered_at),
            )
        except DatabaseRejectedError as error:
            self.rejected += 1
            if self.rejected >= _REJECTED_TO_STOP:
                raise
            self._problem(read.target, RowRejectedError(f"{scraped.url} was not saved: {error}"))
            return
        self.rejected = 0
        counted = {
            Saved.NEW: "new",
            Saved.UPDATED: "updated",
            Saved.UNCHANGED: "unchanged",
            Saved.NOT_OURS: "not_ours",
        }[saved.outcome]
        setattr(self.report, counted, getattr(self.report, counted) + 1)
        if saved.outcome is Saved.NEW:
            self.rows.add(saved.listing_id, scraped)
        if saved.outcome is Saved.UNCHANGED and saved.listing_id is not None:
            self.seen.append(saved.listing_id)
        wrote = saved.outcome in (Saved.NEW, Saved.UPDATED)
        if wrote and saved.listing_id is not None:
            self.report.listing_ids.append(saved.listing_id)
        self.repository.note_visit(
            read.target.row,
            etag=read.etag,
            last_modified=read.last_modified,
            catalogue_digest=self._catalogue_digest(read.target),
            wrote=wrote,
        )

    def _note_seen(self, target: Target) -> None:
        """Record a visit that brought nothing to save: what failed before fails no more."""
        row = target.row
        known = self.rows.at(row.url)
        if known is not None and known.get("id") is not None:
            self.seen.append(int(known["id"]))
        self.repository.note_visit(
            row,
            etag=row.etag,
            last_modified=row.last_modified,
            catalogue_digest=row.catalogue_digest,
            wrote=False,
        )

    def _confirm(self) -> None:
        """Write, for many rows at once, that they were seen as they are."""
        seen, self.seen = self.seen, []
        self.repository.confirm(seen)

    def _catalogue_digest(self, target: Target) -> str | None:
        item = target.item
        if item is None:
            return None
        return digest_of_catalogue(self.dealer, item.api, item.out_of_stock)

    def _settle_doubtful(self) -> None:
        """Save pages with unclosed markup where the others vouch for them; refuse the odd ones."""
        for read in self.doubtful:
            self._save_if_whole(read)

    def _settle_second(self) -> None:
        """Save pages that call another address their own, unless their item has its row there."""
        for read in self.second:
            if self.rows.twin_of(read.scraped) is None:
                self._save_if_whole(read)
            else:
                self.report.unchanged += 1
                self._note_seen(read.target)

    def _save_if_whole(self, read: _Read) -> None:
        try:
            self.neighbours.refuse_odd(read.url, read.shape)
        except (DamagedPageError, UnexpectedPageError) as error:
            row = read.target.row
            if not is_believed(error, failures=row.failures, last_error=row.last_error):
                self._problem(read.target, error)
                return
            self.neighbours.believe(read.url, read.shape)
        self._save(read)

    def _look_again(self) -> None:
        """Give each missing page a second look, after a pause."""
        first, self.gone = self.gone, []
        if first:
            self.fetcher.pause(_SECOND_LOOK_S, self.dealer.catalog_url)
        with closing(self._fetched((target for target, _ in first), again=True)) as answers:
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
            self.report.missing += 1
            existing = self.rows.at(target.row.url)
            if existing is not None and self.repository.note_missing(
                existing, missing_changes(existing, now=self.context.now())
            ):
                self.report.updated += 1
            self.repository.note_failure(target.row, reason)

    def _problem(self, target: Target, error: Exception) -> None:
        self.report.errors += 1
        self.report.problems.append(str(error))
        log.warning("%s: %s", self.dealer.name, error)
        if isinstance(error, RobotsRefusedError) and target.row.last_error == str(error):
            return  # known, and nothing was tried
        self.repository.note_failure(target.row, str(error))

    def _finish(self, run_id: int, status: str) -> None:
        report = self.report
        counts = {
            "listed": report.listed or None,
            "discovered": report.discovered,
            "vanished": report.vanished,
            "unchanged": report.unchanged,
            "missing": report.missing,
            "not_ours": report.not_ours,
            "described_anew": self.described_anew,
            "requests": report.requests,
            "source": report.source,
            "cursor": self.cursor,
            **self.neighbours.as_counts(),
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


class RowRejectedError(ListingMirrorError):
    """One row that the database refused, such as a number too large for a project's own column."""


class DealerDownError(ListingMirrorError):
    """A dealer that cannot be scraped now; the others go on."""


def _stable_date(page: Page) -> str | None:
    """Return Last-Modified unless there is an ETag, or the page only claims to have been made
    this moment.
    """
    if page.etag or not page.last_modified:
        return None
    date = next((value for name, value in page.headers.items() if name.lower() == "date"), None)
    return None if date is not None and date[:22] == page.last_modified[:22] else page.last_modified
