"""The report as one page of HTML: no script, no request to anywhere, readable when printed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from migrate.copying.readers import ReadersView
from migrate.errors import ReportNotWrittenError
from migrate.queue.selection import Selection
from migrate.reports.coverage import Statistics, read_statistics
from migrate.reports.health import DEFAULT, Bounds
from migrate.reports.reasons import MEANINGS
from scraper.base.blocks import Block, Line, clean, shown
from scraper.database.client import Database


@dataclass(frozen=True)
class ReportWritten:
    """Where the page is."""

    path: Path
    is_healthy: bool

    def as_json(self) -> Mapping[str, Any]:
        return {"schema": 1, "report": str(self.path), "healthy": self.is_healthy}

    def as_blocks(self) -> Sequence[Block]:
        return [Line(f"Report written to {self.path}.")]


@dataclass(frozen=True)
class ReportPage:
    """The whole document, and the verdict in it."""

    html: str
    is_healthy: bool


def read_page(
    database: Database,
    selection: Selection | None = None,
    *,
    bounds: Bounds = DEFAULT,
    readers: ReadersView | None = None,
    now: datetime | None = None,
) -> ReportPage:
    """Read the statistics and make the page of them."""
    statistics = read_statistics(database, selection, bounds=bounds, readers=readers)
    is_narrowed = selection is not None and selection != Selection()
    page = page_of(statistics, at=now or datetime.now(UTC), is_narrowed=is_narrowed)
    return ReportPage(page, statistics.is_healthy)


def write_page(path: Path, page: ReportPage) -> ReportWritten:
    """Write the page to its place; a reader never sees half of it.

    Raises:
        ReportNotWrittenError: the place cannot be written; nothing is left behind.
    """
    _write_at_once(path, page.html)
    return ReportWritten(path, page.is_healthy)


def page_of(statistics: Statistics, *, at: datetime, is_narrowed: bool = False) -> str:
    """The whole document as text."""
    numbers = statistics.numbers
    scope = " <em>Of the chosen dealers or listings only.</em>" if is_narrowed else ""
    body = [
        f"<p>As of {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC.{scope}</p>",
        *_overview(statistics),
        *_section("Dealers, most missing first", numbers["dealers"], _DEALERS, _dealer_cells),
        *_section("Why images are missing", _reasons(numbers), _ERRORS),
        *_section("Missing, by the month the listing appeared", numbers["months"], _MONTHS),
        *_section("Suspects: one picture on many listings", numbers["suspects"], _SUSPECTS),
        *_section("Excluded by an operator", numbers["exclusions"], _EXCLUSIONS, _exclusion_cells),
        *_section("Hosts left alone for now", numbers.get("host_holds") or [], _HOLDS),
    ]
    template = files("migrate.reports").joinpath("report_page.html").read_text("utf-8")
    return Template(template).substitute(body="\n".join(body))


_DEALERS = {
    "dealer": "Dealer",
    "coverage_percent": "Coverage",
    "missing": "Missing",
    "images": "Images",
    "stored": "Stored",
    "lost_for_ever": "Lost for ever",
    "listings": "Listings",
    "pending": "Pending listings",
}
_ERRORS = {"kind": "Why", "images": "Images", "dealers": "Dealers", "meaning": "What it means"}
_MONTHS = {"month": "Month", "listings_missing": "Listings", "images_missing": "Images"}
_HOLDS = {"host": "Host", "seconds": "Seconds left", "reason": "Reason"}
_EXCLUSIONS = {
    "dealer": "Dealer",
    "what": "Digest or URL pattern",
    "images": "Images",
    "reason": "Reason",
}
_SUSPECTS = {
    "dealer": "Dealer",
    "listings": "Listings",
    "images": "Images",
    "sha256": "SHA-256",
    "sample_url": "For example",
}


def _overview(statistics: Statistics) -> Iterable[str]:
    images, listings = statistics.numbers["images"], statistics.numbers["listings"]
    health = statistics.health
    verdict = "good" if health.ok else "bad"
    yield f'<p class="verdict {verdict}">{escape(health.sentence)}</p>'
    yield _bar(float(images["coverage_percent"] or 0), is_large=True)
    figures = {
        "images": images["total"],
        **{name: images[name] for name in ("stored", "missing", "pending", "failed")},
        "gone": images["gone"],
        "rejected": images["rejected"],
        "lost for ever": images.get("lost_for_ever", images["gone"]),
        "listings": listings["total"],
        "without images": listings["without_images"],
        **{f"listings {name}": count for name, count in listings["by_status"].items()},
        "not adopted yet": statistics.numbers.get("not_adopted", 0),
    }
    yield "<dl>"
    for name, count in figures.items():
        yield f"<div><dt>{escape(name)}</dt><dd>{shown(count)}</dd></div>"
    yield "</dl>"


def _reasons(numbers: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Why each missing image is missing; one that was never tried has met no error yet."""
    never_tried = {
        "kind": "pending",
        "meaning": "not tried yet: the next `migrate` does",
        "images": numbers["images"]["pending"],
        "dealers": sum("pending" in _statuses(dealer) for dealer in numbers["dealers"]),
    }
    met = [{**row, "meaning": MEANINGS.get(row["kind"], "")} for row in numbers["errors"]]
    return [never_tried, *met] if never_tried["images"] else met


