"""Words that say whether an item can be bought; the caller passes the text of a field, never a
whole page.

A navigation link 売却済 stands on every page of some shops and once put 243 items in "sold".
"""

from __future__ import annotations

import re

from scraper.pages.listing import Status
from scraper.parsing.text import fold

_CONDITION = (
    r"(?!\s*(?:の場合|の際|の節|時は|[にと]なる|[にと]なり(?!ました)|することが|御免|ごめん|次第))"
)

_RESERVED = re.compile(
    r"商談中|ご?予約済|御予約済|予約中|お?取り?置き"
    r"|(?<![a-z])(?<!not on )(?<!longer on )hold(?![a-z])"
    r"|(?<![a-z])(?<!rights )(?<!rights are )(?<!not )(?<!un)reserved(?![a-z])"
    r"|(?<![a-z])sale pending(?![a-z])|schema\.org/reserved"
)
_SOLD = re.compile(
    rf"(?:売却済|売約済|販売済|売り?切れ?|完売|ご?成約|ご案内終了){_CONDITION}"
    r"|(?<![a-z])(?<!not )(?<!never )(?<!yet )(?<!being )(?<!n't )"
    r"(?:sold(?![a-z])(?!\s+(?:separately|individually|by(?! auction)|as|in|with(?!\s*$)|per"
    r"|together|from)\b)"
    r"|soldout(?![a-z]))"
    r"|(?<![a-z])no longer (?:available|for sale)(?![a-z])"
)
_OUT_OF_STOCK = re.compile(
    rf"(?:在庫切れ|品切れ?){_CONDITION}|(?<![a-z])out[ -]?of[ -]?stock(?![a-z])"
)
_AVAILABLE = re.compile(
    r"在庫あり|在庫有り?|販売中"
    r"|(?<![a-z])(?<!not )in[ -]?stock(?![a-z])|(?<![a-z])for sale(?![a-z])"
    r"|(?<![a-z])(?<!not )(?<!longer )(?<!un)available(?![a-z])(?! soon)"
    r"|(?<![a-z])limitedavailability(?![a-z])"
)
_DENIAL = re.compile(r"not (?:for sale|in stock|available)")

# "sold.gif", "icon_sold_out.png": a mark that was drawn; the words of its name.
_DRAWN = re.compile(
    r"(?:^|/)(?:(?:icon|ico|mark|img|txt|btn)[_-]?)?(sold(?:[_-]?out)?|(?:on[_-]?)?hold|reserved)"
    r"[_-]?\d{0,2}(?:[_-](?:icon|mark|red|l|s|en|ja|jp))?\.(?:gif|png|jpe?g|webp|svg)$",
    re.IGNORECASE,
)


def status_of(text: str) -> Status | None:
    """Return the state that the text of a price or status field states, None when it states none.

    Reserved is looked for before sold: a sword "on hold" (商談中) once lost its price and was
    sold for a week.
    """
    if (stated := sale_of(text)) is not None:
        return stated
    plain = fold(text)
    if _OUT_OF_STOCK.search(plain):
        return Status.SOLD
    if _AVAILABLE.search(plain) and not _DENIAL.search(plain):
        return Status.AVAILABLE
    return None


def sale_of(text: str) -> Status | None:
    """Return RESERVED or SOLD where the text says so in words of a sale, None for anything else.

    Words about stock (在庫切れ) are none: a shop system prints them, and they may mean an inquiry.
    """
    plain = fold(text)
    if _RESERVED.search(plain):
        return Status.RESERVED
    return Status.SOLD if _SOLD.search(plain) else None


def drawn_mark(url: str) -> str | None:
    """Return the words of a mark that is a picture, by its name ("sold.gif"), None for others."""
    found = _DRAWN.search(url)
    return re.sub(r"[_-]", " ", found[1]) if found else None
