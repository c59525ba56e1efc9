"""What was stored on each day and which runs there were; it also notes a day's numbers."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.queue.selection import Selection
from migrate.reports.coverage import STATES, Statistics, read_statistics
from migrate.reports.error_meanings import meaning
from migrate.reports.health import moment
from scraper.base.errors import ListingMirrorError
from scraper.base.report_blocks import Block, Cell, Heading, Line, Share, Table, span, sparkline
from scraper.database.client import Database

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class History:
    """The database's own answer; its keys are the contract of `history --format json`."""

    found: Mapping[str, Any]

    def as_json(self) -> Mapping[str, Any]:
        return self.found

    def as_blocks(self) -> Sequence[Block]:
        return [*self._days(), *self._dealers(), *self._reasons(), *self._runs()]

    def _days(self) -> Iterable[Block]:
        days = self.found["days"]
        yield Heading("Coverage by day")
        if not days:
            yield Line("Nothing was noted yet: each run and each `migrate check` notes its day.")
            return
        line = sparkline([_percent(one) for one in days])
        yield Line(f"{days[0]['day']} {line} {days[-1]['day']}")
        yield Table(
            ("day", "coverage", "images", *STATES, "listings"),
            [
                (
                    one["day"],
                    Share(_percent(one)),
                    one["images"],
                    *(one[state] for state in STATES),
                    one["listings"],
                )
                for one in days
            ],
            may_go=("rejected", "gone", "listings", "failed"),
        )

    def _dealers(self) -> Iterable[Block]:
        days = [one["day"] for one in self.found["days"]]
        rows: list[tuple[Cell, ...]] = []
        for dealer in self.found["dealers"]:
            by_day = dealer["coverage_percent"] or {}
            values = [None if by_day.get(day) is None else float(by_day[day]) for day in days]
            last = values[-1] if values else None
            rows.append((dealer["dealer"] or "(no dealer)", Share(last), sparkline(values)))
        if rows:
            yield Heading("Dealers")
            yield Table(("dealer", "now", "by day"), rows)

    def _reasons(self) -> Iterable[Block]:
        days = self.found["days"]
        rows: list[tuple[Cell, ...]] = []
        for kind, counts in reasons_by_day(days).items():
            most = max(counts)
            line = sparkline([100 * one / most if most else 0 for one in counts])
            rows.append((kind, counts[-1], line, meaning(kind)))
        if rows:
            yield Heading("Why images were missing")
            yield Table(("why", "now", "by day", "what it means"), rows)

    def _runs(self) -> Iterable[Block]:
        yield Heading("Runs, newest first")
        if not self.found["runs"]:
            yield Line("There was no run yet.")
        yield Table(
            ("started", "kind", "dealer", "took", "outcome", "counts", "of whom", "why"),
            [run_row(one) for one in self.found["runs"]],
            may_go=("why", "of whom"),
        )


def read_history(
    database: Database, selection: Selection | None = None, *, days: int, runs: int
) -> History:
    """Ask the database for the last days and runs, of the chosen dealers or of all."""
    chosen = selection or Selection()
    params = {
        "p_dealer_ids": chosen.as_params()["p_dealer_ids"],
        "p_days": days,
        "p_runs": runs,
    }
    return History(database.rpc("mirror_history", params, idempotent=True))


def note_day(database: Database, statistics: Statistics | None = None) -> None:
    """Note today's numbers of every dealer; what cannot be noted stops nobody.

    Args:
        statistics: of all listings of the dealers they name; None: they are read.
    """
    try:
        found = statistics or read_statistics(database)
        dealers = json.dumps(found.numbers["dealers"])
        database.rpc("note_coverage", {"p_dealers": dealers}, idempotent=True)
    except ListingMirrorError as exc:
        _log.warning("the day's coverage was not noted: %s", exc)


def reasons_by_day(days: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """How many images each reason kept away on each of the days, the most of the last day first."""
    reasons = [one.get("reasons") or {} for one in days]
    kinds = {kind for one in reasons for kind in one}
    found = {kind: [int(one.get(kind, 0)) for one in reasons] for kind in sorted(kinds)}
    return dict(sorted(found.items(), key=lambda one: -one[1][-1]))


def run_row(run: Mapping[str, Any]) -> tuple[Cell, ...]:
    """One run, for a table of them."""
    return (
        moment(run["started_at"]),
        run["kind"],
        run["dealer"] or "all",
        None if run["seconds"] is None else span(run["seconds"]),
        run["status"],
        counted(run),
        run["runner"],
        run["error_message"],
    )


def counted(run: Mapping[str, Any]) -> str:
    """What a run did, in the words of its kind."""
    if run["kind"] == "migrate":
        images = run["images"] or {}
        copies = (images.get("stored") or 0) + (images.get("reused") or 0)
        missed = sum(images.get(name) or 0 for name in ("failed", "gone", "rejected"))
        return f"{run['processed'] or 0:,} listings, {copies:,} stored, {missed:,} not"
    return (
        f"{run['processed'] or 0:,} pages, {run['new'] or 0:,} new, "
        f"{run['updated'] or 0:,} updated, {run['errors'] or 0:,} errors"
    )


def _percent(day: Mapping[str, Any]) -> float | None:
    percent = day["coverage_percent"]
    return None if percent is None else float(percent)
