"""What a page says no more although its row still holds it: a change of the dealer's, or a piece
missing from the page; it knows rows and readings, neither pages nor the database. What a page never
said is `reading.missing_fields`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scraper.pages.errors import PageError
from scraper.pages.listing import BY_DEFAULT, ScrapedListing, Status
from scraper.rows.listing_row import is_another_item

SIGHTINGS_TO_BELIEVE = 3
_LETTERS_OF_A_MARK = 16
_ASKS = re.compile(  # what stands in the place of an amount that the dealer has withdrawn
    r"問|応談|相談|尋ね|連絡|\b(?:ask|call|contact|inquir|enquir|request|p\.?o\.?[ra])|(?<!\d)0(?!\d)",
    re.IGNORECASE,
)


class LostFieldsError(PageError):
    """A page on which something is missing that its row holds, and that says nothing about it."""

    reason = "does not show any more"
    remedy = (
        f"Nothing was saved from it; it is believed when {SIGHTINGS_TO_BELIEVE} looks in a row "
        f"find it so."
    )


def refuse_lost_fields(
    url: str,
    existing: Mapping[str, Any] | None,
    scraped: ScrapedListing,
    *,
    failures: int,
    last_error: str | None,
) -> None:
    """Raise LostFieldsError where what is missing looks like a hole in the page.

    Args:
        failures: how many looks in a row have failed before this one, the last with `last_error`.
    """
    lost = lost_fields(existing, scraped) if existing is not None else ()
    if not lost:
        return
    error = LostFieldsError(url, ", ".join(lost))
    if not is_believed(error, failures=failures, last_error=last_error):
        raise error


def is_believed(error: Exception, *, failures: int, last_error: str | None) -> bool:
    """Say whether a refusal has been the same so often that the page is simply like that."""
    return failures >= SIGHTINGS_TO_BELIEVE - 1 and last_error == str(error)[:1_000]


def lost_fields(existing: Mapping[str, Any], scraped: ScrapedListing) -> tuple[str, ...]:
    """Return what is missing without a word about it, () where it can well be a change.

    A price, all pictures or the mark of a sold item do not go silently; a few pictures, a hold or a
    piece of text may, but not two of them at once.
    """
    if is_another_item(existing, scraped):
        return ()
    certain = [*_price(existing, scraped), *_pictures(existing, scraped), *_sale(existing, scraped)]
    possible = [
        *_some_pictures(existing, scraped),
        *_hold(existing, scraped),
        *_text(existing, scraped),
    ]
    return tuple(certain + possible) if certain or len(possible) > 1 else ()


def _price(existing: Mapping[str, Any], scraped: ScrapedListing) -> list[str]:
    had, now = existing.get("price_value"), scraped.price
    if had is None or now.value is not None or scraped.status is not Status.AVAILABLE:
        return []
    is_stated = "price" in scraped.layers and (now.raw is None or _ASKS.search(now.raw) is not None)
    return [] if is_stated else [f"its price ({had})"]


def _pictures(existing: Mapping[str, Any], scraped: ScrapedListing) -> list[str]:
    is_silent = "images" not in scraped.layers and not scraped.images
    had = len(existing.get("images") or ())
    return [f"its pictures ({had})"] if had and is_silent else []


def _sale(existing: Mapping[str, Any], scraped: ScrapedListing) -> list[str]:
    """A sale that 404s made us presume ends when the page is back; one that was marked does not."""
    had_price = existing.get("price_value") is not None
    is_silent = scraped.layers.get("status") == BY_DEFAULT or (
        had_price and scraped.price.value is None
    )
    was_sold = existing.get("status") == Status.SOLD.value
    return ["that it is sold"] if was_sold and scraped.status.is_available and is_silent else []


def _hold(existing: Mapping[str, Any], scraped: ScrapedListing) -> list[str]:
    was_held = existing.get("status") == Status.RESERVED.value
    is_silent = scraped.status.is_available and scraped.layers.get("status") == BY_DEFAULT
    return ["that it is reserved"] if was_held and is_silent else []


def _some_pictures(existing: Mapping[str, Any], scraped: ScrapedListing) -> list[str]:
    had = existing.get("images") or []
    missing = len(set(had) - set(scraped.images))
    is_rest = bool(scraped.images) and set(scraped.images) <= set(had)
    return [f"{missing} of its {len(had)} pictures"] if missing and is_rest else []


def _text(existing: Mapping[str, Any], scraped: ScrapedListing) -> list[str]:
    """A hole: what is left begins and ends as before, and more than a mark is gone between."""
    before = re.sub(r"\s+", "", str(existing.get("description") or ""))
    now = re.sub(r"\s+", "", scraped.description or "")
    begin = 0
    while begin < min(len(before), len(now)) and before[begin] == now[begin]:
        begin += 1
    is_rest = before.endswith(now[begin:])
    gone = len(before) - len(now)
    return ["a piece of its text"] if is_rest and gone > _LETTERS_OF_A_MARK else []
