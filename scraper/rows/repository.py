"""Dealers, discovered addresses and listings in Supabase; writes only what changed, knows neither
pages nor images' bytes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from scraper.base.errors import SchemaMissingError
from scraper.database.client import Database
from scraper.database.dealer_leases import DealerLeases
from scraper.database.faults import SCRAPE_TRIES
from scraper.database.run_records import RunRecords
from scraper.pages.dealer import Dealer
from scraper.pages.listing import ScrapedListing
from scraper.rows.listing_row import (
    MEASURES,
    columns_of,
    is_another_item,
    is_ours,
    is_same,
    locked_columns,
    time_of,
)

PAGE_ROWS = 1_000  # the data API cuts every read there
_BATCH = 200
_NOW = "now"  # Postgres reads this as its own clock
_READ = (
    "id",
    "url",
    "status",
    "is_available",
    "is_sold",
    "page_exists",
    "title",
    "description",
    "item_type",
    "price_value",
    "price_currency",
    "price_raw",
    "images",
    "scrape_count",
    "consecutive_404_count",
    "first_404_at",
    *MEASURES,
)
# Columns that other projects have: whose row it is, and what an admin has locked.
_OWNERSHIP = ("source", "status_admin_locked", "admin_locked_fields")


class Saved(StrEnum):
    """What saving a listing did."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    NOT_OURS = "not ours"


@dataclass(frozen=True)
class DealerRow:
    """A dealer as the database knows it."""

    id: int
    name: str
    domain: str | None
    catalog_url: str | None
    platform: str | None
    currency: str | None
    country: str | None
    is_active: bool
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class DiscoveredRow:
    """One known address of a dealer."""

    id: int
    url: str
    is_scraped: bool
    priority: int
    failures: int
    last_error: str | None
    etag: str | None
    last_modified: str | None
    catalogue_digest: str | None
    discovered_at: dt.datetime | None = None


@dataclass(frozen=True)
class SavedListing:
    """The outcome of saving one listing and its id, None where there is no row."""

    outcome: Saved
    listing_id: int | None


