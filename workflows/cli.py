"""The application `python -m workflows`: gathers its commands and decides nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scraper.base import console
from scraper.base.command_line import VersionOption, application
from scraper.base.errors import SettingsError
from scraper.base.report_blocks import Format, render
from workflows.commands import add_commands
from workflows.local import local_app

app = application("The parts put together: the daily chain, the local Supabase, a demonstration.")
app.add_typer(local_app, name="local")
add_commands(app)


@app.callback()
def workflows(_version: VersionOption = False) -> None:
    """The parts put together: the daily chain, the local Supabase, a demonstration."""


@app.command()
@console.handles_errors
def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave its database and copies for a look afterwards.")
    ] = False,
) -> None:
    """Scrape and migrate a small sample shop, with a local Supabase of its own, in one go."""
    from workflows.demo import run_demo  # the sample shop is of no use to any other command

    run_demo(keep=keep)


@app.command()
@console.handles_errors
def incident(
    folder: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", help="Where the two report pages are left.")
    ] = Path(),
) -> None:
    """Play the founding incident: its database, the alarm, the drain, a healthy end; 2 minutes."""
    from workflows.incident import run_incident

    run_incident(folder)


@app.command()
@console.handles_errors
def settings(
    output: Annotated[
        Format,
        typer.Option("--format", "-f", metavar="FORMAT", help="text, json or markdown."),
    ] = Format.TEXT,
) -> None:
    """Print each setting and where it came from; exit code 1 when one makes no sense."""
    from workflows.settings_report import mistyped, read_settings

    report = read_settings()
    console.show(render(report, output))
    for one in mistyped():
        console.warn(one)
    if report.problem is not None:
        raise SettingsError(report.problem)


@app.command()
@console.handles_errors
def migrations(
    to: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", help="Where a `supabase` folder is made.")
    ],
) -> None:
    """Write the database's migrations for `supabase db push --linked` or psql."""
    from workflows.project_files import write_migrations

    written = write_migrations(to)
    console.show(
        f"{len(written)} files written below {to}; those that were there are the same.",
        of_work=True,
    )


def main() -> None:
    """The entry of `listing-mirror`, which is `python -m workflows` by a shorter name."""
    called = Path(sys.argv[0]).stem
    app(prog_name=called if called == "listing-mirror" else "python -m workflows")
