"""The summary of a run and the preview of one, for people and programs; it counts nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from migrate.run.counts import RunSummary
from scraper.base.blocks import Format
from scraper.base.foreign_text import to_json


def render_summary(summary: RunSummary, output: Format) -> str:
    """A run's result in the format asked for."""
    if output is Format.JSON:
        return to_json(summary.as_json(), indent=None)
    rows = [
        ("listings claimed", summary.claimed),
        ("completed", summary.completed),
        ("partial", summary.partial),
        ("failed", summary.failed),
        ("skipped (given back untouched)", summary.skipped),
        ("images stored", summary.stored),
        ("images reused", summary.reused),
        ("images failed", summary.images_failed),
        ("images gone", summary.gone),
        ("images rejected", summary.rejected),
        ("downloaded", _size(summary.bytes_downloaded)),
        ("uploaded", _size(summary.bytes_uploaded)),
        ("seconds", f"{summary.seconds:.1f}"),
    ]
    lines = _table(("migrate", ""), rows, output)
    if summary.errors:
        lines += ["", *_table(("why", "images"), summary.errors, output)]
    tripped = [report for report in summary.hosts if report.breaker]
    if tripped:
        lines.append("")
    lines += [
        f"{report.host} was left alone: {report.failed} of {report.requests} requests failed; "
        "its listings are still due."
        for report in tripped
    ]
    lines += [f"{note}." for note in summary.notes]
    return "\n".join(lines)


def render_preview(preview: dict[str, Any], output: Format, *, limit: int) -> str:
    """What a run would claim; nothing was claimed."""
    if output is Format.JSON:
        return to_json({"schema": 1, "dry_run": True, **preview}, indent=None)
    listings = preview["listings"]
    total, images = preview["listings_total"], preview["images_total"]
    lines = [f"Would claim {min(len(listings), limit)} of {total} due listings ({images} images)."]
    if listings:
        rows = [
            (f"{one['listing_id']} {one['dealer'] or ''}: {one['title'] or ''}", one["images"])
            for one in listings
        ]
        lines += ["", *_table(("listing", "images"), rows, output)]
    if preview["hosts"]:
        rows = [(one["host"], one["images"]) for one in preview["hosts"]]
        lines += ["", *_table(("host", "images"), rows, output)]
    return "\n".join(lines)


def _table(
    header: tuple[str, str], rows: Iterable[tuple[str, object]], output: Format
) -> list[str]:
    cells = [(str(name), str(value)) for name, value in rows]
    if output is Format.MARKDOWN:
        body = [f"| {_cell(name)} | {_cell(value)} |" for name, value in cells]
        return [f"| {header[0]} | {header[1]} |", "| --- | ---: |", *body]
    wide = max(len(name) for name, _ in [header, *cells])
    return [f"{name:<{wide}}  {value}".rstrip() for name, value in [header, *cells]]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"
