"""The record of runs in scrape_runs: begun, how far, ended, and what the last ones have met; it
knows neither pages nor listings.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scraper.base.errors import ListingMirrorError
from scraper.base.runner_identity import is_dead_here, runner_name
from scraper.database.client import Database
from scraper.database.faults import SCRAPE_TRIES

SCRAPES = ("daily_scrape", "discovery")
_log = logging.getLogger(__name__)
_LONGEST_RUN = dt.timedelta(hours=12)
_OF_PAGES = ("shapes", "frames", "details", "doubted", "headings", "believed", "described_anew")


@dataclass(frozen=True)
class RunResult:
    """How one dealer's run ended; `counts` holds what has no column of its own."""

    status: str
    error: str | None = None
    processed: int = 0
    new: int = 0
    updated: int = 0
    errors: int = 0
    counts: Mapping[str, Any] = field(default_factory=dict)


class RunRecords:
    """The scraper's rows of scrape_runs; shared by the threads of one command."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, run_type: str, dealer_id: int) -> int:
        """Begin a run and return its id; runs of this dealer that were killed end here."""
        self._close_killed(dealer_id)
        answer = self._database.rpc(
            "start_run",
            {"p_run_type": run_type, "p_dealer_id": dealer_id, "p_runner": runner_name()},
            idempotent=False,
        )
        return int(answer["run_id"])

    def note_progress(self, run_id: int, counts: Mapping[str, Any]) -> None:
        """Keep how far a run has come, for the run after a kill."""
        table = self._database.table("scrape_runs")
        table.update({"counts": dict(counts)}).eq("id", run_id).execute(tries=SCRAPE_TRIES)

    def finish(self, run_id: int, result: RunResult) -> None:
        """End a run; repeated until the database has it."""
        self._database.rpc(
            "finish_run",
            {
                "p_run_id": run_id,
                "p_status": result.status,
                "p_error_message": result.error,
                "p_urls_processed": result.processed,
                "p_new_listings": result.new,
                "p_updated_listings": result.updated,
                "p_errors": result.errors,
                "p_counts": json.dumps(dict(result.counts)),
            },
            idempotent=True,
            tries=SCRAPE_TRIES,
        )

    def note_coverage(self, dealer_id: int) -> None:
        """Note what the dealer has today, for the history; what cannot be noted stops nobody."""
        try:
            params = {"p_dealer_ids": [dealer_id]}
            self._database.rpc("record_coverage", params, idempotent=True, tries=1)
        except ListingMirrorError as exc:
            _log.warning("the coverage of dealer %d was not noted: %s", dealer_id, exc)

    def last_counts(self, dealer_id: int) -> dict[str, Any]:
        """Return what the last good run listed, what the last good one that read pages met on
        them, whole (a habit that ended is not looked for in older runs), and where the last run,
        good or killed, stopped.
        """
        newest_first = (
            self._database.table("scrape_runs")
            .select("id,status,counts")
            .eq("dealer_id", dealer_id)
            .in_("run_type", list(SCRAPES))
            .order("id", desc=True)
            .limit(20)
            .execute(tries=SCRAPE_TRIES)
        )
        merged: dict[str, Any] = {}
        for run in newest_first.data:
            counts = run.get("counts") or {}
            if "cursor" in counts:
                merged.setdefault("cursor", counts["cursor"])
            if run.get("status") == "completed" and counts.get("listed"):
                merged.setdefault("listed", counts["listed"])
                if counts.get("shapes") and "shapes" not in merged:
                    merged |= {name: counts[name] for name in _OF_PAGES if name in counts}
        return merged

    def _close_killed(self, dealer_id: int) -> None:
        """Runs that nobody will finish any more stop counting as running."""
        running = (
            self._database.table("scrape_runs")
            .select("id,runner,started_at")
            .eq("dealer_id", dealer_id)
            .eq("status", "running")
            .in_("run_type", list(SCRAPES))
            .execute(tries=SCRAPE_TRIES)
        )
        limit = dt.datetime.now(dt.UTC) - _LONGEST_RUN
        killed = [
            int(run["id"])
            for run in running.data
            if is_dead_here(str(run["runner"]))
            or dt.datetime.fromisoformat(run["started_at"]) < limit
        ]
        ended = {
            "status": "failed",
            "error_message": "it ended without a word",
            "completed_at": "now",  # Postgres reads this as its own clock
        }
        if killed:
            table = self._database.table("scrape_runs")
            table.update(ended).in_("id", killed).execute(tries=SCRAPE_TRIES)
