"""The commands that look after the copies: `verify`, `recheck`, `measure`, `prune`."""

from __future__ import annotations

from typing import Annotated

import typer

from migrate.cli.options import (
    DealerOption,
    DryRunOption,
    FormatOption,
    ListingOption,
    opened,
    show,
)
from migrate.run.stopping import INTERRUPTED, stop_on_signals
from scraper.base import console
from scraper.base.report_blocks import Format


def add_commands(app: typer.Typer) -> None:
    """Put the commands into the application."""
    for command in (verify, prune, recheck, measure):
        app.command()(command)


@console.handles_errors
def verify(
    dealer: DealerOption = None,
    listing: ListingOption = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read every copy and its digest.")] = False,
    dry_run: DryRunOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Compare the records with the bucket; what is missing there is due again.

    A byte of each copy is asked for, and a sample of 20 (--deep: all) without a key, as a visitor
    does: exit code 1 when one that is there cannot be had.
    """
    from migrate.care.verify import verify_copies

    with opened(dealer, listing) as given, stop_on_signals() as stop:
        found = verify_copies(
            given.database, given.selection, deep=deep, dry_run=dry_run, should_stop=stop.is_set
        )
        show(found, output, of_work=not dry_run)
    _end(interrupted=found.interrupted)
    if not found.is_readable:
        raise typer.Exit(1)


@console.handles_errors
def prune(
    dealer: DealerOption = None,
    listing: ListingOption = None,
    dry_run: DryRunOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Remove copies that nothing refers to, those that were shown once after 30 days."""
    from migrate.care.prune import prune_copies

    with opened(dealer, listing, with_deleted=True) as given, stop_on_signals() as stop:
        removed = prune_copies(
            given.database,
            given.selection,
            keep_days=given.settings.retired_copies_days,
            dry_run=dry_run,
            should_stop=stop.is_set,
        )
        show(removed, output, of_work=not dry_run)
    _end(interrupted=removed.interrupted)


@console.handles_errors
def recheck(
    dealer: DealerOption = None,
    listing: ListingOption = None,
    dry_run: DryRunOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Let the next run compare stored copies with their source."""
    from migrate.care.recheck import recheck_copies

    with opened(dealer, listing) as given, stop_on_signals() as stop:
        done = recheck_copies(
            given.database, given.selection, dry_run=dry_run, should_stop=stop.is_set
        )
        show(done, output, of_work=not dry_run)
    _end(interrupted=done.interrupted)


@console.handles_errors
def measure(
    dealer: DealerOption = None,
    listing: ListingOption = None,
    workers: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Threads.")] = 4,
    dry_run: DryRunOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Give adopted copies a size, a placeholder and a hash, read from the bucket."""
    from migrate.care.measure import measure_copies

    with opened(dealer, listing) as given, stop_on_signals() as stop:
        done = measure_copies(
            given.database,
            given.settings,
            given.selection,
            workers=workers,
            dry_run=dry_run,
            should_stop=stop.is_set,
        )
        show(done, output, of_work=not dry_run)
    _end(interrupted=done.interrupted)


def _end(*, interrupted: bool) -> None:
    if interrupted:
        raise typer.Exit(INTERRUPTED)
