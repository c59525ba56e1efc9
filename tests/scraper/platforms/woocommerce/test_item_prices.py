# ruff: noqa: E501 - markup in one line reads better than broken markup
"""A box of another item on a WooCommerce page lends neither its price, its name nor its state."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.dealer import Dealer
from scraper.pages.document import page_from_html
from scraper.pages.listing import Price, ScrapedListing, Status
from scraper.pages.readings import Reading
from scraper.platforms import PLATFORMS
from scraper.platforms.woocommerce.store_api import read_product
from scraper.reading import read_listing

SHOP = "https://shop.example"
UP = f"{SHOP}/wp-content/uploads/2026/02"
URL = f"{SHOP}/product/osafune/"
DEALER = DealerSite(
    name="Shop",
    domain="shop.example",
    catalog_url=f"{SHOP}/",
    currency="JPY",
    platform=PLATFORMS["woocommerce"],
)
MONEY = '<span class="woocommerce-Price-amount amount"><bdi><span class="woocommerce-Price-currencySymbol">{}</span>{}</bdi></span>'
OTHERS = MONEY.format("&yen;", "77,000")
OWN = MONEY.format("&yen;", "480,000")
# Boxes of another item that stand beside the product, each as its theme builds it.
BOXES = {
    "previous and next": f'<div class="products-nav"><a class="nav-thumb" href="{SHOP}/product/other/"><img src="{UP}/other-150x150.jpg"></a><div><a class="entities-title" href="{SHOP}/product/other/">Other</a><span class="price">{OTHERS}</span></div></div>',
    "one link around it all": f'<div class="teaser"><a href="{SHOP}/product/other/"><h3>Other</h3><p class="price">{OTHERS}</p></a></div>',
    "quick view": f'<div id="quick"><div class="product type-product post-9 outofstock"><h2 class="product_title entry-title">Other</h2><p class="price">{OTHERS}</p><p class="stock out-of-stock">SOLD</p></div></div>',
    "loop of a builder": f'<div class="loop-grid"><div class="e-loop-item post-9 product type-product outofstock"><h3 class="product_title">Other</h3><div class="elementor-widget-woocommerce-product-price"><p class="price">{OTHERS}</p></div><p class="stock out-of-stock">Out of stock</p></div></div>',
}  # fmt: skip
DEALERS = {
    "with a pattern": dataclasses.replace(DEALER, product_pattern=r"^/product/"),
    "without": DEALER,
}


def read(
    *, before: str = "", behind: str = "", price: str = OWN, head: str = "", dealer: Dealer = DEALER
) -> ScrapedListing:
    summary = f'{before}<h1 class="product_title entry-title">Katana, Osafune</h1><p class="price">{price}</p><div class="product_meta"><span class="posted_in"><a href="{SHOP}/product-category/katana/">Katana</a></span></div>'
    product = f'<div id="product-5" class="product type-product post-5 status-publish instock"><div class="woocommerce-product-gallery"><div class="woocommerce-product-gallery__image"><a href="{UP}/a.jpg"><img src="{UP}/a-600x400.jpg"></a></div></div><div class="summary entry-summary">{summary}</div></div>'
    page = f'<html><head><title>Katana, Osafune - Shop</title>{head}</head><body class="single-product postid-5"><main>{product}{behind}</main></body></html>'
    return read_listing(page_from_html(URL, page), dealer)


def facts(listing: ScrapedListing) -> tuple[object, ...]:
    return listing.title, listing.price.value, listing.status


@pytest.mark.parametrize("price", [OWN, ""], ids=["priced", "on inquiry"])
@pytest.mark.parametrize("dealer", DEALERS.values(), ids=DEALERS.keys())
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES.keys())
def test_an_item_keeps_its_own_price_name_and_state(box: str, dealer: Dealer, price: str) -> None:
    expected = ("Katana, Osafune", Decimal(480000) if price else None, Status.AVAILABLE)
    assert facts(read(before=box, price=price, dealer=dealer)) == expected
    assert facts(read(behind=box, price=price, dealer=dealer)) == expected


def test_a_bar_that_repeats_the_price_is_the_items_own() -> None:
    bar = f'<div class="sticky-bar"><a href="{URL}"><img src="{UP}/a-100x100.jpg"></a><span class="price">{{}}</span></div>'
    assert read(behind=bar.format(OWN)).price.value == Decimal(480000)
    assert read(behind=bar.format(""), price="").price.value is None


def test_the_heading_beats_the_name_for_search_engines() -> None:
    data = {
        "@type": "Product",
        "@id": f"{URL}#richSnippet",
        "name": "Katana, Osafune | Shop",
        "offers": {"@type": "Offer", "price": "480000", "priceCurrency": "JPY"},
    }
    head = f'<script type="application/ld+json">{json.dumps(data)}</script>'
    assert read(head=head).title == "Katana, Osafune"


def builder_page(heading: str, title: str) -> str:
    module = '<div class="et_pb_module"><div class="et_pb_module_inner">{}</div></div>'
    parts = [
        f'<div class="woocommerce-product-gallery"><div class="woocommerce-product-gallery__image"><a href="{UP}/a.jpg"><img src="{UP}/a-600x400.jpg"></a></div></div>',
        f"<h1>{heading}</h1>",
        f'<p class="price">{OWN}</p>',
        f'<p class="stock in-stock">1 left</p><div class="product_meta"><span class="posted_in"><a href="{SHOP}/c/">Katana</a></span></div>',
    ]
    return f'<html><head><title>{title}</title></head><body class="single-product postid-5"><div id="main-content"><div class="product">{"".join(map(module.format, parts))}</div></div></body></html>'


def test_a_plain_heading_that_the_page_is_named_after_is_the_title() -> None:
    page = page_from_html(URL, builder_page("Katana, Osafune", "Katana, Osafune - Shop"))
    assert facts(read_listing(page, DEALER)) == (
        "Katana, Osafune",
        Decimal(480000),
        Status.AVAILABLE,
    )


@pytest.mark.parametrize(
    ("stock", "tile", "expected"),
    [
        ("", True, Status.SOLD),
        ("", False, Status.AVAILABLE),
        ("", None, Status.AVAILABLE),
        ('<p class="stock in-stock">1 left</p>', True, Status.AVAILABLE),
    ],
)
def test_the_catalogue_tells_the_stock_where_the_page_does_not(
    stock: str, tile: bool | None, expected: Status
) -> None:
    html = builder_page("Katana, Osafune", "Katana, Osafune - Shop")
    html = html.replace(OWN, "").replace('<p class="stock in-stock">1 left</p>', stock)
    page = page_from_html(URL, html)
    listing = read_listing(page, DEALER, tile=Reading(out_of_stock=tile))
    assert (listing.price.value, listing.status) == (None, expected)


@pytest.mark.parametrize(
    ("symbol", "dealers", "expected"),
    [
        ("CHF", None, "CHF"),
        ("CA$", "USD", "CAD"),
        ("&yen;", None, "JPY"),
        ("&yen;", "CNY", "CNY"),
        ("kr", None, None),
        ("kr.", "DKK", "DKK"),
        ("z&#322;", "PLN", "PLN"),
    ],
)
def test_a_sign_of_several_currencies_is_the_shops_own(
    symbol: str, dealers: str | None, expected: str | None
) -> None:
    dealer = dataclasses.replace(DEALER, currency=dealers)
    listing = read(price=MONEY.format(symbol, "4.800"), dealer=dealer)
    assert (listing.price.value, listing.price.currency) == (Decimal(4800), expected)


PRINTED = [  # what stands in the item's own price element, the price
    (f"{MONEY.format('¥', '1,100')} (税込) {MONEY.format('¥', '1,000')} (税抜)", Decimal(1100)),
    (f"税抜 {MONEY.format('¥', '1,000')} / 税込 {MONEY.format('¥', '1,100')}", Decimal(1100)),
    (f"<span>{MONEY.format('¥', '1,100')} incl. tax</span><span>{MONEY.format('¥', '1,000')} excl. tax</span>", Decimal(1100)),
    (f"{MONEY.format('¥', '1,000')} 税抜", Decimal(1000)),
    (f"{MONEY.format('¥', '1,000')} &ndash; {MONEY.format('¥', '2,000')} 税込", Decimal(1000)),
    ("価格：1,650,000円（税込）", Decimal(1650000)),
    ("Price on request", None),
    ("お問い合わせください", None),
]  # fmt: skip


@pytest.mark.parametrize(("printed", "expected"), PRINTED)
def test_the_price_is_what_the_buyer_pays_in_the_shops_own_words(
    printed: str, expected: Decimal | None
) -> None:
    listing = read(price=printed)
    assert (listing.price.value, listing.price.currency) == (expected, "JPY")


@pytest.mark.parametrize(
    ("printed", "expected"), [("Price on request", None), (OWN, Decimal(480000))]
)
def test_words_in_place_of_an_amount_hide_the_number_of_the_api(
    printed: str, expected: Decimal | None
) -> None:
    prices = {"price": "480000", "currency_code": "JPY", "currency_minor_unit": 0}
    assert read_product({"prices": prices, "price_html": printed}).price == Price(
        expected, "JPY", printed if expected is None else "480000 JPY"
    )
