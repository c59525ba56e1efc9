# ruff: noqa: E501 - markup in one line reads better than broken markup
"""The pictures that a page nobody described shows: each once, in its largest size, no others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import absolute_url, page_from_html
from scraper.pages.errors import UnexpectedPageError
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing
from scraper.reading.images import one_of_each_size

BASE = "https://s.example/katana/"
DEALER = DealerSite(
    name="Sample", domain="s.example", catalog_url="https://s.example/", currency="JPY"
)
SHOWN = [
    ("""<a href="javascript:openWin('k1_L.jpg',800,600)"><img src="k1_s.jpg"></a>""", ["k1_L.jpg"]),
    ("""<a href="#" onclick="window.open('k1_L.jpg','w','width=800');return false"><img src="k1_s.jpg"></a>""", ["k1_L.jpg"]),
    ("""<a href="javascript:void(0)" onclick='showPhoto("big/k1.jpg")'><img src="k1.jpg"></a>""", ["big/k1.jpg"]),
    ("""<img src="k1_s.jpg" onclick="document.main.src='k1_l.jpg'">""", ["k1_l.jpg"]),
    ("""<a href="javascript:pop(%27k1.jpg%27)">拡大</a>""", ["k1.jpg"]),
    ("""<div style="background-image: url('k1.jpg')"></div>""", ["k1.jpg"]),
    ("""<div class="slide" style="width:10px;background:#fff url(k1.jpg) no-repeat"></div>""", ["k1.jpg"]),
    ("""<div class="slide" data-bg="k1.jpg"></div><div data-background-image="url('k2.jpg')"></div>""", ["k1.jpg", "k2.jpg"]),
    ("""<li data-image-url="k1.jpg"></li><li data-image-url="k2.jpg"></li>""", ["k1.jpg", "k2.jpg"]),
    ("""<img src="t/k1.gif" data-image-url="k1.jpg">""", ["k1.jpg"]),
    (r"""<img src="..\katana\k1.jpg"><img src="img\k2.jpg">""", ["k1.jpg", "img/k2.jpg"]),
    ("""<img src="k1_s.jpg"><img src="k1_m.jpg"><img src="k1_l.jpg">""", ["k1_l.jpg"]),
    ("""<img src="thumb/k1.jpg"><img src="large/k1.jpg"><img src="thumb/k2.jpg"><img src="large/k2.jpg">""", ["large/k1.jpg", "large/k2.jpg"]),
    ("""<img src="/cdn/w_300/k1.jpg"><img src="/cdn/w_1200/k1.jpg">""", ["/cdn/w_1200/k1.jpg"]),
    ("""<img src="k1.jpg?width=200"><img src="k1.jpg?width=1200">""", ["k1.jpg?width=1200"]),
    ("""<img src="k1-thumb.jpg"><img src="k1.jpg">""", ["k1.jpg"]),
    # parts and series of an item are pictures of their own
    ("""<img src="k_01.jpg"><img src="k_02.jpg"><img src="k_0412.jpg">""", ["k_01.jpg", "k_02.jpg", "k_0412.jpg"]),
    ("""<img src="k_s.jpg"><img src="k_m.jpg"><img src="k_t.jpg"><img src="k_b.jpg">""", ["k_s.jpg", "k_m.jpg", "k_t.jpg", "k_b.jpg"]),
    ("""<img src="k.jpg"><img src="k_m.jpg">""", ["k.jpg", "k_m.jpg"]),
    ("""<img src="2024/k.jpg"><img src="2025/k.jpg">""", ["2024/k.jpg", "2025/k.jpg"]),
    # previews of videos and models
    ("""<img src="k1.jpg"><a href="https://www.youtube.com/watch?v=x"><img src="https://i.ytimg.com/vi/x/hq.jpg"></a>""", ["k1.jpg"]),
    ("""<img src="k1.jpg"><div data-media-type="external_video"><img src="poster.jpg"></div>""", ["k1.jpg"]),
    ("""<img src="k1.jpg"><model-viewer poster="m.jpg"><img src="m.jpg"></model-viewer>""", ["k1.jpg"]),
]  # fmt: skip


def images(markup: str, more: str = "") -> list[str]:
    html = f"<html><head><title>刀 銘 兼房</title></head><body><h2>刀 銘 兼房</h2>{markup}<p>価格 380,000円</p><p>長さ 70.3cm、反り 1.8cm、目釘穴は一個です。</p>{more}</body></html>"
    page = page_from_html(BASE + "3.html", html)
    return list(read_listing(page, DEALER, platform=PLATFORMS["static"]).images)


@pytest.mark.parametrize(("markup", "expected"), SHOWN)
def test_each_picture_is_found_once_in_its_largest_size(markup: str, expected: list[str]) -> None:
    assert images(markup) == [absolute_url(BASE, name) for name in expected]


def test_a_list_that_nothing_tells_from_the_item_is_refused() -> None:
    others = "".join(f'<a href="{n}.html"><img src="t{n}.jpg"></a>' for n in range(99))
    with pytest.raises(UnexpectedPageError, match="98 lead elsewhere"):
        images('<img src="k1.jpg">', f"<div>{others}</div>")


def test_the_order_of_a_page_is_kept() -> None:
    urls = ["https://a.example/2_s.jpg", "https://a.example/1.jpg", "https://a.example/2_l.jpg"]
    assert one_of_each_size(urls) == ["https://a.example/2_l.jpg", "https://a.example/1.jpg"]


SHOP = """<html><head><title>刀 兼房</title></head><body class="single-product postid-7"><main><div id="product-7" class="product type-product instock">
<div class="woocommerce-product-gallery">{gallery}</div><div class="summary entry-summary"><h1 class="product_title">刀 兼房</h1><p class="price"><span class="amount">¥350,000</span></p>
<div class="product_meta"><span class="posted_in"><a href="/c/">刀</a></span></div></div><div id="tab-description"><p>銘</p><img src="/up/mei.jpg"><img src="/up/btn_cart.gif"></div></div></main></body></html>"""
ENTRY = '<div class="woocommerce-product-gallery__image"><a href="/up/1.jpg"><img src="/up/1.jpg"></a></div>'


@pytest.mark.parametrize(
    ("gallery", "wanted", "names"),
    [
        (ENTRY, False, ["1.jpg"]),
        (ENTRY, True, ["1.jpg", "mei.jpg"]),
        ("", False, ["mei.jpg"]),
        ('<img class="wp-post-image" src="/up/woocommerce-placeholder.png">', False, ["mei.jpg"]),
    ],
)
def test_pictures_in_a_description_stand_in_for_an_empty_gallery(
    gallery: str, wanted: bool, names: list[str]
) -> None:
    page = page_from_html("https://s.example/product/k/", SHOP.format(gallery=gallery))
    dealer = replace(DEALER, description_images=wanted)
    found = read_listing(page, dealer, platform=PLATFORMS["woocommerce"])
    assert [url.rsplit("/", 1)[1] for url in found.images] == names


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="/img/new.gif">',
        '<img src="/img/visa_master.jpg"><img src="/img/paypal.png">',
        '<img src="/flags/en.png"><img src="/img/ja.png">',
        '<img src="/social/facebook.png">',
    ],
)
def test_signs_of_cards_languages_and_news_are_no_pictures(markup: str) -> None:
    assert len(images('<img src="k1.jpg">', markup)) == 1


def test_a_word_in_a_photographs_name_makes_no_sign_of_it() -> None:
    assert len(images('<img src="tsuba_back.jpg"><img src="new_katana_01.jpg">', "")) == 2
