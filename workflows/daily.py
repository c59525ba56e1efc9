"""The daily chain in one process: scrape, migrate, check; it knows the order, not the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from migrate.queue.selection import select
from migrate.reports.alarm import tell_alert
from migrate.reports.health import Bounds
from migrate.reports.mirror_check import check_mirror
from migrate.reports.watched_run import upload_images
from migrate.run.options import MigrateOptions
from scraper.base import console
from scraper.base.errors import ListingMirrorError
from scraper.base.report_blocks import Block, Line
from scraper.base.settings import Settings
from scraper.database.client import Database
from scraper.rows.daily import scrape_dealers
from scraper.rows.dealer_progress import showing_dealers
from scraper.rows.known_dealers import choose, known_dealers
from scraper.rows.repository import Repository
from scraper.rows.run_context import DealerReport, ScrapeOptions

UNHEALTHY = 3
SHORTEST_MIGRATION_S = 60.0
"""What the migration gets even when the scrape has used up the time: pending images come first."""


class Outcome(StrEnum):
    """How a step ended."""

    DONE = "done"
    FAILED = "failed"
    LEFT_OUT = "left out"
    UNHEALTHY = "unhealthy"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class DailyOptions:
    """How one run of the chain is narrowed; `deadline_s` counts from the start of the chain."""

    dealers: tuple[str, ...] = ()
    limit: int = 500
    workers: int = 10
    per_host: int = 4
    retry_failed: bool = False
    skip_scrape: bool = False
    deadline_s: float | None = None


@dataclass(frozen=True)
class Step:
    """One link of the chain: what it is called, how it ended, and that in a sentence."""

    name: str
    outcome: Outcome
    sentence: str


@dataclass
class DailyReport:
    """The steps of one run, in their order."""

    steps: list[Step] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """130 interrupted, 1 a step could not do its work, 3 unhealthy, 0 all is well."""
        outcomes = {step.outcome for step in self.steps}
        for outcome, code in (
            (Outcome.INTERRUPTED, console.INTERRUPTED),
            (Outcome.FAILED, 1),
            (Outcome.UNHEALTHY, UNHEALTHY),
        ):
            if outcome in outcomes:
                return code
        return 0

    def as_json(self) -> dict[str, Any]:
        steps = [
            {"name": step.name, "outcome": step.outcome.value, "sentence": step.sentence}
            for step in self.steps
        ]
        return {"schema": 1, "exit_code": self.exit_code, "steps": steps}

    def as_blocks(self) -> list[Block]:
        return [Line(f"{step.name}: {step.outcome} - {step.sentence}") for step in self.steps]


def run_daily(
    database: Database,
    settings: Settings,
    options: DailyOptions,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> DailyReport:
    """Scrape, migrate, check, each whatever became of the one before.

    One dealer's failure is a line in the report. The check looks at all dealers, because a run for
    one of them must not hide the state of the others.

    Raises:
        ListingMirrorError: for a dealer that does not exist, before anything is done.
    """
    _refuse_unknown_dealers(database, options)
    started = clock()
    report = DailyReport()
    steps: list[tuple[str, Callable[[], tuple[Outcome, str]]]] = [
        ("scrape", lambda: _scrape(database, settings, options)),
        ("migrate", lambda: _migrate(database, settings, options, clock() - started, retry=False)),
    ]
    if options.retry_failed:
        steps.append(
            ("retry", lambda: _migrate(database, settings, options, clock() - started, retry=True))
        )
    steps.append(("check", lambda: _check(database, settings)))
    for name, work in steps:
        outcome, sentence = _contained(name, work)
        report.steps.append(Step(name, outcome, sentence))
        if outcome is Outcome.INTERRUPTED:
            break
    return report


def _contained(name: str, work: Callable[[], tuple[Outcome, str]]) -> tuple[Outcome, str]:
    try:
        return work()
    except ListingMirrorError as error:
        console.fail(f"{name}: {error}")
        return Outcome.FAILED, str(error)
    except KeyboardInterrupt:
        return Outcome.INTERRUPTED, "what was saved until then stays; run it again to go on"


def _refuse_unknown_dealers(database: Database, options: DailyOptions) -> None:
    if options.skip_scrape:
        select(database, dealers=options.dealers)
    else:
        choose(known_dealers(Repository(database).dealers.all()), options.dealers)


def _scrape(database: Database, settings: Settings, options: DailyOptions) -> tuple[Outcome, str]:
    if options.skip_scrape:
        return Outcome.LEFT_OUT, "as asked for"
    repository = Repository(database)
    chosen = choose(known_dealers(repository.dealers.all()), options.dealers)
    if not chosen:
        return Outcome.LEFT_OUT, "no dealer is active; add one with `scrape dealers add NAME URL`"
    with showing_dealers() as begun:
        reports = scrape_dealers(
            chosen,
            settings,
            repository,
            ScrapeOptions(by_name=bool(options.dealers)),
            report=tell_about,
            begun=begun,
        )
    failed = [report for report in reports if report.failed]
    sentence = (
        f"{len(reports) - len(failed)} of {len(reports)} dealers, "
        f"{sum(report.new for report in reports)} new and "
        f"{sum(report.updated for report in reports)} updated listings"
    )
    if failed:
        sentence += f"; failed: {', '.join(report.dealer for report in failed)}"
    if left := [report.dealer for report in reports if report.left_to is not None]:
        sentence += f"; left to another scrape: {', '.join(left)}"
    return Outcome.FAILED if could_not_scrape(reports) else Outcome.DONE, sentence


def could_not_scrape(reports: Sequence[DealerReport]) -> bool:
    """Whether the whole scrape failed: every dealer did, or our own side (the database) did."""
    return all(report.failed for report in reports) or any(report.our_side for report in reports)


def tell_about(report: DealerReport) -> None:
    """Say on stderr what became of one dealer's scrape."""
    if report.left_to is not None:
        console.say(f"{report.dealer}: {' '.join(report.notes)}")
        return
    console.say(
        f"{report.dealer}: {report.listed} listed, {report.new} new, {report.updated} updated, "
        f"{report.unchanged} unchanged, {report.missing} missing, {report.errors} errors"
        + (f", {report.moved} old addresses of items that moved" if report.moved else "")
    )
    if report.unsaid:
        console.say(f"{report.dealer}: {report.unsaid}")
    for note in (*report.notes, *report.problems[:10]):
        console.warn(f"{report.dealer}: {note}")
    if report.failed:
        console.fail(f"{report.dealer}: {report.failed}")


