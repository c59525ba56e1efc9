"""Price fields: every form that a dealer is known to print, and nonsense."""

from __future__ import annotations

import json
import re
import time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.pages.listing import Price
from scraper.parsing.price import names_currency, parse_price, states_price
from scraper.parsing.text import fold_width

REAL = Path(__file__).parents[4] / "shared" / "facts" / "titles_prices.json"

STATED = [
    # number before or after the code, with or without blanks, tails "-" and "-."
    ("Price:600,000 JPY-.", "JPY", "600000", "JPY"),
    ("Price : JPY 400,000-.", "JPY", "400000", "JPY"),
    ("Price : 350,000 JPY-", "JPY", "350000", "JPY"),
    ("Price : 750,000 JPY", "JPY", "750000", "JPY"),
    ("JPY600,000", "JPY", "600000", "JPY"),
    ("350,000 yen", "JPY", "350000", "JPY"),
    ("Price: 60,000,000JPY 商談中 HOLD", "JPY", "60000000", "JPY"),
    ("1,800,000 JPY", "JPY", "1800000", "JPY"),
    ("12,000", "JPY", "12000", "JPY"),
    ("380000.00", "JPY", "380000", "JPY"),
    # Japanese signs and digits
    ("¥5,500,000", "JPY", "5500000", "JPY"),
    ("￥220,000", "JPY", "220000", "JPY"),
    ("1,050,000円(JPY)", "JPY", "1050000", "JPY"),
    ("１，２００，０００円", "JPY", "1200000", "JPY"),
    ("120万円", "JPY", "1200000", "JPY"),
    ("12.5万円", "JPY", "125000", "JPY"),
    ("440,000円(税込)", "JPY", "440000", "JPY"),
    ("8,000,000円(送料込)", "JPY", "8000000", "JPY"),
    ("送料無料 650,000円", "JPY", "650000", "JPY"),
    ("価格\n500,000円", "JPY", "500000", "JPY"),
    # trailing and ambiguous dollars: the dealer's setting says which
    ("4,250$", "USD", "4250", "USD"),
    ("87,500$", "USD", "87500", "USD"),
    ("4,250$", "AUD", "4250", "AUD"),
    ("$26,500", "CAD", "26500", "CAD"),
    ("$375.00", "JPY", "375.00", "USD"),
    ("A$1,200", "USD", "1200", "AUD"),
    ("$26,500 CAD", "USD", "26500", "CAD"),
    ("Price: $2,850.00 USD", "AUD", "2850.00", "USD"),
    ("1.250,00 €", "EUR", "1250.00", "EUR"),
    ("2 500 €", "EUR", "2500", "EUR"),
    ("CHF 1'250.00", "JPY", "1250.00", "CHF"),
    # several numbers
    ("was $300 now $250", "USD", "250", "USD"),
    ("Original price was: ¥300,000. Current price is: ¥250,000.", "JPY", "250000", "JPY"),
    ("元の価格は ¥300,000 でした。現在の価格は ¥250,000 です。", "JPY", "250000", "JPY"),
    ("通常価格：￥500,000 税込\n販売価格：￥450,000 税込", "JPY", "450000", "JPY"),
    ("Regular price $300.00", "USD", "300.00", "USD"),
    ("Price Reduced: $2,500", "USD", "2500", "USD"),
    ("¥10,000 – ¥20,000", "JPY", "10000", "JPY"),
    ("¥100,000（税込¥110,000）", "JPY", "110000", "JPY"),
    ("価格 500,000円（消費税 50,000円）", "JPY", "500000", "JPY"),
    ("¥650,000 (shipping ¥3,000)", "JPY", "650000", "JPY"),
    ("$4,250 (approx. ¥600,000)", "USD", "4250", "USD"),
    ("USD 1,200 / JPY 180,000", "JPY", "180000", "JPY"),
    ("No. 22521 JPY 400,000", "JPY", "400000", "JPY"),
    ("2024 JPY 400,000", "JPY", "400000", "JPY"),
    ("SOLD ¥650,000", "JPY", "650000", "JPY"),
    # the code behind the sign says which dollar; an arrow points to the price of today
    ("4,250$ CAD", "USD", "4250", "CAD"),
    ("¥1,200,000 → ¥1,000,000", "JPY", "1000000", "JPY"),
    ("1,300,000円 (税別 1,181,818円)", "JPY", "1300000", "JPY"),
    # CP932 writes the yen sign as a backslash
    ("\\1,300,000", "JPY", "1300000", "JPY"),
    # cheap things are cheap: there is no floor
    ("JPY 1,300,000 (tax included)", "JPY", "1300000", "JPY"),
    ("商品番号 830 価格 50,000円", "JPY", "50000", "JPY"),
    ("380,000 円 (US$2,500)", "JPY", "380000", "JPY"),
    ("USD$1,500", "JPY", "1500", "USD"),
    ("¥700", "JPY", "700", "JPY"),
    ("¥1,200", "JPY", "1200", "JPY"),
]

