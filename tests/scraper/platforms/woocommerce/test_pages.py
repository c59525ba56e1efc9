# ruff: noqa: E501 - markup in one line reads better than broken markup
"""WooCommerce pages of several themes and ages become the same kind of listing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.errors import PageError, UnexpectedPageError
from scraper.pages.listing import ScrapedListing, Status
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing
from scraper.reading.assemble import read_page
from scraper.reading.page_shape import PageShape

PAGES = Path(__file__).parent / "pages"
UPLOADS = "https://shop.example/wp-content/uploads"
DEALER = DealerSite(
    name="Sample Swords", domain="shop.example", catalog_url="https://shop.example/", currency="JPY"
)
SALE = (
    "Katana [Osaka Tadatsuna] & Koshirae",
    Decimal(1200000),
    "JPY",
    Status.AVAILABLE,
    (
        f"{UPLOADS}/2025/03/blade-1.jpg",
        f"{UPLOADS}/2025/03/blade-1-2.jpg",
        f"{UPLOADS}/2025/03/wide-scaled.jpg",
    ),
)
# file, slug, (title, price, currency, state, images)
SHOPS = [
    ("classic-sale", "osaka-tadatsuna", SALE),
    ("classic-sale-no-structured-data", "osaka-tadatsuna", SALE),
    ("classic-inquiry-no-image", "plum-tsuba", ("Tsuba, plum blossoms", None, "JPY", Status.SOLD, ())),
    (
        "old-theme-out-of-stock", "kabuto",
        ("Kabuto, 62 plates", Decimal("2450.50"), "GBP", Status.SOLD,
         tuple(f"{UPLOADS}/2016/05/{name}.jpg" for name in ("kabuto", "kabuto-1", "kabuto-2"))),
    ),
    (
        "block-theme-gallery-block", "hares",
        ("Menuki, a pair of hares", Decimal("480.00"), "CAD", Status.AVAILABLE,
         tuple(f"{UPLOADS}/2025/06/{name}.jpg" for name in ("menuki", "menuki-1", "huge-scaled"))),
    ),
    (
        "classic-variable-backorder", "boxes",
        ("Tsuba in two boxes", Decimal(150000), "EUR", Status.AVAILABLE, (f"{UPLOADS}/2025/03/guard.jpg",)),
    ),
]  # fmt: skip


def read(html: str, slug: str) -> ScrapedListing:
    page = page_from_html(f"https://shop.example/product/{slug}/", html)
    return read_listing(page, DEALER, platform=PLATFORMS["woocommerce"])


def read_with_shape(html: str, slug: str) -> tuple[ScrapedListing, PageShape]:
    page = page_from_html(f"https://shop.example/product/{slug}/", html)
    return read_page(page, DEALER, platform=PLATFORMS["woocommerce"])


def facts(listing: ScrapedListing) -> tuple[object, ...]:
    return (
        listing.title,
        listing.price.value,
        listing.price.currency,
        listing.status,
        listing.images,
    )


@pytest.mark.parametrize(("name", "slug", "expected"), SHOPS, ids=[shop[0] for shop in SHOPS])
def test_a_product_page_is_read_whole(name: str, slug: str, expected: tuple[object, ...]) -> None:
    assert facts(read((PAGES / f"{name}.html").read_text(), slug)) == expected


def test_uploads_whose_names_look_like_sizes_are_whole() -> None:
    html = (PAGES / "classic-sale.html").read_text()
    for name in ("blade-1", "blade-1-2"):
        for ending in ("", "-100x100", "-600x400", "-300x200"):
            html = html.replace(f"/{name}{ending}.jpg", f"/{name}-1600x1200{ending}.jpg")
    listing, shape = read_with_shape(html, "osaka-tadatsuna")
    assert listing.images == tuple(
        f"{UPLOADS}/2025/03/{name}.jpg"
        for name in ("blade-1-1600x1200", "blade-1-2-1600x1200", "wide-scaled")
    )
    assert "mixed pictures" not in shape.details
    unlinked = re.sub(r'<a href="[^"]+\.jpg">(<img [^>]+>)</a>', r"\1", html)
    unlinked = re.sub(r' data-(?:src|large_image)="[^"]+"', "", unlinked)
    found = [url.rsplit("/", 1)[-1] for url in read(unlinked, "osaka-tadatsuna").images]
    assert found[0] == "blade-1-1600x1200.jpg"  # as its data say


def test_each_field_says_where_it_was_read() -> None:
    with_data = read((PAGES / "classic-sale.html").read_text(), "osaka-tadatsuna").layers
    without = read(
        (PAGES / "classic-sale-no-structured-data.html").read_text(), "osaka-tadatsuna"
    ).layers
    assert (with_data["price"], with_data["images"]) == ("structured", "platform")
    assert (without["price"], without["status"]) == ("platform", "platform")


def test_nothing_of_related_items_comes_along() -> None:
    for name, slug, _ in SHOPS:
        listing = read((PAGES / f"{name}.html").read_text(), slug)
        assert "Other" not in (listing.description or "")
        assert not any(
            "other-tanto" in url or "seen" in url or "badge" in url for url in listing.images
        )


def test_the_description_is_the_panel_without_its_heading() -> None:
    listing = read((PAGES / "classic-sale.html").read_text(), "osaka-tadatsuna")
    assert listing.description == "A sword of our own telling."


def holes(html: str) -> Iterator[str]:
    """Every way of losing a piece from the middle: five places, three sizes."""
    for start in (25, 35, 45, 55, 65):
        for size in (25, 35, 45):
            begin, end = len(html) * start // 100, len(html) * min(start + size, 95) // 100
            yield html[:begin] + html[end:]


@pytest.mark.parametrize(("name", "slug", "expected"), SHOPS, ids=[shop[0] for shop in SHOPS])
def test_a_page_with_a_hole_is_refused_or_read_right(
    name: str, slug: str, expected: tuple[object, ...]
) -> None:
    whole = (PAGES / f"{name}.html").read_text()
    _, usual = read_with_shape(whole, slug)
    for broken in holes(whole):
        try:
            listing, shape = read_with_shape(broken, slug)
        except PageError:
            continue
        assert (
            shape != usual or facts(listing) == expected
        )  # a page that closes unlike its neighbours is not saved


def test_a_gallery_that_vanished_is_an_error_with_selector_and_count() -> None:
    html = (PAGES / "classic-sale.html").read_text()
    begin, end = (
        html.index('<div class="woocommerce-product-gallery '),
        html.index('<div class="summary'),
    )
    with pytest.raises(UnexpectedPageError) as caught:
        read(html[:begin] + html[end:], "osaka-tadatsuna")
    assert caught.value.found == 0
    assert "woocommerce-product-gallery" in caught.value.selector
    assert "https://shop.example/product/osaka-tadatsuna/" in str(caught.value)