def _statuses(dealer: Mapping[str, Any]) -> set[str]:
    return {status for status, listings in dealer["by_status"].items() if listings}


def _dealer_cells(dealer: Mapping[str, Any]) -> Mapping[str, Any]:
    name = dealer["dealer"] or "(no dealer)"
    return {**dealer, "dealer": name, "pending": dealer["by_status"].get("pending", 0)}


def _exclusion_cells(row: Mapping[str, Any]) -> Mapping[str, Any]:
    what = row["sha256"] or row["url_pattern"]
    return {**row, "dealer": row["dealer"] or "every dealer", "what": what}


def _section(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    cells: Any = lambda row: row,
) -> Iterable[str]:
    if not rows:
        return
    yield f"<section>\n<h2>{escape(title)}</h2>"
    # A table wider than the screen is moved by itself, also with the keyboard.
    yield f'<div class="wide" role="region" tabindex="0" aria-label="{escape(title)}">'
    yield "<table>\n<thead><tr>"
    shape = cells(rows[0])
    for key, name in columns.items():
        is_number = key != "coverage_percent" and isinstance(shape.get(key), int | float)
        kind = ' class="number"' if is_number else ""
        yield f'<th scope="col"{kind}>{escape(name)}</th>'
    yield "</tr></thead>\n<tbody>"
    for row in rows:
        values = cells(row)
        yield "<tr>" + "".join(_cell(key, values.get(key)) for key in columns) + "</tr>"
    yield "</tbody>\n</table>\n</div>\n</section>"


def _cell(key: str, value: Any) -> str:
    if key == "coverage_percent":
        return f"<td>{_bar(float(value or 0))}</td>"
    if isinstance(value, int | float):
        return f'<td class="number">{shown(value)}</td>'
    return f'<td class="text">{escape(clean(value or ""))}</td>'


def _bar(percent: float, *, is_large: bool = False) -> str:
    kind = "bar large" if is_large else "bar"
    filled = f'<span style="width:{percent:.1f}%"></span>'
    return f'<div class="{kind}">{filled}<b>{percent:.1f} %</b></div>'


def _write_at_once(path: Path, page: str) -> None:
    unfinished = path
    try:
        target = path.resolve(strict=False)
        if target.exists() and not target.is_file():
            raise ReportNotWrittenError(
                f"The report cannot be written over {path}, which is no file. Name a new file or "
                "an old report, or - for stdout."
            )
        unfinished = target.parent / f".{target.name}.{os.getpid()}.part"
        unfinished.write_text(page, encoding="utf-8")
        unfinished.replace(target)
    except (OSError, RuntimeError) as exc:  # RuntimeError: links that lead round in a circle
        if unfinished != path:
            with suppress(OSError):
                unfinished.unlink()
        raise ReportNotWrittenError(
            f"The report cannot be written to {path} ({getattr(exc, 'strerror', None) or exc}). "
            "Name a file in a folder that exists and that you may write to."
        ) from exc
