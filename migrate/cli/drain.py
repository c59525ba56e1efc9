"""What `migrate` does without a subcommand: one run over what is due, or a look at it."""

from __future__ import annotations

from migrate.cli.options import Opened, show
from migrate.reports.preview import preview_run
from migrate.reports.summary import SummaryReport
from migrate.reports.watched_run import upload_images
from migrate.run.options import MigrateOptions
from migrate.run.stopping import INTERRUPTED
from scraper.base import console
from scraper.base.report_blocks import Format


def preview(given: Opened, options: MigrateOptions, output: Format) -> None:
    """Show what a run would claim; no request, no write."""
    found = preview_run(
        given.database, given.selection, limit=options.limit, retry_failed=options.retry_failed
    )
    show(found, output)


def drain(given: Opened, options: MigrateOptions, output: Format) -> int:
    """Copy what is due and print what came of it; the exit code."""
    summary = upload_images(given.database, given.settings, options.narrowed(given.selection))
    show(SummaryReport(summary), output, of_work=True)
    if summary.is_interrupted:
        console.say("Interrupted: claims were given back; run `migrate` again to go on.")
        return INTERRUPTED
    return 0
