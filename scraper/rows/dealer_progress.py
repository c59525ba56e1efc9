"""What goes on at each dealer while they are scraped, for who watches; it only looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scraper.base.progress import Piece, showing
from scraper.rows.run_context import DealerReport


@contextmanager
def showing_dealers() -> Iterator[Callable[[DealerReport], None]]:
    """A callback for scrape_dealers: each dealer that has begun is shown until the block ends."""
    begun: dict[str, DealerReport] = {}

    def begin(report: DealerReport) -> None:
        begun[report.dealer] = report

    def look() -> list[Piece]:
        return [_piece(report) for report in list(begun.values()) if not report.is_done]

    with showing(look, noun="pages"):
        yield begin


def _piece(report: DealerReport) -> Piece:
    if report.to_visit is None:
        return Piece(report.dealer, 0, note="finding what it lists")
    return Piece(report.dealer, report.visited, report.to_visit)
