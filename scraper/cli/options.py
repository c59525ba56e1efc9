"""What the commands of `scrape` share: how they print, and how they reach the database.

Here and in the commands, what costs time to load is imported where it is used: help, the version
and a mistyped word wait for none of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from scraper.base import console
from scraper.base.report_blocks import Format, Report, render
from scraper.base.settings import Settings
from scraper.base.suggestion import suggestion

if TYPE_CHECKING:
    from scraper.pages.dealer import Platform
    from scraper.rows.repository import Repository


FormatOption = Annotated[
    Format,
    typer.Option(
        "--format", "-f", metavar="FORMAT", help="text, json or markdown.", case_sensitive=False
    ),
]


class NamesPlatforms(TyperCommand):
    """A command whose help ends with the shop systems that we know; only that help loads them."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from scraper.platforms import PLATFORMS

        formatter.write_paragraph()
        formatter.write_text(f"Shop systems: {', '.join(PLATFORMS)}.")


def platform_named(name: str) -> Platform:
    """The shop system that an option names. Raises typer.BadParameter."""
    from scraper.platforms import PLATFORMS

    known = PLATFORMS.get(name.strip().lower())
    if known is None:
        raise typer.BadParameter(
            f"{name!r} is no shop system that we know: {', '.join(PLATFORMS)}"
            f"{suggestion(name, list(PLATFORMS))}"
        )
    return known


def command_settings() -> Settings:
    """The settings of this command, its log begun. Raises SettingsError."""
    from scraper.base.logs import start_logging
    from scraper.net.guard import refuse_environment_proxies

    settings = Settings.from_environment()
    refuse_environment_proxies(settings)
    start_logging(settings)
    return settings


@contextmanager
def open_repository(settings: Settings) -> Iterator[Repository]:
    """The rows, for as long as a command runs."""
    from scraper.database.client import connect
    from scraper.rows.repository import Repository

    with connect(settings) as database:
        yield Repository(database)


def show(report: Report, output: Format, *, of_work: bool = False) -> None:
    """Print a result in the format asked for; one that only tells `of_work` may get lost."""
    console.show(render(report, output), of_work=of_work)
