"""Text made comparable before it is read; it knows characters, not what they mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

# Only one-to-one forms that shops really print. NFKC would do more and invent digits: "²" -> "2",
# "①" -> "1".
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SIGNS: dict[int, str | int | None] = {
    0x00A0: " ",
    0x2007: " ",
    0x2009: " ",
    0x202F: " ",
    0x3000: " ",
    0x200B: None,
    0x200E: None,
    0x200F: None,
    0x2060: None,
    0xFEFF: None,
    0x00AD: None,
    0xFFE5: "¥",
    0xFFE1: "£",
    0x3397: "dl",
    0x339C: "mm",
    0x339D: "cm",
    0x339E: "km",
    0x338F: "kg",
    0x338E: "mg",
    0x2019: "'",
}
_FOLD = {**_WIDE, **_SIGNS}
_WORD = re.compile("[a-z0-9]{2,}|[\u3040-\u30ff\u4e00-\u9fff]")
_UNSTORABLE = re.compile("[\\ud800-\\udfff\\x00]")
_LATIN_MARKS = re.compile("[\u0300-\u036f]")


def fold_width(text: str) -> str:
    """Return the text with full-width forms, odd blanks and unit signs (㎝) as plain ASCII; lines
    are kept."""
    return text.translate(_FOLD)


def fold(text: str) -> str:
    """Return the text for comparing words: plain width, lower case, Latin accents gone (Tantō ->
    tanto)."""
    spread = unicodedata.normalize("NFD", fold_width(text))
    return unicodedata.normalize("NFC", _LATIN_MARKS.sub("", spread)).casefold()


def squeeze(text: str) -> str:
    """Return the text on one line, each run of blanks as one blank."""
    return " ".join(text.split())


def one_of(words: Iterable[str]) -> str:
    """Return a regular expression that matches any of the literal words, longest first."""
    return "|".join(re.escape(word) for word in sorted(set(words), key=lambda w: (-len(w), w)))


def words_of(text: str) -> set[str]:
    """Return the words of a title: runs of Latin letters and digits, each Japanese character by
    itself. listing_mirror.words_of() in the database does the same.
    """
    return set(_WORD.findall(text.casefold()))


def storable(value: Any) -> Any:
    """Return what was read as JSON with U+FFFD for what JSON can write and no database can hold:
    half of a surrogate pair, and NUL.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [storable(each) for each in value]
    if isinstance(value, dict):
        return {storable(key): storable(each) for key, each in value.items()}
    return value
