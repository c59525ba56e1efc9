"""Marks on titles, told from words that only sound like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.pages.listing import Status
from scraper.parsing.title_mark import mark_of

MARKED = [
    ("[SOLD] Katana Kanetomo", Status.SOLD),
    ("Katana Kanetomo SOLD", Status.SOLD),
    ("Katana Kanetomo sold!", Status.SOLD),
    ("SOLD! Katana Kanetomo", Status.SOLD),
    ("Katana Kanetomo - Sold out", Status.SOLD),
    ("Katana Kanetomo (On Hold)", Status.RESERVED),
    ("【売約済】01-3193 刀", Status.SOLD),
    ("【ご売約済となりました】刀", Status.SOLD),
    ("刀 兼定 売約済", Status.SOLD),
    ("【商談中 HOLD】刀 兼定", Status.RESERVED),
    ("商談中 刀 兼定", Status.RESERVED),
]
UNMARKED = [
    "Katana sold by the smith's son",
    "Sold with a paper: katana",
    "Reserved for the Shogun: a katana",
    "Household tsuba",
    "[N.B.T.H.K] Hozon Token",
    "【特別保存刀剣】刀",
    "刀 完売御礼",
    "SOLD",
    "",
]


@pytest.mark.parametrize(("title", "status"), MARKED)
def test_a_mark_is_read(title: str, status: Status) -> None:
    assert mark_of(title) is status


@pytest.mark.parametrize("title", UNMARKED)
def test_words_that_are_no_mark_say_nothing(title: str) -> None:
    assert mark_of(title) is None


@given(st.text())
def test_arbitrary_text_never_raises(title: str) -> None:
    mark_of(title)
