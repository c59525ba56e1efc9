"""What the commands of `scrape` do once their options are read; it reads no command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import typer

from scraper.base import console
from scraper.base.errors import DatabaseError, ListingMirrorError
from scraper.base.report_blocks import Format
from scraper.base.settings import Settings
from scraper.cli.options import command_settings, open_repository, show
from scraper.cli.reports import CheckReport, SavedPages, ScrapeReport
from scraper.net.session import DealerSession
from scraper.pages.dealer import Platform
from scraper.rows.daily import scrape_dealers
from scraper.rows.dealer_check import check_dealer
from scraper.rows.dealer_progress import showing_dealers
from scraper.rows.dealer_table import DealerRow
from scraper.rows.known_dealers import (
    KnownDealer,
    choose,
    known_dealers,
)
from scraper.rows.one_page import listing_as_json, read_url, save_url
from scraper.rows.run_context import DealerReport, RunContext, ScrapeOptions, make_context


def show_pages(urls: Sequence[str], platform: Platform | None) -> None:
    """Print what would be saved of single pages. Raises typer.Exit when one could not be read."""
    _refuse_what_is_no_address(urls)
    settings = command_settings()
    known = known_dealers(_stored_dealers(settings))
    with DealerSession(settings) as session:
        context = make_context(settings, _no_repository(), session)
        codes = [_tried(a, lambda a: _show(a, known, context, platform)) for a in urls]
    _end(codes)


def save_pages(urls: Sequence[str], output: Format) -> None:
    """Save single pages and print what was saved, also when it is broken off.

    Raises typer.Exit when one could not be read.
    """
    _refuse_what_is_no_address(urls)
    settings = command_settings()
    with open_repository(settings) as repository, DealerSession(settings) as session:
        known = known_dealers(repository.dealers.all())
        context = make_context(settings, repository, session)
        report = SavedPages()

        def save(address: str) -> None:
            report.pages.append((address, save_url(address, known, context)))

        try:
            codes = [_tried(address, save) for address in urls]
        finally:
            if report.pages or output is Format.JSON:
                show(report, output, of_work=True)
    _end(codes)


def _tried(address: str, act: Callable[[str], None]) -> int:
    """Say why one address failed and go on with the next; its exit code."""
    try:
        act(address)
    except DatabaseError:
        raise
    except ListingMirrorError as error:
        console.fail(str(error))
        return error.exit_code
    return 0


def _end(codes: Sequence[int]) -> None:
    """2 only when nothing but the usage was wrong."""
    failed = [code for code in codes if code]
    if failed:
        raise typer.Exit(min(failed))


def _refuse_what_is_no_address(urls: Sequence[str]) -> None:
    for address in urls:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise typer.BadParameter(f"{address!r} is no http(s) address", param_hint="URL")


def _stored_dealers(settings: Settings) -> list[DealerRow]:
    """Return the dealers' rows as far as the database can be asked: a dry run does without."""
    if settings.local and not settings.local_home.exists():
        return []
    try:
        with open_repository(settings) as repository:
            return repository.dealers.all()
    except ListingMirrorError as error:
        console.warn(f"read without what is set about dealers: {error}")
        return []


def _show(
    address: str, known: list[KnownDealer], context: RunContext, platform: Platform | None
) -> None:
    console.show_json(listing_as_json(read_url(address, known, context, platform=platform)))


def check_pages(names: Sequence[str], *, pages: int, output: Format) -> None:
    """Read a few live pages of each dealer and print what came out of them, as text dealer by
    dealer.
    """
    settings = command_settings()
    reports = []
    with open_repository(settings) as repository, DealerSession(settings) as session:
        context = make_context(settings, repository, session)
        for entry in choose(known_dealers(repository.dealers.all()), names):
            report = check_dealer(entry, context, pages=pages)
            reports.append(report)
            if output is Format.TEXT:
                show(CheckReport([report]), output)
    if output is not Format.TEXT:
        show(CheckReport(reports), output)
    if not all(report.healthy for report in reports):
        raise typer.Exit(3)


def run(names: Sequence[str], options: ScrapeOptions, output: Format) -> None:
    """Discover and scrape dealers. Raises typer.Exit when all of them failed, or we did."""
    settings = command_settings()
    with open_repository(settings) as repository:
        chosen = choose(known_dealers(repository.dealers.all()), names)
        if not chosen:
            console.warn("no dealer is active; add one with `scrape dealers add NAME URL`")
        with showing_dealers() as begun:
            reports = scrape_dealers(
                chosen, settings, repository, options, report=_say_report, begun=begun
            )
    if settings.on_github_actions:
        _annotate(reports)
    show(ScrapeReport(reports, is_discovery=options.discover_only), output, of_work=True)
    if (reports and all(report.failed for report in reports)) or any(
        report.our_side for report in reports
    ):
        raise typer.Exit(1)


def _annotate(reports: list[DealerReport]) -> None:
    """One dealer's failure leaves the job green, so the run's page must say it."""
    for report in reports:
        if report.failed:
            title = f"Scrape of {report.dealer} failed"
            console.say(console.annotation("warning", title, report.failed))


def _say_report(report: DealerReport) -> None:
    if report.source:
        console.say(f"{report.dealer}: listed by {report.source}; {report.requests} requests")
    if report.unsaid:
        console.say(f"{report.dealer}: {report.unsaid}")
    for note in report.notes:
        console.warn(f"{report.dealer}: {note}")
    for problem in report.problems[:10]:
        console.warn(f"{report.dealer}: {problem}")
    if len(report.problems) > 10:
        console.warn(
            f"{report.dealer}: {len(report.problems) - 10} more problems; the log has them all"
        )
    if report.failed:
        named = report.failed.startswith(report.dealer)
        console.fail(report.failed if named else f"{report.dealer}: {report.failed}")


def _no_repository() -> Any:
    return None