NOT_STATED = [
    "",
    "0円",
    "¥0(税込)",
    "0円 (税込)",
    "$0.00",
    "お問合せ",
    "どうぞお問合せください",
    "Ask",
    "SOLD",
    "ご成約Sold",
    "Price on request",
    # a bid, an estimate, a fee, a discount is not the price
    "Starting bid: ¥6,500",
    "Starting bid\n¥6,500",
    "Current bid (3 bids): ¥12,000",
    "入札 ¥12,000",
    "Shipping ¥3,000",
    "¥4,000 off",
    "20% OFF",
    # a number is not a price: catalogue number, stock code, telephone, measure
    "no. 22521",
    "No.830",
    "KA-091325",
    "F22018",
    "AS25574",
    "01-3193",
    "#41",
    "Tel 03-1234-5678",
    "70.9 cm",
    "Katana 830",
    "2 swords",
    # two amounts and nothing that tells them apart; numbers that no shop writes
    "¥300,000 ¥250,000",
    "Sale! ¥300,000 ¥250,000",
    "Price Reduced: $2,850.00 $2,500.00",
    "¥\u0e53\u0e52",
    "-¥5,000",
    "¥5,000 x 2",
    "¥1,23,456",
    "¥1,234,567.50",
    "1億2000億円",
    "¥" + "9" * 40,
    "1.5 million yen",
]
TABLE = [
    tuple(part.strip() for part in line.split("|", 2))
    for line in (Path(__file__).parent / "prices.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("dealers", "expected", "text"), TABLE, ids=[row[2] for row in TABLE])
def test_the_table_of_texts_is_read(dealers: str, expected: str, text: str) -> None:
    found = parse_price(text.replace("\\n", "\n"), currency=dealers)
    right = Price(None, None, found.raw)
    if expected != "-":
        value, code = expected.split()
        right = Price(Decimal(value), code, found.raw)
    assert found == right


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len({(dealers, text) for dealers, _, text in TABLE}) == len(TABLE) >= 150


@pytest.mark.parametrize(
    ("raw", "currency", "named"),
    [
        ("$1,200", "USD", False),
        ("¥350,000", "JPY", False),
        ("kr 300", "SEK", False),
        ("1200 AUD", "AUD", True),
        ("A$1,200", "AUD", True),
        ("350,000円", "JPY", True),
        ("$1,200 USD", "USD", True),
        ("1200", "USD", False),
        (None, "USD", False),
    ],
)
def test_a_sign_of_several_currencies_names_none(
    raw: str | None, currency: str, named: bool
) -> None:
    assert names_currency(Price(Decimal(1), currency, raw)) is named


@pytest.mark.parametrize(("text", "currency", "value", "code"), STATED)
def test_a_stated_price_is_read(text: str, currency: str, value: str, code: str) -> None:
    price = parse_price(text, currency=currency)
    assert (price.value, price.currency) == (Decimal(value), code)


@pytest.mark.parametrize("text", NOT_STATED)
def test_what_is_no_price_has_no_value_and_no_currency(text: str) -> None:
    price = parse_price(text, currency="JPY")
    assert (price.value, price.currency) == (None, None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("4,250$ (plus shipping)", True),
        ("SOLD 4,250$", True),
        ("Price (incl. tax and shipping): 660,000円", True),
        ("刀 兼定 1,200,000円", True),
        ("A similar armor sold at auction for 120,000$ in 1999.", False),
        ("Valued at 120,000$", False),
        ("Price history: it was 500$", False),
        ("history: sold for $500 in 1999", False),
        ("Starting bid: ¥60,000", True),
        ("In 1999 the price was 500$", False),
        ("4,250$ was the price paid in 1999 by the museum.", False),
    ],
)
def test_a_line_of_prose_with_an_amount_states_no_price(line: str, expected: bool) -> None:
    assert states_price(line, max_tail=24) is expected


def test_the_text_as_found_is_kept_on_one_line() -> None:
    assert parse_price(" Price:\n 600,000  JPY-. ", currency="JPY") == Price(
        Decimal(600_000), "JPY", "Price: 600,000 JPY-."
    )
    assert parse_price("  ", currency="JPY") == Price(None, None, None)


@pytest.mark.skipif(
    not REAL.exists(), reason="the collection of real prices is not beside the project"
)
def test_every_real_price_is_read() -> None:
    dealers = json.loads(REAL.read_text(encoding="utf-8"))["dealers"]
    rows = [row for listings in dealers.values() for row in listings]
    assert rows
    for row in rows:
        shown = row["price"]
        expected = None if shown == "Ask" else Decimal(re.sub(r"\D", "", shown))
        assert parse_price(shown, currency="JPY").value == expected, row


@given(st.text())
def test_arbitrary_text_never_raises_and_never_becomes_zero(text: str) -> None:
    value = parse_price(text, currency="JPY").value
    assert value is None or value > 0


PIECES = st.sampled_from(
    [
        "¥",
        "$",
        "€",
        "円",
        "万",
        "億",
        "JPY",
        " ",
        ",",
        ".",
        "-",
        "1",
        "25",
        "300",
        "0",
        "５",
        "(",
        "）",
        "\n",
        "税込",
        "Price",
        ":",
        "bid",
        "was",
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join), st.sampled_from(["JPY", "USD", "AUD"]))
def test_every_digit_of_a_price_stands_in_the_text(text: str, currency: str) -> None:
    price = parse_price(text, currency=currency)
    if price.value is None:
        return
    digits = re.sub(r"\D", "", fold_width(text))
    value = price.value
    while value != value.to_integral_value():
        value *= 10
    assert str(int(value)).rstrip("0") in digits


@pytest.mark.parametrize(
    "unit",
    ["1", "1,", "1.", "9 ", "¥1", "¥", "Price ", "1,000 ", "no.1", "a-1", "税込", "\n", "万", "-"],
)
def test_a_hundred_kilobytes_of_the_same_are_answered_at_once(unit: str) -> None:
    begin = time.process_time()
    parse_price(unit * (100_000 // len(unit)), currency="JPY")
    assert time.process_time() - begin < 1  # some hundredths
