"""Titles without decoration; it knows nothing of what a title says about the item."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from scraper.parsing.text import one_of, squeeze

_MAX_TITLE = 1_000
_TAG = re.compile(
    r"</?(?:br|b|strong|em|i|u|span|font|small|sup|sub|wbr)\b[^<>]{0,200}>", re.IGNORECASE
)
_INVISIBLE = re.compile(  # among them what turns the direction of the text around it
    "[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
_EDGE = " \t\r\n:：|｜-–—~〜,，、;；・·/／»«>"  # what is left over when a name beside it is gone
_TYPESET = str.maketrans(  # what WordPress makes of plain signs (wptexturize)
    {
        "’": "'",
        "‘": "'",
        "′": "'",
        "“": '"',
        "”": '"',
        "″": '"',
        "–": "-",
        "—": "-",
        "…": "...",
        "×": "x",
    }
)
_SEPARATOR = r"[\s:：|｜\-–—~〜,，、・·/／»«<>]"


def clean_title(
    text: str, *, shop_names: Sequence[str] = (), stock_code: re.Pattern[str] | None = None
) -> str:
    """Return the title on one line, entities decoded, without the shop's name in front or behind.

    Args:
        shop_names: as they are written in titles; removed only at an edge and only as whole words.
        stock_code: removed wherever it matches, where a dealer's codes are not part of the name.

    An empty result means that there was nothing but decoration. Cleaning twice changes nothing.
    """
    title = text[:_MAX_TITLE]
    while True:
        cleaned = _clean_once(title, shop_names, stock_code)
        if cleaned == title:
            return cleaned
        title = cleaned


def as_typed(shown: str, others: Iterable[str]) -> str:
    """Return the title as its dealer typed it, where one of `others` is that.

    WordPress prints "owner’s" for "owner's" wherever it shows a title, in the Store API too;
    JSON-LD or the text of a picture may hold what was typed.
    """
    same = [shown, *(other for other in others if _plain(other) == _plain(shown))]
    return min(same, key=lambda title: sum(sign in _TYPESET for sign in map(ord, title)))


def _plain(title: str) -> str:
    signs = html.unescape(title).translate(_TYPESET).replace("''", '"')
    return squeeze(re.sub("-{2,}", "-", signs))


def _clean_once(text: str, shop_names: Sequence[str], stock_code: re.Pattern[str] | None) -> str:
    title = html.unescape(text)[:_MAX_TITLE]
    title = squeeze(_INVISIBLE.sub("", _TAG.sub(" ", title)))
    if stock_code is not None:
        title = squeeze(stock_code.sub(" ", title))
    title = _without_shop(title, shop_names)
    behind = _EDGE.replace(">", "") if "<" in title else _EDGE  # "Tsuba <Owari>" ends in its pair
    return title.lstrip(_EDGE).rstrip(behind)


def _without_shop(title: str, shop_names: Sequence[str]) -> str:
    if not shop_names:
        return title
    name = one_of(shop_names)
    front = re.compile(rf"(?:{name})(?={_SEPARATOR}|$)", re.IGNORECASE)
    behind = re.compile(rf"(?:(?<={_SEPARATOR})|^)(?:{name})$", re.IGNORECASE)
    if found := front.match(title):
        title = title[found.end() :]
    return behind.sub("", title)
