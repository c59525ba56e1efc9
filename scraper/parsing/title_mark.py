"""The mark that a dealer puts on a title when the item is sold or on hold; it knows no other
word of a title.
"""

from __future__ import annotations

import re

from scraper.pages.listing import Status
from scraper.parsing.status import sale_of

_WESTERN = (
    r"(?:sold(?: out)?|(?:on )?hold|reserved|sale pending|verkauft|reserviert|vendue?|réservée?"
    r"|vendut[oa]|riservat[oa]|vendid[oa]|reservad[oa]|verkocht|gereserveerd)"
)
_JAPANESE = r"(?:(?:ご?成約|売約|売却|販売|ご?予約)済み?|ご?成約|ご?売約|完売|商談中|売り?切れ)"
_WORD = rf"(?:{_WESTERN}|{_JAPANESE})"
_MARKS = (
    # in brackets, wherever they stand: [SOLD], 【商談中 HOLD】
    re.compile(
        rf"[\[【(（＜<《]\s*{_WORD}(?:[\s/・]*{_WORD})?\s*[!！]?\s*[\]】)）＞>》]", re.IGNORECASE
    ),
    re.compile(rf"[\[【(（][^\[\]【】()（）]{{0,10}}{_JAPANESE}[^\[\]【】()（）]{{0,10}}[\]】)）]"),
    # at an edge with a sign beside it: "SOLD! …", "… - sold", "… *sold*"
    re.compile(rf"^\W*{_WESTERN}\s*[!！:：\-–—|*/]+", re.IGNORECASE),
    re.compile(rf"[!！:：\-–—|*/]\s*{_WESTERN}\s*[!！*.]*$", re.IGNORECASE),
    re.compile(rf"\s{_WESTERN}\s*[!！]+$", re.IGNORECASE),
    # at an edge in capitals, or in Japanese, as a word of its own
    re.compile(rf"^(?:{_WESTERN.upper()}|{_JAPANESE})(?=[\s!！:：・【\[(（])[!！:：・]*"),
    re.compile(rf"(?<=[\s】\])）])(?:{_WESTERN.upper()}|{_JAPANESE})$"),
)


def mark_of(title: str) -> Status | None:
    """Return the state that a title's mark states; the title itself keeps it, as the dealer wrote.

    None for a title that is nothing but a mark, and for words that only sound like one ("Sold by
    the smith's son").
    """
    found = [hit[0] for pattern in _MARKS if (hit := pattern.search(title))]
    return sale_of(" ".join(found)) if found and "".join(found) != title else None
