"""The migration as the other workflows call it: one session, one bar, one way to be stopped."""

from __future__ import annotations

from migrate.options import MigrateOptions
from migrate.progress import showing
from migrate.runner import run_migration
from migrate.stopping import stop_on_signals
from migrate.tally import RunSummary
from scraper import console
from scraper.database import Database
from scraper.guard import refuse_environment_proxies
from scraper.session import DealerSession
from scraper.settings import Settings


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
        return run_migration(
            database, session, settings, options, progress=progress, say=console.say, stop=stop
        )
