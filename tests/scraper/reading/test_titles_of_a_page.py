# ruff: noqa: E501 - markup in one line reads better than broken markup
"""The title is what heading, Open Graph and <title> agree on; the page's data is found leniently."""

from __future__ import annotations

from decimal import Decimal

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.listing import ScrapedListing, Status
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing
from scraper.reading.structured_data import read_leniently

DEALER = DealerSite(
    name="Sample", domain="s.example", catalog_url="https://s.example/", currency="JPY"
)
BODY = '<img src="1.jpg"><p>価格 330,000円</p><p>長さ 70.3cm</p>'
DATA = '{"@type":"Product","name":"刀 宇多","image":["/1.jpg","/2.jpg"],"offers":{"price":"480000","priceCurrency":"JPY","availability":"http://schema.org/OutOfStock"}}'


def read(head: str, body: str) -> ScrapedListing:
    html = f'<html><head><meta charset="utf-8">{head}</head><body>{body}</body></html>'
    page = page_from_html("https://s.example/item/3.html", html)
    return read_listing(page, DEALER, platform=PLATFORMS["static"])


@pytest.mark.parametrize(
    ("head", "headings", "title"),
    [
        (
            "<title>刀 末備前 | 刀屋</title>",
            "<h2>日本刀の専門店です</h2><p>刀 末備前</p>",
            "刀 末備前",
        ),
        (
            "<title>刀屋｜刀 末備前</title>",
            "<h1>刀剣・骨董の買取と販売</h1><span>刀 末備前</span>",
            "刀 末備前",
        ),
        (
            '<title>刀 末備前 - 刀屋</title><meta property="og:title" content="刀 末備前"><meta property="og:site_name" content="刀屋">',
            "<h2>全国送料無料</h2>",
            "刀 末備前",
        ),
        (
            "<title>Katana by Sukesada | Blade House</title>",
            "<h1>Fine arms since 1980</h1><b>Katana by Sukesada</b>",
            "Katana by Sukesada",
        ),
        (
            "<title>刀 末備前 | 刀屋</title>",
            '<h1><a href="/">刀屋</a></h1><h2>刀 末備前</h2>',
            "刀 末備前",
        ),
        # a heading in other words than <title> is still the item's, where nothing says otherwise
        ("<title>刀屋</title>", "<h2>脇差 銘 国広</h2>", "脇差 銘 国広"),
        ("<title>日本刀販売 刀屋</title>", "<h2>脇差 銘 国広</h2><p>刀屋</p>", "脇差 銘 国広"),
        (
            "<title>Wakizashi Kunihiro Hozon | Blade House</title>",
            "<h1>Wakizashi: Kunihiro (NBTHK Hozon)</h1>",
            "Wakizashi: Kunihiro (NBTHK Hozon)",
        ),
        ("", "<h2>脇差 銘 国広</h2>", "脇差 銘 国広"),
    ],
)
def test_a_slogan_is_never_a_title(head: str, headings: str, title: str) -> None:
    assert read(head, headings + BODY).title == title


@pytest.mark.parametrize(
    "data",
    [
        DATA,
        DATA.replace('"name"', '"url":"https://cdn.example/other-address","name"'),
        f"<!-- {DATA} -->",
        f"// <![CDATA[\n{DATA}\n// ]]>",
        DATA.replace('"offers"', '/* the price, see https://x */ "offers"'),
        DATA.replace('"offers"', "// asked today\n \"offers\""),
        DATA.replace("}}", ",},}").replace('"/2.jpg"]', '"/2.jpg",]'),
        f"{DATA};",
        f'{{"@type":"WebSite","name":"店"}}{DATA}',
        f'[{{"@type":"BreadcrumbList","itemListElement":[]}},{DATA}]',
        DATA.replace("刀 宇多", "刀 宇多\n"),
    ],
)  # fmt: skip
def test_the_only_product_of_a_page_is_its_own(data: str) -> None:
    head = f'<title>刀 宇多 | 店</title><script type="application/ld+json">{data}</script>'
    found = read(head, '<div id="app">読み込み中</div>')
    assert (found.title, found.price.value, found.status) == ("刀 宇多", 480_000, Status.SOLD)
    assert found.images == ("https://s.example/1.jpg", "https://s.example/2.jpg")


@pytest.mark.parametrize("body", ["", '<div id="root"></div>', "<noscript></noscript>"])
def test_a_page_that_only_scripts_fill_is_read_from_its_data(body: str) -> None:
    head = f'<title>刀 宇多 | 店</title><script type="application/ld+json">{DATA}</script>'
    found = read(head, body)
    assert (found.title, found.price.value, found.status) == ("刀 宇多", 480_000, Status.SOLD)


