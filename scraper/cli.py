"""`scrape`: dealers' pages into rows; the only reader of the command line in this package, and it
decides nothing else.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from scraper import console
from scraper.checking import check_dealer
from scraper.daily import (
    DealerReport,
    Options,
    Tools,
    fetcher_for,
    make_tools,
    scrape_dealers,
)
from scraper.database import connect
from scraper.dealers.protocol import Dealer, PlatformName
from scraper.discovery import NoShopError, detect_platform
from scraper.errors import FetchError
from scraper.guard import refuse_environment_proxies
from scraper.logs import start_logging
from scraper.page_errors import PageError
from scraper.repository import Repository
from scraper.roster import (
    SETTINGS,
    Known,
    UnknownDealerError,
    build_dealer,
    choose,
    dealer_for_url,
    known_dealers,
    parse_settings,
)
from scraper.session import DealerSession
from scraper.settings import Settings
from scraper.single import listing_as_json, read_url, save_url

app = typer.Typer(
    help="Scrape dealers' pages into rows; images stay where they are until `migrate`.",
    no_args_is_help=True,
)
dealers_app = typer.Typer(help="List dealers or add one.", invoke_without_command=True)
app.add_typer(dealers_app, name="dealers")

DealerOption = Annotated[
    list[str] | None,
    typer.Option("--dealer", metavar="NAME", help="Only this dealer; may be repeated."),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="At most N pages of each dealer.")
]
ShrinkOption = Annotated[
    bool,
    typer.Option(
        "--accept-shrink", help="Believe a catalogue that lists less than half of what it had."
    ),
]
FormatOption = Annotated[str, typer.Option("--format", metavar="text|json", help="How to print.")]


@app.command()
@console.handles_errors
def daily(
    dealer: DealerOption = None,
    limit: LimitOption = None,
    accept_shrink: ShrinkOption = False,
    reread: Annotated[
        bool,
        typer.Option(
            "--reread", help="Read every page again, even those that say they have not changed."
        ),
    ] = False,
    output: FormatOption = "text",
) -> None:
    """Discover what dealers list, then scrape it into rows (no image is downloaded)."""
    _run(dealer, Options(limit=limit, accept_shrink=accept_shrink, reread=reread), output)


@app.command()
@console.handles_errors
def discover(
    dealer: DealerOption = None, accept_shrink: ShrinkOption = False, output: FormatOption = "text"
) -> None:
    """Only discover what dealers list; no item page is fetched."""
    _run(dealer, Options(discover_only=True, accept_shrink=accept_shrink), output)


@app.command()
@console.handles_errors
def url(
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Item pages to scrape now.")],
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print what would be saved, with each field's layer; needs no database.",
        ),
    ] = False,
    platform: Annotated[
        PlatformName | None,
        typer.Option("--platform", help="Read the page as this shop system (dry run)."),
    ] = None,
) -> None:
    """Scrape single item pages."""
    settings = _settings()
    if dry_run:
        with DealerSession(settings) as session:
            tools = make_tools(settings, _no_repository(), session)
            failed = [a for a in urls if not _tried(a, lambda a: _show(a, tools, platform))]
    else:
        with _repository(settings) as repository, DealerSession(settings) as session:
            known = known_dealers(repository.dealers())
            tools = make_tools(settings, repository, session)
            failed = [a for a in urls if not _tried(a, lambda a: _save(a, known, tools))]
    if failed:
        raise typer.Exit(1)


def _tried(address: str, act: Callable[[str], None]) -> bool:
    """Say why one address failed and go on with the next."""
    try:
        act(address)
    except (PageError, FetchError, UnknownDealerError) as error:
        console.fail(str(error))
        return False
    return True


def _show(address: str, tools: Tools, platform: PlatformName | None) -> None:
    dealer, page, listing = read_url(address, known_dealers([]), tools, platform=platform)
    shown = listing_as_json(dealer, page, listing)
    console.show(json.dumps(shown, ensure_ascii=False, indent=2))


def _save(address: str, known: list[Known], tools: Tools) -> None:
    saved = save_url(address, known, tools)
    number = f" (listing {saved.listing_id})" if saved.listing_id else ""
    console.show(f"{saved.outcome.value}: {address}{number}")


@dealers_app.callback()
@console.handles_errors
def dealers(context: typer.Context, output: FormatOption = "text") -> None:
    """List the known dealers."""
    if context.invoked_subcommand is not None:
        return
    with _repository(_settings()) as repository:
        known = known_dealers(repository.dealers())
    if output == "json":
        console.show(
            json.dumps([_dealer_as_json(entry) for entry in known], ensure_ascii=False, indent=2)
        )
        return
    for entry in known:
        platform = entry.dealer.platform.value if entry.dealer.platform else "not detected yet"
        state = "" if entry.row is None or entry.row.is_active else "  (inactive)"
        console.show(
            f"{entry.dealer.name}  {entry.dealer.catalog_url}  {platform}  "
            f"{entry.dealer.currency or '-'}{state}"
        )


@dealers_app.command("add")
@console.handles_errors
def add_dealer(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The dealer's name.")],
    address: Annotated[
        str, typer.Argument(metavar="URL", help="Its shop, or the page that lists its items.")
    ],
    platform: Annotated[
        PlatformName | None,
        typer.Option("--platform", help="Its shop system; detected when not given."),
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option(
            "--currency", metavar="CODE", help="Its currency, such as JPY; learned when not given."
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--setting", metavar="KEY=VALUE", help="A reading rule; may be repeated."),
    ] = None,
) -> None:
    """Add a dealer; a shop on a known platform needs no code."""
    settings = _settings()
    extra = _parse_setting_options(setting or [])
    _check_new_dealer(name, address, currency)
    dealer = build_dealer(
        name.strip(),
        address,
        platform=platform.value if platform else None,
        currency=(currency or "").upper() or None,
        settings=extra,
    )
    with _repository(settings) as repository, DealerSession(settings) as session:
        known = known_dealers(repository.dealers())
        _refuse_taken(known, dealer)
        reason = "as you said"
        if dealer.platform is None:
            found = detect_platform(
                dealer, fetcher_for(dealer, make_tools(settings, repository, session))
            )
            if found.platform in (None, PlatformName.WORDPRESS):
                raise NoShopError(
                    f"{address} is no shop that we know: {found.reason}. If it sells items all "
                    f"the same, add it with "
                    "--platform wordpress or --platform static and --setting product_pattern=REGEX."
                )
            dealer, reason = dataclasses.replace(dealer, platform=found.platform), found.reason
        repository.add_dealer(dealer, extra)
    assert dealer.platform is not None
    console.show(
        f"added {dealer.name}: {dealer.platform.value}, because {reason}"
        if reason != "as you said"
        else f"added {dealer.name}: {dealer.platform.value}"
    )


@app.command()
@console.handles_errors
def check(
    dealer: DealerOption = None,
    pages: Annotated[
        int, typer.Option("--pages", min=1, metavar="N", help="Live pages to read of each dealer.")
    ] = 3,
    output: FormatOption = "text",
) -> None:
    """Read a few live pages of each dealer and report which fields came out and which changed;
    writes nothing.
    """
    settings = _settings()
    unhealthy = False
    reports = []
    with _repository(settings) as repository, DealerSession(settings) as session:
        tools = make_tools(settings, repository, session)
        for entry in choose(known_dealers(repository.dealers()), dealer or []):
            report = check_dealer(entry, tools, pages=pages)
            unhealthy |= not report.healthy
            reports.append(report)
            if output == "text":
                console.show(report.as_text())
    if output == "json":
        console.show(
            json.dumps(
                [dataclasses.asdict(report) for report in reports], ensure_ascii=False, indent=2
            )
        )
    if unhealthy:
        raise typer.Exit(3)


def main() -> None:
    """Entry point of `scrape` and `python -m scraper`."""
    app()


def _run(names: list[str] | None, options: Options, output: str) -> None:
    settings = _settings()
    with _repository(settings) as repository:
        chosen = choose(known_dealers(repository.dealers()), names or [])
        if not chosen:
            console.warn("no dealer is active; add one with `scrape dealers add NAME URL`")
        reports = scrape_dealers(chosen, settings, repository, options, report=_say_report)
    if output == "json":
        console.show(
            json.dumps(
                [dataclasses.asdict(report) for report in reports], ensure_ascii=False, indent=2
            )
        )
    else:
        for report in reports:
            console.show(summary(report))
    if (reports and all(report.failed for report in reports)) or any(
        report.our_side for report in reports
    ):
        raise typer.Exit(1)


def summary(report: DealerReport) -> str:
    """Return one line about one dealer's run."""
    if report.failed and not report.visited:
        return f"{report.dealer}: failed"
    counted = [
        f"{report.listed} listed",
        f"{report.new} new",
        f"{report.updated} updated",
        f"{report.unchanged} unchanged",
        f"{report.missing} missing",
        f"{report.errors} errors",
    ]
    return f"{report.dealer}: " + ", ".join(counted) + (" (ended early)" if report.failed else "")


