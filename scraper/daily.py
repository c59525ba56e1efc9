"""The daily scrape: discover, visit, save; rows only. It knows pages and rows, and never touches
an image's bytes.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from scraper.dealers.protocol import Dealer
from scraper.discovery import NoShopError, Target, detect_platform, discover
from scraper.errors import DatabaseError, FetchError, InterruptedFetchError, ListingMirrorError
from scraper.fetching import PageFetcher, is_gone
from scraper.guard import host_of
from scraper.hosts import HostLimits
from scraper.listing import Page, ScrapedListing
from scraper.page_errors import ChallengePageError, PageError, SoftNotFoundError
from scraper.reading.assemble import Shape, read_page
from scraper.repository import DealerRow, Repository, Saved, missing_changes
from scraper.robots import Robots
from scraper.roster import Known
from scraper.session import DealerSession
from scraper.settings import Settings

log = logging.getLogger(__name__)

RUN_TYPES = ("daily_scrape", "discovery")
_SECOND_LOOK_S = 2.0
_NOTE_EVERY = 20
_MOST_DEALERS_AT_ONCE = 5
_CHALLENGES_TO_STOP = 3


@dataclass
class DealerReport:
    """What one dealer's run did; `failed` is the sentence that ended it early."""

    dealer: str
    listed: int = 0
    discovered: int = 0
    vanished: int = 0
    visited: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    missing: int = 0
    not_ours: int = 0
    errors: int = 0
    requests: int = 0
    source: str = ""
    notes: tuple[str, ...] = ()
    failed: str | None = None
    our_side: bool = False
    listing_ids: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """How a run is narrowed."""

    limit: int | None = None
    discover_only: bool = False
    accept_shrink: bool = False
    reread: bool = False  # without conditional requests


@dataclass(frozen=True)
class Tools:
    """What all dealers of one run share."""

    settings: Settings
    repository: Repository
    session: DealerSession
    limits: HostLimits
    robots: Robots
    stop: threading.Event
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class _Doubtful:
    """A page whose markup does not close like its neighbours': saved only when many pages are
    like that.
    """

    target: Target
    scraped: ScrapedListing
    page: Page
    shape: Shape


def scrape_dealers(
    chosen: Iterable[Known],
    settings: Settings,
    repository: Repository,
    options: Options,
    *,
    report: Callable[[DealerReport], None] = lambda _: None,
    session: DealerSession | None = None,
) -> list[DealerReport]:
    """Scrape the dealers side by side and return a report of each; one dealer's failure never
    ends another's run.

    Raises KeyboardInterrupt after giving up everything in flight.
    """
    entries = list(chosen)
    with session or DealerSession(settings) as open_session:
        tools = make_tools(settings, repository, open_session)
        with ThreadPoolExecutor(max_workers=min(len(entries), _MOST_DEALERS_AT_ONCE) or 1) as pool:
            futures = [pool.submit(_guarded, entry, tools, options) for entry in entries]
            reports = []
            try:
                for future in futures:
                    reports.append(future.result())
                    report(reports[-1])
            except KeyboardInterrupt:
                tools.stop.set()
                open_session.abort()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    return reports


def make_tools(settings: Settings, repository: Repository, session: DealerSession) -> Tools:
    limits = HostLimits(
        per_host_max=settings.page_concurrency, start=1, spacing_s=settings.page_delay_s
    )
    return Tools(
        settings,
        repository,
        session,
        limits,
        Robots(session, user_agent=settings.user_agent, limits=limits),
        threading.Event(),
    )


def fetcher_for(dealer: Dealer, tools: Tools) -> PageFetcher:
    delay_s = tools.settings.page_delay_s if dealer.delay_s is None else dealer.delay_s
    return PageFetcher(
        tools.session, tools.limits, tools.robots, dealer, delay_s, tools.stop, tools.sleep
    )


def ensure_row(entry: Known, tools: Tools) -> tuple[Dealer, DealerRow]:
    """Return the dealer with its row, made on demand, and its shop system, detected on demand."""
    dealer, row = entry.dealer, entry.row
    if dealer.platform is None:
        found = detect_platform(dealer, fetcher_for(dealer, tools))
        if found.platform is None:
            raise NoShopError(
                f"{dealer.name}: {dealer.catalog_url} is no shop that we know: {found.reason}."
            )
        dealer = dataclasses.replace(dealer, platform=found.platform)
    if row is None:
        row = tools.repository.add_dealer(dealer, {})
    elif row.platform is None and dealer.platform is not None:
        tools.repository.update_dealer(row.id, {"platform": dealer.platform.value})
    return dealer, row


def _guarded(entry: Known, tools: Tools, options: Options) -> DealerReport:
    """Run one dealer at the thread's edge: whatever happens becomes its report."""
    report = DealerReport(entry.dealer.name)
    try:
        dealer, row = ensure_row(entry, tools)
        DealerRun(dealer, row, tools, options, report).run()
    except ListingMirrorError as error:
        report.failed = str(error)
        report.our_side = isinstance(error, DatabaseError)
        log.error("%s: %s", entry.dealer.name, error)
    except Exception as error:  # the worker's edge: recorded, and the other dealers go on
        report.failed = f"unexpected {type(error).__name__}: {error}"
        log.exception("%s: unexpected error", entry.dealer.name)
    return report


