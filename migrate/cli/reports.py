"""The commands that only look: `stats`, `check`, `history`, `explain`, `report`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.cli.options import DealerOption, FormatOption, ListingOption, opened, show
from scraper.base import console
from scraper.base.report_blocks import Format

if TYPE_CHECKING:
    from migrate.reports.coverage import Statistics
    from migrate.reports.health import Rule
    from scraper.base.report_blocks import Report

UNHEALTHY = 3
DAYS, RUNS = 30, 20

MaxPendingOption = Annotated[
    str | None,
    typer.Option(metavar="N", help="Pending listings that are healthy; as --rule pending=N."),
]
RuleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="RULE=BOUND",
        help="Another bound, or off: pending=N, age=48h, missing=10%, failed=N, left_alone=24h, "
        "scrape=36h, migrate=36h, readers=on, empty=on; may be repeated.",
    ),
]


class Metrics(StrEnum):
    """The values of --format where numbers can also be read by Prometheus."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    PROMETHEUS = "prometheus"


MetricsOption = Annotated[
    Metrics,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="text, json, markdown or prometheus.",
        case_sensitive=False,
    ),
]


def add_commands(app: typer.Typer) -> None:
    """Put the commands into the application."""
    for command in (stats, check, history, explain, report):
        app.command()(command)


@console.handles_errors
def stats(
    dealer: DealerOption = None,
    listing: ListingOption = None,
    max_pending: MaxPendingOption = None,
    rule: RuleOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 3 when unhealthy, as check does.")
    ] = False,
    output: MetricsOption = Metrics.TEXT,
) -> None:
    """Show what is stored, what is missing and why."""
    from migrate.reports.coverage import ask_readers, read_statistics
    from migrate.reports.health import Bounds

    changes = _changes(rule, max_pending)
    with opened(dealer, listing) as given:
        bounds = Bounds.of(given.settings).changed(changes)
        statistics = read_statistics(
            given.database,
            given.selection,
            bounds=bounds,
            readers=ask_readers(given.database, bounds),
            with_look_alikes=output is not Metrics.PROMETHEUS,
        )
        _show(statistics, statistics, output)
    if check and not statistics.is_healthy:
        raise typer.Exit(UNHEALTHY)


@console.handles_errors
def check(
    dealer: DealerOption = None,
    listing: ListingOption = None,
    max_pending: MaxPendingOption = None,
    rule: RuleOption = None,
    output: MetricsOption = Metrics.TEXT,
) -> None:
    """Judge whether the mirror keeps up; exit 3 when it does not."""
    from migrate.reports.alarm import tell_alert
    from migrate.reports.health import Bounds, HealthReport
    from migrate.reports.mirror_check import check_mirror

    changes = _changes(rule, max_pending)
    with opened(dealer, listing) as given:
        bounds = Bounds.of(given.settings).changed(changes)
        statistics = check_mirror(given.database, bounds, given.selection)
        health = statistics.health
        # For people the exit code is the answer; a program asked for the numbers.
        _show(statistics, HealthReport(health), output, of_work=output is Metrics.TEXT)
        if given.settings.on_github_actions:
            for one in health.annotations:
                console.say(one)
        if not (dealer or listing):  # of a part nobody is told that the whole is well
            tell_alert(given.database, given.settings, health)
    if not health.ok:
        raise typer.Exit(UNHEALTHY)


@console.handles_errors
def history(
    dealer: DealerOption = None,
    days: Annotated[int, typer.Option(metavar="N", min=1, max=3660, help="Days back.")] = DAYS,
    runs: Annotated[int, typer.Option(metavar="N", min=0, max=1000, help="Last runs.")] = RUNS,
    output: FormatOption = Format.TEXT,
) -> None:
    """Show the last runs, and how much was stored on each day."""
    from migrate.reports.history import read_history

    with opened(dealer) as given:
        show(read_history(given.database, given.selection, days=days, runs=runs), output)


@console.handles_errors
def explain(
    listing: Annotated[
        int, typer.Argument(metavar="ID", min=1, help="The listing's number, listings.id.")
    ],
    output: FormatOption = Format.TEXT,
) -> None:
    """Tell everything known about one listing's images, and what happens next."""
    from migrate.reports.explain import explain_listing

    with opened() as given:
        show(explain_listing(given.database, listing), output)


@console.handles_errors
def report(
    file: Annotated[
        Path, typer.Argument(metavar="FILE.html", help="Where to write it; - is stdout.")
    ],
    dealer: DealerOption = None,
    listing: ListingOption = None,
    max_pending: MaxPendingOption = None,
    rule: RuleOption = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Without thumbnails: the page asks nobody.")
    ] = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Write the report as one page of HTML."""
    from migrate.reports.coverage import ask_readers
    from migrate.reports.health import Bounds
    from migrate.reports.report_page import read_page, write_page

    changes = _changes(rule, max_pending)
    with opened(dealer, listing) as given:
        bounds = Bounds.of(given.settings).changed(changes)
        readers = ask_readers(given.database, bounds)
        page = read_page(
            given.database, given.selection, bounds=bounds, readers=readers, offline=offline
        )
        if str(file) == "-":
            console.show(page.html)
        else:
            show(write_page(file, page), output)


def _changes(rules: list[str] | None, max_pending: str | None) -> dict[Rule, float | None]:
    """What the options say about the rules of the health."""
    from migrate.reports.health import Rule, parse_bounds

    pending = [] if max_pending is None else [f"{Rule.PENDING}={max_pending}"]
    return parse_bounds([*pending, *(rules or [])])


def _show(
    statistics: Statistics, report: Report, output: Metrics, *, of_work: bool = False
) -> None:
    """Print the report, or the numbers under it as Prometheus reads them."""
    from migrate.reports.prometheus import exposition

    if output is Metrics.PROMETHEUS:
        console.show(exposition(statistics))
    else:
        show(report, Format(output.value), of_work=of_work)
