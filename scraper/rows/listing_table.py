"""The rows of listings in Supabase: writes only what changed; knows neither pages nor pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scraper.base.errors import SchemaMissingError
from scraper.database.client import Database
from scraper.pages.listing import ScrapedListing
from scraper.rows.listing_row import (
    MEASURES,
    columns_of,
    is_another_item,
    is_ours,
    is_same,
    locked_columns,
)
from scraper.rows.tables import BATCH, NOW, Tables

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
class SavedListing:
    """The outcome of saving one listing and its id, None where there is no row."""

    outcome: Saved
    listing_id: int | None


class ListingTable(Tables):
    """All reads and writes of `listings`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._ownership: tuple[str, ...] | None = None

    def of(self, dealer_id: int) -> list[dict[str, Any]]:
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
                "last_scraped_at": NOW,
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
            changes |= {"first_seen_at": NOW, "is_initial_import": False}
        changes |= {
            "last_scraped_at": NOW,
            "scrape_count": int(existing.get("scrape_count") or 0) + 1,
        }
        self._run(self._table("listings").update(changes).eq("id", listing_id))
        return SavedListing(Saved.UPDATED, listing_id)

    def confirm(self, listing_ids: Sequence[int]) -> None:
        """Move `last_scraped_at` of rows that were seen unchanged; no other column is written."""
        for start in range(0, len(listing_ids), BATCH):
            self._database.rpc(
                "confirm_listings",
                {"p_listing_ids": list(listing_ids[start : start + BATCH])},
                idempotent=True,
            )

    def move(self, listing_id: int, url: str) -> None:
        """Give a listing the address that its item has now."""
        self._run(self._table("listings").update({"url": url}).eq("id", listing_id))

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
