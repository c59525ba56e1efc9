"""Measures stored copies of which nobody knows how they look; it reads the bucket, never a dealer.

Adopted copies came without a size, a digest, a placeholder and a hash, and older ones have their
size as it was coded, not as it is shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from migrate.copying.download import spool
from migrate.errors import ImageError
from migrate.pictures.check import check_image
from migrate.pictures.limits import Limits
from migrate.queue.selection import Selection
from scraper.base.errors import StorageRejectedError
from scraper.base.report_blocks import Block, Line, plural
from scraper.base.settings import Settings
from scraper.database.client import Database

PAGE = 100
"""Copies read before their measures are recorded in one statement."""


@dataclass(frozen=True)
class MeasureReport:
    """How many copies were measured, and how many could not be."""

    measured: int
    unreadable: int
    is_dry_run: bool
    interrupted: bool

    def as_json(self) -> Mapping[str, Any]:
        return {
            "schema": 1,
            "measured": self.measured,
            "unreadable": self.unreadable,
            "dry_run": self.is_dry_run,
            "interrupted": self.interrupted,
        }

    def as_blocks(self) -> Sequence[Block]:
        copies = plural(self.measured, "copy", "copies")
        if self.is_dry_run:
            return [Line(f"{copies} would be measured. Nothing was changed (--dry-run).")]
        blocks = [Line(f"{copies} measured.")]
        if self.unreadable:
            one = plural(self.unreadable, "copy", "copies")
            blocks.append(
                Line(
                    f"{one} could not be read as a picture, or are not in the bucket: "
                    "`migrate verify` looks after those that are missing.",
                    is_warning=True,
                )
            )
        if self.interrupted:
            blocks.append(
                Line("Interrupted: run the same command again to go on.", is_warning=True)
            )
        return blocks


def measure_copies(
    database: Database,
    settings: Settings,
    selection: Selection,
    *,
    workers: int,
    dry_run: bool,
    should_stop: Callable[[], bool],
) -> MeasureReport:
    """Read the chosen copies, some at a time, and record what they show."""
    limits = Limits(
        bytes=settings.max_image_bytes,
        pixels=settings.max_image_pixels,
        costly_pixels=settings.max_costly_image_pixels,
    )
    measured = unreadable = 0
    after: tuple[int, int] | None = (0, -1)
    with ThreadPoolExecutor(workers, thread_name_prefix="measure") as pool:
        while after is not None and not should_stop():
            copies = _page(database, selection, after)
            after = (copies[-1]["listing_id"], copies[-1]["position"]) if copies else None
            if dry_run:
                measured += len(copies)
                continue
            found = [
                one for one in pool.map(lambda c: _measured(database, c, limits), copies) if one
            ]
            unreadable += len(copies) - len(found)
            measured += _record(database, found)
    return MeasureReport(measured, unreadable, dry_run, interrupted=after is not None)


def _page(
    database: Database, selection: Selection, after: tuple[int, int]
) -> list[Mapping[str, Any]]:
    page: list[Mapping[str, Any]] = database.rpc(
        "copies_to_measure",
        {
            "p_after_listing": after[0],
            "p_after_position": after[1],
            "p_limit": PAGE,
            **selection.as_params(),
        },
        idempotent=True,
    )
    return page


def _record(database: Database, found: list[Mapping[str, Any]]) -> int:
    if not found:
        return 0
    answer = database.rpc("record_measures", {"p_measures": json.dumps(found)}, idempotent=True)
    return int(answer["measured"])


def _measured(
    database: Database, copy: Mapping[str, Any], limits: Limits
) -> Mapping[str, Any] | None:
    """What a copy shows; None when it is not there or no picture."""
    with spool() as file:
        try:
            database.download(copy["storage_path"], file)
            checked = check_image(file, limits)
        except (StorageRejectedError, ImageError):
            return None
        if checked.file is not file:
            checked.file.close()  # a TIFF or BMP that was adopted: it is still to be converted
            return None
    if checked.looks is None:
        return None
    return {
        **copy,
        "content_type": checked.content_type,
        "bytes": checked.bytes,
        "width": checked.width,
        "height": checked.height,
        "sha256": checked.sha256,
        "placeholder": checked.looks.placeholder,
        "average_color": checked.looks.average_color,
        "phash": checked.looks.phash,
        "defect": checked.damage.detail if checked.damage else None,
    }
