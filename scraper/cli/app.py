"""`scrape`: dealers' pages into rows; the only reader of the command line in this package, and it
decides nothing else.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scraper.base import console
from scraper.base.command_line import VersionOption, application
from scraper.base.report_blocks import Format
from scraper.cli.dealers import dealers_app
from scraper.cli.options import FormatOption, NamesPlatforms, platform_named

app = application("Scrape dealers' pages into rows; images stay where they are until `migrate`.")
app.add_typer(dealers_app, name="dealers")


@app.callback()
def scraping(_version: VersionOption = False) -> None:
    """Scrape dealers' pages into rows; images stay where they are until `migrate`."""


DealerOption = Annotated[
    list[str] | None,
    typer.Option("--dealer", "-d", metavar="NAME", help="Only this dealer; may be repeated."),
]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="At most N item pages of each dealer."),
]
ShrinkOption = Annotated[
    bool,
    typer.Option(
        "--accept-shrink",
        help="Believe a catalogue that has lost half of its items, or lists other addresses only.",
    ),
]


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
    output: FormatOption = Format.TEXT,
) -> None:
    """Discover what dealers list, then scrape it into rows (no image is downloaded)."""
    from scraper.base.settings import Settings
    from scraper.cli.scraping import run
    from scraper.net.webhooks import pinged
    from scraper.rows.run_context import ScrapeOptions

    options = ScrapeOptions(
        limit=limit, accept_shrink=accept_shrink, reread=reread, by_name=bool(dealer)
    )
    with pinged(Settings.from_environment()):
        run(dealer or [], options, output)


@app.command()
@console.handles_errors
def discover(
    dealer: DealerOption = None,
    accept_shrink: ShrinkOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Only discover what dealers list; no item page is fetched."""
    from scraper.cli.scraping import run
    from scraper.rows.run_context import ScrapeOptions

    options = ScrapeOptions(discover_only=True, accept_shrink=accept_shrink, by_name=bool(dealer))
    run(dealer or [], options, output)


@app.command(cls=NamesPlatforms)
@console.handles_errors
def url(
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Item pages to scrape now.")],
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print what would be saved, with each field's layer; needs no database, but reads "
            "there what is set about the dealer.",
        ),
    ] = False,
    platform: Annotated[
        Any,
        typer.Option(
            "--platform",
            parser=platform_named,
            metavar="SYSTEM",
            help="Read the page as this shop system (dry run).",
        ),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Scrape single item pages."""
    from scraper.cli.scraping import save_pages, show_pages

    if dry_run:
        show_pages(urls, platform)
    else:
        save_pages(urls, output)


@app.command()
@console.handles_errors
def check(
    dealer: DealerOption = None,
    pages: Annotated[
        int, typer.Option("--pages", min=1, metavar="N", help="Live pages to read of each dealer.")
    ] = 3,
    output: FormatOption = Format.TEXT,
) -> None:
    """Read a few live pages of each dealer and report which fields came out and which changed;
    writes nothing.
    """
    from scraper.cli.scraping import check_pages

    check_pages(dealer or [], pages=pages, output=output)


def main() -> None:
    """Entry point of `scrape` and `python -m scraper`."""
    app()
