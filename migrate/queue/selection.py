"""Which dealers and listings a command is about; it knows names and ids, not what is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from migrate.errors import UnknownDealerError, UnknownListingError
from scraper.base.untrusted_text import one_line
from scraper.database.client import Database

MAX_DEALERS = 1000
"""The data API cuts an answer at 1,000 rows; dealers are read in pages of that size."""
MAX_NUMBERS = 200
"""So many listings are looked up at a time: their numbers stand in the request's address."""

LARGEST_ID = 2**63 - 1
"""The database cannot even be asked for a larger one."""


@dataclass(frozen=True)
class Selection:
    """A narrowing of a command; None means all."""

    dealer_ids: tuple[int, ...] | None = None
    listing_ids: tuple[int, ...] | None = None

    def as_params(self) -> dict[str, list[int] | None]:
        """The two array arguments that every SQL function of the migration takes."""
        return {
            "p_dealer_ids": None if self.dealer_ids is None else list(self.dealer_ids),
            "p_listing_ids": None if self.listing_ids is None else list(self.listing_ids),
        }


def select(
    database: Database,
    *,
    dealers: Sequence[str] = (),
    listings: Sequence[int] = (),
    with_deleted: bool = False,
) -> Selection:
    """Look names and numbers up; `with_deleted` takes listings at their number that are no more.

    Raises:
        UnknownDealerError: when a name (compared without regard to case) is no dealer's.
        UnknownListingError: when a number is no listing's.
    """
    numbers = tuple(dict.fromkeys(listings))
    if not with_deleted:
        _refuse_unknown(database, numbers)
    return Selection(
        dealer_ids=_dealer_ids(database, dealers) if dealers else None,
        listing_ids=numbers or None,
    )


def _refuse_unknown(database: Database, numbers: Sequence[int]) -> None:
    if numbers and max(numbers) > LARGEST_ID:
        raise UnknownListingError(max(numbers))
    for first in range(0, len(numbers), MAX_NUMBERS):
        asked = numbers[first : first + MAX_NUMBERS]
        rows = database.table("listings").select("id").in_("id", asked).execute().data
        unknown = set(asked) - {int(row["id"]) for row in rows}
        if unknown:
            raise UnknownListingError(min(unknown))


def _dealer_ids(database: Database, names: Sequence[str]) -> tuple[int, ...]:
    known = _known_dealers(database)
    # Also as reports write it, so that the command they advise finds a name that is no plain line.
    by_name = {_plain(one_line(name)): dealer_id for name, dealer_id in known.items()}
    by_name |= {_plain(name): dealer_id for name, dealer_id in known.items()}
    found: dict[int, None] = {}
    for name in names:
        if _plain(name) not in by_name:
            raise UnknownDealerError(name, sorted(known))
        found[by_name[_plain(name)]] = None
    return tuple(found)


def _plain(name: str) -> str:
    return name.strip().casefold()


def _known_dealers(database: Database) -> dict[str, int]:
    """Every dealer's id by name, read in pages by id so that no row cap hides one."""
    known: dict[str, int] = {}
    last_id = 0
    while True:
        query = database.table("dealers").select("id,name").gt("id", last_id).order("id")
        rows = query.limit(MAX_DEALERS).execute().data
        known.update((row["name"], row["id"]) for row in rows)
        if len(rows) < MAX_DEALERS:
            return known
        last_id = rows[-1]["id"]
