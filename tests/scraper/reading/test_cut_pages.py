"""Every fixture with a piece cut out of its middle: refused, or right in each field that it has.

Judged as a run does it: a page that is unlike its shop's other pages is not saved.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup

from scraper.dealers import DEALERS
from scraper.dealers.dealer_site import DealerSite
from scraper.pages.dealer import Dealer, Platform
from scraper.pages.document import page_from_html
from scraper.pages.errors import PageError
from scraper.pages.listing import ScrapedListing
from scraper.pages.page_encoding import decode
from scraper.platforms import PLATFORMS
from scraper.reading.assemble import read_page
from scraper.reading.page_shape import PageShape
from scraper.reading.sibling_pages import SiblingPages

TESTS = Path(__file__).parents[1]
PLACES = (TESTS / "dealers", TESTS / "reading" / "pages")
OWN = {dealer.name.lower().replace(" ", "_"): dealer for dealer in DEALERS}
ANY = DealerSite(name="Sample", domain="shop.example", catalog_url="https://shop.example/")
WOO = {
    "block-theme-gallery-block": "hares",
    "classic-inquiry-no-image": "plum-tsuba",
    "classic-sale": "osaka-tadatsuna",
    "classic-sale-no-structured-data": "osaka-tadatsuna",
    "classic-variable-backorder": "boxes",
    "old-theme-out-of-stock": "kabuto",
}


@dataclass(frozen=True, eq=False)
class Fixture:
    """One whole page, and how it is read."""

    name: str
    url: str
    body: bytes
    dealer: Dealer
    platform: Platform | None = None
    headers: tuple[tuple[str, str], ...] = ()
    api: dict[str, Any] | None = None

    def read(self, body: bytes) -> tuple[dict[str, Any], PageShape]:
        page = page_from_html(
            self.url, body, headers=dict(self.headers), encoding=self.dealer.encoding
        )
        listing, shape = read_page(page, self.dealer, platform=self.platform, api=self.api)
        return facts(listing), shape


def facts(listing: ScrapedListing) -> dict[str, Any]:
    return {
        "title": listing.title,
        "item_type": listing.item_type,
        "price": listing.price.value,
        "currency": listing.price.currency,
        "status": listing.status,
        "images": listing.images,
    }


def fixtures() -> Iterator[Fixture]:
    for path in sorted(found for place in PLACES for found in place.glob("*/*/expected.json")):
        expected = json.loads(path.read_text(encoding="utf-8"))
        if "error" in expected:
            continue
        own = OWN.get(path.parts[-3])
        parts = urlsplit(expected["page_url"])
        dealer = own or DealerSite(
            name="Sample",
            domain=parts.netloc,
            catalog_url=f"{parts.scheme}://{parts.netloc}/",
            platform=PLATFORMS[expected["platform"]],
            currency=expected.get("currency", "JPY"),
            shop_names=("試し刀剣店", "試し刀剣", "Sample House", "Sample Blades"),
        )
        yield Fixture(
            f"{path.parts[-3]}/{path.parts[-2]}",
            expected["page_url"].replace("&amp;", "&"),
            (path.parent / "page.html").read_bytes(),
            dealer,
            headers=tuple(expected.get("headers", {}).items()),
            api=expected.get("api"),
        )
    for name, slug in WOO.items():
        body = (TESTS / "platforms" / "woocommerce" / "pages" / f"{name}.html").read_bytes()
        url = f"https://shop.example/product/{slug}/"
        yield Fixture(f"woocommerce/{name}", url, body, ANY, PLATFORMS["woocommerce"])


FIXTURES = list(fixtures())
every_fixture = pytest.mark.parametrize("fixture", FIXTURES, ids=[f.name for f in FIXTURES])


def saved(fixture: Fixture, body: bytes, usual: SiblingPages) -> dict[str, Any] | None:
    """Return what a run would save of the page, None where it is refused."""
    try:
        found, shape = fixture.read(body)
    except PageError:
        return None
    return found if usual.vouch_for(shape) else None


@functools.cache
def whole(fixture: Fixture) -> tuple[dict[str, Any], SiblingPages]:
    """Return what the page shows, and a shop full of pages like it."""
    expected, shape = fixture.read(fixture.body)
    usual = SiblingPages()
    for _ in range(20):
        usual.add(shape)
    return expected, usual


@functools.lru_cache(maxsize=1)
def parsed(fixture: Fixture) -> tuple[str, BeautifulSoup]:
    """Return the page's text and its tree, in which each element is put back that was taken out."""
    text = decode(fixture.body, dict(fixture.headers), fixture.dealer.encoding)
    return text, BeautifulSoup(text, "lxml")


