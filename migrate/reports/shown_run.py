"""A run as every command does it: one session, one bar, one way to be stopped, its day noted."""

from __future__ import annotations

from migrate.copying.migration import run_migration
from migrate.reports.history import note_day
from migrate.reports.progress import showing
from migrate.run.counts import RunSummary
from migrate.run.options import MigrateOptions
from migrate.run.stopping import stop_on_signals
from scraper.base import console
from scraper.base.settings import Settings
from scraper.database.client import Database
from scraper.net.guard import refuse_environment_proxies
from scraper.net.session import DealerSession


def upload_images(database: Database, settings: Settings, options: MigrateOptions) -> RunSummary:
    """Run the migration, the only way an image gets into the bucket, and show its progress.

    Raises:
        ListingMirrorError: our own side (database, storage, configuration) cannot go on.
    """
    refuse_environment_proxies(settings)
    with (
        DealerSession(settings) as session,
        stop_on_signals() as stop,
        showing() as progress,
    ):
        summary = run_migration(
            database, session, settings, options, progress=progress, say=console.say, stop=stop
        )
    if summary.claimed and not summary.is_interrupted:
        note_day(database)
    return summary
