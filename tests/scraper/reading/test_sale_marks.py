# ruff: noqa: E501 - markup in one line reads better than broken markup
"""An item's own marks count wherever they stand; another item's and a menu's never do."""

from __future__ import annotations

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.listing import BY_DEFAULT, Status
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing

PAGE = """<html><head><title>刀 銘 兼房</title></head><body><header><nav><a href="/">TOP</a> <a href="/sold/">売約済</a></nav></header>
<div id="contents"><h2>刀 銘 兼房</h2><a href="img/1_L.jpg"><img src="img/1.jpg" alt="刀 銘 兼房"></a><div class="info"><p>価格： 380,000円 (税込)</p>{mark}</div>
<p>長さ 70.3cm 反り 1.8cm 目釘穴 1個</p>{more}</div><footer><p>Copyright Sample. All rights reserved.</p></footer></body></html>"""
DEALER = DealerSite(
    name="Sample", domain="s.example", catalog_url="https://s.example/", currency="JPY"
)
OWN = [
    # beside links to forms, lists, pictures and shares
    ('<p>品切れ</p><p><a href="/contact.html">お問い合わせ</a></p>', Status.SOLD),
    ('<p>売約済 <a href="mail.cgi?item=3">お問い合わせはこちら</a></p>', Status.SOLD),
    ('<div><span>SOLD</span><a href="javascript:history.back()">戻る</a></div>', Status.SOLD),
    ('<div><b>売約済</b> <a href="../katana/index.html">一覧へ戻る</a></div>', Status.SOLD),
    (
        '<ul><li><span>SOLD OUT</span></li><li><a href="https://twitter.com/share?u=1">Tweet</a></li></ul>',
        Status.SOLD,
    ),
    (
        '<table><tr><td>売約済</td><td><a href="img/2_L.jpg"><img src="img/2.jpg"></a></td></tr></table>',
        Status.SOLD,
    ),
    (
        '<div><a href="/cart.php?id=3"><img src="/c/cart.gif" alt="カートに入れる"></a><font color="red">商談中</font></div>',
        Status.RESERVED,
    ),
    (
        '<p><a href="/inquiry/?code=K12">この商品について問い合わせる</a></p><p>HOLD</p>',
        Status.RESERVED,
    ),
    # on buttons, labels, badges
    ("<button disabled>売り切れ</button>", Status.SOLD),
    ('<button class="btn" type="submit" disabled><span>SOLD OUT</span></button>', Status.SOLD),
    ('<input type="button" value="在庫切れ" disabled>', Status.SOLD),
    ('<a class="btn disabled" href="#">SOLD OUT</a>', Status.SOLD),
    ('<a href="javascript:void(0)">売約済み</a>', Status.SOLD),
    ('<label class="badge">ご成約済</label>', Status.SOLD),
    ('<i class="badge">Reserved</i>', Status.RESERVED),
    ("<dl><dt>状態</dt><dd>ご売約済</dd></dl>", Status.SOLD),
    ('<a href="img/3_L.jpg"><img src="img/3.jpg"><span class="badge">SOLD</span></a>', Status.SOLD),
    ('<img src="/common/soldout.gif" alt="">', Status.SOLD),
    ('<img src="/common/mark3.gif" alt="売約済">', Status.SOLD),
    # counted
    ("<p>在庫：0</p>", Status.SOLD),
    ("<tr><th>在庫数</th><td>0点</td></tr>", Status.SOLD),
    ("<table><tr><th>在庫数：</th><td>0</td></tr></table>", Status.SOLD),
    ("<p>在庫なし</p>", Status.SOLD),
    ("<dl><dt>在庫</dt><dd>0</dd></dl>", Status.SOLD),
    ("<dl><dt>価格</dt><dd>380,000円</dd><dt>在庫</dt><dd>なし</dd></dl>", Status.SOLD),
    ("<table><tr><th>在庫</th><td>×</td></tr></table>", Status.SOLD),
    ('<img src="../img/urikire.gif" alt="">', Status.SOLD),
    ('<img src="/mark/shoudan.gif">', Status.RESERVED),
    ("<p>Stock: 0</p>", Status.SOLD),
    ("<p>Verfügbarkeit: nicht verfügbar</p>", Status.SOLD),
    ("<p>Disponibilité : rupture de stock</p>", Status.SOLD),
    ('<img src="/i/soldout_stamp.png" alt="">', Status.SOLD),
    # plain sentences
    ("<p>Dieses Schwert ist leider bereits verkauft.</p>", Status.SOLD),
    ("<p>Dieses Stück ist reserviert.</p>", Status.RESERVED),
    ("<p>Cet objet est vendu.</p>", Status.SOLD),
    ("<p>Questo oggetto è stato venduto.</p>", Status.SOLD),
    ("<p>This item has been sold.</p>", Status.SOLD),
    ("<p>Sorry, this sword has already been sold. Thank you!</p>", Status.SOLD),
    ("<p>This piece is currently on hold for a customer.</p>", Status.RESERVED),
    ("<p>The item is no longer available.</p>", Status.SOLD),
    ("<p>こちらの商品は売約済みです。</p>", Status.SOLD),
    ("<p>この刀はご成約となりました。ありがとうございました。</p>", Status.SOLD),
    ("<p>申し訳ございません、売り切れました。</p>", Status.SOLD),
    ("<p>ご成約ありがとうございました</p>", Status.SOLD),
    ("<p>本品は現在商談中です。</p>", Status.RESERVED),
    ("<p>お陰様で完売いたしました。</p>", Status.SOLD),
]
NOT_OWN = [
    # another item's tile
    '<div class="box"><a href="/katana/7.html"><img src="/t/7.jpg"></a><p>刀 銘 国広</p><p>売約済</p></div>',
    '<ul><li><a href="/katana/7.html">脇差 銘 国広</a> <span>SOLD</span></li><li><a href="/katana/8.html">短刀 銘 吉光</a></li></ul>',
    '<table><tr><td><a href="7.html">脇差 銘 国広</a></td><td>500,000円</td><td>売約済</td></tr><tr><td><a href="8.html">短刀</a></td><td>商談中</td></tr></table>',
    '<div class="card"><div class="pic"><a href="/item/7"><img src="/t/7.jpg"></a></div><div class="body"><div class="badges"><span>SOLD</span></div><h4>国広</h4></div></div>',
    "<table><tr><td>刀 一</td><td>売約済</td></tr><tr><td>刀 二</td><td>売約済</td></tr><tr><td>刀 三</td><td>売約済</td></tr></table>",
    '<p><a href="/katana/7.html">売約済の一振り</a></p>',
    # menus, headings, conditions, and what nobody sees
    "<h3>Recently sold</h3><ul><li><a href='/katana/9.html'>脇差 銘 国広</a></li></ul>",
    '<div style="display:none"><b>SOLD</b></div>',
    "<div hidden><b>SOLD OUT</b></div>",
    "<p>Zwischenverkauf vorbehalten.</p>",
    "<p>Verkaufte Schwerter finden Sie im Archiv.</p>",
    "<select><option>白鞘 SOLD OUT</option><option>拵付</option></select>",
    '<p><a href="/sold/">売約済</a></p>',
    "<h4>SOLD ITEMS</h4>",
    "<p>売約済一覧</p>",
    "<p>売り切れの際はご容赦ください。</p>",
    "<p>他店でも販売しておりますので、売り切れの場合がございます。</p>",
    "<p>ご成約後のキャンセルはできません。</p>",
    "<p>この商品は売り切れ次第終了です。</p>",
    "<p>Items are sold as is.</p>",
    "<p>This sword was sold at auction in 1999 and has been in one family since then, well kept.</p>",
    "<p>Reserved parking is available behind the shop.</p>",
    "<p>在庫：1</p>",
    "<p>在庫：03-1234-5678へお問い合わせください</p>",
    "<p>All rights reserved.</p>",
]


