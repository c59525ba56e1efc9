"""Puts what was measured into the documents that quote it; it measures nothing."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import goals
from measuring import Section

MARKER = "<!-- measured -->"
QUOTED = re.compile(r"(<!-- quoted -->\n).*?(\n<!-- /quoted -->)", re.DOTALL)
SENTENCES: tuple[tuple[str, str, Callable[[Section], object]], ...] = (
    ("legs", "{:.1f} ms of CPU an image with all checks", goals.cpu_ms_an_image),
    (
        "legs",
        "with ten workers and 50 ms for each download and each upload {:.0f} % of what such waits "
        "allow",
        goals.of_the_bound,
    ),
    ("pages", "{:.0f} ms of CPU a product page", goals.cpu_ms_a_page),
    ("idle", "{:.1f} s when 100,000 listings have nothing to do", goals.idle_s),
)


def heading(where: dict[str, Any], *, is_quick: bool) -> str:
    """When and where; without them no number is worth anything."""
    hour = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"Measured {hour}, on {where['cpu']} with {where['cores']} cores, "
        f"Python {where['python']}, {where['system']}; load before: {where['load'][0]:.1f}"
        f"{'; a tenth of the work' if is_quick else ''}.\n"
    )


def has_place(document: Path) -> bool:
    """Whether tables can be put into it."""
    return document.is_file() and MARKER in document.read_text("utf-8")


def put_into(document: Path, head: str, measured: dict[str, Section]) -> None:
    """Replace what stands below the marker of a document; the goals come first."""
    text, _, _ = document.read_text("utf-8").partition(MARKER)
    shown = [measured["goals"], *(one for name, one in measured.items() if name != "goals")]
    tables = "\n".join(section.show() for section in shown)
    document.write_text(f"{text}{MARKER}\n\n{head}\n{tables}".rstrip() + "\n", "utf-8")


def quote_in(readme: Path, where: dict[str, Any], measured: dict[str, Section]) -> None:
    """A few of the numbers between the README's two marks, with their date and machine."""
    said = []
    for name, sentence, of in SENTENCES:
        try:
            said.append(sentence.format(of(measured[name])))
        except LookupError:
            continue
    if not said:
        return
    day = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d")
    line = f"Measured {day} on {where['cpu']} with {where['cores']} cores: {'; '.join(said)}."
    text = readme.read_text("utf-8")
    readme.write_text(QUOTED.sub(lambda found: f"{found[1]}{line}{found[2]}", text), "utf-8")
