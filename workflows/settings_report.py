"""`listing-mirror settings`: each value a command would run with, and where it came from."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from scraper.base.errors import SettingsError
from scraper.base.redaction import redact
from scraper.base.report_blocks import Block, Line, Table
from scraper.base.settings import PROXY_NAMES, Settings, sources, variables
from scraper.base.supabase_address import KEY_NAMES

HIDDEN = "(set, not shown)"


@dataclass(frozen=True)
class Value:
    """One variable: its text (a key's is hidden), and where that came from."""

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class SettingsReport:
    """All of them, which database they lead to, and what is wrong with them, if anything is."""

    values: tuple[Value, ...]
    database: str
    problem: str | None

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "database": self.database,
            "problem": self.problem,
            "settings": [
                {"name": one.name, "value": one.value, "source": one.source} for one in self.values
            ],
        }

    def as_blocks(self) -> Sequence[Block]:
        rows = [(one.name, one.value, one.source) for one in self.values]
        return [Table(("variable", "value", "from"), rows), Line(self.database)]


def read_settings() -> SettingsReport:
    """The settings of this process; a value that makes no sense is told, not raised."""
    given = sources()
    values = [
        _value(name, default, given) for names, default, _ in variables() for name in _each(names)
    ]
    # A proxy's address may hold a password.
    proxies = [Value(one, HIDDEN, given[one][1]) for one in PROXY_NAMES if one in given]
    problem, database = None, "The settings make no sense yet."
    try:
        settings = Settings.from_environment()
        database = (
            f"Uses the local Supabase on port {settings.local_port}."
            if settings.local
            else f"Uses the project {settings.supabase_url}."
        )
    except SettingsError as exc:
        problem = str(exc)
    return SettingsReport(tuple(values + proxies), database, problem)


def mistyped() -> list[str]:
    """A sentence for each name in the file that is all but one of ours."""
    known = [name for names, _, _ in variables() for name in _each(names)]
    sentences = []
    for name, (_, source) in sources().items():
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.88)
        if source != "environment" and near and name not in known:
            sentences.append(f"{source} sets {name}, which is no setting: did you mean {near[0]}?")
    return sentences


def _each(names: str) -> list[str]:
    return names.split(" / ")


def _value(name: str, default: str, given: dict[str, tuple[str, str]]) -> Value:
    if name not in given:
        if name in ("LOCAL_SUPABASE_HOME", "LOG_DIR", "USER_AGENT"):  # these differ
            one = next(one for one in fields(Settings) if one.metadata.get("name") == name)
            default = str(getattr(Settings, one.name))
        return Value(name, "" if default == "none" else default, "default")
    text, source = given[name]
    return Value(name, HIDDEN if name in KEY_NAMES else redact(text), source)
