"""A run as every command does it: one session, one bar, one way to be stopped, its day noted."""

from __future__ import annotations

from migrate.copying.migration import run_migration
from migrate.reports.history import note_day
from migrate.reports.preview import preview_run
from migrate.reports.progress import showing
from migrate.run.counts import RunSummary
from migrate.run.options import MigrateOptions
from migrate.run.stopping import stop_on_signals
from scraper.base import console
from scraper.base.errors import ListingMirrorError
from scraper.base.settings import Settings
from scraper.database.client import Database
from scraper.net.guard import refuse_environment_proxies
from scraper.net.session import DealerSession

MOST_LOOKED_AT = 2000
"""Listings whose images are added up for the total; of a longer run it is what is due."""


def upload_images(database: Database, settings: Settings, options: MigrateOptions) -> RunSummary:
    """Run the migration, the only way an image gets into the bucket, and show its progress.

    Raises:
        ListingMirrorError: our own side (database, storage, configuration) cannot go on.
    """
    refuse_environment_proxies(settings)
    with (
        DealerSession(settings) as session,
        stop_on_signals() as stop,
        showing(lambda: _expected(database, options)) as progress,
    ):
        summary = run_migration(
            database, session, settings, options, progress=progress, say=console.say, stop=stop
        )
    if summary.claimed and not summary.is_interrupted:
        note_day(database)
    return summary


def _expected(database: Database, options: MigrateOptions) -> int | None:
    """The images of the listings that the run will take; None when that is not known."""
    try:
        found = preview_run(
            database,
            options.selection,
            limit=min(options.limit, MOST_LOOKED_AT),
            retry_failed=options.retry_failed,
        ).found
    except ListingMirrorError:
        return None
    if options.limit > MOST_LOOKED_AT:
        return int(found["images_total"])
    return sum(int(one["images"]) for one in found["listings"])
