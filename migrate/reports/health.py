"""Whether the mirror keeps up: the rules, their bounds, what each says; `health_rules` judges."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from migrate.errors import UsageError
from scraper.base import setting_values
from scraper.base.console import annotation
from scraper.base.report_blocks import Block, Line, Table, plural
from scraper.base.settings import Settings
from scraper.base.suggestion import suggestion
from scraper.base.untrusted_text import Harmless

SCHEMA = 1
HOUR_S = 3600.0


class Rule(StrEnum):
    """What is looked at, in the order in which it is said."""

    PENDING = "pending"
    AGE = "age"
    MISSING = "missing"
    FAILED = "failed"
    LEFT_ALONE = "left_alone"
    SCRAPE = "scrape"
    MIGRATE = "migrate"
    READERS = "readers"
    EMPTY = "empty"


_PARSERS = {
    Rule.PENDING: setting_values.most,
    Rule.AGE: setting_values.hours,
    Rule.MISSING: setting_values.percent,
    Rule.FAILED: setting_values.most,
    Rule.LEFT_ALONE: setting_values.hours,
    Rule.SCRAPE: setting_values.hours,
    Rule.MIGRATE: setting_values.hours,
    Rule.READERS: setting_values.on_or_off,
    Rule.EMPTY: setting_values.on_or_off,
}


@dataclass(frozen=True)
class Bounds:
    """What each rule allows, in its own unit (a number, hours, percent); None switches it off."""

    allowed: Mapping[Rule, float | None]
    scrape_runs: tuple[str, ...] = ("daily_scrape", "scrape")

    @classmethod
    def of(cls, settings: Settings) -> Bounds:
        """The bounds of the environment's variables."""
        return cls(
            {
                Rule.PENDING: settings.health_pending,
                Rule.AGE: settings.health_age_h,
                Rule.MISSING: settings.health_missing_percent,
                Rule.FAILED: settings.health_failed,
                Rule.LEFT_ALONE: settings.health_left_alone_h,
                Rule.SCRAPE: settings.health_scrape_h,
                Rule.MIGRATE: settings.health_migrate_h,
                Rule.READERS: settings.health_readers,
                Rule.EMPTY: settings.health_empty,
            },
            settings.health_scrape_runs,
        )

    def changed(self, changes: Mapping[Rule, float | None]) -> Bounds:
        """The same with other bounds for some rules."""
        return replace(self, allowed={**self.allowed, **changes})


def parse_bounds(given: Sequence[str]) -> dict[Rule, float | None]:
    """The bounds that options name: "age=72h", "scrape=off".

    Raises:
        UsageError: for a rule that does not exist, or a bound that makes no sense.
    """
    found: dict[Rule, float | None] = {}
    for one in given:
        name, _, bound = one.partition("=")
        try:
            rule = Rule(name.strip().lower().replace("-", "_"))
        except ValueError:
            raise UsageError(
                f"There is no rule {name!r}.{suggestion(name, [one.value for one in Rule])} "
                f"The rules: {', '.join(Rule)}; for example --rule age=72h."
            ) from None
        try:
            found[rule] = _PARSERS[rule](bound)
        except ValueError as exc:
            raise UsageError(f"The bound of {rule} is {bound!r}, but must be {exc}.") from exc
    return found


DEFAULT = Bounds.of(Settings())


@dataclass(frozen=True)
class Verdict:
    """What one rule says; `since` is a moment of the database, `remedy` a command line."""

    rule: Rule
    ok: bool = True
    value: float | None = None
    bound: float | None = None
    since: str | None = None
    sentence: str = ""
    remedy: str | None = None
    is_warning: bool = False

    def as_json(self) -> Mapping[str, Any]:
        return {
            "rule": self.rule.value,
            "ok": self.ok,
            "warning": self.is_warning,
            "value": plain_number(self.value),
            "bound": plain_number(self.bound),
            "since": self.since,
            "sentence": self.sentence,
            "remedy": self.remedy,
        }

    @property
    def as_row(self) -> tuple[str | None, ...]:
        return (self.rule.value, self.sentence, moment(self.since), self.remedy)


@dataclass(frozen=True)
class Health:
    """What all rules say together."""

    verdicts: tuple[Verdict, ...]
    as_of: str | None = None

    @property
    def broken(self) -> tuple[Verdict, ...]:
        return tuple(one for one in self.verdicts if not one.ok)

    @property
    def warnings(self) -> tuple[Verdict, ...]:
        return tuple(one for one in self.verdicts if one.is_warning)

    @property
    def ok(self) -> bool:
        return not self.broken

    @property
    def sentence(self) -> str:
        """The whole in one sentence; a broken rule's own sentence where there is but one."""
        if self.broken:
            rules = ", ".join(one.rule.value for one in self.broken)
            return f"Unhealthy ({rules}): {' '.join(one.sentence for one in self.broken)}"
        if self.warnings:
            return self.warnings[0].sentence
        return f"Healthy: {self.of(Rule.PENDING).sentence or 'no rule is broken.'}"

    def of(self, rule: Rule) -> Verdict:
        """What one rule says."""
        return next((one for one in self.verdicts if one.rule is rule), Verdict(rule))

    @property
    def annotations(self) -> list[Harmless]:
        """Workflow commands, one a broken rule: GitHub shows them on the run's page."""
        said = [("error", one) for one in self.broken] + [("warning", w) for w in self.warnings]
        if not said:
            return [annotation("notice", "Listing images", self.sentence)]
        return [
            annotation(level, f"Listing images: {one.rule}", _with_remedy(one))
            for level, one in said
        ]

    def as_json(self) -> Mapping[str, Any]:
        pending = self.of(Rule.PENDING)
        age = self.of(Rule.AGE)
        return {
            "ok": self.ok,
            "pending_listings": plain_number(pending.value),
            "max_pending": plain_number(pending.bound),
            "oldest_pending_seconds": None if age.value is None else round(age.value * HOUR_S),
            "sentence": self.sentence,
            "rules": [one.as_json() for one in self.verdicts],
        }

    def as_blocks(self) -> Sequence[Block]:
        said = (*self.broken, *self.warnings)
        if not said:
            return [Line(self.sentence)]
        rules = plural(len(self.broken), "rule") + (" is" if len(self.broken) == 1 else " are")
        head = f"Unhealthy: {rules} broken." if self.broken else "Nothing to judge."
        return [
            Line(head, is_warning=True),
            Table(("rule", "what", "since", "mend"), [one.as_row for one in said], is_list=True),
        ]


@dataclass(frozen=True)
class HealthReport:
    """The answer of `migrate check`."""

    health: Health

    def as_json(self) -> Mapping[str, Any]:
        return {"schema": SCHEMA, "as_of": self.health.as_of, "health": self.health.as_json()}

    def as_blocks(self) -> Sequence[Block]:
        return self.health.as_blocks()


def moment(text: str | None) -> str | None:
    """A moment of the database, to the minute, with its zone, whatever zone the server wrote."""
    if not text:
        return None
    try:
        found = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)
    if found.tzinfo is not None:
        found = found.astimezone(dt.UTC)
    return f"{found:%Y-%m-%d %H:%M} UTC"


def plain_number(value: float | None) -> float | int | None:
    """A number as people and programs write it: whole ones without a point."""
    if value is None:
        return None
    return int(value) if float(value).is_integer() else round(value, 2)


def _with_remedy(verdict: Verdict) -> str:
    since = f" Since {moment(verdict.since)}." if verdict.since else ""
    mend = f" Mend: {verdict.remedy}" if verdict.remedy else ""
    return f"{verdict.sentence}{since}{mend}"
