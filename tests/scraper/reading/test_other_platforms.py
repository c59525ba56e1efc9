# ruff: noqa: E501 - markup in one line reads better than broken markup
"""EC-CUBE, Shopserve and Shopify items, each with the traps of its own pages."""

from __future__ import annotations

from decimal import Decimal

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.dealer import Dealer, Platform
from scraper.pages.document import page_from_html
from scraper.pages.errors import PageError
from scraper.pages.listing import Status
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing

NAV = '<header><nav><ul><li><a href="/sold">売却済</a></li></ul></nav></header>'
FOOT = '<footer><p>All Rights Reserved.</p><img src="/img/badge.png"></footer>'
EC_CUBE_2 = """<html><head><title>短刀 国光</title></head><body>{nav}<div id="detailarea">
<div id="detailphotobloc"><a href="/upload/save_image/0101_main.jpg"><img src="/upload/save_image/0101_s.jpg"></a></div>
<div id="detailrightbloc"><ul class="status_icon">{icons}</ul><h2>短刀 国光</h2>
<dl class="sale_price"><dt>販売価格</dt><dd class="price">{price}</dd></dl><div class="main_comment">長さ 27.5cm</div></div></div>
<div id="whobought_area" class="recommend"><h3>おすすめ商品</h3><div class="price">99円</div><img src="/upload/save_image/other.jpg">売約済</div>{foot}</body></html>"""
SHOPSERVE = """<html><head><title>脇差 {title}</title></head><body>{nav}<div id="item"><h1 class="goods_name">脇差 {title}</h1>
<div class="goods_img"><img src="https://image1.shopserve.jp/sample.example/pic-labo/limg/waki.jpg"></div>
<p class="selling_price">{price}</p><div class="explain">江戸時代</div></div>{foot}</body></html>"""


def dealer(host: str) -> Dealer:
    return DealerSite(name="S", domain=host, catalog_url=f"https://{host}/", currency="JPY")


@pytest.mark.parametrize(
    ("icons", "price", "value", "status"),
    [
        ("", "350,000円(税込)", Decimal(350000), Status.AVAILABLE),
        ('<li class="onmark"><img alt="売却済"></li>', "350,000円", Decimal(350000), Status.SOLD),
        ('<li class="onmark">商談中</li>', "350,000円", Decimal(350000), Status.RESERVED),
        ("", "0円", None, Status.AVAILABLE),
    ],
)
def test_ec_cube_states_come_from_its_icons_not_from_the_navigation(
    icons: str, price: str, value: Decimal | None, status: Status
) -> None:
    html = EC_CUBE_2.format(nav=NAV, foot=FOOT, icons=icons, price=price)
    page = page_from_html("https://ec.example/products/detail.php?product_id=345", html)
    found = read_listing(page, dealer("ec.example"), platform=PLATFORMS["ec_cube"])
    assert (found.url, found.title) == (page.url, "短刀 国光")
    assert (found.price.value, found.status) == (value, status)
    assert found.images == ("https://ec.example/upload/save_image/0101_main.jpg",)


@pytest.mark.parametrize(
    ("title", "price", "value", "status"),
    [
        ("無銘", "120,000円 (税込)", Decimal(120000), Status.AVAILABLE),
        ("無銘", "0円 (税込)", None, Status.AVAILABLE),
        ("【売約済】無銘", "120,000円", Decimal(120000), Status.SOLD),
    ],
)
def test_shopserve_zero_is_a_question_and_pictures_are_the_large_ones(
    title: str, price: str, value: Decimal | None, status: Status
) -> None:
    html = SHOPSERVE.format(nav=NAV, foot=FOOT, title=title, price=price)
    page = page_from_html("https://serve.example/SHOP/75.html", html)
    found = read_listing(page, dealer("serve.example"), platform=PLATFORMS["shopserve"])
    assert (found.price.value, found.status) == (value, status)
    assert found.images == ("https://image1.shopserve.jp/sample.example/pic-labo/llimg/waki.jpg",)


@pytest.mark.parametrize(
    ("beside", "status"),
    [
        ('<ul id="sub"><li><a href="/SHOP/list.php">売却済商品</a></li></ul>', Status.AVAILABLE),
        ("<table><tr><th>在庫状態</th><td>在庫切れ</td></tr></table>", Status.SOLD),
        ("<p>売約済</p>", Status.SOLD),
    ],
)
def test_shopserve_states_come_from_marks_not_from_links(beside: str, status: Status) -> None:
    html = SHOPSERVE.format(nav=beside, foot=FOOT, title="無銘", price="120,000円")
    page = page_from_html("https://ss.example/SHOP/V-1.html", html)
    found = read_listing(page, dealer("ss.example"), platform=PLATFORMS["shopserve"])
    assert found.status is status


def test_a_shopify_product_is_what_its_list_says() -> None:
    product = {
        "title": "Tsuba &amp; box", "body_html": "<p>Iron, <b>signed</b>.</p>", "product_type": "Tsuba", "tags": ["Edo"],
        "variants": [{"price": "1200.00", "available": False}, {"price": "950.00", "available": True}],
        "images": [{"src": "https://cdn.shopify.com/s/files/1/a.jpg?v=1"}, {"src": "//cdn.shopify.com/s/files/1/b.jpg?v=2"}],
    }  # fmt: skip
    page = page_from_html(
        "https://shopify.example/products/tsuba", "<html><body><h1>Tsuba</h1></body></html>"
    )
    found = read_listing(
        page, dealer("shopify.example"), platform=PLATFORMS["shopify"], api=product
    )
    assert (found.title, found.price.value, found.status) == (
        "Tsuba & box",
        Decimal("950.00"),
        Status.AVAILABLE,
    )
    assert found.description == "Iron, signed."
    assert found.images == (
        "https://cdn.shopify.com/s/files/1/a.jpg?v=1",
        "https://cdn.shopify.com/s/files/1/b.jpg?v=2",
    )


@pytest.mark.parametrize(
    "platform", [PLATFORMS["ec_cube"], PLATFORMS["shopserve"], PLATFORMS["shopify"]]
)
def test_a_page_without_its_item_is_refused(platform: Platform) -> None:
    page = page_from_html(
        "https://ec.example/x", f"<html><body>{NAV}<h1>会社案内</h1><p>創業</p>{FOOT}</body></html>"
    )
    with pytest.raises(PageError):
        read_listing(page, dealer("ec.example"), platform=platform)
