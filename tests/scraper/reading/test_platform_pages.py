"""Pages of every platform, read without a module: folders of page.html and expected.json."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.dealer import Dealer
from scraper.pages.document import page_from_html, parse
from scraper.pages.errors import PageError
from scraper.pages.listing import ScrapedListing
from scraper.platforms import PLATFORMS, detect
from scraper.reading import read_listing

PAGES = Path(__file__).parent / "pages"
CASES = sorted(path.parent for path in PAGES.glob("*/*/expected.json"))
FIELDS = ("url", "title", "item_type", "price_value", "price_currency", "status", "images")


def expectation(case: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    return loaded


def dealer_of(expected: dict[str, Any]) -> Dealer:
    parts = urlsplit(expected["page_url"])
    return DealerSite(
        name="Sample",
        domain=parts.netloc,
        catalog_url=f"{parts.scheme}://{parts.netloc}/",
        scheme=parts.scheme,
        platform=PLATFORMS[expected["platform"]],
        currency=expected.get("currency", "JPY" if "shopify" not in parts.netloc else None),
        shop_names=("試し刀剣店", "試し刀剣", "Sample House", "Sample Blades"),
    )


def flat(listing: ScrapedListing) -> dict[str, Any]:
    value = listing.price.value
    return {
        "url": listing.url,
        "title": listing.title,
        "item_type": listing.item_type,
        "price_value": None if value is None else str(value.normalize() + Decimal(0)),
        "price_currency": listing.price.currency,
        "status": listing.status.value,
        "images": list(listing.images),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_page_is_read_as_expected(case: Path) -> None:
    expected = expectation(case)
    page = page_from_html(expected["page_url"], (case / "page.html").read_bytes())
    dealer = dealer_of(expected)
    if "error" in expected:
        with pytest.raises(PageError) as refusal:
            read_listing(page, dealer)
        assert type(refusal.value).__name__ == expected["error"]
        assert expected["says"] in str(refusal.value)
        return
    found = read_listing(page, dealer, api=expected.get("api"))
    assert flat(found) == {name: expected[name] for name in FIELDS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_its_platform_is_detected_from_the_page_alone(case: Path) -> None:
    expected = expectation(case)
    if "error" in expected or expected["platform"] == "static":
        return
    found = detect(parse(page_from_html(expected["page_url"], (case / "page.html").read_bytes())))
    assert found.platform is PLATFORMS[expected["platform"]], found.reason
    assert len(expected["quirk"]) > 20


def test_every_platform_without_code_has_its_situations() -> None:
    for platform in set(PLATFORMS.values()) - {PLATFORMS["woocommerce"]}:
        cases = [expectation(case) for case in CASES if case.parent.name == platform.name]
        statuses = {case.get("status") for case in cases}
        assert {"available", "sold"} <= statuses, platform
        assert any("status" in case and case["price_value"] is None for case in cases) or (
            platform is PLATFORMS["shopify"]  # it has no item without a price
        )
        assert any(len(case.get("images", ())) > 1 for case in cases), platform
