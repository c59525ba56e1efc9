"""State words: reserved before sold, whole words only, and no verdict from furniture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.pages.listing import Status
from scraper.parsing.status import drawn_mark, sale_of, status_of

CASES = [
    ("Price: 60,000,000JPY 商談中 HOLD", Status.RESERVED),
    ("商談中Hold", Status.RESERVED),
    ("On Hold", Status.RESERVED),
    ("HOLD", Status.RESERVED),
    ("ご予約済", Status.RESERVED),
    ("お取り置き", Status.RESERVED),
    ("Reserved", Status.RESERVED),
    ("商談中 SOLD", Status.RESERVED),
    *[
        (text, Status.SOLD)
        for text in (
            "SOLD",
            "Sold out",
            "売却済",
            "売約済み",
            "【売約済】",
            "販売済",
            "完売",
            "売切れ",
            "ご成約Sold",
            "ご案内終了",
            "在庫切れ",
            "sold at auction",
            "¥650,000 SOLD",
            "Out of stock",
            "no longer available",
            "http://schema.org/SoldOut",
        )
    ],
    ("在庫あり", Status.AVAILABLE),
    ("In stock", Status.AVAILABLE),
    ("https://schema.org/InStock", Status.AVAILABLE),
    *[
        (text, None)
        for text in (
            "",
            "¥650,000",
            "Ask",
            "All Rights Reserved",
            "all rights are reserved",
            "Threshold",
            "household",
            "shareholder",
            "soldier",
            "Sold separately",
            "not sold",
            "unsold",
            "売切御免",
            "在庫切れの場合はご容赦ください",
            "unavailable",
            "Sold items",
            "売約済一覧",
            "売り切れの場合がございます",
            "在庫：0120-345-678",
        )
    ],
    *[
        (text, Status.SOLD)
        for text in (
            "ご成約",
            "ご売約済",
            "御成約済",
            "販売終了",
            "在庫：0",
            "在庫数: 0点",
            "在庫なし",
            "在庫 ×",
            "残り0点",
            "Stock: 0",
            "0 in stock",
            "Currently unavailable",
            "This item has been sold",
            "お買い上げいただきました",
            "Verkauft",
            "Épuisé",
            "Vendu",
        )
    ],
    ("在庫：1", Status.AVAILABLE),
    ("残り2点", Status.AVAILABLE),
    ("Sale pending", Status.RESERVED),
    ("ご商談中", Status.RESERVED),
    ("お取置き中", Status.RESERVED),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_the_state_that_a_field_states(text: str, expected: Status | None) -> None:
    assert status_of(text) == expected


@pytest.mark.parametrize("text", ["在庫切れ", "品切れ", "Out of stock", "In stock", "¥650,000"])
def test_words_about_stock_are_no_words_of_a_sale(text: str) -> None:
    assert sale_of(text) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("../img/sold.gif", "sold"),
        ("https://shop.example/i/icon_sold-out_02.png", "sold out"),
        ("on_hold.jpg", "on hold"),
        ("/img/household.jpg", None),
        ("/img/sold_katana_01.jpg", None),
        ("/img/unsold.gif", None),
    ],
)
def test_a_mark_may_be_drawn(url: str, words: str | None) -> None:
    assert drawn_mark(url) == words


@given(st.text())
def test_arbitrary_text_never_raises(text: str) -> None:
    status_of(text)
