"""Text that came from outside, made harmless for where it is shown; it knows no stream.

A dealer's title, an address or a status line may hold what a terminal obeys (escape sequences),
what turns a line around (bidirectional controls), or what a job log takes for a command: GitHub's
runner obeys `::name::` at the beginning of a line, after any blanks, and `##[name]` anywhere in it.
"""

from __future__ import annotations

import json
import re
from typing import Any

_CONTROLS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # all but the tab and the line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what changes the direction of writing
    "\u2028\u2029\ufff9-\ufffb\U000e0000-\U000e007f"  # line ends, annotations and tags of Unicode
)
_CONTROL = re.compile(f"[{_CONTROLS}]")
_CONTROL_OR_BREAK = re.compile(f"[\t\n{_CONTROLS}]+")
_COMMAND_ANYWHERE = re.compile(r"##(?=\[|vso\[)", re.IGNORECASE)
_COMMAND_AT_START = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Harmless(str):
    """Text that has been made harmless already, or that is meant to be obeyed: our own commands."""

    __slots__ = ()


def harmless(text: str) -> Harmless:
    """The same lines without anything that a terminal or a job log would act on."""
    if isinstance(text, Harmless):
        return text
    return Harmless(_COMMAND_AT_START.sub(r"\1: ", _without_commands(_CONTROL.sub(" ", text))))


def one_line(text: str) -> str:
    """The text as a part of a line: breaks become blanks, too."""
    return _without_commands(_CONTROL_OR_BREAK.sub(" ", text)).strip()


def to_json(value: Any, *, indent: int | None = 2) -> Harmless:
    """The value as JSON; what could be obeyed is written as JSON's own escapes, and reads alike."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    escaped = _COMMAND_ANYWHERE.sub(r"\\u0023#", text)
    for shape in (_CONTROL, _SURROGATE):
        escaped = shape.sub(lambda found: _escape(found[0]), escaped)
    return Harmless(escaped)


def command(level: str, title: str, text: str) -> Harmless:
    """A workflow command of our own: GitHub shows it on the run's page."""
    title = _value(title).replace(":", "%3A").replace(",", "%2C")
    return Harmless(f"::{level} title={title}::{_value(text)}")


def _value(text: str) -> str:
    """GitHub reads % and line breaks of a workflow command as escapes."""
    printable = "".join(c if c.isprintable() else " " for c in one_line(text))
    return " ".join(printable.split()).replace("%", "%25")


def _without_commands(text: str) -> str:
    return _COMMAND_ANYWHERE.sub("# #", text)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
