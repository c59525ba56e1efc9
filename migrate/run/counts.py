"""Counts what a run does, for its summary and its progress; it prints nothing."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.queue.claims import LeftAlone
from migrate.queue.outcome import ImageResult, Outcome
from scraper.net.host_limits import HostReport

SCHEMA = 1


@dataclass(frozen=True)
class RunSummary:
    """What one run did; every claimed listing and every settled image is in exactly one number."""

    claimed: int = 0
    completed: int = 0
    partial: int = 0
    failed: int = 0
    skipped: int = 0
    stored: int = 0
    reused: int = 0
    images_failed: int = 0
    gone: int = 0
    rejected: int = 0
    bytes_downloaded: int = 0
    bytes_uploaded: int = 0
    seconds: float = 0.0
    errors: tuple[tuple[str, int], ...] = ()
    hosts: tuple[HostReport, ...] = ()
    left_alone: tuple[LeftAlone, ...] = ()
    """What was left alone when the run ended, in this run or before it."""
    notes: tuple[str, ...] = field(default=())
    is_interrupted: bool = False

    def as_json(self) -> dict[str, Any]:
        """The object of `migrate --format json`."""
        return {
            "schema": SCHEMA,
            "run": {
                "claimed": self.claimed,
                "completed": self.completed,
                "partial": self.partial,
                "failed": self.failed,
                "skipped": self.skipped,
            },
            "images": {
                "stored": self.stored,
                "reused": self.reused,
                "failed": self.images_failed,
                "gone": self.gone,
                "rejected": self.rejected,
            },
            "bytes": {"downloaded": self.bytes_downloaded, "uploaded": self.bytes_uploaded},
            "seconds": round(self.seconds, 3),
            "errors": [{"kind": kind, "images": images} for kind, images in self.errors],
            "hosts": self._hosts(),
        }

    def _hosts(self) -> list[dict[str, Any]]:
        """Each host that was asked, or that work waits for, and why it is left alone if it is."""
        left_alone: dict[str, LeftAlone] = {}
        for one in self.left_alone:  # of a host and a dealer's part of it the host is said
            left_alone.setdefault(one.host, one)
        asked = {report.host: report for report in self.hosts}
        found = []
        for host in sorted({*asked, *left_alone}):
            report, reason = asked.get(host), left_alone.get(host)
            found.append(
                {
                    "host": host,
                    "requests": report.requests if report else 0,
                    "failed": report.failed if report else 0,
                    "breaker": reason is not None,
                    "left_alone": reason.as_json() if reason else None,
                }
            )
        return found

    def as_counts(self) -> str:
        """The same as JSON text, for the run's own row."""
        return json.dumps(self.as_json())


class RunCounter:
    """The running numbers. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listings: Counter[str] = Counter()
        self._images: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self.claimed = 0
        self.images_claimed = 0
        self.images_settled = 0
        self.bytes_downloaded = 0
        self.bytes_uploaded = 0

    def claim(self, *, listings: int, images: int) -> None:
        with self._lock:
            self.claimed += listings
            self.images_claimed += images

    def downloaded(self, size: int) -> None:
        with self._lock:
            self.bytes_downloaded += size

    def uploaded(self, size: int) -> None:
        with self._lock:
            self.bytes_uploaded += size

    def settle(self, images: int) -> None:
        """So many images are through, one way or another (progress only)."""
        with self._lock:
            self.images_settled += images

    def skip(self, listings: int = 1) -> None:
        """Listings given back, or lost to another runner."""
        with self._lock:
            self._listings["skipped"] += listings

    def finish(self, results: Sequence[ImageResult], *, status: str | None, gone: int) -> None:
        """A listing was recorded: its new status, and what became of the images of this run.

        `gone` of them are confirmed absent.
        """
        with self._lock:
            known = status in ("completed", "partial", "failed")
            self._listings[(known and status) or "skipped"] += 1
            for result in results:
                self._count(result)
            self._images["failed"] -= gone
            self._images["gone"] += gone

    def _count(self, result: ImageResult) -> None:
        if result.outcome is Outcome.STORED:
            self._images["reused" if result.is_reused else "stored"] += 1
            return
        if not result.is_recheck:
            self._images[result.outcome.value] += 1
        if result.error_kind is not None:
            self._errors[result.error_kind.value] += 1

    def summary(
        self,
        *,
        seconds: float,
        hosts: Iterable[HostReport],
        left_alone: Sequence[LeftAlone],
        notes: Sequence[str],
        is_interrupted: bool,
    ) -> RunSummary:
        with self._lock:
            return RunSummary(
                claimed=self.claimed,
                completed=self._listings["completed"],
                partial=self._listings["partial"],
                failed=self._listings["failed"],
                skipped=self._listings["skipped"],
                stored=self._images["stored"],
                reused=self._images["reused"],
                images_failed=self._images["failed"],
                gone=self._images["gone"],
                rejected=self._images["rejected"],
                bytes_downloaded=self.bytes_downloaded,
                bytes_uploaded=self.bytes_uploaded,
                seconds=seconds,
                errors=tuple(self._errors.most_common()),
                hosts=tuple(hosts),
                left_alone=tuple(left_alone),
                notes=tuple(notes),
                is_interrupted=is_interrupted,
            )
