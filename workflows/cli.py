"""The application `python -m workflows`: gathers its commands and decides nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from scraper.base import console
from scraper.base.command_line import application
from workflows.commands import add_commands
from workflows.local import local_app

app = application("The parts put together: the daily chain, the local Supabase, a demonstration.")
app.add_typer(local_app, name="local")
add_commands(app)


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


def main() -> None:
    """The entry of `python -m workflows`."""
    app(prog_name="python -m workflows")