def slug_of(name: str) -> str:
    """Return the dealer's slug: lower case, every run of other characters one `-`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


class Repository:
    """All reads and writes of the scraper; shared by the threads of one run."""

    def __init__(self, database: Database) -> None:
        self.runs = RunRecords(database)
        self._database = database
        self._ownership: tuple[str, ...] | None = None

    # Dealers.

    def leases(self, *, lease_s: float, shares: bool) -> DealerLeases:
        """The leases of one command over several dealers."""
        return DealerLeases(self._database, lease_s=lease_s, shares=shares)

    def dealers(self) -> list[DealerRow]:
        settings = {
            int(row["dealer_id"]): row["settings"]
            for row in self._pages("dealer_settings", "dealer_id,settings", key="dealer_id")
        }
        rows = self._pages(
            "dealers", "id,name,domain,catalog_url,platform,currency,country,is_active"
        )
        return [_dealer(row, settings.get(int(row["id"]), {})) for row in rows]

    def add_dealer(self, dealer: Dealer, settings: Mapping[str, Any]) -> DealerRow:
        """Insert a dealer, or return the row that another process has inserted meanwhile."""
        row = {
            "name": dealer.name,
            "slug": slug_of(dealer.name) or None,
            "domain": dealer.domain,
            "catalog_url": dealer.catalog_url,
            "platform": dealer.platform.name if dealer.platform else None,
            "currency": dealer.currency,
            "country": dealer.country,
            "is_active": True,
        }
        if row["slug"] is None:
            del row["slug"]
        self._run(self._table("dealers").upsert(row, on_conflict="name", ignore_duplicates=True))
        found = self._run(self._table("dealers").select("*").eq("name", dealer.name).limit(1))
        if settings:
            self.set_settings(int(found[0]["id"]), settings)
        return _dealer(found[0], settings)

    def update_dealer(self, dealer_id: int, changes: Mapping[str, Any]) -> None:
        if changes:
            self._run(self._table("dealers").update(dict(changes)).eq("id", dealer_id))

    def set_settings(self, dealer_id: int, settings: Mapping[str, Any]) -> None:
        """Replace all that is set for one dealer."""
        row = {"dealer_id": dealer_id, "settings": dict(settings)}
        self._run(self._table("dealer_settings").upsert(row, on_conflict="dealer_id"))

    # Discovered addresses.

    def forget_pages(self, dealer_id: int) -> None:
        """Let the next run read all pages of a dealer, also those that have not changed."""
        nothing = {"page_etag": None, "page_last_modified": None, "catalogue_digest": None}
        self._run(self._table("discovered_urls").update(nothing).eq("dealer_id", dealer_id))

    def discovered(self, dealer_id: int) -> list[DiscoveredRow]:
        columns = (
            "id,url,is_scraped,scrape_priority,consecutive_failures,last_error,"
            "page_etag,page_last_modified,catalogue_digest,discovered_at"
        )
        return [
            DiscoveredRow(
                int(r["id"]),
                str(r["url"]),
                bool(r["is_scraped"]),
                int(r["scrape_priority"] or 0),
                int(r["consecutive_failures"] or 0),
                r["last_error"],
                r["page_etag"],
                r["page_last_modified"],
                r["catalogue_digest"],
                time_of(r["discovered_at"]),
            )
            for r in self._pages("discovered_urls", columns, dealer_id)
        ]

    def add_discovered(self, dealer_id: int, urls: Sequence[str], *, priority: int) -> None:
        for start in range(0, len(urls), _BATCH):
            rows = [
                {"url": url, "dealer_id": dealer_id, "scrape_priority": priority}
                for url in urls[start : start + _BATCH]
            ]
            self._run(
                self._table("discovered_urls").upsert(
                    rows, on_conflict="url", ignore_duplicates=True
                )
            )

    def note_visit(
        self,
        row: DiscoveredRow,
        *,
        etag: str | None,
        last_modified: str | None,
        catalogue_digest: str | None,
        wrote: bool,
    ) -> None:
        """Record a visit where something about it is new; an unchanged page changes nothing
        here.
        """
        changes: dict[str, Any] = {}
        if not row.is_scraped:
            changes = {"is_scraped": True, "scrape_priority": 0}
        if row.failures or row.last_error:
            changes |= {"consecutive_failures": 0, "last_error": None}
        if etag != row.etag:
            changes["page_etag"] = etag
        if last_modified != row.last_modified:
            changes["page_last_modified"] = last_modified
        if catalogue_digest != row.catalogue_digest:
            changes["catalogue_digest"] = catalogue_digest
        if changes or wrote:
            changes["last_scraped_at"] = _NOW
            self._run(self._table("discovered_urls").update(changes).eq("id", row.id))

    def note_failure(self, row: DiscoveredRow, error: str) -> None:
        changes = {"consecutive_failures": row.failures + 1, "last_error": error[:1_000]}
        self._run(self._table("discovered_urls").update(changes).eq("id", row.id))

    # Listings.

    def listings(self, dealer_id: int) -> list[dict[str, Any]]:
        return list(
            self._pages("listings", ",".join((*_READ, *self._ownership_columns())), dealer_id)
        )

    def save(
        self,
        dealer_id: int,
        existing: Mapping[str, Any] | None,
        scraped: ScrapedListing,
        *,
        is_import: bool = False,
    ) -> SavedListing:
        """Insert a new listing or update the columns that differ; a second time nothing is
        written. `is_import`: it came in bulk; else the database decides whether it is new.
        """
        wanted = columns_of(scraped)
        if existing is None:
            row = {
                "url": scraped.url,
                "dealer_id": dealer_id,
                **wanted,
                "scrape_count": 1,
                "last_scraped_at": _NOW,
                **({"is_initial_import": True} if is_import else {}),
            }
            inserted = self._run(
                self._table("listings").upsert(row, on_conflict="url", ignore_duplicates=True)
            )
            if inserted:
                return SavedListing(Saved.NEW, int(inserted[0]["id"]))
            found = self._run(self._table("listings").select("*").eq("url", scraped.url).limit(1))
            if not found or found[0].get("dealer_id") != dealer_id:
                return SavedListing(Saved.NOT_OURS, None)
            existing = found[0]
        listing_id = int(existing["id"])
        if not is_ours(existing):
            return SavedListing(Saved.NOT_OURS, listing_id)
        locked = locked_columns(existing)
        changes = {
            k: v for k, v in wanted.items() if k not in locked and not is_same(existing.get(k), v)
        }
        if existing.get("consecutive_404_count"):
            changes |= {"consecutive_404_count": 0, "first_404_at": None}
        if not changes:
            return SavedListing(Saved.UNCHANGED, listing_id)
        if is_another_item(existing, scraped):
            changes |= {"first_seen_at": _NOW, "is_initial_import": False}
        changes |= {
            "last_scraped_at": _NOW,
            "scrape_count": int(existing.get("scrape_count") or 0) + 1,
        }
        self._run(self._table("listings").update(changes).eq("id", listing_id))
        return SavedListing(Saved.UPDATED, listing_id)

    def confirm(self, listing_ids: Sequence[int]) -> None:
        """Move `last_scraped_at` of rows that were seen unchanged; no other column is written."""
        for start in range(0, len(listing_ids), _BATCH):
            self._database.rpc(
                "confirm_listings",
                {"p_listing_ids": list(listing_ids[start : start + _BATCH])},
                idempotent=True,
            )

    def move(self, listing_id: int, url: str) -> None:
        """Give a listing the address that its item has now."""
        self._run(self._table("listings").update({"url": url}).eq("id", listing_id))

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
        for start in range(0, len(named), _BATCH):
            wanted = {f"p_{table}": named[start : start + _BATCH]}
            moved = self._database.rpc(
                "move_addresses", {"p_dealer_id": dealer_id, **nothing, **wanted}, idempotent=True
            )
            count += int(moved[table])
        return count

    def note_missing(self, existing: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
        """Write what a confirmed 404 means for a row that is ours; returns whether anything was
        written.
        """
        if not is_ours(existing):
            return False
        locked = locked_columns(existing)
        kept = {
            k: v for k, v in changes.items() if k not in locked and not is_same(existing.get(k), v)
        }
        if kept:
            self._run(self._table("listings").update(kept).eq("id", int(existing["id"])))
        return bool(kept)

    # The door.

    def _ownership_columns(self) -> tuple[str, ...]:
        """Return which of the foreign columns this database has; asked once."""
        if self._ownership is None:
            self._ownership = tuple(name for name in _OWNERSHIP if self._has_column(name))
        return self._ownership

    def _has_column(self, name: str) -> bool:
        try:
            self._run(self._table("listings").select(name).limit(1))
        except SchemaMissingError as error:
            if error.code != "42703":  # no such column; anything else is the table itself
                raise
            return False
        return True

    def _pages(
        self, table: str, columns: str, dealer_id: int | None = None, *, key: str = "id"
    ) -> Iterator[dict[str, Any]]:
        """Yield all rows by their key, page by page, because one read is cut at 1,000 rows."""
        last = 0
        while True:
            query = self._table(table).select(columns)
            if dealer_id is not None:
                query = query.eq("dealer_id", dealer_id)
            rows = self._run(query.gt(key, last).order(key).limit(PAGE_ROWS))
            yield from rows
            if not rows:
                return
            last = int(rows[-1][key])

    def _table(self, name: str) -> Any:
        return self._database.table(name)

    def _run(self, query: Any) -> list[dict[str, Any]]:
        data = query.execute(tries=SCRAPE_TRIES).data
        return data if isinstance(data, list) else []


def _dealer(row: Mapping[str, Any], settings: Mapping[str, Any]) -> DealerRow:
    catalog = row.get("catalog_url")
    return DealerRow(
        int(row["id"]),
        str(row["name"]),
        row.get("domain") or (urlsplit(catalog).hostname if catalog else None),
        catalog,
        row.get("platform"),
        row.get("currency"),
        row.get("country"),
        row.get("is_active") is not False,
        settings,
    )
