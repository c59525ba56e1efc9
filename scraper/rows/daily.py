"""The daily scrape: all dealers side by side, each discovered, visited and saved; rows only."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

from scraper.base.errors import DatabaseError, ListingMirrorError
from scraper.base.settings import Settings
from scraper.database.dealer_leases import Answer, DealerLeases
from scraper.net.session import DealerSession
from scraper.pages.dealer import Dealer
from scraper.rows.dealer_run import DealerRun
from scraper.rows.dealer_table import DealerRow
from scraper.rows.discovery import NoShopError, detect_platform
from scraper.rows.known_dealers import KnownDealer
from scraper.rows.repository import Repository
from scraper.rows.run_context import (
    DealerReport,
    RunContext,
    ScrapeOptions,
    fetcher_for,
    make_context,
)

log = logging.getLogger(__name__)

_MOST_DEALERS_AT_ONCE = 5
_WAIT_SLICE_S = 0.5
_LOOK_AGAIN_S = 1.0


def scrape_dealers(
    chosen: Iterable[KnownDealer],
    settings: Settings,
    repository: Repository,
    options: ScrapeOptions,
    *,
    report: Callable[[DealerReport], None] = lambda _: None,
    begun: Callable[[DealerReport], None] = lambda _: None,
    session: DealerSession | None = None,
) -> list[DealerReport]:
    """Scrape the dealers side by side and return a report of each; one dealer's failure never
    ends another's run. A dealer that another scrape has is left to it. `begun` gets each dealer's
    report at its start, to look at meanwhile, `report` at its end.

    Raises KeyboardInterrupt after giving up everything in flight.
    """
    entries = list(chosen)
    leases = repository.leases(lease_s=settings.lease_s, shares=not options.by_name)
    with session or DealerSession(settings) as open_session, leases:
        context = make_context(settings, repository, open_session)
        with ThreadPoolExecutor(max_workers=min(len(entries), _MOST_DEALERS_AT_ONCE) or 1) as pool:
            reports = []
            try:
                futures = [
                    pool.submit(_guarded, entry, context, options, leases, begun)
                    for entry in entries
                ]
                for entry, future in zip(entries, futures, strict=True):
                    again = partial(pool.submit, _guarded, entry, context, options, leases, begun)
                    reports.append(_looked_again(_result_of(future), context, again))
                    report(reports[-1])
            except KeyboardInterrupt:
                context.stop.set()
                open_session.abort()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    return reports


def _looked_again(
    left: DealerReport, context: RunContext, again: Callable[[], Future[DealerReport]]
) -> DealerReport:
    """Take a dealer over whose scrape has died: its lease only grows older, a live one's does not.

    What else this command has to do goes on meanwhile.
    """
    while left.left_to is not None and left.left_for_s and not context.stop.wait(_LOOK_AGAIN_S):
        now = _result_of(again())
        if now.left_for_s > left.left_for_s:
            return left
        left = now
    return left


def ensure_row(entry: KnownDealer, context: RunContext) -> tuple[Dealer, DealerRow]:
    """Return the dealer with its row, made on demand, and its shop system, detected on demand."""
    dealer, row = entry.dealer, entry.row
    if entry.fault is not None:
        raise entry.fault
    if dealer.platform is None:
        found = detect_platform(dealer, fetcher_for(dealer, context))
        if found.platform is None:
            raise NoShopError(
                f"{dealer.name}: {dealer.catalog_url} is no shop that we know: {found.reason}."
            )
        dealer = dataclasses.replace(dealer, platform=found.platform)
    if row is None:
        row = context.repository.dealers.add(dealer, {})
    elif row.platform is None and dealer.platform is not None:
        context.repository.dealers.update(row.id, {"platform": dealer.platform.name})
    return dealer, row


def _result_of(future: Future[DealerReport]) -> DealerReport:
    """Wait in slices: the kernel may give a signal to any thread, and a main thread that waits
    without a time limit would then never learn of it.
    """
    while not future.done():
        wait([future], timeout=_WAIT_SLICE_S)
    return future.result()


def _guarded(
    entry: KnownDealer,
    context: RunContext,
    options: ScrapeOptions,
    leases: DealerLeases,
    begun: Callable[[DealerReport], None],
) -> DealerReport:
    """Run one dealer at the thread's edge: whatever happens becomes its report."""
    report = DealerReport(entry.dealer.name)
    begun(report)
    try:
        _run_leased(entry, context, options, leases, report)
    except ListingMirrorError as error:
        report.failed = str(error)
        report.our_side = isinstance(error, DatabaseError)
        log.error("%s: %s", entry.dealer.name, error)
    except Exception as error:  # the worker's edge: recorded, and the other dealers go on
        report.failed = f"unexpected {type(error).__name__}: {error}"
        log.exception("%s: unexpected error", entry.dealer.name)
    report.is_done = True
    return report


def _run_leased(
    entry: KnownDealer,
    context: RunContext,
    options: ScrapeOptions,
    leases: DealerLeases,
    report: DealerReport,
) -> None:
    """Run one dealer, unless another scrape has it."""
    if entry.row is None:
        dealer, row = ensure_row(entry, context)
        entry = dataclasses.replace(entry, dealer=dealer, row=row)
    assert entry.row is not None
    answer = leases.take(entry.row.id)
    if not answer.is_granted:
        report.left_to, report.left_for_s = answer.runner, answer.seconds
        report.notes = (_note_on(answer),)
        return
    with leases.giving_back(entry.row.id) as done:
        try:
            dealer, row = ensure_row(entry, context)
            DealerRun(dealer, row, context, options, report).run()
        except DatabaseError:
            raise
        except ListingMirrorError:  # the dealer's own: another scrape would only meet it, too
            if options.is_whole and not context.stop.is_set():
                done()
            raise
        if options.is_whole:
            done()


def _note_on(answer: Answer) -> str:
    if answer.is_done:
        return f"another scrape of this time was through with it ({answer.runner})"
    return f"left to another scrape that has it at this time ({answer.runner})"
