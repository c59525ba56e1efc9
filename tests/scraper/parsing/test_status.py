"""State words: reserved before sold, whole words only, and no verdict from furniture."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.pages.listing import Status
from scraper.parsing.status import drawn_mark, sale_of, status_of

CASES = [
    (text, None if stated == "-" else Status(stated))
    for line in (Path(__file__).parent / "statuses.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
    for stated, text in [line.split(" | ", 1)]
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
        ("/i/sold-out-stamp.png", "sold out"),
        ("/i/ribbon_reserved.svg", "reserved"),
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
