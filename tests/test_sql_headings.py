"""The chapters of SQL: every function stands under its name, and who calls it is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

MIGRATIONS = sorted((Path(__file__).parents[1] / "supabase" / "migrations").glob("*.sql"))
FUNCTION = re.compile(
    r"((?:^--.*\n)*)^create or replace function ([\w.]+)\(([\s\S]*?)\$\$;",
    re.MULTILINE,
)
BEGINNING = r"^create or replace function ([\w.]+)"
HEADING = re.compile(r"-- -{5,} (\w+)\n")


class Function(NamedTuple):
    """One function as a chapter shows it: the comment above it, and its code without comments."""

    name: str
    comment: str
    code: str

    @property
    def said(self) -> str:
        """Who calls it, as the comment says in one sentence or in none."""
        text = " ".join(line.removeprefix("--").strip() for line in self.comment.splitlines())
        found = re.search(r"(Called|Fired) by: .*?\.(?= |$)", text)
        return found[0] if found else ""


FUNCTIONS = [
    Function(found[2], found[1], re.sub(r"--.*", "", found[3]))
    for file in MIGRATIONS
    for found in FUNCTION.finditer(file.read_text("utf-8"))
]
SHORT = {one.name.partition(".")[2] for one in FUNCTIONS}
FIRED = {one.name.partition(".")[2] for one in FUNCTIONS if one.said.startswith("Fired by")}


def callers_of(name: str) -> set[str]:
    """The functions whose code calls it."""
    called = re.compile(rf"\b{re.escape(name)}\(")
    return {
        one.name.partition(".")[2]
        for one in FUNCTIONS
        if one.name != name and called.search(one.code)
    }


def test_the_chapters_are_read_whole() -> None:
    every = [
        name
        for file in MIGRATIONS
        for name in re.findall(
            r"^create or replace function ([\w.]+)", file.read_text("utf-8"), re.M
        )
    ]
    assert [one.name for one in FUNCTIONS] == every
    assert len(every) > 100


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.name)
def test_a_function_stands_under_its_name_and_says_who_calls_it(function: Function) -> None:
    assert HEADING.findall(function.comment) == [function.name.partition(".")[2]]
    assert function.said, function.name
    if function.said.startswith("Fired by"):
        return
    callers = callers_of(function.name)
    named = set(re.findall(r"\w+", re.sub(r"`.*?`", "", function.said))) & SHORT - {
        function.name.partition(".")[2]
    }
    assert named <= callers, "these do not call it"
    if re.search(r"\bthe triggers? on", function.said):
        callers -= FIRED
    assert callers <= named, "these call it, too"
