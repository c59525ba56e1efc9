"""What the runs of all dealers share: settings, the doors outward, how a run is narrowed and what
it reports; it starts nothing.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from scraper.base.settings import Settings
from scraper.net.host_limits import HostLimits
from scraper.net.robots import Robots
from scraper.net.session import DealerSession
from scraper.pages.dealer import Dealer
from scraper.pages.listing import MissingField
from scraper.rows.fetching import PageFetcher
from scraper.rows.repository import Repository


@dataclass
class DealerReport:
    """What one dealer's run did; `failed` is the sentence that ended it early."""

    dealer: str
    listed: int = 0
    discovered: int = 0
    vanished: int = 0
    to_visit: int | None = None  # pages of this run, once it is known what there is
    visited: int = 0
    is_done: bool = False
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    missing: int = 0
    moved: int = 0  # old addresses of items that have another one now
    not_ours: int = 0
    errors: int = 0
    requests: int = 0
    source: str = ""
    notes: tuple[str, ...] = ()
    unsaid: str | None = None  # what the pages did not say, in one sentence
    failed: str | None = None
    our_side: bool = False
    left_to: str | None = None  # another scrape of the same time, which has this dealer
    left_for_s: float = 0.0  # unless it dies: then its lease ends so soon
    listing_ids: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rows_read: int = 0
    missing_fields: list[MissingField] = field(
        default_factory=list
    )  # what the rows' pages did not say
    titles: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class ScrapeOptions:
    """How a run is narrowed."""

    limit: int | None = None
    discover_only: bool = False
    accept_shrink: bool = False
    reread: bool = False  # without conditional requests
    by_name: bool = False  # an operator named the dealers, so only a scrape of that moment counts

    @property
    def is_whole(self) -> bool:
        """Whether nothing of a dealer is left for another scrape."""
        return self.limit is None and not self.discover_only


@dataclass(frozen=True)
class RunContext:
    """What all dealers of one run share."""

    settings: Settings
    repository: Repository
    session: DealerSession
    limits: HostLimits
    robots: Robots
    stop: threading.Event
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)


def make_context(settings: Settings, repository: Repository, session: DealerSession) -> RunContext:
    limits = HostLimits(
        per_host_max=settings.page_concurrency, start=1, spacing_s=settings.page_delay_s
    )
    stop = threading.Event()
    robots = Robots(session, user_agent=settings.user_agent, limits=limits, stop=stop)
    return RunContext(settings, repository, session, limits, robots, stop)


def fetcher_for(dealer: Dealer, context: RunContext) -> PageFetcher:
    delay_s = context.settings.page_delay_s if dealer.delay_s is None else dealer.delay_s
    return PageFetcher(
        context.session, context.limits, context.robots, dealer, delay_s, context.stop
    )
