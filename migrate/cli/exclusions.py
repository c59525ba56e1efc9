"""An operator's word about pictures: `exclude`, `include`, `keep`."""

from __future__ import annotations

from typing import Annotated

import typer

from migrate.cli.options import DryRunOption, FormatOption, opened, show
from scraper.base import console
from scraper.base.report_blocks import Format

PictureArgument = Annotated[
    str,
    typer.Argument(
        metavar="DIGEST_OR_PATTERN",
        help="All 64 digits of a SHA-256, or a part of the URL with * for anything.",
    ),
]
WhoseOption = Annotated[
    list[str],
    typer.Option("--dealer", "-d", metavar="NAME", help="Whose picture it is; may be repeated."),
]


def add_commands(app: typer.Typer) -> None:
    """Put the commands into the application."""
    for command in (exclude, include, keep):
        app.command()(command)


@console.handles_errors
def exclude(
    picture: PictureArgument,
    dealer: WhoseOption,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for the record.")] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Also a pattern of over a quarter of the images."),
    ] = False,
    dry_run: DryRunOption = False,
    output: FormatOption = Format.TEXT,
) -> None:
    """Reject a dealer's banner or placeholder everywhere, past copies included."""
    from migrate.care.exclusions import exclude_image, preview_exclusion

    with opened(dealer) as given:
        chosen = given.selection.dealer_ids
        if dry_run:
            show(preview_exclusion(given.database, picture, dealer_ids=chosen), output)
            return
        done = exclude_image(given.database, picture, dealer_ids=chosen, reason=reason, is_sure=yes)
        show(done, output, of_work=True)


@console.handles_errors
def include(
    picture: PictureArgument,
    dealer: WhoseOption,
    output: FormatOption = Format.TEXT,
) -> None:
    """Take an exclusion back: its copies show again, the other images are due."""
    from migrate.care.exclusions import include_image

    with opened(dealer) as given:
        done = include_image(given.database, picture, dealer_ids=given.selection.dealer_ids)
        show(done, output, of_work=True)


@console.handles_errors
def keep(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="LISTING/POSITION, or 8 to 64 digits of the SHA-256 of what came.",
        ),
    ],
    output: FormatOption = Format.TEXT,
) -> None:
    """Store images although they are damaged, at the next run."""
    from migrate.care.keeping import keep_images

    with opened([]) as given:
        show(keep_images(given.database, images), output, of_work=True)
