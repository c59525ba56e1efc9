"""Titles: what is decoration goes, the rest stays as the dealer wrote it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.parsing.title import as_typed, clean_title

KOMACHI = ("刀剣小町", "Touken Komachi")
AOI = ("Japanese Sword Shop Aoi-Art", "Aoi-Art", "Aoi Art")

CASES = [
    (
        "刀剣小町 短刀 義助 白鞘入 拵付き (Tanto, Yoshisuke) Touken Komachi",
        KOMACHI,
        "短刀 義助 白鞘入 拵付き (Tanto, Yoshisuke)",
    ),
    (
        "刀剣小町 太刀 銘 (表)助村 (Tachi : Sukemura)",
        KOMACHI,
        "太刀 銘 (表)助村 (Tachi : Sukemura)",
    ),
    ("刀 盛高靖博(太刀銘)", KOMACHI, "刀 盛高靖博(太刀銘)"),
    ("Tachi : Masamine - Japanese Sword Shop Aoi-Art", AOI, "Tachi : Masamine"),
    (": Chikuzen Daijo Fujiwara NaoTane", AOI, "Chikuzen Daijo Fujiwara NaoTane"),
    ("Katana: Hon''ami (Kaō)", (), "Katana: Hon''ami (Kaō)"),
    ("Wakizashi &#8220;Tadayoshi&#8221; &amp; Koshirae", (), "Wakizashi “Tadayoshi” & Koshirae"),
    ("Wakizashi &amp;amp; Koshirae", (), "Wakizashi & Koshirae"),
    ("<b>Katana</b><br>Mumei", (), "Katana Mumei"),
    ("  Katana\n\t　[Mumei] \u200b ", (), "Katana [Mumei]"),
    ("[SOLD] 刀 来国俊", (), "[SOLD] 刀 来国俊"),
    ("Tsuba &lt;Owari&gt;", (), "Tsuba <Owari>"),
    ("Shop > Tsuba >", ("Shop",), "Tsuba"),
    ("Komachi Touken Komachimura", KOMACHI, "Komachi Touken Komachimura"),
    ("刀剣小町", KOMACHI, ""),
    ("", (), ""),
]


@pytest.mark.parametrize(("text", "shop", "expected"), CASES)
def test_decoration_goes_and_the_name_stays(
    text: str, shop: tuple[str, ...], expected: str
) -> None:
    assert clean_title(text, shop_names=shop) == expected


def test_a_stock_code_goes_only_where_the_dealer_says_so() -> None:
    title = "Katana [Mumei] | NBTHK | KA-091325"
    assert clean_title(title) == title
    assert (
        clean_title(title, stock_code=re.compile(r"\b[A-Z]{2}-\d{6}\b")) == "Katana [Mumei] | NBTHK"
    )


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean_title(text, shop_names=KOMACHI)
    assert clean_title(once, shop_names=KOMACHI) == once


@given(
    st.lists(
        st.sampled_from(
            [
                "&",
                "amp;",
                "lt;",
                "gt;",
                "#38;",
                "<b>",
                "刀剣小町",
                " ",
                "-",
                ":",
                "Aoi Art",
                "x",
                "<",
                ">",
                "b",
            ]
        ),
        max_size=20,
    ).map("".join)
)
def test_nested_entities_and_tags_settle(text: str) -> None:
    once = clean_title(text, shop_names=(*KOMACHI, *AOI))
    assert clean_title(once, shop_names=(*KOMACHI, *AOI)) == once


@pytest.mark.parametrize("unit", ["&amp;", "amp;", "<b ", "- ", "刀剣小町 "])
def test_a_hundred_kilobytes_of_the_same_are_answered(unit: str) -> None:
    assert len(clean_title(unit * (100_000 // len(unit)), shop_names=KOMACHI)) <= 1_000


@pytest.mark.parametrize(
    ("shown", "others", "title"),
    [
        (
            "The owner’s “best” – 7×8…",
            ['The owner\'s "best" -- 7x8...'],
            'The owner\'s "best" -- 7x8...',
        ),
        ("“Owner’s” – set", ["“Owner’s” – set", "“Owner's” – set"], "“Owner's” – set"),
        ("Wakizashi’s", ["Wakizashi's - Sword Shop", ""], "Wakizashi’s"),
        ("Wakizashi's", ["Wakizashi’s"], "Wakizashi's"),
        ("", [""], ""),
    ],
)
def test_a_title_is_kept_as_its_dealer_typed_it(shown: str, others: list[str], title: str) -> None:
    assert as_typed(shown, others) == title
