"""Specifications: every form that a dealer is known to print, and nonsense."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.pages.listing import Measurements
from scraper.parsing.measurements import parse_measurements

KOMACHI = (
    "Blade length 59,7cm (1 shaku 9 sun 7 bu 0 rin), sori 0,8cm (2 bu 6 rin), moto-haba "
    "2,75cm, moto-kasane 0,56cm, "
    "saki-haba 1,98 cm, saki-kasane 0,47 cm, mekugi-ana(holes) 3, blade weight 603g , "
    "shirasaya length 86,2cm"
)

SPECIFICATIONS = [
    # cm beats shaku, shaku beats inches; 2.79 inches is a dealer's slip
    ("Blade length : 70.9 cm or 2.79 inches", Measurements(nagasa_cm=D("70.9"))),
    ("Blade length : 71.21 cm or 28.04 inches.", Measurements(nagasa_cm=D("71.21"))),
    ("Blade length: 2 shaku 3 sun 4 bu — 71.0 cm (27.95 in)", Measurements(nagasa_cm=D("71.0"))),
    (
        "Blade Length: 2 shaku 0 sun 2 bu (61.02 cm) (approximately 25.98 inches)",
        Measurements(nagasa_cm=D("61.02")),
    ),
    ("Curvature: 5 bu (1.515 cm) (approximately 0.57 inches)", Measurements(sori_cm=D("1.515"))),
    ("Base Width: 9 bu — 2.7 cm (1.06 in)", Measurements(motohaba_cm=D("2.7"))),
    ("Width at the Hamachi: 2.73 cm (1.07 in)", Measurements(motohaba_cm=D("2.73"))),
    ("Width at the Kissaki: 1.98 cm", Measurements(sakihaba_cm=D("1.98"))),
    ("刃長：２尺3寸6分（71.5㎝）", Measurements(nagasa_cm=D("71.5"))),
    ("長さ：７１．５㎝　反り：１．８㎝", Measurements(nagasa_cm=D("71.5"), sori_cm=D("1.8"))),
    ("刃長 二尺三寸六分", Measurements(nagasa_cm=D("71.52"))),
    ("Nagasa: 27.5 inches", Measurements(nagasa_cm=D("69.85"))),
    # a heading before the first of several labels
    ("寸法 元幅 30.1mm 先幅 21.0mm", Measurements(motohaba_cm=D("3.01"), sakihaba_cm=D("2.1"))),
    # a label named twice
    ("Blade length (Nagasa): 70.5 cm", Measurements(nagasa_cm=D("70.5"))),
    ("Width (Motohaba): 3.0 cm", Measurements(motohaba_cm=D("3.0"))),
    ("刃長(刃渡り)：70.5cm", Measurements(nagasa_cm=D("70.5"))),
    (
        "Nagasa (cutting edge): 70.5cm Sori (Curvature): 1.8cm",
        Measurements(nagasa_cm=D("70.5"), sori_cm=D("1.8")),
    ),
    ("Weight (without saya): 690 g", Measurements(weight_g=D(690))),
    # weights and holes
    ("Weight: 690 g", Measurements(weight_g=D(690))),
    ("Weight: 705 grams", Measurements(weight_g=D(705))),
    ("Weight: 620 grams (approximately 1.37 pounds)", Measurements(weight_g=D(620))),
    ("Weight: 1,234 g", Measurements(weight_g=D(1234))),
    ("Weight: 7g(both)", Measurements(weight_g=D(7))),
    ("Mekugi: 2", Measurements(mekugi_ana=2)),
    ("Peg hole : 1 ( one is plugged )", Measurements(mekugi_ana=1)),
    ("目釘穴：二個", Measurements(mekugi_ana=2)),
    # a width under the label of the thickness; kasane in mm
    ("Thickness of rim (Kasane): 1.96 cm", Measurements()),
    ("Kasane: 6.8 mm", Measurements(kasane_cm=D("0.68"))),
    ("Thickness (Kasane) : 0.7cm", Measurements(kasane_cm=D("0.7"))),
    # fittings
    (
        "Length 1:2.75cm x 1.56cm(1.08inches x 0.61inches)",
        Measurements(height_cm=D("2.75"), width_cm=D("1.56")),
    ),
    (
        "Size: 7.6 x 7.2 x 0.5 cm",
        Measurements(height_cm=D("7.6"), width_cm=D("7.2"), thickness_mm=D(5)),
    ),
    (
        "縦 7.6cm 横 7.2cm 厚さ 0.5cm",
        Measurements(height_cm=D("7.6"), width_cm=D("7.2"), thickness_mm=D(5)),
    ),
    ("縦：76mm×横：72mm", Measurements(height_cm=D("7.6"), width_cm=D("7.2"))),
    # one line, many facts
    (
        "長さ：６９．７cm 反り：1.6cm 元幅：3.1cm 先幅：2.1cm 元重：0.75cm 目釘穴：1個",
        Measurements(
            nagasa_cm=D("69.7"),
            sori_cm=D("1.6"),
            motohaba_cm=D("3.1"),
            sakihaba_cm=D("2.1"),
            kasane_cm=D("0.75"),
            mekugi_ana=1,
        ),
    ),
]

ABSENT = [
    "Weight (with koshirae): 900 g",
    "Weight: 900 g (with saya)",
    "重量(鞘込) 900g",
    "Length (overall): 98 cm, sori",
    "",
    "Nagasa:\n2.0 cm",
    "Curvature: 1,515 cm",
    "Tsuka length: 25 cm",
    "Shirasaya length 86.2cm",
    "Koshirae length: 100 cm",
    "鞘長さ 80cm",
    "Another famous sword of his with a nagasa of 68.5 cm is in a museum",
    "Nagasa: about two shaku",
    "Blade length: 700 cm",
    "Mekugi: 1.5 cm",
    "Special feature: the sori is deep, width 70 cm away",
    "nagasa 7O.3cm",
    "無反り",
    "Period: 1573",
    "Weight: 1.17 lbs",
]


@pytest.mark.parametrize(("text", "expected"), SPECIFICATIONS)
def test_a_stated_size_is_read(text: str, expected: Measurements) -> None:
    assert parse_measurements(text) == expected


@pytest.mark.parametrize("text", ABSENT)
def test_what_is_not_clearly_stated_is_absent(text: str) -> None:
    assert parse_measurements(text) == Measurements()


def test_a_line_with_decimal_commas_is_read_in_full() -> None:
    assert parse_measurements(KOMACHI, decimal_comma=True) == Measurements(
        nagasa_cm=D("59.7"),
        sori_cm=D("0.8"),
        motohaba_cm=D("2.75"),
        sakihaba_cm=D("1.98"),
        kasane_cm=D("0.56"),
        weight_g=D(603),
        mekugi_ana=3,
    )


def test_a_comma_before_three_digits_is_what_the_dealer_says() -> None:
    assert parse_measurements("Sori 1,515 cm", decimal_comma=True).sori_cm == D("1.515")
    assert parse_measurements("Sori 1,515 cm").sori_cm is None


def test_the_first_statement_counts() -> None:
    assert parse_measurements("Nagasa: 70.3 cm\nNagasa: 50 cm").nagasa_cm == D("70.3")


def test_a_bare_thickness_is_a_kasane_only_on_a_blade() -> None:
    blade = parse_measurements("Nagasa: 70 cm\nThickness: 0.6 cm")
    fitting = parse_measurements("Size: 7 cm x 6 cm\nThickness: 0.6 cm")
    assert (blade.kasane_cm, blade.thickness_mm) == (D("0.6"), None)
    assert (fitting.kasane_cm, fitting.thickness_mm) == (None, D(6))


@given(st.text(), st.booleans())
def test_arbitrary_text_never_raises(text: str, comma: bool) -> None:
    parse_measurements(text, decimal_comma=comma)


@given(st.text(alphabet="Nagasori: 0123456789.,cm\n反長さ尺寸", max_size=60))
def test_no_size_without_a_digit_or_a_japanese_numeral(text: str) -> None:
    if parse_measurements(text) != Measurements():
        assert any(character.isdigit() for character in text)


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1,",
        "1.",
        "nagasa ",
        "nagasa: 1",
        "(",
        "尺寸",
        "sori 1 x ",
        "1cm x ",
        "反り",
        "- ",
        "length 1",
    ],
)
def test_a_hundred_kilobytes_of_the_same_are_answered(unit: str) -> None:
    parse_measurements(unit * (100_000 // len(unit)))