@every_fixture
def test_a_page_without_its_middle_is_refused_or_right(fixture: Fixture) -> None:
    """Thirds, halves and quarters; what lies behind the cut is another item or the foot."""
    expected, usual = whole(fixture)
    size = len(fixture.body)
    for begin, end in ((4, 8), (3, 9), (3, 6), (6, 9), (4, 7), (5, 8), (4, 9)):
        body = fixture.body[: size * begin // 12] + fixture.body[size * end // 12 :]
        found = saved(fixture, body, usual)
        if found is None:
            continue
        wrong = {name for name, value in found.items() if value != expected[name]}
        if _are_own(fixture, found["images"], expected["images"]):
            wrong.discard("images")  # a whole picture and its frame are gone: nothing tells
        assert wrong <= _untold(fixture, found, expected), (begin, end, found)


def _untold(fixture: Fixture, found: dict[str, Any], expected: dict[str, Any]) -> set[str]:
    """Fields whose loss leaves no trace on this page, only ever towards saying less."""
    return {"price"} if found["price"] is None and expected["price"] is not None else set()


PRICES = "p.price, .ec-productRole__price, .selling_price, dl.sale_price, p.sale_price"
GALLERY_PIECES = (
    ".woocommerce-product-gallery__image img, .item_visual img, .product__media-list img, "
    ".main_img img, .sub_img img, .entry-content img"
)


@pytest.mark.parametrize("selector", ["h1", "h2", PRICES, GALLERY_PIECES, "title", "p", "script"])
@every_fixture
def test_a_page_without_one_element_lends_nothing_foreign(fixture: Fixture, selector: str) -> None:
    """Each match alone is taken out, cleanly, so that nothing is torn."""
    expected, usual = whole(fixture)
    text, soup = parsed(fixture)
    for element in soup.select(selector)[:6]:
        gap = soup.new_string("")
        element.replace_with(gap)
        body = _in_utf8(str(soup))
        gap.replace_with(element)
        found = saved(fixture, body, usual)
        if found is None:
            continue
        assert found["price"] in (None, expected["price"])
        assert found["title"] == expected["title"] or found["title"] in text
        own = (*expected["images"], *_smaller(text, expected["images"]))
        assert _are_own(fixture, found["images"], own)


def _are_own(fixture: Fixture, found: tuple[str, ...], own: tuple[str, ...]) -> bool:
    """Say whether all pictures are the item's; where it has more than are kept, others move up."""
    if len(own) >= fixture.dealer.max_images:
        return not any("24001" in url for url in found)
    return {_name(url) for url in found} <= {_name(url) for url in own}


def _in_utf8(text: str) -> bytes:
    for declared in ("Shift_JIS", "EUC-JP"):
        text = text.replace(declared, "UTF-8")
    return text.encode()


def _name(url: str) -> str:
    return url.split("?")[0].rsplit("/", 1)[-1]


def _smaller(text: str, images: tuple[str, ...]) -> Iterator[str]:
    """Thumbnails of the item's own pictures: what is left when a link to a large one is gone."""
    soup = BeautifulSoup(text, "lxml")
    for link in soup.select("a[href] img"):
        large = link.find_parent("a")["href"]
        if any(_name(large) == _name(url) for url in images):
            yield str(link.get("src"))