def _migrate(
    database: Database, settings: Settings, options: DailyOptions, elapsed_s: float, *, retry: bool
) -> tuple[Outcome, str]:
    deadline_s = options.deadline_s
    if deadline_s is not None:
        deadline_s = max(deadline_s - elapsed_s, SHORTEST_MIGRATION_S)
    summary = upload_images(
        database,
        settings,
        MigrateOptions(
            selection=select(database, dealers=options.dealers),
            limit=options.limit,
            workers=options.workers,
            per_host=options.per_host,
            retry_failed=retry,
            deadline_s=deadline_s,
        ),
    )
    sentence = (
        f"{summary.stored + summary.reused} images stored, {summary.images_failed} failed, "
        f"{summary.gone} gone, {summary.rejected} rejected; {summary.claimed} listings claimed, "
        f"{summary.skipped} given back untouched"
    )
    return Outcome.INTERRUPTED if summary.is_interrupted else Outcome.DONE, sentence


def _check(database: Database, settings: Settings) -> tuple[Outcome, str]:
    health = check_mirror(database, Bounds.of(settings)).health
    if settings.on_github_actions:
        for one in health.annotations:
            console.say(one)
    tell_alert(database, settings, health)
    return Outcome.DONE if health.ok else Outcome.UNHEALTHY, health.sentence
