"""An API with other kinds of values than it should have: the page decides, nothing is raised."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from scraper.pages.listing import Price
from scraper.platforms.shopify import products as shopify_products
from scraper.platforms.woocommerce import store_api

PICTURE = "https://shop.example/wp-content/uploads/1.jpg"
YEN: dict[str, Any] = {"price": "350000", "currency_code": "JPY", "currency_minor_unit": 0}
PRODUCT = {
    "name": "Katana",
    "permalink": "https://shop.example/product/katana/",
    "prices": YEN,
    "price_html": "<span>350,000</span>",
    "images": [{"src": PICTURE}],
    "is_in_stock": True,
}
SHOPIFY = {
    "title": "Katana",
    "variants": [{"price": "12500.00", "available": True}],
    "images": [{"src": PICTURE}],
}
NONSENSE: list[Any] = [None, 0, -1, True, [], {}, "", [[]], [None], {"a": 1}, math.inf, math.nan]


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
@pytest.mark.parametrize("name", [*PRODUCT, "categories", "description", "sku"])
def test_a_store_api_with_other_types_is_silent(name: str, value: Any) -> None:
    read = store_api.read_product(PRODUCT | {name: value})
    assert read.title in ("Katana", None)
    assert read.price in (Price(Decimal(350_000), "JPY", "350000 JPY"), None)
    assert read.images in ((PICTURE,), (), None)


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
@pytest.mark.parametrize("name", [*SHOPIFY, "tags", "body_html", "product_type"])
def test_a_product_list_with_other_types_is_silent(name: str, value: Any) -> None:
    read = shopify_products.read_product(SHOPIFY | {name: value})
    assert read.title in ("Katana", None)
    assert read.price in (Price(Decimal(12_500), None, "12500.00"), None)
    assert read.images in ((PICTURE,), (), None)


@pytest.mark.parametrize(
    "change",
    [
        {"price": "-5"},
        {"price": "NaN"},
        {"price": "1e9"},
        {"price": "９９９"},
        {"price": {"a": 1}},
        {"price": "9" * 26},
        {"currency_minor_unit": -5},
        {"currency_minor_unit": 10**9},
        {"currency_minor_unit": "x"},
    ],
    ids=repr,
)
def test_what_is_no_amount_is_no_price_and_no_inquiry(change: dict[str, Any]) -> None:
    assert store_api.read_product(PRODUCT | {"prices": YEN | change}).price is None


def test_an_empty_amount_is_an_inquiry_where_nothing_is_printed() -> None:
    asked = PRODUCT | {"prices": YEN | {"price": ""}, "price_html": ""}
    assert store_api.read_product(asked).price == Price(None, "JPY", None)


@pytest.mark.parametrize(
    "images", [[{"src": None}], [{"src": {"a": 1}}], [{"src": "javascript:x"}], ["x"]], ids=repr
)
def test_a_list_without_a_usable_picture_does_not_say_that_there_is_none(images: Any) -> None:
    assert store_api.read_product(PRODUCT | {"images": images}).images is None
    assert store_api.read_product(PRODUCT | {"images": []}).images == ()
