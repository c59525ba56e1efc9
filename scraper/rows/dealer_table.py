"""The dealers' rows and what is set for them, in Supabase; it knows no page and no listing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from scraper.pages.dealer import Dealer
from scraper.rows.tables import Tables


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


def slug_of(name: str) -> str:
    """Return the dealer's slug: lower case, every run of other characters one `-`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


class DealerTable(Tables):
    """All reads and writes of `dealers` and `dealer_settings`."""

    def all(self) -> list[DealerRow]:
        settings = {
            int(row["dealer_id"]): row["settings"]
            for row in self._pages("dealer_settings", "dealer_id,settings", key="dealer_id")
        }
        rows = self._pages(
            "dealers", "id,name,domain,catalog_url,platform,currency,country,is_active"
        )
        return [_dealer(row, settings.get(int(row["id"]), {})) for row in rows]

    def add(self, dealer: Dealer, settings: Mapping[str, Any]) -> DealerRow:
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

    def update(self, dealer_id: int, changes: Mapping[str, Any]) -> None:
        if changes:
            self._run(self._table("dealers").update(dict(changes)).eq("id", dealer_id))

    def set_settings(self, dealer_id: int, settings: Mapping[str, Any]) -> None:
        """Replace all that is set for one dealer."""
        row = {"dealer_id": dealer_id, "settings": dict(settings)}
        self._run(self._table("dealer_settings").upsert(row, on_conflict="dealer_id"))


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
