"""What one run did, as a report; it counts nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.reports.error_meanings import MEANINGS
from migrate.run.counts import RunSummary
from scraper.base.report_blocks import Block, Line, Table, plural, size, span


@dataclass(frozen=True)
class SummaryReport:
    """A run's result for people and programs."""

    summary: RunSummary

    def as_json(self) -> Mapping[str, Any]:
        return self.summary.as_json()

    def as_blocks(self) -> Sequence[Block]:
        done = self.summary
        return [
            Table(
                ("migrate", ""),
                [
                    ("listings claimed", done.claimed),
                    ("completed", done.completed),
                    ("partial", done.partial),
                    ("failed", done.failed),
                    ("skipped (given back untouched)", done.skipped),
                    ("images stored", done.stored),
                    ("images reused", done.reused),
                    ("images failed", done.images_failed),
                    ("images gone", done.gone),
                    ("images rejected", done.rejected),
                    ("downloaded", size(done.bytes_downloaded)),
                    ("uploaded", size(done.bytes_uploaded)),
                    ("seconds", f"{done.seconds:.1f}"),
                ],
            ),
            Table(
                ("why", "images", "what it means"),
                [(kind, images, MEANINGS.get(kind, "")) for kind, images in done.errors],
            ),
            *self._remarks(),
        ]

    def _remarks(self) -> Iterable[Block]:
        for one in self.summary.left_alone:
            whose = f" for {one.dealer}" if one.dealer else ""
            waiting = f"; {plural(one.images, 'image')} wait" if one.images else ""
            yield Line(
                f"{one.host} is left alone{whose} since {one.since[:16].replace('T', ' ')}: "
                f"{one.kind}, {one.detail}{waiting}. Next look in {span(one.next_look_in_s)}; "
                "`migrate --retry-failed` asks at once.",
                is_warning=True,
            )
        for note in self.summary.notes:
            yield Line(f"{note}.")
