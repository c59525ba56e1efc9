"""How every report is printed: text, JSON or Markdown; it knows blocks and no migration.

A report says what it holds as blocks (for people) and as one object (for programs). Everything in
it may come from a dealer's page, so it is made harmless and Markdown is escaped.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from scraper.base.untrusted_text import Harmless, harmless, one_line, to_json


@dataclass(frozen=True)
class Share:
    """How much of something is done, in percent; None where there is nothing to do."""

    percent: float | None


Cell = str | int | float | Share | None


class Format(StrEnum):
    """The values of --format."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


@dataclass(frozen=True)
class Heading:
    """A title over what follows."""

    text: str


@dataclass(frozen=True)
class Line:
    """A sentence; one that matters is set off."""

    text: str
    is_warning: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under names; numbers are set to the right. Empty tables are not printed.

    `may_go` names columns that a narrow terminal does without, in the order in which they go.
    `is_list` puts each cell on a line of its own, for long sentences and commands to be copied.
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    may_go: tuple[str, ...] = ()
    is_list: bool = False

    def is_numeric(self, column: int) -> bool:
        cells = [row[column] for row in self.rows if row[column] not in (None, "")]
        return bool(cells) and all(isinstance(cell, int | float | Share) for cell in cells)

    def without(self, name: str) -> Table:
        """The same table with one column less."""
        kept = [at for at, column in enumerate(self.columns) if column != name]
        return replace(
            self,
            columns=tuple(self.columns[at] for at in kept),
            rows=[[row[at] for at in kept] for row in self.rows],
        )


Block = Heading | Line | Table


class Report(Protocol):
    """What can be rendered."""

    def as_json(self) -> Mapping[str, Any] | Sequence[Any]: ...

    def as_blocks(self) -> Sequence[Block]: ...


def render(
    report: Report, output: Format, *, terminal: bool | None = None, width: int | None = None
) -> Harmless:
    """The report as the text to print, ending in one line break.

    Args:
        terminal: use colours and drawn tables; plain columns otherwise. None: ask stdout.
        width: of the terminal in columns; None: ask the terminal.
    """
    if output is Format.JSON:
        return Harmless(to_json(report.as_json()) + "\n")
    blocks = [one for one in report.as_blocks() if not isinstance(one, Table) or one.rows]
    if output is Format.MARKDOWN:
        return harmless("\n\n".join(_markdown(block) for block in blocks) + "\n")
    if sys.stdout.isatty() if terminal is None else terminal:
        return Harmless(_drawn(blocks, width))  # its cells are; its colours are ours
    return harmless(_plain(blocks))


def clean(text: str) -> str:
    """The text on one line and without control characters (a title could hold terminal codes)."""
    return one_line(text)


def shown(cell: Cell) -> str:
    """A cell for people: thousands grouped, nothing for None."""
    if cell is None:
        return ""
    if isinstance(cell, Share):
        return "-" if cell.percent is None else f"{cell.percent:.1f} %"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.1f}" if isinstance(cell, float) else clean(cell)


