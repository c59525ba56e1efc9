"""Small promises that nobody would notice being broken: names, doors and the README."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from parsed_sources import parsed_sources

ROOT = Path(__file__).parent.parent
PACKAGES = ("scraper", "migrate", "workflows")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MIGRATE = (
    "stats", "check", "history", "explain", "report", "verify", "prune", "recheck", "exclude",
    "include",
)  # fmt: skip
LINES_OF_A_SCREEN = 24
COMMANDS = (
    ("migrate",),
    *(("migrate", command) for command in MIGRATE),
    ("scrape",),
    ("scrape", "daily"),
    ("scrape", "discover"),
    ("scrape", "url"),
    ("scrape", "check"),
    ("scrape", "dealers", "add"),
    ("workflows",),
    ("workflows", "daily"),
    ("workflows", "scrape"),
    ("workflows", "adopt"),
    ("workflows", "local"),
    ("workflows", "demo"),
    ("workflows", "incident"),
)


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        path
        for path, tree in parsed_sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr in {"environ", "getenv", "environb"}
    }
    assert readers == {"scraper/base/settings.py"}


def test_no_module_is_named_like_one_of_the_standard_library() -> None:
    names = {path.stem for path in SOURCES} - {"__init__", "__main__"}
    assert not names & sys.stdlib_module_names


def test_every_module_says_what_it_is() -> None:
    silent = [
        path for path, tree in parsed_sources().items() if tree.body and not ast.get_docstring(tree)
    ]
    assert silent == []


def help_of(run_command: Any, *words: str) -> str:
    fixed = {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"}
    done = run_command(*words, "--help", env=fixed)
    assert done.returncode == 0
    return str(done.stdout)


def words_of(text: str) -> list[str]:
    """The words of a help text, without the name it was called by and how its lines were broken."""
    return re.sub(r"^\s*Usage: .*? \[OPTIONS\]", "", text).split()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(run_command: Any, words: tuple[str, ...]) -> None:
    shown = help_of(run_command, *words)
    assert len(shown.split()) > 20
    assert len(shown.splitlines()) <= LINES_OF_A_SCREEN


def test_the_operators_document_and_the_help_name_every_command_of_migrate(
    run_command: Any,
) -> None:
    readme = (ROOT / "docs" / "operating.md").read_text("utf-8")
    shown = help_of(run_command, "migrate")
    for command in MIGRATE:
        assert f"`migrate {command}" in readme
        assert re.search(rf"\b{command}\b", shown)


def test_the_readme_shows_the_help_of_migrate(run_command: Any) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = re.search(r"\$ migrate --help\n(.*?)```", readme, re.DOTALL)
    assert shown is not None
    assert words_of(shown[1]) == words_of(help_of(run_command, "migrate"))
