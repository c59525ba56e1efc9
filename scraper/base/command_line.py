"""How every command line of ours behaves: -h, completion, and help with mistyped words; it knows
no command.

A mistyped word is answered with what it resembles, but never with a word that removes something or
leaves a question out: who mistypes a command must not be talked into that one.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer
from typer.core import TyperGroup, TyperOption

from scraper.base import console
from scraper.base.version import VERSION

NEVER_SUGGESTED = frozenset({"prune", "exclude", "down", "--yes", "--accept-shrink"})
"""Words that delete, stop or overrule a doubt."""


class Group(TyperGroup):
    """A group of commands whose suggestions are harmless, also those about a command's options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as exc:
            self._point_to_a_command(exc)
            _use_plain_words(exc)
            raise

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.TyperException as exc:
            _leave_out_what_harms(exc)
            _use_plain_words(exc)
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for parameter in self.params:
            if isinstance(parameter, TyperOption) and parameter.name in (
                "install_completion",
                "show_completion",
            ):
                parameter.hidden = True  # both work; a screen has few lines, the README has more
        super().format_options(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        every, self.commands = self.commands, _Harmless(self.commands)
        try:
            return super().resolve_command(ctx, args)
        finally:
            self.commands = every

    def _point_to_a_command(self, exc: Any) -> None:
        """ "--explain" is no option where "explain" is a command: say so."""
        name = str(getattr(exc, "option_name", "")).lstrip("-")
        if name in self.commands and name not in NEVER_SUGGESTED:
            exc.message = f"{exc.message}: it is a command, {name!r}"
            exc.possibilities = None
        _leave_out_what_harms(exc)


class _Harmless(dict[str, Any]):
    """Commands by name; who asks for all names, to suggest one, gets the harmless ones."""

    def keys(self) -> Any:
        return [name for name in self if name not in NEVER_SUGGESTED]


def application(
    help_text: str, *, needs_a_command: bool = True, group: type[Group] = Group
) -> typer.Typer:
    """An application, or a group of commands in one, that behaves as above.

    Args:
        needs_a_command: without one it prints its help; otherwise its callback does the work.
    """
    return typer.Typer(
        cls=group,
        help=help_text,
        no_args_is_help=needs_a_command,
        invoke_without_command=not needs_a_command,
        subcommand_metavar="COMMAND" if needs_a_command else "[COMMAND]",
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _print_version(wanted: bool) -> None:
    if wanted:
        console.show(f"listing-mirror {VERSION}")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "--version", "-V", callback=_print_version, is_eager=True, help="Print the version."
    ),
]


def given_on_the_command_line(ctx: typer.Context) -> list[str]:
    """The options that the command line names, as they are written there."""
    return [
        max(parameter.opts, key=len)
        for parameter in ctx.command.params
        if parameter.name
        and getattr(ctx.get_parameter_source(parameter.name), "name", None) == "COMMANDLINE"
    ]


PLAIN_WORDS = (
    (r"Input should be a valid integer\b.*", "it must be a whole number"),
    (r"Input should be a valid number\b.*", "it must be a number"),
    (r"Input should be greater than or equal to (\S+)", r"it must be \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"it must be \1 or less"),
    (r"(?:Value|Assertion) error, ", ""),
)
"""What the library that reads values says, and what it means."""


def _use_plain_words(exc: Any) -> None:
    message = getattr(exc, "message", None)
    if isinstance(message, str):
        for said, meant in PLAIN_WORDS:
            message = re.sub(said, meant, message)
        exc.message = message


def _leave_out_what_harms(exc: Any) -> None:
    found = getattr(exc, "possibilities", None)
    if found:
        exc.possibilities = [one for one in found if one not in NEVER_SUGGESTED]
