"""What may be written of a listing: which item it is, and what a missing page means."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scraper.pages.listing import Price, ScrapedListing, Status
from scraper.rows.listing_row import can_move, is_another_item

OLD = {
    "title": "Katana, Kanesada, NBTHK Hozon",
    "price_value": 500_000,
    "images": ["https://x.jp/1.jpg", "https://x.jp/2.jpg"],
}


def shown(title: str, price: int | None, *images: str) -> ScrapedListing:
    return ScrapedListing(
        url="https://x.jp/item",
        title=title,
        description=None,
        item_type=None,
        price=Price(None if price is None else Decimal(price), "JPY", None),
        status=Status.AVAILABLE,
        images=tuple(f"https://x.jp/{name}.jpg" for name in images),
    )


@pytest.mark.parametrize(
    ("title", "price", "images", "is_another"),
    [
        ("Iron helmet", 500_000, "78", True),
        ("Katana, Tadayoshi, NBTHK Hozon", 700_000, "78", True),
        ("Katana, Tadayoshi, NBTHK Hozon", 500_000, "78", False),  # a new reading of its maker
        ("Katana, Tadayoshi, NBTHK Hozon", 700_000, "17", False),  # one picture is the same
        ("Katana, Kanesada, NBTHK Hozon, reduced", 300_000, "78", False),  # new photographs
        ("Katana, Tadayoshi, NBTHK Hozon", 700_000, "", False),
        ("", 700_000, "78", False),
    ],
)
def test_a_reused_address_is_known_by_title_price_and_pictures(
    title: str, price: int, images: str, is_another: bool
) -> None:
    assert is_another_item(OLD, shown(title, price, *images)) is is_another


@pytest.mark.parametrize(
    ("before", "now", "is_same"),
    [
        ("http://x.jp/a/1.jpg", "https://www.x.jp/a/1.jpg", True),
        ("https://x.jp/a/1.jpg", "https://cdn.shop.example/a/1.jpg", True),
        ("https://x.jp/a/1.jpg", "https://i2.wp.com/x.jp/a/1.jpg?resize=800", True),
        ("https://x.jp/img?id=1", "https://y.jp/img?id=1", True),
        ("https://x.jp/img?id=1", "https://y.jp/img?id=2", False),
        ("https://x.jp/a/1.jpg", "https://x.jp/b/1.jpg", False),
        ("https://x.jp/", "https://y.jp/", False),  # nothing is left that tells them apart
    ],
)
def test_a_picture_is_the_same_on_another_host(before: str, now: str, is_same: bool) -> None:
    other = dataclasses.replace(shown("Tanto, Masamune", 9), images=(now,))
    assert is_another_item(OLD | {"images": [before]}, other) is not is_same
    assert can_move(OLD | {"images": [before]}, other) is is_same


def test_the_database_knows_a_picture_by_the_same_part_of_its_address() -> None:
    migrations = Path(__file__).parents[3] / "supabase" / "migrations"
    reading = (migrations / "20261123090600_reading_columns.sql").read_text("utf-8")
    for rule in (
        r"^https?://i[0-9]\.wp\.com/[^/]+/[^?]",
        r"^[A-Za-z]+://[^/?#\\]*([/?].*[^/?].*)$",
    ):
        assert f"'{rule}'" in reading


@pytest.mark.parametrize(
    ("changes", "images", "moves"),
    [
        ({}, "12", True),
        ({}, "21", True),
        ({}, "1789", True),
        ({}, "789", False),
        ({"images": [f"https://x.jp/{n}.jpg" for n in (3, 4, 7)]}, "789", False),
        ({"images": []}, "12", True),
        ({"images": [], "title": "Katana, Tadayoshi, NBTHK Hozon"}, "12", False),
        ({"is_sold": True}, "12", True),
        ({"source": "dealer"}, "12", False),
        ({"admin_locked_fields": ["url"]}, "12", False),
    ],
)  # fmt: skip
def test_a_row_moves_with_its_very_item_only(
    changes: dict[str, Any], images: str, moves: bool
) -> None:
    assert can_move(OLD | changes, shown("Katana, Kanesada, NBTHK Hozon", 1, *images)) is moves