def status(mark: str, more: str = "") -> tuple[Status, str]:
    page = page_from_html("https://s.example/katana/3.html", PAGE.format(mark=mark, more=more))
    found = read_listing(page, DEALER, platform=PLATFORMS["static"])
    return found.status, found.layers["status"]


@pytest.mark.parametrize(("mark", "expected"), OWN)
def test_an_own_mark_counts_wherever_it_stands(mark: str, expected: Status) -> None:
    assert status(mark)[0] is expected


@pytest.mark.parametrize("markup", NOT_OWN)
def test_words_about_other_items_are_no_mark(markup: str) -> None:
    assert status("", markup)[0] is Status.AVAILABLE


@pytest.mark.parametrize("markup", NOT_OWN)
def test_an_own_mark_counts_beside_other_items(markup: str) -> None:
    assert status("<p>商談中</p>", markup)[0] is Status.RESERVED


@pytest.mark.parametrize("mark", ["<p>在庫：1</p>", "<p>残り1点</p>", "<p>In stock</p>"])
def test_a_stated_stock_is_a_word_about_the_state(mark: str) -> None:
    assert status(mark) == (Status.AVAILABLE, "generic")


def test_a_page_without_a_word_of_a_sale_says_that_nobody_said() -> None:
    assert status("") == (Status.AVAILABLE, BY_DEFAULT)
