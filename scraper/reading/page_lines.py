"""Reading hand-made pages by their lines; it knows labels and marks, and no dealer.

For sites whose markup is not known or says nothing: a price stands behind its label, a mark
(SOLD, 商談中) stands alone.
Words in links are never marks: a menu entry 売却済 once put 243 items in "sold".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from bs4 import Tag

from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.errors import UnexpectedPageError
from scraper.pages.listing import Price, Status
from scraper.parsing.currencies import CODE, SIGN_BEHIND
from scraper.parsing.price import is_price_alone, states_price
from scraper.parsing.price_words import PRICE_NAMES
from scraper.parsing.status import status_of
from scraper.parsing.text import fold_width, one_of
from scraper.reading.sale_marks import mark_in

_PRICE_LABEL = re.compile(
    rf"\W{{0,3}}(?:{PRICE_NAMES}|定価|starting bid)\W{{0,3}}"
    r"(?=[:：\s\d¥￥$]|$)",
    re.IGNORECASE,
)
_MONEY = re.compile(
    rf"{SIGN_BEHIND}|\\\s?\d|(?<![A-Za-z])(?:{CODE})\.?\s?\d|\d\s?(?:{CODE})(?![A-Za-z])"
)
_COPYRIGHT = re.compile(r"copyright|©|\(c\)\s*\d|all rights reserved", re.IGNORECASE)
_MAX_COPYRIGHT = 200
_MAX_LINKS = 500
_MAX_PRICE_LINE = 120
_MAX_PRICE_TAIL = 24  # letters: "plus shipping", but no sentence


def price_in(document: Document, dealer: Dealer, *, needs_label: bool) -> Price | None:
    """Return the price of the line that is labelled so; without a label, of the only line with
    money on it.

    A labelled line without an amount is "on inquiry"; None means that no line speaks of a price.

    Raises:
        UnexpectedPageError: several lines state different prices.
    """
    lines = document.text().split("\n")
    labelled = [
        price
        for text in _labelled(lines)
        if (price := dealer.price(text)).raw and states_price(text, max_tail=_MAX_PRICE_LINE)
    ]
    if not labelled and needs_label:
        return None
    with_money = [dealer.price(line) for line in lines if _is_money_line(line)]
    stated = [p for p in labelled if p.value is not None] or (
        [] if labelled else [p for p in with_money if p.value is not None]
    )
    values = {price.value for price in stated}
    if len(values) > 1:
        raise UnexpectedPageError(
            document.url, "lines with a price", "exactly 1 price", len(values)
        )
    return stated[0] if stated else labelled[0] if labelled else None


def _labelled(lines: list[str]) -> list[str]:
    """Return the texts behind a price label; a label alone on its line labels the next one."""
    found = []
    for place, line in enumerate(lines):
        label = _PRICE_LABEL.match(line)
        if label is None or len(line) > _MAX_PRICE_LINE:
            continue
        rest = line[label.end() :].strip()
        if not rest and place + 1 < len(lines) and len(lines[place + 1]) <= _MAX_PRICE_LINE:
            rest = lines[place + 1]
        found.append(f"{label[0].strip()} {rest}".strip())
    return found


def money_lines(lines: Iterable[str], dealer: Dealer) -> int:
    """Return how many of the lines state an amount of money."""
    stating = (dealer.price(line) for line in lines if _is_money_line(line))
    return sum(1 for price in stating if price.value is not None)


def lone_price(document: Document, dealer: Dealer) -> Price | None:
    """Return the price of a page without a label for it: the only amount, on a line of its own, or
    what lines of nothing but amounts say of one another ("was … now …"); None for anything else.
    """
    lines = [line for line in document.text().split("\n") if _is_money_line(line)]
    ways = {" ".join(link.get_text(" ").split()) for link in document.all("a[href]")} - {""}
    alone = [line for line in lines if is_price_alone(_without(ways, line))]
    price = dealer.price("\n".join(alone))
    stated = {dealer.price(line).value for line in lines if line not in alone} - {None}
    return price if price.value is not None and stated <= {price.value} else None


def _without(ways: set[str], line: str) -> str:
    """Return a line without what links on it say ("email us")."""
    said = [words for words in ways if words in line and not re.search(r"\d", words)]
    return re.sub(one_of(said), " ", line) if said else line


def amounts_on(document: Document, dealer: Dealer) -> set[Decimal]:
    """Return the different amounts of money that lines of the page state, labelled or not."""
    prices = [dealer.price(line) for line in document.text().split("\n") if _is_money_line(line)]
    return {price.value for price in prices if price.value is not None}


def _is_money_line(line: str) -> bool:
    if len(line) > _MAX_PRICE_LINE or _MONEY.search(fold_width(line)) is None:
        return False
    return states_price(line, max_tail=_MAX_PRICE_TAIL)


def own_lines(document: Document, scope: Tag | None = None) -> str:
    """Return the text of the page, or of `scope`, without what every page of a site has: lines that
    are nothing but links (menus, lists of other items) and the line about copyright.
    """
    found = document.all("a[href]") if scope is None else scope.select("a[href]")
    linked = {" ".join(link.get_text(" ").split()) for link in found} - {""}
    names = one_of(sorted(linked, key=len)[-_MAX_LINKS:])
    # Possessive: a name that fits is never given back, so this takes one pass over a line.
    menu = re.compile(rf"(?:(?<!\w)(?:{names})(?!\w)|[\W_])*+") if names else None
    lines = (document.text() if scope is None else document.text_of(scope)).split("\n")
    return "\n".join(
        line
        for line in lines
        if not (menu and re.search(r"\w", line) and menu.fullmatch(line))
        and not (len(line) <= _MAX_COPYRIGHT and _COPYRIGHT.search(line))
    )


def sale_in(
    document: Document, dealer: Dealer, *, needs_label: bool
) -> tuple[Price, Status | None]:
    """Return the price and the state that lines and marks of a page state.

    Sold or on hold without a price is a value; neither of them is a piece that is missing.

    Raises:
        UnexpectedPageError: no line speaks of a price and no mark of a sale, or several prices.
    """
    price = price_in(document, dealer, needs_label=needs_label)
    state = status_of((price.raw if price else None) or "") or mark_in(document)
    if price is None and state is None:
        expected = "at least 1 price line, or a mark of a sale"
        raise UnexpectedPageError(document.url, "line 価格, Price or an amount", expected, 0)
    return price or Price(None, dealer.currency, None), state


def cut_from(document: Document, heading: re.Pattern[str]) -> None:
    """Remove the element whose whole text is `heading` and all that follows it: other items,
    order forms."""
    for tag in document.all("h1, h2, h3, h4, h5, h6, p, div, strong, b, td, th, span, center"):
        text = tag.get_text(" ", strip=True)
        if text and len(text) <= 80 and heading.fullmatch(text):
            for node in list(tag.next_elements):
                node.extract()
            tag.extract()
            return
