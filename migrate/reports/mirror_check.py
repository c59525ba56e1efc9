"""One check as every command does it: asked like a visitor, counted, judged, the day noted."""

from __future__ import annotations

from migrate.queue.selection import Selection
from migrate.reports.coverage import Statistics, ask_readers, read_statistics
from migrate.reports.health import Bounds
from migrate.reports.history import note_day
from scraper.database.client import Database


def check_mirror(
    database: Database, bounds: Bounds, selection: Selection | None = None
) -> Statistics:
    """The numbers with what the rules say to them."""
    chosen = selection or Selection()
    readers = ask_readers(database, bounds)
    statistics = read_statistics(database, chosen, bounds=bounds, readers=readers)
    if chosen.listing_ids is None:  # of a part of a dealer's listings nothing is kept
        note_day(database, statistics)
    return statistics