@pytest.mark.parametrize(
    ("title", "more", "body"),
    [
        (
            "脇差 兼元 – 北浜刀剣",
            '<meta property="og:title" content="脇差 兼元 – 北浜刀剣">'
            '<meta property="og:site_name" content="北浜刀剣">',
            "<h1>創業百年の北浜刀剣</h1><h2>脇差 兼元</h2>",
        ),
        ("北浜刀剣 | 脇差 兼元", "", '<h1>信頼の北浜刀剣</h1><a href="/">北浜刀剣</a><p>脇差 兼元</p>'),
        (
            "脇差 兼元 - Kitahama Swords",
            "",
            '<h1>Fine arms, Kitahama Swords</h1><header><img alt="Kitahama Swords"></header>'
            "<p>脇差 兼元</p>",
        ),
        (
            "脇差 兼元 | Kitahama Swords",
            '<meta property="og:title" content="脇差 兼元">',
            "<h1>Kitahama Swords, dealers since 1988</h1>",
        ),
        ("脇差 兼元 - Kitahama", "", "<h1>Kitahama Arms and Armour</h1><h3>脇差 兼元</h3>"),
        ("脇差 兼元 ≪ 北浜", "", '<a href="/"><h1>買取なら北浜</h1></a><h2>脇差 兼元</h2>'),
    ],
)  # fmt: skip
def test_a_slogan_with_the_shops_name_in_it_is_no_title(title: str, more: str, body: str) -> None:
    found = read(f"<title>{title}</title>{more}", body + '<img src="/i/k.jpg"><p>価格 ¥330,000</p>')
    assert found.title == "脇差 兼元"


def test_a_product_of_another_name_is_not_the_pages() -> None:
    head = f'<title>脇差 国広 | 店</title><script type="application/ld+json">{DATA}</script>'
    found = read(head, f"<h1>脇差 国広</h1>{BODY}")
    assert (found.title, found.price.value) == ("脇差 国広", Decimal(330_000))


def test_two_products_of_other_addresses_are_not_the_pages() -> None:
    both = f"[{DATA},{DATA.replace('宇多', '国広')}]".replace('"name"', '"url":"/x","name"')
    head = f'<title>刀 | 店</title><script type="application/ld+json">{both}</script>'
    assert read(head, f"<h1>刀 兼房</h1>{BODY}").price.value == 330_000


def test_one_picture_of_the_data_does_not_beat_those_that_the_page_shows() -> None:
    data = DATA.replace('["/1.jpg","/2.jpg"]', '"/i/1.jpg"')
    head = f'<title>刀 宇多</title><script type="application/ld+json">{data}</script>'
    shown = "".join(f'<img src="/i/{n}.jpg">' for n in (1, 2, 3))
    found = read(
        head,
        f"<h1>刀 宇多</h1>{shown}<p>長さ 70cm、反り 1.8cm、目釘穴は一個、生ぶ茎の一振りです。</p>",
    )
    assert [url[-5] for url in found.images] == ["1", "2", "3"]


@pytest.mark.parametrize("text", ["", "{", "nonsense", '{"a" 1}', "{}{", "//", "[1,,2]"])
def test_what_is_no_json_is_nothing(text: str) -> None:
    assert read_leniently(text) is None


@pytest.mark.parametrize(
    ("offers", "price", "status"),
    [
        ('"offers":{"price":"$480.00","priceCurrency":"USD"}', "480", Status.AVAILABLE),
        ('"offers":{"price":"1.480,00","priceCurrency":"EUR"}', "1480", Status.AVAILABLE),
        ('"offers":{"price":"480","availability":"out of stock"}', "480", Status.SOLD),
        ('"offers":{"price":"480","availability":"Out_Of_Stock"}', "480", Status.SOLD),
        (
            '"hasVariant":[{"@type":"Product","offers":{"price":480,"availability":"OutOfStock"}},{"@type":"Product","offers":{"price":520,"availability":"InStock"}}]',
            "480",
            Status.AVAILABLE,
        ),
    ],
)
def test_offers_as_shops_write_them(offers: str, price: str, status: Status) -> None:
    data = f'<script type="application/ld+json">{{"@type":"ProductGroup","name":"刀 宇多",{offers}}}</script>'
    found = read(data, '<h1>刀 宇多</h1><img src="1.jpg">')
    assert (found.price.value, found.status) == (Decimal(price), status)
