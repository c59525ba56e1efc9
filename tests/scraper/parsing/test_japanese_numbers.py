"""Numbers as Japanese writes them: what becomes digits, and what stays because it is no number."""

from __future__ import annotations

import pytest

from scraper.parsing.japanese_numbers import in_digits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("32万5千", "325000"),
        ("価格32万5百円", "価格320500円"),
        ("1億2千5百万円", "125000000円"),
        ("1億0500万円", "105000000円"),
        ("1万2千3百45円", "12345円"),
        ("百二十万三千五百円", "1203500円"),
        ("参拾五万円", "350000円"),
        ("三五〇〇〇〇円", "350000円"),
        ("二〇万円", "200000円"),
        ("3万円と5万円", "30000円と50000円"),
        ("12万~15万円", "120000~150000円"),
        ("32~35万円", "##~##万円"),
    ],
)
def test_a_number_becomes_digits(text: str, expected: str) -> None:
    assert in_digits(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "1万2万円",  # each unit is smaller than the one before
        "32万50000円",  # and what follows too small to reach it
        "12億億円",
        "十十万円",
        "0万円",
        "12,5万円",
        "1.5万5千円",
        "1.23456万円",
        "35万 8000円",  # two amounts, or one that was torn apart
        "12-15万円",
        "二、三万円",
        "二三万円",
        "三十万～四十万円",
        "数千円",
        "関東一円",
        "十一代兼定",
        "百貨店",
        "KA-5千",
        "",
    ],
)
def test_what_is_no_number_stays(text: str) -> None:
    assert in_digits(text) == text
