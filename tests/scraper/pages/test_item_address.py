"""Addresses: one item, one spelling; two items, never one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.pages.item_address import canonical_url, same_host_family
from scraper.platforms import PLATFORMS

AOI = {"aoijapan.com": "www.aoijapan.com"}

SAME = [
    ("https://x.com/a/", "https://x.com/a"),
    ("https://X.COM:443/a", "https://x.com/a"),
    ("https://x.com", "https://x.com/"),
    ("https://x.com./a", "https://x.com/a"),
    ("https://x.com/a?utm_source=n&fbclid=1&srsltid=2", "https://x.com/a"),
    ("https://x.com/product/a/?add-to-cart=12", "https://x.com/product/a"),
    ("https://x.com/a#reviews", "https://x.com/a"),
    ("https://x.com/b/../a/./", "https://x.com/a"),
    ("https://x.com/a&amp;b.html", "https://x.com/a&b.html"),
    ("https://x.com/a%26b.html", "https://x.com/a&b.html"),
    ("https://x.com/a?b=1&amp;c=2", "https://x.com/a?b=1&c=2"),
    ("https://x.com/a?c=2&b=1", "https://x.com/a?b=1&c=2"),
    ("https://x.com/老松", "https://x.com/%E8%80%81%E6%9D%BE"),
    ("https://x.com/%e8%80%81%e6%9d%be/", "https://x.com/%E8%80%81%E6%9D%BE"),
    ("https://x.com/%7Eshop/%61", "https://x.com/~shop/a"),
    ("https://日本.jp/a", "https://xn--wgv71a.jp/a"),
    (" https://x.com/a b\n", "https://x.com/a%20b"),
]

KEPT = [
    "https://x.com/tsuba-mumeiunsigned-2",
    "https://x.com/?p=131166",
    "https://x.com/products/detail.php?product_id=345",
    "https://x.com/en?ref=7",
    "https://x.com//a",
    "https://x.com/%93%FA.html",
    "https://x.com/a%2Fb",
    "http://127.0.0.1:8088/product/a",
    "https://x.com/100%25",
    "https://x.com/a?b=1&copy=2",
]


@pytest.mark.parametrize(("url", "expected"), SAME)
def test_spellings_of_one_item_become_one(url: str, expected: str) -> None:
    assert canonical_url(url) == expected


@pytest.mark.parametrize("url", KEPT)
def test_what_names_an_item_is_kept(url: str) -> None:
    assert canonical_url(url) == url


def test_an_entity_is_decoded_once_and_never_again() -> None:
    once = canonical_url("https://x.com/a&amp;amp;b")
    assert once == "https://x.com/a&amp%3Bb"
    assert canonical_url(once) == once


@pytest.mark.parametrize(
    "url",
    [
        "https://www.aoijapan.com/slug/",
        "https://www.aoijapan.com/slug",
        "https://aoijapan.com/slug",
        "http://www.aoijapan.com/slug",
        "http://aoijapan.com:80/slug/",
    ],
)
def test_the_host_family_of_a_dealer_is_one_item(url: str) -> None:
    assert canonical_url(url, scheme="https", host_aliases=AOI) == "https://www.aoijapan.com/slug"


def test_an_alias_is_an_exact_host() -> None:
    other = "https://shop.aoijapan.com/slug"
    assert canonical_url(other, scheme="https", host_aliases=AOI) == other


def test_a_port_of_its_own_keeps_the_scheme() -> None:
    assert canonical_url("http://127.0.0.1:8088/a", scheme="https") == "http://127.0.0.1:8088/a"
    assert canonical_url("http://x.com:80/a", scheme="https") == "https://x.com/a"


def test_a_trailing_slash_is_added_where_the_platform_wants_it() -> None:
    assert canonical_url("https://x.com/a", trailing_slash=True) == "https://x.com/a/"
    assert canonical_url("https://x.com/a.html", trailing_slash=True) == "https://x.com/a.html"
    assert canonical_url("https://x.com/a/", trailing_slash=None) == "https://x.com/a/"


def test_a_fragment_or_a_tracking_name_counts_where_the_dealer_says_so() -> None:
    page = "https://x.com/swords.php#item86"
    assert canonical_url(page, identity_fragment=r"item\d+") == page
    assert canonical_url(page) == "https://x.com/swords.php"
    assert (
        canonical_url("https://x.com/a?_pos=3", identity_parameters=("_pos",))
        == "https://x.com/a?_pos=3"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mailto:a@x.com",
        "javascript:alert(1)",
        "/a",
        "http://",
        "http://[::1",
        "http://x.com:99999/",
        "https://a b/",
    ],
)
def test_what_is_no_address_comes_back_as_it_is(text: str) -> None:
    assert canonical_url(text) == text


@pytest.mark.parametrize(
    ("host", "domain", "expected"),
    [
        ("www.nihontoart.com", "nihontoart.com", True),
        ("nihontoart.com", "nihontoart.com", True),
        ("NIHONTOART.com.", "nihontoart.com", True),
        ("img.nihontoart.com", "nihontoart.com", True),
        ("nihonart.com", "nihontoart.com", False),
        ("nihonto.com.au", "nihonto.com", False),
        ("mynihonto.com", "nihonto.com", False),
        ("nihonto.com.evil.net", "nihonto.com", False),
        ("", "", False),
        ("x.com", "", False),
    ],
)
def test_a_host_family_is_exact_or_a_dot_suffix(host: str, domain: str, expected: bool) -> None:
    assert same_host_family(host, domain) is expected


PIECES = st.sampled_from(
    [
        "/",
        "..",
        ".",
        "%",
        "%25",
        "%26",
        "%2f",
        "%41",
        "&",
        "&amp;",
        "amp;",
        "#38;",
        "?",
        "=",
        ";",
        "刀",
        "ü",
        " ",
        "+",
        "a",
        "-2",
        "#f",
        "utm_a=1",
        "p=1",
        "|",
        "\\",
        "//",
    ]
)


@given(st.lists(PIECES, max_size=16).map("".join), st.sampled_from([True, False, None]))
def test_canonical_twice_is_canonical_once(tail: str, slash: bool | None) -> None:
    once = canonical_url("https://x.com/" + tail, trailing_slash=slash)
    assert canonical_url(once, trailing_slash=slash) == once


@given(st.text())
def test_arbitrary_text_never_raises(text: str) -> None:
    once = canonical_url(text)
    assert canonical_url(once) == once
    assert canonical_url("https://x.com/" + text)


@pytest.mark.parametrize(
    ("platform", "url", "bare"),
    [
        ("ec_cube", "https://x.jp/products/detail.php?category_id=29&product_id=345", "https://x.jp/products/detail.php?product_id=345"),
        ("ec_cube", "https://x.jp/products/detail/345?category_id=3", "https://x.jp/products/detail/345"),
        ("shopify", "https://x.com/collections/a/products/b?variant=1", "https://x.com/products/b"),
        ("shopify", "https://x.com/en/products/b", "https://x.com/products/b"),
        ("shopify", "http://[x/products/b", "http://[x/products/b"),
        ("woocommerce", "https://x.com/?p=131166", "https://x.com/?p=131166"),
        (None, "https://x.com/products/detail/345?id=3", "https://x.com/products/detail/345?id=3"),
    ],
)  # fmt: skip
def test_the_way_to_an_item_is_no_part_of_its_address(
    platform: str | None, url: str, bare: str
) -> None:
    found = PLATFORMS[platform].same_item(url) if platform is not None else url
    assert found == bare
