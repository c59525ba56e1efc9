"""Scrape now and upload at once, through the same queue and engine as every other upload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from migrate.queue.selection import Selection
from migrate.reports.watched_run import upload_images
from migrate.run.counts import RunSummary
from migrate.run.options import MigrateOptions
from scraper.base import console
from scraper.base.errors import DatabaseError, ListingMirrorError
from scraper.base.settings import Settings
from scraper.database.client import Database
from scraper.net.session import DealerSession
from scraper.rows.daily import scrape_dealers
from scraper.rows.dealer_progress import showing_dealers
from scraper.rows.known_dealers import UnknownDealerError, choose, dealer_for_url, known_dealers
from scraper.rows.one_page import save_url
from scraper.rows.repository import Repository
from scraper.rows.run_context import ScrapeOptions, make_context
from workflows.daily import could_not_scrape, tell_about


@dataclass
class Scraped:
    """What the scrape wrote: the listings' ids, and whether it could do what was asked."""

    listing_ids: list[int] = field(default_factory=list)
    has_failed: bool = False


def scrape_urls(database: Database, settings: Settings, urls: Sequence[str]) -> Scraped:
    """Save the listings at these addresses; one that cannot be read does not stop the others.

    Raises:
        UnknownDealerError: for an address on no known dealer's host, before any is fetched.
        DatabaseError: nothing can be saved.
    """
    repository = Repository(database)
    known = known_dealers(repository.dealers.all())
    scraped = Scraped()
    for url in urls:
        if dealer_for_url(known, url) is None:
            raise UnknownDealerError(
                f"{url} belongs to no known dealer. Add it with `scrape dealers add NAME URL`."
            )
    with DealerSession(settings) as session:
        context = make_context(settings, repository, session)
        for url in dict.fromkeys(urls):
            try:
                saved = save_url(url, known, context)
            except DatabaseError:
                raise
            except ListingMirrorError as error:
                console.fail(str(error))
                scraped.has_failed = True
                continue
            console.say(f"{saved.outcome.value}: {url}")
            if saved.listing_id is not None:
                scraped.listing_ids.append(saved.listing_id)
    return scraped


def scrape_dealers_now(
    database: Database, settings: Settings, names: Sequence[str], *, limit: int | None
) -> Scraped:
    """Scrape these dealers as every day; the ids are those of new and changed listings."""
    repository = Repository(database)
    chosen = choose(known_dealers(repository.dealers.all()), names)
    options = ScrapeOptions(limit=limit, by_name=True)
    with showing_dealers() as begun:
        reports = scrape_dealers(
            chosen, settings, repository, options, report=tell_about, begun=begun
        )
    ids = [listing_id for report in reports for listing_id in report.listing_ids]
    return Scraped(list(dict.fromkeys(ids)), could_not_scrape(reports))


def upload_listings(
    database: Database, settings: Settings, listing_ids: Sequence[int], *, workers: int
) -> RunSummary:
    """Migrate just these listings."""
    options = MigrateOptions(
        selection=Selection(listing_ids=tuple(dict.fromkeys(listing_ids))),
        limit=len(listing_ids),
        workers=workers,
    )
    return upload_images(database, settings, options)
