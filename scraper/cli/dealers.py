"""`scrape dealers`: which dealers there are, a new one, what is set for one; it reads no item."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from scraper.base import console
from scraper.base.command_line import application
from scraper.base.report_blocks import Format
from scraper.cli.options import FormatOption, NamesPlatforms, platform_named

dealers_app = application(
    "List dealers, add one, or set what is special about one.", needs_a_command=False
)

CurrencyOption = Annotated[
    str | None,
    typer.Option(
        "--currency", metavar="CODE", help="Its currency, such as JPY; learned when not given."
    ),
]


@dealers_app.callback()
@console.handles_errors
def dealers(context: typer.Context, output: FormatOption = Format.TEXT) -> None:
    """List the known dealers."""
    if context.invoked_subcommand is not None:
        return
    from scraper.cli.dealer_rows import show_dealers

    show_dealers(output)


@dealers_app.command("add", cls=NamesPlatforms)
@console.handles_errors
def add_dealer(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The dealer's name.")],
    address: Annotated[
        str, typer.Argument(metavar="URL", help="Its shop, or the page that lists its items.")
    ],
    platform: Annotated[
        Any,
        typer.Option(
            "--platform",
            parser=platform_named,
            metavar="SYSTEM",
            help="Its shop system; detected when not given.",
        ),
    ] = None,
    currency: CurrencyOption = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--setting", metavar="KEY=VALUE", help="A reading rule; may be repeated."),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Add a dealer; a shop on a known platform needs no code."""
    from scraper.cli.dealer_rows import add

    add(name, address, platform=platform, currency=currency, pairs=setting or [], output=output)


@dealers_app.command("set", cls=NamesPlatforms)
@console.handles_errors
def set_dealer(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The dealer's name.")],
    pairs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="What is special about it, such as verify_tls=false or delay_s=3; a key that is "
            "repeated is a list, and KEY= takes a setting back.",
        ),
    ] = None,
    platform: Annotated[
        Any,
        typer.Option(
            "--platform",
            parser=platform_named,
            metavar="SYSTEM",
            help="Its shop system.",
        ),
    ] = None,
    currency: CurrencyOption = None,
    active: Annotated[
        bool | None,
        typer.Option("--active/--inactive", help="Whether it is scraped when no dealer is named."),
    ] = None,
    output: FormatOption = Format.TEXT,
) -> None:
    """Set what is special about a dealer, a known one too, and show what is set."""
    from scraper.cli.dealer_rows import change

    change(
        name,
        platform=platform,
        currency=currency,
        active=active,
        pairs=pairs or [],
        output=output,
    )
