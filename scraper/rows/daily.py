"""The daily scrape: all dealers side by side, each discovered, visited and saved; rows only."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from scraper.base.errors import DatabaseError, ListingMirrorError
from scraper.base.settings import Settings
from scraper.net.session import DealerSession
from scraper.pages.dealer import Dealer
from scraper.rows.dealer_run import DealerRun
from scraper.rows.discovery import NoShopError, detect_platform
from scraper.rows.repository import DealerRow, Repository
from scraper.rows.roster import Known
from scraper.rows.run_context import DealerReport, Options, Tools, fetcher_for, make_tools

__all__ = [
    "DealerReport",
    "Options",
    "Tools",
    "ensure_row",
    "fetcher_for",
    "make_tools",
    "scrape_dealers",
]

log = logging.getLogger(__name__)

_MOST_DEALERS_AT_ONCE = 5
_WAIT_SLICE_S = 0.5


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
            reports = []
            try:
                futures = [pool.submit(_guarded, entry, tools, options) for entry in entries]
                for future in futures:
                    reports.append(_result_of(future))
                    report(reports[-1])
            except KeyboardInterrupt:
                tools.stop.set()
                open_session.abort()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    return reports


def ensure_row(entry: Known, tools: Tools) -> tuple[Dealer, DealerRow]:
    """Return the dealer with its row, made on demand, and its shop system, detected on demand."""
    dealer, row = entry.dealer, entry.row
    if entry.fault is not None:
        raise entry.fault
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
        tools.repository.update_dealer(row.id, {"platform": dealer.platform.name})
    return dealer, row


def _result_of(future: Future[DealerReport]) -> DealerReport:
    """Wait in slices: the kernel may give a signal to any thread, and a main thread that waits
    without a time limit would then never learn of it.
    """
    while not future.done():
        wait([future], timeout=_WAIT_SLICE_S)
    return future.result()


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
