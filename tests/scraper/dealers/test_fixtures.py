"""Each dealer reads its own pages: folders of page.html and expected.json, found by name.

A field that the expectation leaves out means that the page must be refused, with the words it
names instead.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from scraper.dealers import DEALERS
from scraper.pages.dealer import Dealer
from scraper.pages.document import page_from_html
from scraper.pages.errors import PageError
from scraper.pages.listing import Page, ScrapedListing
from scraper.reading import read_listing

HERE = Path(__file__).parent
CONTRIBUTING = Path(__file__).parents[3] / "CONTRIBUTING.md"
MANDATORY = ("url", "title", "item_type", "price_value", "price_currency", "status", "images")
BY_FOLDER = {re.sub(r"[^a-z0-9]+", "_", dealer.name.lower()): dealer for dealer in DEALERS}
CASES = sorted(path.parent for path in HERE.glob("*/*/expected.json"))


def expectation(case: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    return loaded


def page_of(case: Path, expected: dict[str, Any]) -> Page:
    url = unescape(expected["page_url"])
    return page_from_html(
        url, (case / "page.html").read_bytes(), headers=expected.get("headers", {})
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


def check(page: Page, dealer: Dealer, expected: dict[str, Any]) -> None:
    """Compare one page with its expectation; shared by the fixtures and the example in
    CONTRIBUTING."""
    if not all(field in expected for field in MANDATORY):
        with pytest.raises(PageError) as refusal:
            read_listing(page, dealer)
        assert type(refusal.value).__name__ == expected["error"]
        assert expected["says"] in str(refusal.value)
        return
    listing = read_listing(page, dealer)
    found = flat(listing)
    wanted = {field: expected[field] for field in MANDATORY}
    if wanted["price_value"] is not None:
        wanted["price_value"] = str(Decimal(wanted["price_value"]).normalize() + Decimal(0))
    assert found == wanted
    if "measurements" in expected:
        sizes = {k: v for k, v in asdict(listing.measurements).items() if v is not None}
        assert sizes == {k: Decimal(v) for k, v in expected["measurements"].items()}
    if "description" in expected:
        assert listing.description == expected["description"]
    if "description_lacks" in expected:
        assert expected["description_lacks"] not in (listing.description or "")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_page_is_read_as_expected(case: Path) -> None:
    expected = expectation(case)
    check(page_of(case, expected), BY_FOLDER[case.parent.name], expected)


@pytest.mark.parametrize("folder", sorted(BY_FOLDER))
def test_every_dealer_has_fixtures_for_each_situation(folder: str) -> None:
    cases = [expectation(case) for case in CASES if case.parent.name == folder]
    read = [case for case in cases if all(field in case for field in MANDATORY)]
    assert any(case["status"] == "available" and case["price_value"] for case in read), "normal"
    assert any(case["status"] == "sold" for case in read), "sold"
    assert any(case["status"] == "reserved" for case in read), "reserved"
    assert any(case["price_value"] is None for case in read), "no price"
    assert any(case["images"] == [] for case in read), "no image"
    assert len(read) < len(cases), "a page that must be refused"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_every_expectation_names_its_quirk(case: Path) -> None:
    assert len(expectation(case).get("quirk", "")) > 20
    assert case.parent.name in BY_FOLDER, "no dealer of that name is registered"


def _blocks(language: str) -> list[str]:
    text = CONTRIBUTING.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_worked_example_of_contributing_works() -> None:
    module = next(block for block in _blocks("python") if "DEALER =" in block)
    names: dict[str, Any] = {}
    exec(compile(module, "kawabata_token.py", "exec"), names)
    html, expected = _blocks("html")[0], json.loads(_blocks("json")[0])
    check(page_from_html(expected["page_url"], html), names["DEALER"], expected)
