"""What a scrape reads and writes in Supabase: dealers, addresses, listings, runs, leases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scraper.database.client import Database
from scraper.database.dealer_leases import DealerLeases
from scraper.database.run_records import RunRecords
from scraper.rows.address_table import AddressTable
from scraper.rows.dealer_table import DealerTable
from scraper.rows.listing_table import ListingTable
from scraper.rows.tables import BATCH


class Repository:
    """All tables of the scraper; shared by the threads of one run."""

    def __init__(self, database: Database) -> None:
        self.dealers = DealerTable(database)
        self.addresses = AddressTable(database)
        self.listings = ListingTable(database)
        self.runs = RunRecords(database)
        self._database = database

    def leases(self, *, lease_s: float, shares: bool) -> DealerLeases:
        """The leases of one command over several dealers."""
        return DealerLeases(self._database, lease_s=lease_s, shares=shares)

    def move_many(
        self, dealer_id: int, listings: Mapping[int, str], addresses: Mapping[int, str]
    ) -> tuple[int, int]:
        """Give rows of a dealer and its known addresses, by their ids, other addresses, many in one
        statement; returns how many of each were moved.
        """
        return (
            self._moved(dealer_id, "listings", listings),
            self._moved(dealer_id, "addresses", addresses),
        )

    def _moved(self, dealer_id: int, table: str, moves: Mapping[int, str]) -> int:
        named = [{"id": number, "url": url} for number, url in moves.items()]
        nothing: dict[str, Any] = {"p_listings": [], "p_addresses": []}
        count = 0
        for start in range(0, len(named), BATCH):
            wanted = {f"p_{table}": named[start : start + BATCH]}
            moved = self._database.rpc(
                "move_addresses", {"p_dealer_id": dealer_id, **nothing, **wanted}, idempotent=True
            )
            count += int(moved[table])
        return count