class DealerRun:
    """One dealer's run: catalogue, visits, second looks, the record of it all."""

    def __init__(
        self, dealer: Dealer, row: DealerRow, tools: Tools, options: Options, report: DealerReport
    ) -> None:
        self.dealer = dealer
        self.row = row
        self.tools = tools
        self.repository = tools.repository
        self.options = options
        self.report = report
        self.fetcher = fetcher_for(dealer, tools)
        self.existing: dict[str, dict[str, Any]] = {}
        self.gone: list[tuple[Target, str]] = []
        self.doubtful: list[_Doubtful] = []
        self.shapes: Counter[str] = Counter()
        self.frames: set[str] = set()  # of the pages that close what they open
        self.unpriced: list[tuple[Target, ScrapedListing, Page]] = []  # until a price names a unit
        self.challenges = 0
        self.cursor: int | None = None

    def run(self) -> None:
        kind = "discovery" if self.options.discover_only else "daily_scrape"
        before = self._last_counts()
        run_id = self.repository.start_run(
            kind, self.row.id, f"{socket.gethostname()}:{os.getpid()}"
        )
        status = "failed"
        try:
            self._work(run_id, before)
            status = "completed"
        except ListingMirrorError as error:
            self.report.failed = str(error)
            raise
        finally:
            self.report.requests = self.fetcher.fetched
            self._finish(run_id, status)

    def _work(self, run_id: int, before: Mapping[str, Any]) -> None:
        found = discover(
            self.dealer,
            self.row.id,
            self.fetcher,
            self.repository,
            listed_before=before.get("listed"),
            accept_shrink=self.options.accept_shrink,
        )
        catalogue = found.catalogue
        self.report.listed, self.report.discovered, self.report.vanished = (
            len(catalogue.items),
            found.new,
            found.vanished,
        )
        self.report.source, self.report.notes = catalogue.source, catalogue.notes
        self._learn_currency(catalogue.currency)
        if self.options.discover_only:
            return
        rows = self.repository.listings(self.row.id)
        self.existing = {self.dealer.canonical_url(str(row["url"])): row for row in rows}
        targets = self._ordered(found.targets, before.get("cursor"))
        for count, target in enumerate(targets, 1):
            if self.tools.stop.is_set():
                raise InterruptedFetchError(target.fetch_url)
            self._visit(target)
            if target.row.is_scraped:
                self.cursor = target.row.id
            if count % _NOTE_EVERY == 0:
                self.repository.note_progress(
                    run_id, {"listed": before.get("listed"), "cursor": self.cursor}
                )
        if self.options.limit is None or len(targets) < self.options.limit:
            self.cursor = None
        self._look_again()
        for waiting in self.unpriced:
            self._save(*waiting)
        self._settle_doubtful(before)
        self._count_missing()

    def _last_counts(self) -> dict[str, Any]:
        """Return what the last good run listed and where the last run, good or killed, stopped."""
        newest = self.repository.last_counts(self.row.id, RUN_TYPES)
        merged: dict[str, Any] = {}
        for run in newest:
            counts = run.get("counts") or {}
            if "cursor" not in merged and "cursor" in counts:
                merged["cursor"] = counts["cursor"]
            if run.get("status") == "completed" and counts.get("listed"):
                merged.setdefault("listed", counts["listed"])
                for name in ("shapes", "frames"):
                    if counts.get(name):
                        merged.setdefault(name, counts[name])
        return merged

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
        listing = self.existing.get(self.dealer.canonical_url(target.row.url))
        if listing is None:
            return target.row.failures < 5
        return listing.get("page_exists") is not False and not listing.get("is_sold")

    def _visit(self, target: Target, *, url: str | None = None, again: bool = False) -> None:
        self.report.visited += not again
        known = self.existing.get(self.dealer.canonical_url(target.row.url))
        conditional = (
            known is not None
            and not self.options.reread
            and not known.get("consecutive_404_count")
            and not again
        )
        try:
            page = self.fetcher.page(
                url or target.fetch_url,
                etag=target.row.etag if conditional else None,
                last_modified=target.row.last_modified if conditional else None,
            )
            if page is None:
                self.report.unchanged += 1
                return
            self._read(target, page)
        except InterruptedFetchError:
            raise
        except (SoftNotFoundError, FetchError) as error:
            if isinstance(error, SoftNotFoundError) or is_gone(error):
                self.gone.append((target, str(error)))
                return
            self._problem(target, error)
            host = host_of(target.fetch_url)
            if self.tools.limits.is_tripped(host):
                raise DealerDownError(
                    f"{self.dealer.name}: {host} fails again and again, "
                    f"so the rest is left for the next run. Last: {error}"
                ) from error
        except PageError as error:
            self._problem(target, error)
            if isinstance(error, ChallengePageError):
                self.challenges += 1
                if self.challenges >= _CHALLENGES_TO_STOP:
                    raise

    def _read(self, target: Target, page: Page) -> None:
        api = target.item.api if target.item is not None else None
        scraped, shape = read_page(page, self.dealer, api=api)
        self.challenges = 0
        mine = self.dealer.canonical_url(target.row.url)
        if scraped.url != mine:  # a redirect to another item, or to the shop's front
            if scraped.url in self.existing or target.item is None:
                raise SoftNotFoundError(page.url, f"{target.row.url} leads to another item")
            scraped = dataclasses.replace(scraped, url=mine)
        self.shapes[shape.oddities] += 1
        self._learn_currency(scraped.price.currency)
        if not shape.oddities:
            self.frames.add(shape.frame)
        if shape.oddities:
            self.doubtful.append(_Doubtful(target, scraped, page, shape))
        elif self.dealer.currency is None:
            self.unpriced.append((target, scraped, page))
        else:
            self._save(target, scraped, page)

    def _save(self, target: Target, scraped: ScrapedListing, page: Page) -> None:
        existing = self.existing.get(self.dealer.canonical_url(target.row.url))
        if scraped.price.currency is None and self.dealer.currency is not None:
            price = dataclasses.replace(scraped.price, currency=self.dealer.currency)
            scraped = dataclasses.replace(scraped, price=price)
        saved = self.repository.save(self.row.id, existing, scraped)
        counted = {
            Saved.NEW: "new",
            Saved.UPDATED: "updated",
            Saved.UNCHANGED: "unchanged",
            Saved.NOT_OURS: "not_ours",
        }[saved.outcome]
        setattr(self.report, counted, getattr(self.report, counted) + 1)
        wrote = saved.outcome in (Saved.NEW, Saved.UPDATED)
        if wrote and saved.listing_id is not None:
            self.report.listing_ids.append(saved.listing_id)
        self.repository.note_visit(
            target.row, etag=page.etag, last_modified=_stable_date(page), wrote=wrote
        )

    def _settle_doubtful(self, before: Mapping[str, Any]) -> None:
        """Save pages with unclosed markup when that is how this shop's pages are, or when only the
        description is to blame; refuse the odd one out.

        A page with a piece missing from its middle differs from its neighbours in exactly this.
        """
        shapes = Counter({k: int(n) for k, n in (before.get("shapes") or {}).items()}) + self.shapes
        frames = self.frames | set(before.get("frames") or ())
        everything = sum(shapes.values())
        for doubt in self.doubtful:
            usual = shapes[doubt.shape.oddities]
            common = everything == 1 or (usual >= 2 and usual * 10 >= everything)
            if common or doubt.shape.frame in frames:
                self._save(doubt.target, doubt.scraped, doubt.page)
                continue
            odd = f"{doubt.shape.oddities}, unlike the shop's other pages"
            self._problem(doubt.target, DamagedPageError(doubt.page.url, odd))

    def _look_again(self) -> None:
        """Give each missing page a second look, after a pause."""
        first, self.gone = self.gone, []
        if first:
            self.tools.sleep(_SECOND_LOOK_S)
        for target, _ in first:
            address = target.fetch_url
            bare = "?" not in address and not address.endswith(("/", ".html", ".htm", ".php"))
            if target.item is None and bare:  # stored without the slash that some servers want
                address += "/"
            self._visit(target, url=address, again=True)

    def _count_missing(self) -> None:
        """Count the 404s that the second look confirmed, unless half of the shop is missing."""
        listed = [target for target, _ in self.gone if target.item is not None]
        if len(listed) > max(5, self.report.listed // 2):
            raise DealerDownError(
                f"{self.dealer.name}: {len(listed)} of its {self.report.listed} listed items "
                f"answer 404; that is not believed, so none was counted."
            )
        for target, reason in self.gone:
            self.report.missing += 1
            existing = self.existing.get(self.dealer.canonical_url(target.row.url))
            if existing is not None and self.repository.note_missing(
                existing, missing_changes(existing, now=self.tools.now())
            ):
                self.report.updated += 1
            self.repository.note_failure(target.row, reason)

    def _problem(self, target: Target, error: Exception) -> None:
        self.report.errors += 1
        self.report.problems.append(str(error))
        log.warning("%s: %s", self.dealer.name, error)
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
            "requests": report.requests,
            "source": report.source,
            "cursor": self.cursor,
            "shapes": dict(self.shapes),
            "frames": sorted(self.frames)[:50],
        }
        self.repository.finish_run(
            run_id,
            status=status,
            error=report.failed,
            processed=report.visited,
            new=report.new,
            updated=report.updated,
            errors=report.errors,
            counts=counts,
        )


class DealerDownError(ListingMirrorError):
    """A dealer that cannot be scraped now; the others go on."""


class DamagedPageError(PageError):
    """A page with a piece missing."""

    reason = "seems to have a piece missing"
    remedy = "Nothing was saved from it; the next run tries again."


def _stable_date(page: Page) -> str | None:
    """Return Last-Modified unless there is an ETag, or the page only claims to have been made
    this moment.
    """
    if page.etag or not page.last_modified:
        return None
    date = next((value for name, value in page.headers.items() if name.lower() == "date"), None)
    return None if date is not None and date[:22] == page.last_modified[:22] else page.last_modified