def _say_report(report: DealerReport) -> None:
    if report.source:
        console.say(f"{report.dealer}: listed by {report.source}; {report.requests} requests")
    for note in report.notes:
        console.warn(f"{report.dealer}: {note}")
    for problem in report.problems[:10]:
        console.warn(f"{report.dealer}: {problem}")
    if len(report.problems) > 10:
        console.warn(
            f"{report.dealer}: {len(report.problems) - 10} more problems; the log has them all"
        )
    if report.failed:
        console.fail(report.failed)


def _settings() -> Settings:
    settings = Settings.from_environment()
    refuse_environment_proxies(settings)
    start_logging(settings)
    return settings


@contextmanager
def _repository(settings: Settings) -> Iterator[Repository]:
    with connect(settings) as database:
        yield Repository(database)


def _no_repository() -> Any:
    return None


def _parse_setting_options(pairs: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key.strip():
            raise typer.BadParameter(
                f"{pair!r} is not KEY=VALUE; known keys: {', '.join(sorted(SETTINGS))}",
                param_hint="--setting",
            )
        key = key.strip()
        if key in found:  # a key given twice is a list
            found[key] = [*(found[key] if isinstance(found[key], list) else [found[key]]), value]
        else:
            found[key] = value
    parse_settings(found)
    return found


def _check_new_dealer(name: str, address: str, currency: str | None) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise typer.BadParameter(f"{address!r} is no http(s) address", param_hint="URL")
    if not name.strip():
        raise typer.BadParameter("a dealer needs a name", param_hint="NAME")
    if currency is not None and not (
        len(currency) == 3 and currency.isalpha() and currency.isascii()
    ):
        raise typer.BadParameter(
            f"{currency!r} is no currency code such as JPY", param_hint="--currency"
        )


def _refuse_taken(known: list[Known], dealer: Dealer) -> None:
    for entry in known:
        if entry.dealer.name.casefold() == dealer.name.casefold():
            raise typer.BadParameter(
                f"a dealer named {entry.dealer.name!r} is known already "
                f"({entry.dealer.catalog_url})",
                param_hint="NAME",
            )
    other = dealer_for_url(known, dealer.catalog_url)
    if other is not None:
        raise typer.BadParameter(
            f"{dealer.catalog_url} belongs to the dealer {other.name!r} already", param_hint="URL"
        )


def _dealer_as_json(entry: Known) -> dict[str, Any]:
    dealer = entry.dealer
    return {
        "name": dealer.name,
        "domain": dealer.domain,
        "catalog_url": dealer.catalog_url,
        "platform": dealer.platform.value if dealer.platform else None,
        "currency": dealer.currency,
        "country": dealer.country,
        "is_active": entry.row is None or entry.row.is_active,
        "id": entry.row.id if entry.row else None,
    }
