"""What a page shows no more: a change that its dealer made, or a hole in the page."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from scraper.pages.listing import BY_DEFAULT, Price, ScrapedListing, Status
from scraper.rows.listing_row import columns_of
from scraper.rows.lost_fields import LostFieldsError, lost_fields, refuse_lost_fields

URL = "https://shop.example/1.html"
NOTHING = Price(None, "JPY", None)
ITEM = ScrapedListing(
    url=URL,
    title="脇差 国広",
    description="桃山時代の作。刃文は互の目、帽子は小丸に返る。拵が付属する。保存刀剣鑑定書。価格300,000円",
    item_type="wakizashi",
    price=Price(Decimal(300_000), "JPY", "300,000円"),
    status=Status.AVAILABLE,
    images=("https://shop.example/1.jpg", "https://shop.example/2.jpg"),
    layers={"price": "generic", "images": "generic", "status": BY_DEFAULT},
)
ONE_PICTURE = {"images": ITEM.images[:1]}
HOLED_TEXT = {"description": "桃山時代の作。保存刀剣鑑定書。価格300,000円"}
SOLD = {"status": Status.SOLD}
HELD = {"status": Status.RESERVED}


def change(listing: ScrapedListing, changes: dict[str, Any], *silent: str) -> ScrapedListing:
    layers = {name: layer for name, layer in ITEM.layers.items() if name not in silent}
    return dataclasses.replace(listing, **{"layers": layers, **changes})


@pytest.mark.parametrize(
    ("before", "changes", "silent", "lost"),
    [
        ({}, {}, (), ()),
        ({}, {"price": NOTHING}, ("price",), ("its price (300000)",)),
        ({}, {"price": NOTHING}, (), ()),  # an empty place for it
        ({}, {"price": Price(None, "JPY", "お問い合わせ下さい")}, (), ()),
        ({}, {"price": Price(None, "JPY", "価格 在庫状態")}, (), ("its price (300000)",)),
        ({}, {"price": NOTHING, **SOLD}, ("price",), ()),  # sold, so no price
        ({}, {"images": ()}, ("images",), ("its pictures (2)",)),
        ({}, {"images": ()}, (), ()),  # the shop's own "no picture"
        ({}, ONE_PICTURE, (), ()),
        ({}, HOLED_TEXT, (), ()),
        ({}, ONE_PICTURE | HOLED_TEXT, (), ("1 of its 2 pictures", "a piece of its text")),
        (SOLD, {}, (), ("that it is sold",)),
        (SOLD, {"layers": {"status": "platform", "price": "platform"}}, (), ()),  # in stock
        ({"status": Status.PRESUMED_SOLD}, {}, (), ()),  # its page is back
        (HELD, {}, (), ()),
        (HELD, HOLED_TEXT, (), ("that it is reserved", "a piece of its text")),
        ({"title": "Tsuba", "images": ("https://shop.example/9.jpg",)}, ONE_PICTURE, (), ()),
    ],
)
def test_what_goes_without_a_word_is_told_from_a_change(
    before: dict[str, Any], changes: dict[str, Any], silent: tuple[str, ...], lost: tuple[str, ...]
) -> None:
    row = columns_of(dataclasses.replace(ITEM, **before))
    assert lost_fields(row, change(ITEM, changes, *silent)) == lost


def test_three_looks_in_a_row_that_find_the_same_are_believed() -> None:
    row, now = columns_of(ITEM), change(ITEM, {"images": ()}, "images")

    def look(failures: int, last_error: str | None) -> None:
        refuse_lost_fields(URL, row, now, failures=failures, last_error=last_error)

    with pytest.raises(LostFieldsError, match="does not show any more: its pictures") as caught:
        look(0, None)
    with pytest.raises(LostFieldsError):
        look(1, str(caught.value))
    with pytest.raises(LostFieldsError):
        look(2, "the server answered 503")
    look(2, str(caught.value))


def test_a_new_item_has_lost_nothing() -> None:
    refuse_lost_fields(URL, None, change(ITEM, {"images": ()}), failures=0, last_error=None)
