"""The application `migrate`: the run without a subcommand, and the list of the other commands."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from migrate.cli import care, exclusions, reports
from migrate.cli.options import DealerOption, FormatOption, ListingOption, opened
from migrate.errors import UsageError
from scraper.base import console
from scraper.base.command_line import (
    Group,
    VersionOption,
    application,
    given_on_the_command_line,
)
from scraper.base.report_blocks import Format

ALIASES = ("--stats", "--check")

HELP = """Copy the images that are due into the bucket. Exit: 0 done, 1 could not, 2 wrong usage, 3
unhealthy, 130 interrupted.
"""
ABOUT = (
    ("stats, check, history", "what is stored, missing, why; is it healthy"),
    ("explain, report", "one listing in words; everything as one page"),
    ("verify, recheck, measure", "look after the copies; prune removes unused ones"),
    ("exclude, include, keep", "pictures nobody wants, damaged ones to keep"),
)
"""The commands in the help, by what they are for: one line each would not fit a screen."""


class Migrate(Group):
    """`migrate --stats …` is `migrate stats …`, and the help groups its commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not (args and args[0] in self.commands):
            for alias in ALIASES:
                if alias in args:
                    rest = list(args)
                    rest.remove(alias)
                    args = [alias.lstrip("-"), *rest]
                    break
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands (migrate COMMAND -h; --stats and --check are two, too)"):
            formatter.write_dl(ABOUT)


app = application(HELP, needs_a_command=False, group=Migrate)
reports.add_commands(app)
care.add_commands(app)
exclusions.add_commands(app)


@app.callback()
@console.handles_errors
def migrate(
    ctx: typer.Context,
    dealer: DealerOption = None,
    listing: ListingOption = None,
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=1, help="At most N listings in this run."),
    ] = 500,
    batch_size: Annotated[
        int, typer.Option(metavar="N", min=1, max=1000, help="Listings claimed at a time.")
    ] = 50,
    workers: Annotated[
        int, typer.Option("--workers", "-w", metavar="N", min=1, max=100, help="Transfers at once.")
    ] = 10,
    per_host: Annotated[
        int, typer.Option(metavar="N", min=1, max=32, help="Most requests to one host.")
    ] = 4,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", "-r", help="Take failed and final ones, and only those."),
    ] = False,
    deadline: Annotated[
        float | None,
        typer.Option(metavar="MINUTES", min=0.01, help="Stop claiming in time to finish by then."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Show what would be claimed; no request, no write."),
    ] = False,
    _stats: Annotated[bool, typer.Option("--stats", hidden=True)] = False,
    _check: Annotated[bool, typer.Option("--check", hidden=True)] = False,
    output: FormatOption = Format.TEXT,
    _version: VersionOption = False,
) -> None:
    """Copy the images that are due into the bucket, pending ones first."""
    if ctx.invoked_subcommand is not None:
        _refuse_options_before(ctx)
        return
    from migrate.cli.drain import drain, preview
    from migrate.run.options import MigrateOptions
    from scraper.base.settings import Settings
    from scraper.net.webhooks import pinged

    options = MigrateOptions(
        limit=limit,
        batch_size=batch_size,
        workers=workers,
        per_host=per_host,
        retry_failed=retry_failed,
        deadline_s=None if deadline is None else deadline * 60,
    )
    if dry_run:
        with opened(dealer, listing) as given:
            preview(given, options, output)
        return
    with pinged(Settings.from_environment()):
        with opened(dealer, listing) as given:
            code = drain(given, options, output)
        if code:
            raise typer.Exit(code)


def _refuse_options_before(ctx: typer.Context) -> None:
    given = given_on_the_command_line(ctx)
    if given:
        raise UsageError(
            f"{' and '.join(given)} must stand behind the command, if at all: "
            f"migrate {ctx.invoked_subcommand} -h lists its options."
        )


def main() -> None:
    """The console script."""
    app(prog_name="migrate")
