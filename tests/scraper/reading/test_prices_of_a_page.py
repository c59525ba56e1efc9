"""Which price a page nobody described states: labelled, asked today, with tax; else none."""

from __future__ import annotations

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.errors import NotAnItemPageError, UnexpectedPageError
from scraper.pages.listing import ScrapedListing, Status
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing

DEALER = DealerSite(
    name="Sample", domain="s.example", catalog_url="https://s.example/", currency="JPY"
)


def read(markup: str, body: str = "<body>") -> ScrapedListing:
    html = (
        f'<title>刀 兼房</title>{body}<h1>刀 兼房</h1><img src="1.jpg">{markup}<p>長さ 70.3cm</p>'
    )
    page = page_from_html("https://s.example/3.html", html)
    return read_listing(page, DEALER, platform=PLATFORMS["static"])


@pytest.mark.parametrize(
    ("markup", "value"),
    [
        ("<p>価格：350,000円（送料無料）</p>", 350_000),
        ("<p>価格：350,000円（税込・送料別途1,500円）</p>", 350_000),
        ("<p>本体価格：350,000円</p><p>税込価格：385,000円</p>", 385_000),
        ("<p>税込価格：385,000円</p><p>本体価格：350,000円</p>", 385_000),
        (
            "<dl><dt>価格（税抜）</dt><dd>350,000円</dd><dt>価格（税込）</dt><dd>385,000円</dd></dl>",
            385_000,
        ),
        ("<p>【価格】350,000円</p>", 350_000),
        ("<p>販売価格 ￥55,000 ～ ￥88,000 税込</p>", 55_000),
        ("<p>価格：<del>400,000円</del> 350,000円</p>", 350_000),
        (
            '<p>価格：<span style="text-decoration:line-through">400,000円</span> 350,000円</p>',
            350_000,
        ),
        ('<p>価格：<span class="old-price">400,000円</span> <b>350,000円</b></p>', 350_000),
        # in the words of the neighbours
        ("<p>Preis: 8.900,00 € inkl. MwSt.</p><p>Versandkosten 15,00 €</p>", 8_900),
        ("<p>Prix : 6 500,00 € TTC</p><p>Frais de port : 30 €</p>", 6_500),
        ("<p>Prezzo: € 4.800,00 (IVA inclusa)</p>", 4_800),
        ("<p>Precio: 3.900 €</p>", 3_900),
        ("<p>Prijs: € 375,-</p>", 375),
        # struck out and nothing in its place: nobody asks it
        ("<p>価格：<del>400,000円</del></p>", None),
        ("<p>価格：<s>400,000円</s> お問い合わせください</p>", None),
        ("<p>価格：<s>400,000円</s> 売約済</p>", 400_000),
        ("<p>参考価格：400,000円</p><p>価格：お問い合わせ</p>", None),
        ("<p>価格：時価</p>", None),
    ],
)
def test_the_price_that_is_asked_today(markup: str, value: int | None) -> None:
    assert read(markup).price.value == value


def test_several_prices_are_a_doubt_and_no_guess() -> None:
    with pytest.raises(UnexpectedPageError, match="found 2"):
        read("<p>価格：350,000円</p><p>価格：380,000円</p>")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('<body class="product-page"><div class="product outofstock">', Status.SOLD),
        ('<body><main class="item sold-out">', Status.SOLD),
        ('<body><ul><li class="outofstock">刀 国広</li></ul>', Status.AVAILABLE),
    ],
)
def test_a_class_around_the_heading_may_say_that_it_is_sold_out(body: str, status: Status) -> None:
    assert read("<p>価格：350,000円</p>", body).status is status


@pytest.mark.parametrize(
    ("markup", "value"),
    [
        ("<p>¥88,000（税込）</p>", 88_000),
        ("<p>¥88,000（税込）</p><p>送料 ¥1,200</p><p>¥10,000以上で送料無料</p>", 88_000),
        ('<div class="box"><span>¥</span><b>88,000</b></div>', 88_000),
        ("<p>88,000円 送料別途</p>", 88_000),
        ("<p>Was ¥98,000</p><p>Now ¥88,000</p>", 88_000),
        ("<p>¥80,000（税抜）</p><p>¥88,000（税込）</p>", 88_000),
        ("<p>SOLD ¥88,000</p>", 88_000),
        ("<p>Prix de Rome, medal</p><p>¥88,000</p>", 88_000),
        ("<table><tr><th>価格</th></tr><tr><td>表</td></tr></table><p>¥88,000</p>", 88_000),
        ("<p>8万8千円</p>", 88_000),
        ("<p>八万八千円（税込）</p>", 88_000),
        ("<p>Rs 88000</p>", 88_000),
        ("<p>EUR 88,000</p>", 88_000),
        # not alone, or not the item's
        ("<p>8〜10万円</p>", None),
        ("<p>白鞘代 30,000円</p>", None),
        ("<p>Deposit: ¥10,000</p>", None),
        ("<p>Insured for ¥500,000</p>", None),
        ("<p>¥500 flat rate shipping</p>", None),
    ],
)
def test_an_amount_alone_needs_no_label(markup: str, value: int | None) -> None:
    assert read(markup).price.value == value


@pytest.mark.parametrize("other", ["¥98,000", "拵付は 98,000円"])
def test_of_two_amounts_without_a_label_neither_is_taken(other: str) -> None:
    with pytest.raises(NotAnItemPageError):
        read(f"<p>¥88,000</p><p>{other}</p>")


def test_a_picture_and_an_amount_alone_show_an_item_and_an_amount_within_words_does_not() -> None:
    page = "<title>Vase</title><h1>Vase</h1><img src='1.jpg'>{}"
    items = page_from_html("https://s.example/3.html", page.format("<p>¥88,000</p>"))
    assert read_listing(items, DEALER).price.value == 88_000
    notice = page_from_html("https://s.example/3.html", page.format("<p>会費 10,000円</p>"))
    with pytest.raises(NotAnItemPageError):
        read_listing(notice, DEALER)