def span(seconds: float) -> str:
    """A length of time in words of one or two units: "3 h 20 min"."""
    left = round(abs(seconds))
    if left < 60:
        return f"{left} s"
    days, hours, minutes = left // 86400, left % 86400 // 3600, left % 3600 // 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def size(count: int) -> str:
    """Bytes in a unit people read."""
    if count < 1000:
        return f"{count} bytes"
    amount, unit = (count / 1e9, "GB") if count >= 1e9 else (count / 1e6, "MB")
    return f"{count / 1000:.1f} kB" if count < 1e6 else f"{amount:,.1f} {unit}"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """ "1 image", "2,000 images"; `nouns` where an s is not enough."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {nouns or noun + 's'}"


_MARKUP = re.compile(r"([\\`*\[\]<>|])")


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return f"### {_escaped(block.text)}"
    if isinstance(block, Line):
        text = _escaped(clean(block.text))
        return f"**{text}**" if block.is_warning else text
    rule = ["---:" if block.is_numeric(at) else "---" for at in range(len(block.columns))]
    rows = [block.columns, rule, *([shown(cell) for cell in row] for row in block.rows)]
    return "\n".join(
        "| " + " | ".join(cells if cells is rule else map(_escaped, cells)) + " |" for cells in rows
    )


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def _plain(blocks: Sequence[Block]) -> str:
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Heading):
            lines += ["", clean(block.text)] if lines else [clean(block.text)]
        elif isinstance(block, Line):
            lines.append(clean(block.text))
        elif block.is_list:
            lines += _one_below_the_other(block)
        else:
            lines += _columns(block)
    return "\n".join(lines) + "\n"


def _columns(table: Table) -> list[str]:
    rows = [[shown(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(cell_len(row[at]) for row in rows) for at in range(len(table.columns))]
    return [
        "  ".join(
            " " * (width - cell_len(cell)) + cell
            if table.is_numeric(at)
            else cell + " " * (width - cell_len(cell))
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _one_below_the_other(table: Table) -> list[str]:
    """ "pending: 418 listings are pending …", and below, set in, "since: …", "mend: …"."""
    lines: list[str] = []
    for row in table.rows:
        lines.append(f"{shown(row[0])}: {shown(row[1])}")
        lines += [
            f"    {clean(name)}: {shown(cell)}"
            for name, cell in zip(table.columns[2:], row[2:], strict=True)
            if shown(cell)
        ]
    return lines


def _drawn(blocks: Sequence[Block], width: int | None) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, highlight=False)
    for block in blocks:
        if isinstance(block, Heading):
            console.print()
            console.print(Text(clean(block.text), style="bold"))
        elif isinstance(block, Line):
            console.print(Text(clean(block.text), style="yellow" if block.is_warning else ""))
        elif block.is_list:
            for line in _one_below_the_other(block):
                console.print(Text(line, style="" if line.startswith(" ") else "yellow"))
        else:
            _draw_table(console, block)
    return file.getvalue().lstrip("\n")


def _draw_table(console: Console, table: Table) -> None:
    for name in table.may_go:
        if _fits(table, console.width):
            break
        table = table.without(name)
    if _fits(table, console.width):
        console.print(_rich_table(table))
    else:
        console.print("\n".join(_sentences(table)), markup=False)


SHORTEST_NAME = 12
"""Columns that a cell of text needs at least to be read."""


def _fits(table: Table, width: int) -> bool:
    """Whether the numbers leave room for the names in a drawn table."""
    rows = [table.columns, *([_on_terminal(cell).plain for cell in row] for row in table.rows)]
    widest = [max(cell_len(row[at]) for row in rows) for at in range(len(table.columns))]
    needed = sum(
        wide if table.is_numeric(at) else min(wide, SHORTEST_NAME) for at, wide in enumerate(widest)
    )
    return needed + GAP * (len(widest) - 1) <= width


GAP = 2
BAR_CELLS = 8


def _on_terminal(cell: Cell) -> Text:
    """A cell with its bar, where it is a share."""
    if not isinstance(cell, Share) or cell.percent is None:
        return Text(shown(cell))
    filled = round(BAR_CELLS * cell.percent / 100)
    # Neither full while something is missing nor empty while something is there.
    filled = min(max(filled, int(cell.percent > 0)), BAR_CELLS - int(cell.percent < 100))
    colour = "green" if cell.percent >= 99 else "yellow" if cell.percent >= 90 else "red"
    bar = Text("█" * filled, style=colour).append("░" * (BAR_CELLS - filled), style="dim")
    return bar.append(f" {cell.percent:5.1f} %", style="default")


def _sentences(table: Table) -> list[str]:
    """The same rows for a window that is too narrow: "Aoi Art: listings 20, images 60"."""
    return [
        f"{shown(row[0])}: "
        + ", ".join(
            f"{clean(name)} {shown(cell)}"
            for name, cell in zip(table.columns[1:], row[1:], strict=True)
        )
        for row in table.rows
    ]


def _rich_table(table: Table) -> RichTable:
    drawn = RichTable(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="underline")
    for at, name in enumerate(table.columns):
        is_numeric = table.is_numeric(at)
        drawn.add_column(
            Text(clean(name)),
            justify="right" if is_numeric else "left",
            no_wrap=is_numeric,
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*(_on_terminal(cell) for cell in row))
    return drawn


_TICKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None]) -> str:
    """A line of bars as high as the values, from 0 to 100 percent; a gap where there is none."""
    return "".join(
        " " if value is None else _TICKS[min(int(value / 100 * len(_TICKS)), len(_TICKS) - 1)]
        for value in values
    )
