"""Each dealer reads its own pages: folders of page.html and expected.json, found by name.

A field that the expectation leaves out means that the page must be refused, with the words it
names instead.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
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
ROOT = Path(__file__).parents[3]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
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


def _worked_example() -> str:
    return next(block for block in _blocks("python") if "DEALER =" in block)


def test_the_worked_example_of_contributing_works() -> None:
    names: dict[str, Any] = {}
    exec(compile(_worked_example(), "kawabata_token.py", "exec"), names)
    html, expected = _blocks("html")[0], json.loads(_blocks("json")[0])
    check(page_from_html(expected["page_url"], html), names["DEALER"], expected)


def test_one_module_and_one_line_are_all_that_it_takes(tmp_path: Path) -> None:
    """In a copy of the package: the new dealer is known by its name and by its addresses."""
    shutil.copytree(ROOT / "scraper", tmp_path / "scraper")
    room = tmp_path / "scraper/dealers"
    (room / "kawabata_token.py").write_text(_worked_example(), "utf-8")
    lines = (room / "__init__.py").read_text("utf-8").splitlines()
    lines.insert(lines.index('    "aoi_art",'), '    "kawabata_token",')
    (room / "__init__.py").write_text("\n".join(lines), "utf-8")
    program = (
        "from scraper.rows.known_dealers import dealer_for_url, known_dealers\n"
        "url = 'https://kawabata-token.example/sword/12.html'\n"
        "print(dealer_for_url(known_dealers([]), url).name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert (done.stdout, done.stderr) == ("Kawabata Token\n", "")


def test_every_dealer_of_the_room_is_listed() -> None:
    room = ROOT / "scraper/dealers"
    written = {p.stem for p in room.glob("*.py") if "\nDEALER = " in p.read_text("utf-8")}
    assert written == BY_FOLDER.keys()
