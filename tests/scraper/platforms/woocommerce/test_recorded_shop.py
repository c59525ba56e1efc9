"""A recorded real shop, where one lies beside the project, with and without its API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.listing import ScrapedListing, Status
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing

SHOP = Path(__file__).parents[4].parent / "shared" / "dealer-shop"
pytestmark = pytest.mark.skipif(
    not (SHOP / "expected.json").is_file(), reason="no recorded shop beside the project"
)


def products() -> list[dict[str, Any]]:
    if not (SHOP / "expected.json").is_file():
        return []
    listed = json.loads((SHOP / "expected.json").read_text())["products"]
    return [product for product in listed if product["in_shop_listing"]]


def described() -> dict[int, dict[str, Any]]:
    answers = SHOP.glob("api/wp-json__wc__store__v1__products--per_page=20_page=*.json")
    return {product["id"]: product for file in answers for product in json.loads(file.read_text())}


def read(product: dict[str, Any], api: dict[str, Any] | None) -> ScrapedListing:
    dealer = DealerSite(
        name="Recorded", domain="127.0.0.1", catalog_url=product["url"], currency="JPY"
    )
    page = page_from_html(product["url"], (SHOP / product["page_file"]).read_bytes())
    return read_listing(page, dealer, platform=PLATFORMS["woocommerce"], api=api)


def test_every_listed_product_is_right_with_and_without_the_api() -> None:
    known = described()
    for product in products():
        alone, with_api = read(product, None), read(product, known[product["id"]])
        assert {**vars(alone), "layers": None} == {**vars(with_api), "layers": None}
        price = None if alone.price.value is None else int(alone.price.value)
        assert (alone.title, price, alone.price.currency, alone.images) == (
            product["title"],
            product["price"],
            product["currency"],
            tuple(product["images_unique"]),
        )
        assert (alone.status is Status.AVAILABLE) == product["in_stock"]
