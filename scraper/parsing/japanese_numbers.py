"""Numbers as Japanese writes them (32万5千, 百二十万) become digits; it knows no prices."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

_DIGITS = {
    **{letter: value for value, letter in enumerate("〇一二三四五六七八九")},
    **{"零": 0, "壱": 1, "壹": 1, "弐": 2, "貳": 2, "参": 3, "參": 3, "伍": 5},
}
_SMALL = {"十": 10, "拾": 10, "百": 100, "千": 1000, "阡": 1000}
_MYRIADS = {"万": 10**4, "萬": 10**4, "億": 10**8}
_UNIT = "".join((*_SMALL, *_MYRIADS))
_KANJI = "".join(_DIGITS) + _UNIT
_TOO_MUCH = Decimal(10) ** 13

_NUMBER = r"\d(?:[\d.,]*\d)?"
_MIXED = re.compile(
    rf"(?<![A-Za-z\d.,/_-]){_NUMBER}(?:\s?[{_UNIT}])+"
    rf"(?:\s?{_NUMBER}(?:\s?[{_UNIT}])+)*(?:{_NUMBER})?(?!\s?\d)"
)
_PIECE = re.compile(rf"{_NUMBER}|[{''.join(_DIGITS)}]+|[{_UNIT}]")
_WHOLE = re.compile(r"\d{1,3}(?:,\d{3})+|\d+")
# "32～35万円": the first number may be short for 32万, or not.
_SHORT_RANGE = re.compile(r"\d[\d.,]*\s?(?:[-–—~〜～]|から)\s?$")
# Only money: 十 and 百 stand in names, 数千円 is no number, and a range has two.
_KANJI_YEN = re.compile(rf"(?<![{_KANJI}数何幾第\d、・~〜～–—-])([{_KANJI}]{{1,24}})(?=\s?[円圓])")
_MAY_BE = re.compile(rf"[{_UNIT}]|[{''.join(_DIGITS)}]\s?[円圓]")
_SMALLEST_SUM = 100  # 関東一円 is no money


def in_digits(line: str) -> str:
    """Return the line (of normal width) with its Japanese numbers in digits.

    What is no number, such as 1万2万, stays as it is; a range whose first number may lack its unit
    loses its digits.
    """
    if _MAY_BE.search(line) is None:
        return line
    pieces, end = [], 0
    for hit in _MIXED.finditer(line):
        before, written = line[end : hit.start()], _written(_PIECE.findall(hit[0])) or hit[0]
        if short := _SHORT_RANGE.search(before):
            before = before[: short.start()] + re.sub(r"\d", "#", short[0])
            written = re.sub(r"\d", "#", hit[0])
        pieces += [before, written]
        end = hit.end()
    return _KANJI_YEN.sub(_money, "".join([*pieces, line[end:]]))


def _money(hit: re.Match[str]) -> str:
    written = _written(_PIECE.findall(hit[1]))
    return hit[1] if written is None or int(written) < _SMALLEST_SUM else written


def _written(pieces: Sequence[str]) -> str | None:
    """Return the value of numbers and units in digits, None where they do not follow each other:
    each unit is smaller than the one before, and each number too small to reach it.
    """
    is_alone = sum(piece not in _UNIT for piece in pieces) == 1
    total, section, number = Decimal(0), Decimal(0), None
    below, below_in_section = _TOO_MUCH, _TOO_MUCH
    for piece in pieces:
        if piece in _SMALL:
            worth = Decimal(1 if number is None else number) * _SMALL[piece]
            if worth >= below_in_section:
                return None
            section, number, below_in_section = section + worth, None, Decimal(_SMALL[piece])
        elif piece in _MYRIADS:
            worth = (section + (number or 0)) * _MYRIADS[piece]
            if not 0 < worth < below or (number or 0) >= below_in_section:
                return None
            total, section, number = total + worth, Decimal(0), None
            below, below_in_section = Decimal(_MYRIADS[piece]), _TOO_MUCH
        elif number is not None or (number := _value(piece, is_alone=is_alone)) is None:
            return None
    if (number or 0) >= below_in_section or section + (number or 0) >= below:
        return None
    total += section + (number or 0)
    return str(int(total)) if total == total.to_integral_value() else None


def _value(number: str, *, is_alone: bool) -> Decimal | None:
    """Return the value of a number; only a single one (3.5万) may have a fraction, and two kanji
    without a nought between them (二三万円) are two numbers.
    """
    if number[0] in _DIGITS:
        is_one = len(number) == 1 or "〇" in number or "零" in number
        return Decimal("".join(str(_DIGITS[letter]) for letter in number)) if is_one else None
    if _WHOLE.fullmatch(number) or (is_alone and re.fullmatch(r"\d+\.\d+", number)):
        return Decimal(number.replace(",", ""))
    return None
