"""The commands `daily`, `scrape`, `adopt`: options in, library calls, results and exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.errors import UsageError
from scraper.base import console
from scraper.base.report_blocks import Format, render
from scraper.base.settings import Settings

if TYPE_CHECKING:
    from scraper.database.client import Database
    from workflows import adopt as adoption
    from workflows.scrape import Scraped

DealerOption = Annotated[
    list[str] | None,
    typer.Option("--dealer", metavar="NAME", help="Only this dealer; may be repeated."),
]
ResultOption = Annotated[
    Format,
    typer.Option(
        "--format", "-f", metavar="FORMAT", help="text, json or markdown.", case_sensitive=False
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option("--workers", metavar="N", min=1, max=100, help="Transfers of images at once."),
]


def add_commands(app: typer.Typer) -> None:
    """Put the three commands into the application."""
    for command in (daily, scrape, adopt):
        app.command()(command)


@contextmanager
def _opened() -> Iterator[tuple[Settings, Database]]:
    """The settings, the log begun, and the database, while a command runs."""
    from scraper.base.logs import start_logging
    from scraper.database.client import connect

    settings = Settings.from_environment()
    start_logging(settings)
    with connect(settings) as database:
        yield settings, database


@console.handles_errors
def daily(
    dealer: DealerOption = None,
    limit: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="At most N listings for the image migration (no pages)."
        ),
    ] = 500,
    workers: WorkersOption = 10,
    per_host: Annotated[
        int, typer.Option(metavar="N", min=1, max=32, help="Most image requests to one host.")
    ] = 4,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Then try failed images again, those given up on included."
        ),
    ] = False,
    skip_scrape: Annotated[
        bool, typer.Option("--skip-scrape", help="Only migrate and check.")
    ] = False,
    deadline: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            min=0.01,
            help="The migration stops claiming in time to finish by then; counted from the start.",
        ),
    ] = None,
    output: ResultOption = Format.TEXT,
) -> None:
    """Scrape, then migrate, then check, like the scheduled workflow.

    The migration and the check run even when the scrape failed. Exit codes: 0 all is well
    (single dealers' failures are data), 1 the scrape could not run at all or the database or
    storage failed, 2 wrong usage, 3 unhealthy (`migrate check` says why), 130 interrupted.
    """
    from scraper.net.webhooks import pinged
    from workflows.daily import DailyOptions, run_daily

    options = DailyOptions(
        dealers=tuple(dealer or ()),
        limit=limit,
        workers=workers,
        per_host=per_host,
        retry_failed=retry_failed,
        skip_scrape=skip_scrape,
        deadline_s=None if deadline is None else deadline * 60,
    )
    with pinged(Settings.from_environment()):
        with _opened() as (settings, database):
            report = run_daily(database, settings, options)
        console.show(render(report, output), of_work=True)
        if report.exit_code:
            raise typer.Exit(report.exit_code)


@console.handles_errors
def scrape(
    urls: Annotated[
        list[str] | None, typer.Argument(metavar="URL", help="Item pages to scrape now.")
    ] = None,
    dealer: DealerOption = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help="At most N pages of each dealer."),
    ] = None,
    workers: WorkersOption = 10,
    skip_image_upload: Annotated[
        bool, typer.Option("--skip-image-upload", help="Leave the images to the next migration.")
    ] = False,
    output: ResultOption = Format.TEXT,
) -> None:
    """Scrape item pages or whole dealers now and upload the images of what was written at once.

    Exit codes: 0 done (images that fail are data and stay due), 1 a page or every dealer could not
    be read, or the database or storage failed, 2 wrong usage, 130 interrupted.
    """
    if bool(urls) == bool(dealer):
        raise UsageError("Give either item pages (URL...) or --dealer NAME.")
    if urls and limit is not None:
        raise UsageError("--limit belongs to --dealer.")
    from migrate.reports.summary import SummaryReport
    from migrate.run.counts import RunSummary
    from workflows.scrape import scrape_dealers_now, scrape_urls, upload_listings

    with _opened() as (settings, database):
        scraped = (
            scrape_urls(database, settings, urls)
            if urls
            else scrape_dealers_now(database, settings, dealer or [], limit=limit)
        )
        _say_written(scraped)
        code = 1 if scraped.has_failed else 0
        summary = RunSummary()
        is_upload = bool(scraped.listing_ids) and not skip_image_upload
        if skip_image_upload:
            console.say("Images were left to the next migration, as asked for.")
        if is_upload:
            summary = upload_listings(database, settings, scraped.listing_ids, workers=workers)
            code = console.INTERRUPTED if summary.is_interrupted else code
        if is_upload or output is not Format.TEXT:  # a program gets its object in any case
            console.show(render(SummaryReport(summary), output), of_work=True)
    if code:
        raise typer.Exit(code)


def _say_written(scraped: Scraped) -> None:
    count = len(scraped.listing_ids)
    console.say(f"{count or 'no'} listing{'' if count == 1 else 's'} to look after.")


@console.handles_errors
def adopt(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change and what is wrong; no write.")
    ] = False,
    batch_size: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=1000, help="Listings in one short transaction."),
    ] = 200,
    output: ResultOption = Format.TEXT,
) -> None:
    """Take over the listings and copies of an existing project; downloads nothing.

    May be broken off and run again at any time. Exit codes: 0 done, 1 it could not (some listings
    stayed locked by others, or the database failed), 2 wrong usage, 130 interrupted.
    """
    from scraper.base.progress import Piece, showing
    from workflows import adopt as adoption

    done = None if dry_run else adoption.Done()
    with _opened() as (_, database):
        found = adoption.Found()
        look = Piece("looking", 0)
        with showing(lambda: [replace(look, done=found.listings)], noun="listings"):
            adoption.examine(database, found)
        if done is not None:
            _adopt(database, done, found.to_adopt, batch_size)
    console.show(render(adoption.AdoptionReport(found, done), output), of_work=not dry_run)


def _adopt(database: Database, done: adoption.Done, to_adopt: int, batch_size: int) -> None:
    from scraper.base.progress import Piece, showing
    from workflows import adopt as adoption

    work = Piece("adopting", 0, to_adopt)
    try:
        with showing(lambda: [replace(work, done=done.adopted)], noun="listings"):
            adoption.adopt(database, batch_size=batch_size, done=done)
        console.say(f"{done.adopted} of {to_adopt} listings adopted")
    except KeyboardInterrupt:
        console.say(f"{done.adopted} listings are adopted; run it again to go on.")
        raise
