"""Help: every command has it, and it fits a terminal of the usual size, 80 by 24."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from migrate.cli.app import app as migrate
from scraper.cli.app import app as scrape
from workflows.cli import app as workflows

APPLICATIONS = {"scrape": scrape, "migrate": migrate, "listing-mirror": workflows}
COLUMNS, LINES = 80, 24


def commands_below(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from commands_below(below, (*path, name))


COMMANDS = [
    (program, path)
    for program, application in APPLICATIONS.items()
    for path in commands_below(get_command(application))
]


@pytest.mark.parametrize(("program", "path"), COMMANDS, ids=lambda one: " ".join(one))
def test_the_help_of_every_command_fits_a_screen(
    program: str, path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    done = CliRunner().invoke(APPLICATIONS[program], [*path, "-h"], prog_name=program)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0].startswith(f"Usage: {' '.join((program, *path))}")
    assert len(lines) > 3
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS
