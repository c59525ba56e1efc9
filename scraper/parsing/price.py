"""Price fields; it finds the one amount that is the price and leaves reading its digits to
price-parser.

price-parser alone takes the first number it sees: a catalogue number, a bid, "1" out of
"１，２００円", 120 out of "120万円". So the amount is chosen and its spelling checked here, and
only a checked amount reaches the library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, auto

from price_parser import Price as ReadAmount

from scraper.pages.listing import Price
from scraper.parsing.currencies import (
    CODE,
    CODES,
    IN_LAKHS,
    SIGN,
    SIGN_BEHIND,
    WITHOUT_CENTS,
    code_of,
)
from scraper.parsing.currencies import is_ambiguous as _is_ambiguous
from scraper.parsing.japanese_numbers import in_digits
from scraper.parsing.price_words import (
    BECAME,
    BEFORE_PRICE,
    BEFORE_RANGE,
    BEHIND_IS_NO_PRICE,
    CARRIAGE_BEHIND,
    CATALOGUE_NUMBER,
    FRONT_IS_NO_PRICE,
    INCLUDED_TAX,
    IS_NOW,
    IS_REGULAR,
    IS_TAX,
    LABEL_LINE,
    MINUS,
    PLAIN_WORDS,
    RANGE_DASH,
    TAX_EXCLUDED,
    TAX_EXCLUDED_BEHIND,
    TAX_INCLUDED,
    TAX_LABEL,
    TAX_PHRASE,
    WAS,
)
from scraper.parsing.text import fold_width, squeeze

_MAX_TEXT = 2_000  # a price field is short; more is a page, and a page is not a price
_MAX_RAW = 200
_MAX_VALUE = Decimal(10) ** 12
_NUMBER = re.compile(r"\d(?:[\d.,']|[ ](?=\d{3}(?!\d)))*")
# Torn apart by mistake: "1.837, 32 €", "$119. 95", "35€ 99"; joined only where nothing follows.
_APART = re.compile(rf"(?<=\d)([.,]) (?=\d\d(?:\s?(?:{SIGN_BEHIND}|{CODE})|\s*$))")
_APART_OR_NOT = re.compile(r"\. (?=\d\d(?!\d))")
_EURO_BETWEEN = re.compile(r"(?<=\d)\s?€\s?(\d+)(?!\s?\S)")
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")  # Thai, Arabic: no price that we know how to read
_GROUPED = re.compile(
    r"\d{1,3}(?:([,.' ])\d{3})(?:\1\d{3})*(?:(?!\1)[.,]\d{1,2})?|\d{1,12}(?:[.,]\d{1,2})?"
)
# Behind a number: it is no money, or in units that do not follow each other (1万2万).
_IS_NO_AMOUNT = re.compile(
    r"\s?(?:[%#]|k\b|m\b|million|[億万千百]|[xX×]\s?\d|cm|mm|kg|g\b|寸|尺|年|月|日|回|点|枚|件)"
)
_SHORT_FOR = re.compile(r"(?<![A-Za-z])(?:Rs|Rp|S?Fr|[Kk]r)\.$")
_IN_LAKHS = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d{1,2})?")
_INDIAN_UNIT = re.compile(r"\s?([lL](?:akh|ac)|[cC]r(?:ore)?)s?(?![A-Za-z])")
_YEN_AS_BACKSLASH = re.compile(r"\\(?=\s?\d)")  # how CP932 writes the sign; its fonts show "¥"
_BEFORE = re.compile(rf"(?:({SIGN})|(?<![A-Za-z])({CODE}))(?:\.|\s?:)?\s?$")
_BEHIND = re.compile(rf"(?:[.,]?[-–—]{{1,2}})?\s?[(\[]?(?:({SIGN_BEHIND})|({CODE})(?![A-Za-z]))")
_MONEY_WORD = re.compile(rf"{SIGN_BEHIND}|(?<![A-Za-z])(?:{CODE})(?![A-Za-z])")
_NEAR = 16  # no currency with what may stand around it is longer
_MAX_NAME = 12
_REMARK = re.compile(r"\([^()]{0,60}\)|\[[^\[\]]{0,60}\]")
_SECOND_CODE = re.compile(r"\s?[(\[]?([A-Z]{3})(?![A-Za-z])")
# "2024 JPY 400,000": the code belongs to the number behind it, which has no other.
_PREFIXED = re.compile(rf"\s?\d(?:[\d.,']|[ ](?=\d{{3}}(?!\d)))*+(?!\s?(?:{SIGN_BEHIND}|{CODE}))")


class _Kind(Enum):
    """What the words around an amount make of it; earlier ones win."""

    NOW = auto()
    PLAIN = auto()
    REGULAR = auto()


@dataclass(frozen=True)
class _Amount:
    value: Decimal
    currency: str | None
    kind: _Kind
    marked: bool
    start: int
    end: int
    with_tax: bool = False
    without_tax: bool = False


def parse_price(text: str, *, currency: str | None) -> Price:
    """Return the price that the text of a price field states.

    Args:
        text: the field's text; struck-out prices should be cut before, but "was … now …" is
        understood.
        currency: the dealer's own; decides what `$` and `kr` mean and stands in where the text
        names none.

    A value of None means that no price is stated (inquiry, SOLD, 0円), or that it is not clear
    which number it is.
    """
    raw = squeeze(text[:_MAX_TEXT])[:_MAX_RAW] or None
    amount = _choose(_amounts(text, currency), currency)
    if amount is None:
        return Price(value=None, currency=None, raw=raw)
    return Price(value=amount.value, currency=amount.currency or currency, raw=raw)


def names_currency(price: Price) -> bool:
    """Say whether the text of a price names its currency by a code or a sign of that one alone."""
    found = _MONEY_WORD.findall(fold_width(price.raw or ""))
    return any(not _is_ambiguous(sign) and code_of(sign, None) == price.currency for sign in found)


def states_price(line: str, *, max_tail: int) -> bool:
    """Say whether a line is a price and not prose with an amount in it.

    Before its amount may stand a label, a currency, a remark in brackets or a short Japanese name,
    and at most `max_tail` letters behind; "Valued at 120,000$ in 1999" says more. A line without
    a number says nothing against itself.
    """
    plain = in_digits(squeeze(fold_width(line)))
    numbers = list(_NUMBER.finditer(_REMARK.sub(lambda hit: "#" * len(hit[0]), plain)))
    with_sign = [
        n for n in numbers if _BEFORE.search(plain[: n.start()]) or _BEHIND.match(plain, n.end())
    ]
    if not numbers:
        return True
    first = (with_sign or numbers)[0]
    front = BEFORE_PRICE.sub("", _bare(plain[: first.start()]))
    words = re.findall(r"[^\W\d_]", front)
    has_name = all(not letter.isascii() for letter in words) and len(words) <= _MAX_NAME
    return has_name and len(re.findall(r"[^\W\d_]", _bare(plain[first.end() :]))) <= max_tail


def is_price_alone(line: str) -> bool:
    """Say whether a line is an amount and nothing else but words of prices, taxes and carriage."""
    plain = _NUMBER.sub(" ", _bare(in_digits(squeeze(fold_width(line)))))
    for words in (TAX_PHRASE, CARRIAGE_BEHIND, IS_NOW, WAS, IS_REGULAR):
        plain = words.sub(" ", plain)
    return PLAIN_WORDS.fullmatch(re.sub(r"[~〜–—%]", " ", plain)) is not None


def _bare(text: str) -> str:
    """Return the text without remarks in brackets and currencies."""
    return _MONEY_WORD.sub("", _REMARK.sub("", text))


def _amounts(text: str, currency: str | None) -> list[_Amount]:
    found: list[_Amount] = []
    label = ""
    for line in fold_width(text[:_MAX_TEXT]).splitlines():
        # Catalogue numbers and the like keep their place but lose their digits.
        blanked = CATALOGUE_NUMBER.sub(lambda hit: "#" * len(hit[0]), squeeze(line))
        blanked = _YEN_AS_BACKSLASH.sub("¥", _FOREIGN_DIGIT.sub("#", blanked))
        found += _amounts_of_line(_spelled_right(blanked), label, currency)
        label = line.strip() if LABEL_LINE.fullmatch(line.strip()) else ""
    return found


def _spelled_right(line: str) -> str:
    """Return the line with numbers in digits, and in one piece where a shop tore them apart."""
    line = in_digits(line)
    between = _EURO_BETWEEN.search(line)
    if between is not None:
        line = f"{line[: between.start()]},{between[1]} €" if len(between[1]) == 2 else ""
    return _APART.sub(r"\1", line)


def _amounts_of_line(line: str, label: str, currency: str | None) -> list[_Amount]:
    found: list[_Amount] = []
    free_from = 0  # currency signs before this place belong to an earlier amount
    number_before: tuple[Decimal, bool, int] | None = None  # value, with its currency, its end
    is_void_before = False  # the words before it made the last number no price
    for hit in _NUMBER.finditer(line):
        number, start = hit[0].rstrip(".,' "), hit.start()
        front, rest_at = line[free_from:start], start + len(number)
        read = _read(number, line[rest_at:], line[max(0, start - _NEAR) : start])
        if read is None or (_is_part_of_a_word(line, start) and not _ends_range(line, hit)):
            number_before = None
            continue
        value, used = read
        rest_at += used
        code, end = _currency_of(front, line, rest_at, currency)
        if _is_foreign_spelling(number, code or currency, has_unit=used > 0):
            number_before = None
            continue
        between = "" if number_before is None else line[number_before[2] : start]
        is_range = RANGE_DASH.fullmatch(_BEFORE.sub("", between).strip()) is not None
        amount = _judged(line, label, front, value, code, start, end, previous=found[-1:])
        if is_range and is_void_before:
            amount = None  # "Estimate: ¥200,000 - ¥300,000"
        elif is_range and number_before is not None and amount is not None:
            amount = _lower_end(line, found, number_before, amount)
        is_void_before = amount is None and code is not None
        number_before = (value, code is not None, end)
        if code is not None or amount is not None:
            free_from = end
        if amount is not None and _is_sane(amount):
            found.append(amount)
    return found


def _is_foreign_spelling(number: str, currency: str | None, *, has_unit: bool) -> bool:
    """Say whether nobody spells an amount of this currency so: cents of yen, or 1,45,000 USD."""
    if currency in WITHOUT_CENTS and re.search(r",\d{1,2}$", number):
        return True
    return currency not in IN_LAKHS and (has_unit or _IN_LAKHS.fullmatch(number) is not None)


def _lower_end(
    line: str, found: list[_Amount], before: tuple[Decimal, bool, int], second: _Amount
) -> _Amount:
    """Return a range ("from – to" of a product with variants) as its lower end."""
    value, has_currency, _ = before
    if has_currency and found:
        first = found.pop()
        kept = first if first.value <= second.value else second
        return replace(
            kept,
            kind=first.kind,
            start=first.start,
            end=second.end,
            currency=first.currency or second.currency,
            with_tax=first.with_tax or second.with_tax,
            without_tax=first.without_tax or second.without_tax,
        )
    opening = re.split(r"\d", line, maxsplit=1)[0]
    if not has_currency and second.marked and BEFORE_RANGE.fullmatch(opening):
        return replace(second, value=min(value, second.value))
    return second


def _ends_range(line: str, hit: re.Match[str]) -> bool:
    """Say whether "100-200 USD" ends here, and no catalogue number: "01-3193"."""
    front = re.search(r"(?:^|[\s(:])([1-9][\d.,]*)-$", line[: hit.start()])
    return front is not None and _BEHIND.match(line, hit.end()) is not None


def _read(number: str, rest: str, front: str) -> tuple[Decimal, int] | None:
    """Return the value of a well-formed number and how much of `rest` (lakh) belongs to it."""
    is_in_lakhs = _IN_LAKHS.fullmatch(number) is not None
    if len(number) > 24 or not (is_in_lakhs or _GROUPED.fullmatch(number)):
        return None
    if _APART_OR_NOT.match(rest):
        return None
    if re.search(r"(?<!\d)[.,]$", front) and not _SHORT_FOR.search(
        front
    ):  # ".75 €"; ",- 50" and "..75" are nothing that we know
        if not re.fullmatch(r"\d\d", number) or re.search(r"[.,\w][.,]$", front):
            return None
        number = f"0.{number}"
    amount = ReadAmount.fromstring(number.replace(",", "") if is_in_lakhs else number).amount
    if amount is None or _IS_NO_AMOUNT.match(rest):
        return None
    used = 0
    if unit := _INDIAN_UNIT.match(rest):
        amount *= Decimal(10**7) if unit[1].lower().startswith("cr") else Decimal(10**5)
        used = unit.end()
    whole = amount.to_integral_value()
    return (whole if whole == amount else amount), used


def _is_part_of_a_word(line: str, at: int) -> bool:
    """Say whether the number is glued to letters that are no currency: KA-091325, F22018,
    01-3193."""
    front = line[max(0, at - 12) : at]
    if _BEFORE.search(front):
        return False
    return re.search(r"[A-Za-z_#/\d]-?$|(?<=\S)-$|[億万千]\s?$", front) is not None


def _currency_of(front: str, line: str, at: int, currency: str | None) -> tuple[str | None, int]:
    """Return the currency beside a number, and where the amount ends."""
    before = _BEFORE.search(front[-_NEAR:])
    behind = _BEHIND.match(line, at)
    if before:
        code, end = code_of(before[1] or before[2], currency), at
    elif behind and not (behind[2] and _PREFIXED.match(line, behind.end())):
        code, end = code_of(behind[1] or behind[2], currency), behind.end()
    else:
        return None, at
    second = _SECOND_CODE.match(line, end)
    if second and second[1] in CODES and not re.match(r"\s?\d", line[second.end() :]):
        return second[1], second.end()  # "$2,850.00 USD", "4,250$ CAD": the code says which dollar
    return code, end


def _judged(
    line: str,
    label: str,
    front: str,
    value: Decimal,
    code: str | None,
    start: int,
    end: int,
    *,
    previous: list[_Amount],
) -> _Amount | None:
    """Return the amount with what the words around it make of it, None when they say that it is
    no price."""
    if code is None and not PLAIN_WORDS.fullmatch(line[:start] + line[end:]):
        return None
    words = _BEFORE.sub("", front)
    context = words if words.strip(" :：-") else label
    behind = line[end : end + 40]
    if MINUS.search(words) and not previous:
        return None
    if FRONT_IS_NO_PRICE.search(TAX_PHRASE.sub(" ", context)) or BEHIND_IS_NO_PRICE.match(behind):
        return None
    if BECAME.match(behind) or (INCLUDED_TAX.search(words) and IS_TAX.match(behind)):
        return None
    if previous and not words.strip():
        kind = previous[0].kind  # "reduced: $300 $250": the word says it of both
    elif IS_NOW.search(context):
        kind = _Kind.NOW
    elif WAS.search(context):
        return None
    else:
        kind = _Kind.REGULAR if IS_REGULAR.search(context) else _Kind.PLAIN
    with_tax = TAX_INCLUDED.match(behind) is not None or TAX_LABEL.search(words) is not None
    without_tax = (
        TAX_EXCLUDED.search(words) is not None or TAX_EXCLUDED_BEHIND.match(behind) is not None
    )
    return _Amount(value, code, kind, code is not None, start, end, with_tax, without_tax)


def _is_sane(amount: _Amount) -> bool:
    whole = amount.value == amount.value.to_integral_value()
    return amount.value < _MAX_VALUE and (whole or amount.currency not in WITHOUT_CENTS)


def _choose(amounts: list[_Amount], currency: str | None) -> _Amount | None:
    """Return the price among the amounts; None when none is one, or several are and nothing tells
    them apart."""
    left = [amount for amount in amounts if amount.value > 0]
    if any(amount.marked for amount in left):
        left = [amount for amount in left if amount.marked]
    for kind in _Kind:
        if of_kind := [amount for amount in left if amount.kind is kind]:
            left = of_kind
            break
    first_currency = left[0].currency if left else None
    codes = {amount.currency for amount in left}
    wanted = currency if currency in codes else first_currency
    left = [amount for amount in left if amount.currency == wanted]
    if with_tax := [amount for amount in left if amount.with_tax]:
        left = with_tax
    elif taxed := [amount for amount in left if not amount.without_tax]:
        left = taxed
    return left[0] if len({amount.value for amount in left}) == 1 else None
