"""The commands that only look: `stats`, `check`, `explain`, `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from migrate.cli.options import DealerOption, FormatOption, ListingOption, opened, show
from migrate.reports.coverage import check_health, read_statistics
from migrate.reports.explain import explain_listing
from migrate.reports.report_page import read_page, write_page
from scraper.base import console
from scraper.base.blocks import Format

UNHEALTHY = 3

MaxPendingOption = Annotated[
    int,
    typer.Option("--max-pending", metavar="N", min=0, help="Pending listings that are healthy."),
]


def add_commands(app: typer.Typer) -> None:
    """Put the commands into the application."""
    for command in (stats, check, explain, report):
        app.command()(command)


@console.handles_errors
def stats(
    dealer: DealerOption = None,
    listing: ListingOption = None,
    max_pending: MaxPendingOption = 100,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 3 when unhealthy, as check does.")
    ] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show what is stored, what is missing and why."""
    with opened(dealer, listing) as given:
        statistics = read_statistics(given.database, given.selection, max_pending=max_pending)
        show(statistics, output)
    if check and not statistics.is_healthy:
        raise typer.Exit(UNHEALTHY)


@console.handles_errors
def check(
    dealer: DealerOption = None,
    listing: ListingOption = None,
    max_pending: MaxPendingOption = 100,
    output: FormatOption = Format.TEXT,
) -> None:
    """Judge whether the mirror keeps up; exit 3 when it does not."""
    with opened(dealer, listing) as given:
        health = check_health(
            read_statistics(given.database, given.selection, max_pending=max_pending)
        )
        show(health, output)
        if given.settings.on_github_actions:
            console.say(health.annotation)
    if not health.ok:
        raise typer.Exit(UNHEALTHY)


@console.handles_errors
def explain(
    listing: Annotated[
        int, typer.Argument(metavar="ID", min=1, help="The listing's number, listings.id.")
    ],
    output: FormatOption = Format.TEXT,
) -> None:
    """Tell everything known about one listing's images, and what happens next."""
    with opened() as given:
        show(explain_listing(given.database, listing), output)


@console.handles_errors
def report(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.html", help="Where to write it; - is stdout.")
    ],
    dealer: DealerOption = None,
    listing: ListingOption = None,
    max_pending: MaxPendingOption = 100,
    output: FormatOption = Format.TEXT,
) -> None:
    """Write the report as one page of HTML."""
    with opened(dealer, listing) as given:
        page = read_page(given.database, given.selection, max_pending=max_pending)
        if str(file) == "-":
            console.show(page.html)
        else:
            show(write_page(file, page), output)
