"""The founding incident as numbers: how many listings, images and copies each dealer had.

From the report of January 2026: 1,000 listings (443 pending, 319 completed, 200 partial, 38 failed)
with 5,706 images, 2,222 of them missing; five dealers at 13, 50, 45, 19 and 71 %. What each listing
held is spread evenly, for nobody wrote it down. Names of the two other dealers are made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle

NEVER_TRIED = "pending"
CAUSES = ("http_403", "timeout", "http_404")
"""Why an image that was tried is missing; with those never tried they are the four causes."""

MONTHS = ("2025-08", "2025-09", "2025-10", "2025-11", "2025-12", "2026-01")


@dataclass(frozen=True)
class IncidentDealer:
    """One dealer's part: listings by status, images, and how many of them were missing."""

    name: str
    slug: str
    pending: int
    completed: int
    partial: int
    failed: int
    images: int
    missing: int
    months: tuple[str, ...] = MONTHS


DEALERS = (
    IncidentDealer("World Seiyudo", "world-seiyudo", 418, 14, 0, 0, 1504, 1308, MONTHS[-1:]),
    IncidentDealer("Aoi Art", "aoi-art", 6, 84, 86, 24, 768, 384),
    IncidentDealer("Yushindou", "yushindou", 0, 16, 40, 4, 262, 144),
    IncidentDealer("Nihonto Art", "nihonto-art", 4, 2, 16, 0, 101, 82),
    IncidentDealer("Touken Komachi", "touken-komachi", 1, 25, 14, 0, 166, 48),
    IncidentDealer("Sanmei Token", "sanmei-token", 9, 100, 24, 5, 1600, 150),
    IncidentDealer("Katana North", "katana-north", 5, 78, 20, 5, 1305, 106),
)


def tenth(dealers: Sequence[IncidentDealer] = DEALERS) -> tuple[IncidentDealer, ...]:
    """The same incident with a tenth of everything, for who has less than two minutes."""
    return tuple(_tenth(one) for one in dealers)


def _tenth(dealer: IncidentDealer) -> IncidentDealer:
    pending, completed, partial, failed, missing, stored = (
        -(-count // 10)
        for count in (
            dealer.pending,
            dealer.completed,
            dealer.partial,
            dealer.failed,
            dealer.missing,
            dealer.images - dealer.missing,
        )
    )
    stored = max(stored, completed + partial)  # each of them has one at least
    return replace(
        dealer,
        pending=pending,
        completed=completed,
        partial=partial,
        failed=failed,
        images=stored + missing,
        missing=missing,
    )


def totals(dealers: Sequence[IncidentDealer] = DEALERS) -> tuple[dict[str, int], dict[str, int]]:
    """The images (all, and those missing) and the listings by status, as they must be counted."""
    images = {
        "total": sum(one.images for one in dealers),
        "missing": sum(one.missing for one in dealers),
    }
    statuses = ("pending", "completed", "partial", "failed")
    return images, {name: sum(int(getattr(one, name)) for one in dealers) for name in statuses}


@dataclass(frozen=True)
class IncidentListing:
    """One listing: its first `stored` images had a copy, the `missing` ones after them had none."""

    dealer: IncidentDealer
    number: int
    status: str
    stored: int
    missing: int
    cause: str | None
    first_seen_at: str

    def image_names(self) -> list[str]:
        """The paths of its images at the shop; the cause says how the shop answers."""
        kinds = ["ok"] * self.stored + [self.cause or "ok"] * self.missing
        return [
            f"{kind}/{self.dealer.slug}/{self.number}/{position:02d}.jpg"
            for position, kind in enumerate(kinds)
        ]


def listings(dealers: Sequence[IncidentDealer] = DEALERS) -> Iterator[IncidentListing]:
    """Every listing of the incident, dealer by dealer."""
    for dealer in dealers:
        yield from _of(dealer)


def _of(dealer: IncidentDealer) -> Iterator[IncidentListing]:
    statuses = [
        *["pending"] * dealer.pending,
        *["failed"] * dealer.failed,
        *["partial"] * dealer.partial,
        *["completed"] * dealer.completed,
    ]
    lacking = dealer.pending + dealer.failed + dealer.partial
    missing = [*_spread(dealer.missing, lacking), *[0] * dealer.completed]
    having = dealer.partial + dealer.completed
    stored = [*[0] * (len(statuses) - having), *_spread(dealer.images - dealer.missing, having)]
    causes, months = cycle(CAUSES), cycle(dealer.months)
    for number, status in enumerate(statuses):
        cause = {"pending": NEVER_TRIED, "completed": None}.get(status) or (
            None if status == "completed" else next(causes)
        )
        day = f"{next(months)}-{number % 28 + 1:02d}T09:00:00Z"
        yield IncidentListing(dealer, number, status, stored[number], missing[number], cause, day)


def _spread(total: int, over: int) -> list[int]:
    """The total in so many whole parts that differ by one at most."""
    return [total // over + (at < total % over) for at in range(over)] if over else []
