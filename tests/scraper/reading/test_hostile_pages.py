# ruff: noqa: E501 - markup in one line reads better than broken markup
"""Pages that answer in the place of an item never become a listing."""

from __future__ import annotations

import time

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.dealer import Platform
from scraper.pages.document import page_from_html
from scraper.pages.errors import (
    ChallengePageError,
    EmptyPageError,
    LoginPageError,
    MaintenancePageError,
    NotAnItemPageError,
    OversizedPageError,
    PageError,
    SoftNotFoundError,
)
from scraper.pages.listing import ScrapedListing
from scraper.pages.page_encoding import decode
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing

DEALER = DealerSite(
    name="Sample", domain="shop.example", catalog_url="https://shop.example/", currency="JPY"
)
WALLS = [
    ("<title>Just a moment...</title><body><div id='cf-wrapper'>Checking your browser</div>", ChallengePageError),
    ("<title>shop.example</title><script src='/cdn-cgi/challenge-platform/h/b.js'></script><body>Enable JavaScript and cookies to continue", ChallengePageError),
    ("<title>Access denied</title><body><h1>Access denied</h1>", ChallengePageError),
    ("<title>Robot check</title><body><div class='g-recaptcha'></div>Please", ChallengePageError),
    ("<title>メンテナンス中</title><body><p>ただいまメンテナンス中です。</p>", MaintenancePageError),
    ("<title>Sample</title><body><h1>Briefly unavailable for scheduled maintenance.</h1>", MaintenancePageError),
    ("<title>Log in</title><body><form><input type=password name=pwd></form> Log in to continue", LoginPageError),
    ("<title>Protected: Katana</title><body><h1>Protected: Katana</h1><form class='post-password-form'>This content is password protected</form>", LoginPageError),
    ("<title>ご指定のページは見つかりません</title><body>検索はこちら", SoftNotFoundError),
    ("<title>Sample</title><body><p>お探しの商品は見つかりませんでした。</p>", SoftNotFoundError),
    ("<title>無題ドキュメント</title><body><p>　</p>a", SoftNotFoundError),
    ("<title>Page not found</title><body class='error404'><h1>Oops</h1>", SoftNotFoundError),
    ("<html><head><title>x</title></head><body></body></html>", EmptyPageError),
    ("   \n ", EmptyPageError),
    ("<title>About us</title><body><h1>About us</h1>" + "<p>We have sold swords since 1950.</p>" * 60, NotAnItemPageError),
]  # fmt: skip


def read(html: str | bytes, platform: Platform | None = PLATFORMS["woocommerce"]) -> ScrapedListing:
    return read_listing(
        page_from_html("https://shop.example/product/x/", html), DEALER, platform=platform
    )


@pytest.mark.parametrize("platform", [PLATFORMS["woocommerce"], PLATFORMS["static"], None])
@pytest.mark.parametrize(("html", "error"), WALLS)
def test_a_wall_is_an_error_of_its_own_kind(
    html: str, error: type[PageError], platform: Platform | None
) -> None:
    with pytest.raises(error) as caught:
        read(html, platform)
    assert "https://shop.example/product/x/" in str(caught.value)


@pytest.mark.parametrize("platform", [None, PLATFORMS["woocommerce"], PLATFORMS["wordpress"]])
def test_a_product_behind_a_password_says_so_whatever_else_its_page_shows(
    platform: Platform | None,
) -> None:
    form = (
        '<div class="type-product instock"><form class="post-password-form"><p>This content is '
        'password protected.</p><input type="password"></form></div>'
    )
    tile = (
        '<li class="product"><a href="/product/y/"><img src="/y.jpg">Tsuba</a> <span>¥9,900</span>'
    )
    html = f"<title>Protected: Katana</title><h1>Protected: Katana</h1>{form}<ul>{tile}</ul>"
    with pytest.raises(LoginPageError, match="protected by a password"):
        read(html, platform)


def test_thirty_megabytes_are_refused_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(OversizedPageError):
        read("<html><body><h1>x</h1>" + "<p>sword</p>" * 2_600_000)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("tag", ["div", "b", "table><tr><td", "ul><li", "font"])
def test_ten_thousand_nested_tags_do_no_harm(tag: str) -> None:
    close = "".join(f"</{name}>" for name in reversed(tag.replace("<", "").split(">")))
    html = (
        "<html><body><h1>Katana</h1>"
        + f"<{tag}>" * 10_000
        + "deep"
        + close * 10_000
        + "</body></html>"
    )
    began = time.monotonic()
    with pytest.raises(PageError):
        read(html)
    assert time.monotonic() - began < 20


TEXT = "刀 備前国長船祐定 商品説明 価格 一二三円"


@pytest.mark.parametrize("real", ["utf-8", "cp932", "euc_jp", "utf-8-sig", "utf-16", "iso2022_jp"])
@pytest.mark.parametrize(
    "declared", [None, "utf-8", "Shift_JIS", "EUC-JP", "iso-8859-1", "no-such-charset"]
)
def test_a_wrong_charset_declaration_does_no_harm(real: str, declared: str | None) -> None:
    meta = f'<meta charset="{declared}">' if declared else ""
    body = f"<html><head>{meta}</head><body>{TEXT * 3}</body></html>".encode(real)
    headers = {"Content-Type": f"text/html; charset={declared}"} if declared else {}
    assert TEXT in decode(body, headers)


def test_a_dealers_own_encoding_is_believed_only_when_it_fits() -> None:
    assert TEXT in decode(TEXT.encode(), {}, preferred="cp932")
    assert TEXT in decode(TEXT.encode("cp932"), {}, preferred="cp932")


@pytest.mark.parametrize("real", ["utf-8", "cp932", "euc_jp"])
def test_a_few_broken_bytes_do_not_turn_a_page_into_other_letters(real: str) -> None:
    body = f"<html><head><meta charset={real}></head><body>{TEXT * 3}".encode(real) + b"\xff</body>"
    assert TEXT in decode(body, {})


@pytest.mark.parametrize(
    "address", ["http://[img.example/a.jpg", "//[x/b.jpg", "http://x:port/c.jpg"]
)
def test_a_torn_address_is_no_picture_and_no_traceback(address: str) -> None:
    html = (
        f'<html><head><base href="{address}"></head><body><h1>Katana</h1><p>Price: 300,000 JPY</p>'
        f'<a href="{address}"><img src="{address}" srcset="{address} 300w"></a>'
        '<img src="https://shop.example/photo/a.jpg"></body></html>'
    )
    assert read(html, PLATFORMS["static"]).images == ("https://shop.example/photo/a.jpg",)
