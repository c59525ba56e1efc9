"""Item types: the vocabulary, the heads of compounds, and everything that only looks like a
type."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.parsing.item_type import item_type_of
from scraper.parsing.text import fold

REAL = Path(__file__).parents[4] / "shared" / "facts" / "titles_prices.json"

NAMED = [
    ("Katana :Mumei(Unsigned) (Ujifusa).", "katana"),
    ("Katana in Shirasaya with Koshirae", "katana"),
    ("Japanese Katana: Ishido-unju Korekazu (Late Edo) | NBTHK Juyo", "katana"),
    ("Menuki[Mumei Waki-Goto ippiki-shishi-zu] [N.B.T.H.K] Hozon Tosogu", "menuki"),
    ("Sunnobi Tanto [Tada Masatoshi]", "tanto"),
    ("Tantou [Minamoto Taneaki]", "tanto"),
    ("Tantō (Muramasa)", "tanto"),
    ("Wakizashi, Shirasaya / Mumei, attributed to Hizen Kanehiro", "wakizashi"),
    ("01-3193【保存刀剣】無銘mumei(下原sitahara) 刀 katana", "katana"),
    ("02-3106 相模守源来義道 寛延二年八月吉日 脇差(白鞘)", "wakizashi"),
    ("02-3240 無銘 mumei 短刀 Tanto", "tanto"),
    ("刀剣小町 刀 大慶直胤(銘 表 : 出羽国住人) 白鞘入 (Katana, Taikei Naotane)", "katana"),
    ("刀 盛高靖博(太刀銘)", "katana"),
    ("太刀 銘 (表)助村 (Tachi : Sukemura)", "tachi"),
    ("小太刀 国行", "kodachi"),
    ("短刀 義助 白鞘入 拵付き", "tanto"),
    ("鎧通し 無銘", "tanto"),
    ("Yoroi-doshi tanto", "tanto"),
    ("Exceptional Edo Period complete Russet Iron Myochin Yoroi", "armor"),
    ("Kabuto: 62 plates", "kabuto"),
    ("Menpo with mustache", "menpo"),
    ("Yari, Shimosaka", "yari"),
    ("薙刀 銘 兼植", "naginata"),
    ("Ken: Mumei", "ken"),
    ("後藤 笄 No.55", "kogai"),
    ("Kozuka with bamboo", "kozuka"),
    ("波濤図 縁頭", "fuchi-kashira"),
    ("Fuchi/Kashira: Goto", "fuchi-kashira"),
    ("南蛮鐔 龍図", "tsuba"),
    ("Tanto Koshirae, black lacquer", "koshirae"),
    ("刀拵", "koshirae"),
    ("Tsuba for katana", "tsuba"),
    ("Naginata-naoshi Wakizashi: Uda", "wakizashi"),
]

UNNAMED = [
    "",
    "刀剣",
    "保存刀剣",
    "日本刀",
    "名刀",
    "刀掛け",
    "刀剣小町",
    "Sword",
    "Mumei (Ko-Bizen)",
    "Katana-Makura",
    "Katana Kake",
    "katana stand",
    "Ken Matsui exhibition",
    "Hair comb and Kogai(Japanese hairpin)",
    "Ko-katana",
    "Katanahanbai",
    "Tachikawa",
    "(太刀銘)",
    "Iron fittings, katana and wakizashi pair",
]


@pytest.mark.parametrize(("title", "expected"), NAMED)
def test_the_title_names_the_type(title: str, expected: str) -> None:
    assert item_type_of(title) == expected


@pytest.mark.parametrize("title", UNNAMED)
def test_no_type_is_guessed(title: str) -> None:
    assert item_type_of(title) is None


def test_categories_help_only_when_the_title_is_silent_and_they_agree() -> None:
    assert item_type_of("Mumei (Ko-Bizen)", categories=["刀 Katana", "New arrivals"]) == "katana"
    assert item_type_of("Mumei (Ko-Bizen)", categories=["Katana", "Tsuba"]) is None
    assert item_type_of("Tachi: Norinari", categories=["Katana"]) == "tachi"


@pytest.mark.skipif(
    not REAL.exists(), reason="the collection of real titles is not beside the project"
)
def test_every_real_title_that_names_its_type_is_understood() -> None:
    dealers = json.loads(REAL.read_text(encoding="utf-8"))["dealers"]
    for dealer, listings in dealers.items():
        for row in listings:
            found = item_type_of(row["title"])
            if row["item_type"] is None:
                assert found is not None, row
            elif dealer == "aoi-art":  # its page, not its title, may name the type
                assert found in (None, fold(row["item_type"])), row
            else:
                assert found == fold(row["item_type"]), row


@given(st.text())
def test_arbitrary_text_never_raises(text: str) -> None:
    item_type_of(text, categories=[text])


@pytest.mark.parametrize("unit", ["katana ", "刀", "(", "[", "ken:", "【", "japanese ", "1"])
def test_a_hundred_kilobytes_of_the_same_are_answered(unit: str) -> None:
    item_type_of(unit * (100_000 // len(unit)))
