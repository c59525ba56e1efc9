"""One length or weight behind a label; it knows units and number marks, not what is measured.

Two marks for two fields: `59,7cm` is 59.7 here, while a price field reads commas as thousands.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

_SHAKU_CM = Decimal("30.303")
_INCH_CM = Decimal("2.54")
_KANJI = {kanji: value for value, kanji in enumerate("〇一二三四五六七八九")} | {
    "半": 5,
    "壱": 1,
    "弐": 2,
    "参": 3,
}
_DIGIT = rf"\d{{1,2}}(?:\.\d)?|[{''.join(_KANJI)}]|十[一二三四五六七八九]?"

_NUMBER = r"(\d{1,5}(?:[.,]\d{1,3})?)(?![\d.,]*\d)"
_METRIC = re.compile(rf"{_NUMBER}\s?(cm|mm|センチ|ミリ)(?![a-z])")
_INCHES = re.compile(rf"{_NUMBER}\s?(?:inch(?:es)?|in\b|\")")
_WEIGHT = re.compile(rf"{_NUMBER}\s?(kg|g|grams?|kilograms?|グラム|キロ)(?![a-z])")
# What may stand between a label and its number: punctuation, "approx", a remark in brackets
# without digits.
_GAP = re.compile(
    r"(?:[\s:：=・.、,\-–—]|\([^()\d]{0,30}\)|約|approx(?:\.|imately)?|about|is|は|長){0,12}"
)
_SHAKU = re.compile(
    rf"(?:(?P<shaku>{_DIGIT})\s?(?:尺|shaku)[\s,]*)?(?:(?P<sun>{_DIGIT})\s?(?:寸|sun)(?![a-z])[\s,]*)?"
    rf"(?:(?P<bu>{_DIGIT})\s?(?:分|bu)(?![a-z])[\s,]*)?(?:(?P<rin>{_DIGIT})\s?(?:厘|rin)(?![a-z]))?"
    r"(?P<half>半)?(?:弱|強|有余)?"
)
_BRIDGE = re.compile(r"[\s(\[・,、:：=/\-–—]{0,6}(?:約|approx(?:\.|imately)?|about)?\s?")


def length_cm(text: str, *, decimal_comma: bool) -> Decimal | None:
    """Return the length that `text` begins with, in cm; cm beats the traditional units, those
    beat inches.

    Inches are read last: dealers mistype them ("70.9 cm or 2.79 inches").
    """
    rest = text[_gap(text) :]
    if metric := _METRIC.match(rest):
        return _metric(metric, decimal_comma)
    if (shaku := _SHAKU.match(rest)) and any(shaku.group("shaku", "sun", "bu", "rin")):
        behind = rest[shaku.end() :]
        if metric := _METRIC.match(behind, _end_of_bridge(behind)):
            return _metric(metric, decimal_comma)
        return _from_shaku(shaku)
    if inches := _INCHES.match(rest):
        behind = rest[inches.end() :]
        if metric := _METRIC.match(behind, _end_of_bridge(behind)):
            return _metric(metric, decimal_comma)
        number = read_number(inches[1], decimal_comma=decimal_comma)
        return None if number is None else _rounded(number * _INCH_CM)
    return None


def weight_g(text: str, *, decimal_comma: bool) -> Decimal | None:
    """Return the weight that `text` begins with, in g."""
    found = _WEIGHT.match(text, _gap(text))
    if found is None:
        return None
    number = read_number(found[1], decimal_comma=decimal_comma)
    if number is None:
        return None
    return number * 1000 if found[2].startswith(("k", "キ")) else number


def count(text: str) -> int | None:
    """Return the small whole number that `text` begins with (`mekugi-ana(holes) 3`, 目釘穴
    二個)."""
    rest = text[_gap(text) :]
    if found := re.match(rf"(\d|[{''.join(_KANJI)}])(?!\s?(?:[.,/]?\d|cm|mm|[a-z]*inch))", rest):
        return int(found[1]) if found[1].isdecimal() else _KANJI[found[1]]
    words = {"one": 1, "two": 2, "three": 3, "four": 4, "none": 0}
    found = re.match(r"(one|two|three|four|none)\b", rest)
    return words[found[1]] if found else None


def dimensions_cm(text: str, *, decimal_comma: bool) -> list[Decimal]:
    """Return the two or three lengths of `7.6cm x 7.2cm x 0.5cm`, in cm; a unit at the end counts
    for all."""
    first = re.match(rf"{_NUMBER}\s?(cm|mm)?", text[_gap(text) :])
    rest = text[_gap(text) :]
    found: list[tuple[str, str | None]] = []
    while first:
        found.append((first[1], first[2]))
        first = re.compile(rf"\s?[x×*✕]\s?(?:[a-z縦横厚]{{1,10}}\s?)?{_NUMBER}\s?(cm|mm)?").match(
            rest, first.end()
        )
        if len(found) == 3:
            break
    unit = found[-1][1] if found else None
    if len(found) < 2 or unit is None:
        return []
    numbers = [
        (read_number(number, decimal_comma=decimal_comma), own or unit) for number, own in found
    ]
    return [number / 10 if own == "mm" else number for number, own in numbers if number is not None]


def read_number(text: str, *, decimal_comma: bool) -> Decimal | None:
    """Return a measure's number: a comma before three digits is a thousands mark unless the
    dealer says otherwise."""
    whole, comma, behind = text.partition(",")
    if comma and not decimal_comma and len(behind) == 3:
        return Decimal(whole + behind)
    return Decimal(text.replace(",", "."))


def _gap(text: str) -> int:
    found = _GAP.match(text)
    return found.end() if found else 0


def _end_of_bridge(text: str) -> int:
    found = _BRIDGE.match(text)
    return found.end() if found else 0


def _metric(found: re.Match[str], decimal_comma: bool) -> Decimal | None:
    number = read_number(found[1], decimal_comma=decimal_comma)
    if number is None:
        return None
    return number / 10 if found[2] in ("mm", "ミリ") else number


def _from_shaku(found: re.Match[str]) -> Decimal:
    parts = [_digit(part) for part in found.group("shaku", "sun", "bu", "rin")]
    if found["half"]:
        finest = max(place for place, part in enumerate(parts) if part is not None)
        parts[finest] = (parts[finest] or Decimal(0)) + Decimal("0.5")
    shaku = sum(
        ((part or Decimal(0)).scaleb(-place) for place, part in enumerate(parts)), Decimal(0)
    )
    return _rounded(shaku * _SHAKU_CM)


def _digit(text: str | None) -> Decimal | None:
    if text is None:
        return None
    if text.startswith("十"):
        return Decimal(10 + (_KANJI[text[1]] if len(text) > 1 else 0))
    return Decimal(_KANJI[text]) if text in _KANJI else Decimal(text)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP).normalize() + Decimal(0)
