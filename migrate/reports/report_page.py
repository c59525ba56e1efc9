"""The report as one page of HTML: no script, no request but for thumbnails of our own bucket."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from migrate.copying.reader_access import ReadersView
from migrate.errors import ReportNotWrittenError
from migrate.queue.selection import Selection
from migrate.reports.coverage import read_statistics
from migrate.reports.health import DEFAULT, Bounds, plain_number
from migrate.reports.history import read_history
from migrate.reports.page_view import Place, view_of
from scraper.base.report_blocks import Block, Line, clean, shown
from scraper.database.client import Database

DAYS = 90
RUNS = 12
PICTURES = 18
EXAMPLES = 3
"""Listings named on a dealer's card."""


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
    offline: bool = False,
    now: datetime | None = None,
) -> ReportPage:
    """Read everything that the page shows, and make the page of it."""
    chosen = selection or Selection()
    statistics = read_statistics(
        database, chosen, bounds=bounds, readers=readers, with_look_alikes=True
    )
    history = read_history(database, chosen, days=DAYS, runs=RUNS).found
    asked: dict[str, Any] = {
        "p_dealer_ids": chosen.as_params()["p_dealer_ids"],
        "p_pictures": PICTURES,
        "p_listings": EXAMPLES,
    }
    pictures = database.rpc("report_pictures", asked, idempotent=True)
    view = view_of(
        statistics,
        history,
        pictures,
        Place(database.public_url(""), offline),
        at=now or datetime.now(UTC),
        is_narrowed=chosen != Selection(),
    )
    origin = Place(database.public_url("")).origin
    return ReportPage(render_page(view, origin), statistics.is_healthy)


def render_page(view: Mapping[str, Any], origin: str) -> str:
    """The document as text; everything in it that is not ours is escaped."""
    environment = Environment(
        loader=PackageLoader("migrate.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    style = files("migrate.reports").joinpath("templates/report_page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    pictures = "'none'" if view["offline"] else origin
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src {pictures}; "
        "base-uri 'none'; form-action 'none'"
    )
    template = environment.get_template("report_page.html")
    return template.render(view, style=Markup(style), policy=policy)


def write_page(path: Path, page: ReportPage) -> ReportWritten:
    """Write the page to its place; a reader never sees half of it.

    Raises:
        ReportNotWrittenError: the place cannot be written; nothing is left behind.
    """
    _write_at_once(path, page.html)
    return ReportWritten(path, page.is_healthy)


def _finalized(value: Any) -> Any:
    """Numbers grouped by thousands, text on one line and without control characters."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, float):  # whether a server writes 61 or 61.0, it is the same number
        value = plain_number(value)
    if isinstance(value, str | int) or value is None:
        return shown(value) if not isinstance(value, str) else clean(value)
    return value


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
