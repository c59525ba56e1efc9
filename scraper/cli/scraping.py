"""What the commands of `scrape` do once their options are read; it reads no command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import typer

from scraper.base import console
from scraper.base.errors import DatabaseError, ListingMirrorError
from scraper.base.settings import Settings
from scraper.cli.options import Output, command_settings, open_repository
from scraper.net.session import DealerSession
from scraper.pages.dealer import Platform
from scraper.rows.daily import scrape_dealers
from scraper.rows.dealer_check import check_dealer
from scraper.rows.dealer_progress import showing_dealers
from scraper.rows.known_dealers import (
    KnownDealer,
    choose,
    known_dealers,
)
from scraper.rows.one_page import listing_as_json, read_url, save_url
from scraper.rows.repository import DealerRow
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


def save_pages(urls: Sequence[str]) -> None:
    """Save single pages. Raises typer.Exit when one could not be read."""
    _refuse_what_is_no_address(urls)
    settings = command_settings()
    with open_repository(settings) as repository, DealerSession(settings) as session:
        known = known_dealers(repository.dealers())
        context = make_context(settings, repository, session)
        codes = [_tried(a, lambda a: _save(a, known, context)) for a in urls]
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
            return repository.dealers()
    except ListingMirrorError as error:
        console.warn(f"read without what is set about dealers: {error}")
        return []


def _show(
    address: str, known: list[KnownDealer], context: RunContext, platform: Platform | None
) -> None:
    console.show_json(listing_as_json(read_url(address, known, context, platform=platform)))


def _save(address: str, known: list[KnownDealer], context: RunContext) -> None:
    saved = save_url(address, known, context)
    number = f" (listing {saved.listing_id})" if saved.listing_id else ""
    console.show(f"{saved.outcome.value}: {address}{number}")


def check_pages(names: Sequence[str], *, pages: int, output: Output) -> None:
    """Read a few live pages of each dealer and print what came out of them."""
    settings = command_settings()
    unhealthy = False
    reports = []
    with open_repository(settings) as repository, DealerSession(settings) as session:
        context = make_context(settings, repository, session)
        for entry in choose(known_dealers(repository.dealers()), names):
            report = check_dealer(entry, context, pages=pages)
            unhealthy |= not report.healthy
            reports.append(report)
            if output is Output.TEXT:
                console.show(report.as_text())
    if output is Output.JSON:
        console.show_json([dataclasses.asdict(report) for report in reports])
    if unhealthy:
        raise typer.Exit(3)


def run(names: Sequence[str], options: ScrapeOptions, output: Output) -> None:
    """Discover and scrape dealers. Raises typer.Exit when all of them failed, or we did."""
    settings = command_settings()
    with open_repository(settings) as repository:
        chosen = choose(known_dealers(repository.dealers()), names)
        if not chosen:
            console.warn("no dealer is active; add one with `scrape dealers add NAME URL`")
        with showing_dealers() as begun:
            reports = scrape_dealers(
                chosen, settings, repository, options, report=_say_report, begun=begun
            )
    if settings.on_github_actions:
        _annotate(reports)
    if output is Output.JSON:
        console.show_json([_as_json(report) for report in reports])
    else:
        for report in reports:
            console.show(summary(report, discover_only=options.discover_only))
    if (reports and all(report.failed for report in reports)) or any(
        report.our_side for report in reports
    ):
        raise typer.Exit(1)


def _as_json(report: DealerReport) -> dict[str, Any]:
    """The report without what its sentence about missing fields was counted from."""
    return {
        field.name: getattr(report, field.name)
        for field in dataclasses.fields(report)
        if field.name not in {"titles", "missing_fields"}
    }


def _annotate(reports: list[DealerReport]) -> None:
    """One dealer's failure leaves the job green, so the run's page must say it."""
    for report in reports:
        if report.failed:
            title = f"Scrape of {report.dealer} failed"
            console.say(console.annotation("warning", title, report.failed))


def summary(report: DealerReport, *, discover_only: bool = False) -> str:
    """Return one line about one dealer's run."""
    if report.failed and not report.visited:
        return f"{report.dealer}: failed"
    if report.left_to is not None:
        return f"{report.dealer}: left to another scrape"
    if discover_only:
        found = f"{report.listed} listed, {report.discovered} new, {report.vanished} vanished"
        return f"{report.dealer}: {found}"
    counted = [
        f"{report.listed} listed",
        f"{report.new} new",
        f"{report.updated} updated",
        f"{report.unchanged} unchanged",
        f"{report.missing} missing",
        f"{report.errors} errors",
    ]
    if report.not_ours:
        counted.append(f"{report.not_ours} not ours to write")
    return f"{report.dealer}: " + ", ".join(counted) + (" (ended early)" if report.failed else "")


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
