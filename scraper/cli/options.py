"""What the commands of `scrape` share: how they print, and how they reach the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from scraper.base.logs import start_logging
from scraper.base.settings import Settings
from scraper.database.client import connect
from scraper.net.guard import refuse_environment_proxies
from scraper.rows.repository import Repository


class Output(StrEnum):
    """The values of --format."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Output,
    typer.Option("--format", "-f", metavar="FORMAT", help="text or json.", case_sensitive=False),
]


def command_settings() -> Settings:
    """The settings of this command, its log begun. Raises SettingsError."""
    settings = Settings.from_environment()
    refuse_environment_proxies(settings)
    start_logging(settings)
    return settings


@contextmanager
def open_repository(settings: Settings) -> Iterator[Repository]:
    """The rows, for as long as a command runs."""
    with connect(settings) as database:
        yield Repository(database)
