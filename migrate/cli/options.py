"""What the commands of `migrate` share: their common options, and how they reach the database.

Here and in the commands, what costs time to load is imported where it is used: help, the version
and a mistyped word wait for none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from scraper.base import console
from scraper.base.report_blocks import Format, Report, render
from scraper.base.settings import Settings

if TYPE_CHECKING:
    from migrate.queue.selection import Selection
    from scraper.database.client import Database

DealerOption = Annotated[
    list[str] | None,
    typer.Option("--dealer", "-d", metavar="NAME", help="Only this dealer; may be repeated."),
]
ListingOption = Annotated[
    list[int] | None,
    typer.Option(
        "--listing", "-l", metavar="ID", min=1, help="Only this listing; may be repeated."
    ),
]
FormatOption = Annotated[
    Format,
    typer.Option(
        "--format", "-f", metavar="FORMAT", help="text, json or markdown.", case_sensitive=False
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Show what would be done; no write.")
]


@dataclass(frozen=True)
class Opened:
    """What every command works with."""

    settings: Settings
    database: Database
    selection: Selection


@contextmanager
def opened(
    dealers: Sequence[str] | None = None,
    listings: Sequence[int] | None = None,
    *,
    with_deleted: bool = False,
) -> Iterator[Opened]:
    """Settings, log, database and the chosen dealers and listings, while a command runs.

    Args:
        with_deleted: also take numbers of listings that are no more.
    """
    from migrate.queue.selection import select
    from scraper.base.logs import start_logging
    from scraper.database.client import connect

    settings = Settings.from_environment()
    start_logging(settings)
    with connect(settings) as database:
        selection = select(
            database, dealers=dealers or (), listings=listings or (), with_deleted=with_deleted
        )
        yield Opened(settings, database, selection)


def show(report: Report, output: Format, *, of_work: bool = False) -> None:
    """Print a result in the format asked for; one that only tells `of_work` may get lost."""
    console.show(render(report, output), of_work=of_work)
