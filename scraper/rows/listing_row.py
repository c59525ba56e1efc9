"""What a listing's row holds and what of it may be written: pure rules about columns; it knows
neither pages nor the database.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from scraper.pages.listing import ScrapedListing, Status
from scraper.parsing.text import words_of

MEASURES = (
    "nagasa_cm",
    "sori_cm",
    "motohaba_cm",
    "sakihaba_cm",
    "kasane_cm",
    "nakago_cm",
    "weight_g",
    "mekugi_ana",
    "height_cm",
    "width_cm",
    "thickness_mm",
)
_BEHIND_PHOTON = re.compile(r"https?://i[0-9]\.wp\.com/[^/]+(/[^?]+)", re.IGNORECASE)
"""Photon, a CDN for pictures, names the shop's host in its path, and sizes in its query."""
_BEHIND_HOST = re.compile(r"[A-Za-z]+://[^/?#\\]*([/?].*[^/?].*)\Z", re.DOTALL)
_STATUS_COLUMNS = frozenset(("status", "is_available", "is_sold", "page_exists"))
_COLUMNS_OF = {"price": ("price_value", "price_currency", "price_raw")}


def columns_of(scraped: ScrapedListing) -> dict[str, Any]:
    """Return the columns that a page decides."""
    measures = dataclasses.asdict(scraped.measurements)
    return {
        "title": scraped.title,
        "description": scraped.description,
        "item_type": scraped.item_type,
        "price_value": _number(scraped.price.value),
        "price_currency": scraped.price.currency,
        "price_raw": scraped.price.raw,
        "status": scraped.status.value,
        "is_available": scraped.status.is_available,
        "is_sold": scraped.status.is_sold,
        "page_exists": True,
        "images": list(scraped.images),
        **{name: _number(measures[name]) for name in MEASURES},
    }


def changed_fields(row: Mapping[str, Any], scraped: ScrapedListing) -> set[str]:
    """Return which columns a page says otherwise than the row."""
    columns = columns_of(scraped)
    return {name for name, value in columns.items() if not is_same(row.get(name), value)}


def is_ours(row: Mapping[str, Any]) -> bool:
    """Say whether the scraper may write this row (`source` is 'scraper', or there is no such
    column).
    """
    return row.get("source") in (None, "", "scraper")


def locked_columns(row: Mapping[str, Any]) -> frozenset[str]:
    """Return the columns an admin has locked on this row."""
    locked: set[str] = set(_STATUS_COLUMNS) if row.get("status_admin_locked") else set()
    fields = row.get("admin_locked_fields")
    if isinstance(fields, str):
        try:
            fields = json.loads(fields)
        except ValueError:
            fields = [name.strip(' "{}') for name in fields.split(",")]
    names: Iterable[Any] = (
        [k for k, v in fields.items() if v] if isinstance(fields, dict) else fields or ()
    )
    for name in names:
        locked |= (
            _STATUS_COLUMNS if name == "status" else set(_COLUMNS_OF.get(str(name), (str(name),)))
        )
    return frozenset(locked)


def is_another_item(existing: Mapping[str, Any], scraped: ScrapedListing) -> bool:
    """Say whether a reused address now shows another item: no picture in common, and hardly a word
    of the title either, or words and price have been replaced (many titles share most words).

    listing_mirror.is_another_item() in the database says the same of title and price.
    """
    before, now = words_of(str(existing.get("title") or "")), words_of(scraped.title)
    if not before or not now or not existing.get("images") or not scraped.images:
        return False
    if _pictures(existing["images"]) & _pictures(scraped.images):
        return False
    shared = len(before & now) / min(len(before), len(now))
    has_new_price = not is_same(existing.get("price_value"), _number(scraped.price.value))
    return shared < 0.34 or bool(has_new_price and before - now and now - before)


def shows_same(existing: Mapping[str, Any], scraped: ScrapedListing) -> bool:
    """Say whether most pictures of a row and a page are the same; many items share one title, so
    that decides only where there are no pictures.
    """
    before, now = _pictures(existing.get("images") or ()), _pictures(scraped.images)
    if before and now:
        return len(before & now) * 2 >= min(len(before), len(now))
    return words_of(str(existing.get("title") or "")) == words_of(scraped.title)


def _pictures(addresses: Iterable[object]) -> set[str]:
    """What tells pictures apart: their addresses without scheme and host (https, www, a CDN, a
    moved shop). listing_mirror.picture_key() in the database says the same.
    """
    return {_picture_key(str(address)) for address in addresses}


def _picture_key(address: str) -> str:
    found = _BEHIND_PHOTON.match(address) or _BEHIND_HOST.match(address)
    return found[1] if found else address


def can_move(existing: Mapping[str, Any], scraped: ScrapedListing) -> bool:
    """Say whether a row may go with its item to another address, and shows this very item."""
    return may_move(existing) and shows_same(existing, scraped)


def may_move(existing: Mapping[str, Any]) -> bool:
    """Say whether a row's address is ours to change."""
    return is_ours(existing) and "url" not in locked_columns(existing)


def missing_changes(existing: Mapping[str, Any], *, now: dt.datetime) -> dict[str, Any]:
    """Return what one more confirmed 404 changes: sold is presumed after 3 in a row over at least
    48 hours.
    """
    count = int(existing.get("consecutive_404_count") or 0) + 1
    first = time_of(existing.get("first_404_at"))
    changes: dict[str, Any] = {"consecutive_404_count": count}
    if first is None:
        changes["first_404_at"] = now.isoformat()
    elif count >= 3 and now - first >= dt.timedelta(hours=48):
        changes["page_exists"] = False
        if existing.get("status") not in (Status.SOLD.value, Status.WITHDRAWN.value):
            changes |= {
                "status": Status.PRESUMED_SOLD.value,
                "is_available": False,
                "is_sold": True,
            }
        else:
            changes["is_available"] = False
    return changes


def time_of(value: Any) -> dt.datetime | None:
    if not isinstance(value, str):
        return None
    try:
        parsed = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)


def _number(value: Decimal | int | None) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == int(value) else float(value)


def is_same(stored: Any, wanted: Any) -> bool:
    if isinstance(wanted, (int, float)) and not isinstance(wanted, bool) and stored is not None:
        try:
            return Decimal(str(stored)) == Decimal(str(wanted))
        except ArithmeticError:
            return False
    return bool(stored == wanted)
