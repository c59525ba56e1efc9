# ruff: noqa: E501 - markup in one line reads better than broken markup
"""A page without a place that its shop gives to every item has a piece missing."""

from __future__ import annotations

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.errors import UnexpectedPageError
from scraper.platforms import PLATFORMS
from scraper.reading.assemble import read_listing, read_page

DEALER = DealerSite(
    name="Sample", domain="shop.example", catalog_url="https://shop.example/", currency="JPY"
)
EC_CUBE = """<html><head><title>短刀 国光</title><meta property="og:image" content="{named}"></head><body>
<div class="ec-productRole"><div class="ec-sliderItemRole"><div class="item_visual">{gallery}</div></div><div class="ec-productRole__title"><h2>短刀 国光</h2></div>
<div class="ec-productRole__price">300,000円</div></div></body></html>"""
PICTURE, NO_PICTURE = "/upload/save_image/1.jpg", "/upload/save_image/no_image_product.png"


@pytest.mark.parametrize(
    ("named", "gallery", "odd"),
    [
        (PICTURE, f'<img src="{PICTURE}">', ""),
        (PICTURE, "", "no gallery"),
        (NO_PICTURE, f'<img src="{NO_PICTURE}">', ""),
    ],
)
def test_a_picture_that_the_page_names_and_does_not_show_is_odd(
    named: str, gallery: str, odd: str
) -> None:
    page = page_from_html(
        "https://shop.example/products/detail/1", EC_CUBE.format(named=named, gallery=gallery)
    )
    _, shape = read_page(page, DEALER, platform=PLATFORMS["ec_cube"])
    assert shape.oddities == odd


def test_what_can_be_put_into_the_cart_has_a_price() -> None:
    html = """<html><body class="single-product postid-7"><main><div id="product-7" class="product type-product instock">
    <div class="woocommerce-product-gallery"><img src="/wp-content/uploads/1.jpg"></div><h1 class="product_title">Tsuba</h1><p class="price"></p>
    <form class="cart"><button name="add-to-cart" value="7">Add to cart</button></form></div></main></body></html>"""
    with pytest.raises(UnexpectedPageError, match="it can be bought"):
        read_listing(
            page_from_html("https://shop.example/product/tsuba/", html),
            DEALER,
            platform=PLATFORMS["woocommerce"],
        )


def test_pictures_behind_links_stand_where_their_links_stand() -> None:
    html = '<html><body><h1>脇差 国広</h1><p>価格 300,000円</p><a href="1.jpg"></a><a href="2.jpg"><img src="2s.jpg"></a><a href="3.jpg">全身</a></body></html>'
    listing = read_listing(
        page_from_html("https://shop.example/1.html", html), DEALER, platform=PLATFORMS["static"]
    )
    assert listing.images == tuple(f"https://shop.example/{n}.jpg" for n in (1, 2, 3))


@pytest.mark.parametrize(("heading", "details"), [("<h1>脇差 国広</h1>", ""), ("", "no heading")])
def test_a_page_without_any_heading_is_told_from_its_neighbours(heading: str, details: str) -> None:
    html = f"<html><head><title>脇差 国広</title></head><body>{heading}<p>価格 300,000円</p></body></html>"
    page = page_from_html("https://shop.example/1.html", html)
    assert read_page(page, DEALER, platform=PLATFORMS["static"])[1].details == details


@pytest.mark.parametrize(
    ("markup", "odd"),
    [
        ('<a hoto/s4_s.jpg"></a>', "torn address"),  # <a [href="../p]hoto/s4_s.jpg">
        ('<div class="en/wp-content/uploads/t1.jpg"></div>', "torn address"),
        ('<a href="https://shop.example/photo/khttps://shop.example/photo/2.jpg"></a>', "torn address"),
        ("<img src='\"><img src='>", "torn address"),
        ('<img alt="Tsuba 3" wide" src="/1.jpg"">', ""),  # what authors do write
        ('<div class="md:w-1/2 [&>svg]:h-4" @click.prevent="x()"></div>', ""),
        ('<a href="https://i0.example/https://shop.example/1.jpg"></a>', ""),
        ('<a href="https://share.example/?text=Tsuba%20https://shop.example/1.html"></a>', ""),
        ('<a href="javascript:write(\'<p>x</p>\')"></a>', ""),
    ],
)  # fmt: skip
def test_a_piece_of_an_address_where_none_belongs_is_odd(markup: str, odd: str) -> None:
    html = f"<html><body><h1>脇差 国広</h1><p>価格 300,000円</p>{markup}</body></html>"
    page = page_from_html("https://shop.example/1.html", html)
    assert read_page(page, DEALER, platform=PLATFORMS["static"])[1].oddities == odd


@pytest.mark.parametrize(
    ("title", "amount", "details"),
    [
        ("短刀 国光", "300000", ""),
        ("短刀 行光", "300000", "heading named once"),
        ("短刀 国光", "770000", "two prices"),
    ],
)
def test_the_head_of_one_item_over_the_rest_of_another_is_odd(
    title: str, amount: str, details: str
) -> None:
    data = f'<meta property="product:price:amount" content="{amount}"><title>{title}</title>'
    html = EC_CUBE.format(named=PICTURE, gallery=f'<img src="{PICTURE}">')
    page = page_from_html(
        "https://shop.example/products/detail/1",
        html.replace("<title>短刀 国光</title>", data),
    )
    _, shape = read_page(page, DEALER, platform=PLATFORMS["ec_cube"])
    assert shape.details == details
