# ruff: noqa: E501 - markup in one line reads better than broken markup
"""A page about something else never becomes a listing, whatever picture or amount stands on it, and
an item's page never loses its listing to a word beside it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from scraper.dealers import DEALERS
from scraper.dealers.dealer_site import DealerSite
from scraper.pages.dealer import Dealer
from scraper.pages.document import page_from_html
from scraper.pages.errors import (
    ChallengePageError,
    LoginPageError,
    MaintenancePageError,
    NotAnItemPageError,
    PageError,
    ServerErrorPageError,
    SoftNotFoundError,
)
from scraper.pages.listing import ScrapedListing
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing

STATIC = DealerSite(
    name="Sample",
    domain="shop.example",
    catalog_url="https://shop.example/",
    currency="JPY",
    platform=PLATFORMS["static"],
    shop_names=("見本刀剣",),
)
NIHONTO_ART = next(dealer for dealer in DEALERS if dealer.name == "Nihonto Art")
PICTURE = '<img src="/photo/1.jpg"><img src="/wp-content/uploads/2.jpg">'
STAND_INS = [
    ("しばらくお待ちください...", "shop.example", "", ChallengePageError),
    ("Robot or human?", "Robot or human?", "Activate and hold the button", ChallengePageError),
    ("見本刀剣", "お知らせ", "サイトをリニューアル中です。", MaintenancePageError),
    ("ただいまメンテナンス中です", "見本刀剣より", "価格 100円", MaintenancePageError),
    ("見本刀剣", "Sorry, this item is no longer available", "Price: $1,000", SoftNotFoundError),
    ("見本刀剣", "この商品は販売終了しました", "", SoftNotFoundError),
    ("Shop", "This page doesn’t exist", "", SoftNotFoundError),
    ("WordPress › Error", "429 Too Many Requests", "Slow down", ServerErrorPageError),
    ("見本刀剣", "システムエラーが発生しました。", "販売価格 0円", ServerErrorPageError),
    ("見本刀剣", "ただいまアクセスが集中しております", "", ServerErrorPageError),
    ("年齢確認", "年齢確認", "18歳以上ですか？", LoginPageError),
    ("見本刀剣", "会員限定ページ", "", LoginPageError),
    ("sword.example", "sword.example", "This domain may be for sale. Price: $2,495", NotAnItemPageError),
    ("見本刀剣", "検索結果: 兼光", "刀 兼光 価格: 500,000円", NotAnItemPageError),
    ("見本刀剣", "見本刀剣", "今月の一振り 価格 100,000円", NotAnItemPageError),
    ("見本刀剣", "ようこそ見本刀剣へ", "価格 100,000円", NotAnItemPageError),
    ("Index of /photo", "Index of /photo", "", NotAnItemPageError),
    ("This account has been suspended", "Account suspended", "", NotAnItemPageError),
    ("見本刀剣", "夏季休業のお知らせ", "", NotAnItemPageError),
    ("見本刀剣", "お手入れの道具について", "油を引きます。" * 20, NotAnItemPageError),
    ("刀 – 見本刀剣", "刀", "<p>刀 甲 500,000円</p><p>刀 乙 600,000円</p>", PageError),
]  # fmt: skip


def read(html: str | bytes, dealer: Dealer = STATIC) -> ScrapedListing:
    return read_listing(page_from_html("https://shop.example/item/1.html", html), dealer)


def page(title: str, heading: str, text: str) -> str:
    return f"<html><head><meta charset=utf-8><title>{title}</title></head><body><h1>{heading}</h1>{PICTURE}<p>{text}</p></body></html>"


@pytest.mark.parametrize("dealer", [STATIC, NIHONTO_ART], ids=lambda dealer: dealer.name)
@pytest.mark.parametrize(("title", "heading", "text", "error"), STAND_INS)
def test_a_page_about_something_else_is_refused_by_its_kind(
    title: str, heading: str, text: str, error: type[PageError], dealer: Dealer
) -> None:
    dealer = dataclasses.replace(dealer, shop_names=(*dealer.shop_names, "見本刀剣"))
    with pytest.raises(error):
        read(page(title, heading, text), dealer)


def test_a_feed_in_the_place_of_a_page_is_refused() -> None:
    with pytest.raises(NotAnItemPageError):
        read(
            '<?xml version="1.0"?><rss><channel><title>Katana</title><item><title>Katana</title><description>Price: $500</description></item></channel></rss>'
        )


SOUND = {
    "a captcha in its form": '<script src="https://www.google.com/recaptcha/api.js"></script><div class="g-recaptcha"></div>',
    "Cloudflare's own script": '<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script>',
    "a login box": "<form>会員ログイン<input type=password></form>",
    "a notice": "<p>8月1日はメンテナンスのため休業</p>",
    "a question before entry": "<div class=modal><h2>年齢確認</h2>18歳以上ですか</div>",
    "words about others": "<p>Such a pattern is no longer available elsewhere.</p>",
    "a complaint of its program": "<b>Deprecated</b>:  Function x() in <b>/home/shop/a.php</b> on line <b>9</b>",
}  # fmt: skip


@pytest.mark.parametrize("beside", SOUND.values(), ids=SOUND)
def test_an_item_with_something_beside_it_is_read(beside: str) -> None:
    listing = read(page("ようこそ見本刀剣へ", "脇差 国広", f"価格 300,000円</p>{beside}<p>"))
    assert (listing.title, listing.price.value) == ("脇差 国広", 300_000)


@pytest.mark.parametrize(
    "name",
    [
        '<h1><a href="/">川端刀剣</a></h1>',
        '<h1><img src="/logo.gif" alt="川端刀剣"></h1>',
        "<h1>見本刀剣</h1>",
    ],
)
def test_a_shops_name_above_the_item_is_not_the_items_name(name: str) -> None:
    html = f"<title>川端刀剣</title><body>{name}<h2>刀 兼定</h2>{PICTURE}<p>価格 500,000円</p>"
    assert read(html).title == "刀 兼定"


@pytest.mark.parametrize(
    "broken",
    [
        "<p>価格 <b>Warning</b>:  Undefined variable $price in <b>/home/x.php</b> on line <b>3</b></p>",
        "<p>価格 100,000円</p><b>Fatal error</b>:  Uncaught Error: foo() in /home/x.php:12",
    ],
)
def test_a_complaint_in_the_place_of_a_field_is_no_empty_field(broken: str) -> None:
    with pytest.raises(ServerErrorPageError):
        read(page("刀 兼定", "刀 兼定", broken))


def test_a_program_that_complains_in_the_heading_gives_no_title() -> None:
    notice = "<b>Notice</b>:  Undefined index: name in <b>/home/x.php</b> on line <b>3</b>"
    with pytest.raises(ServerErrorPageError):
        read(page("刀 兼定", notice, "価格 100,000円"))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_read(encoding: str) -> None:
    html = page("刀 国広", "刀 国広", "価格 300,000円").replace("<meta charset=utf-8>", "")
    assert read(html.encode(encoding)).title == "刀 国広"


def test_what_turns_text_around_or_steers_a_terminal_is_no_part_of_a_title() -> None:
    listing = read(page("x", "Katana \u202eKunihiro\u202c \x1b\u2066Edo\u2069 \x9b", "Price: $500"))
    assert listing.title == "Katana Kunihiro Edo"


def test_a_refusal_carries_no_control_characters_to_the_terminal() -> None:
    with pytest.raises(PageError) as caught:
        read(page("x", "no \x1b]0;evil\x07 longer exists \u202e", ""))
    assert str(caught.value).isprintable()


API: dict[str, Any] = {
    "name": "Katana &#8211; Kanesada, Hozon",
    "permalink": "https://shop.example/item/1.html",
    "prices": {"price": "500000", "currency_code": "JPY", "currency_minor_unit": 0},
    "images": [{"src": "https://shop.example/photo/1.jpg"}],
    "is_in_stock": True,
}
SHOP = dataclasses.replace(STATIC, platform=PLATFORMS["woocommerce"])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/pdf", b"%PDF-1.4 \xff\xfe Katana Kanesada Hozon"),
        ("application/json", b'{"name": "Katana Kanesada Hozon"}'),
        ("image/jpeg", b"\xff\xd8\xff\xe0 Katana Kanesada Hozon"),
        (
            "text/html",
            b"<html><title>News</title><h1>An exhibition</h1><p>Katana on show.</p></html>",
        ),
    ],
)
def test_an_api_alone_makes_no_row_of_an_answer_that_is_not_the_items_page(
    kind: str, body: bytes
) -> None:
    answer = page_from_html(API["permalink"], body, headers={"Content-Type": kind})
    with pytest.raises(PageError):
        read_listing(answer, SHOP, api=API)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/plain", ""])
def test_a_page_with_the_name_of_its_api_is_read_whatever_its_server_calls_it(kind: str) -> None:
    html = page("Sample", "Katana – Kanesada, Hozon", "In stock").encode()
    answer = page_from_html(API["permalink"], html, headers={"content-type": kind})
    assert read_listing(answer, SHOP, api=API).price.value == 500_000
