"""Marks of a sale on a page: short words that stand alone, a drawn sign, a sentence about this
item; it knows places, and asks `parsing.status` what words mean.

A mark that stands with a link to another item is that item's. Links to forms, lists and pictures
are no items: an item's own mark stands beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bs4 import Tag
from bs4.element import NavigableString

from scraper.pages.document import Document
from scraper.pages.listing import Status
from scraper.pages.tree import Element
from scraper.parsing.item_type import item_type_of
from scraper.parsing.status import drawn_mark, sentence_of, status_of

_PLACES = (
    "p, div, tr, td, th, dd, dt, li, b, strong, em, i, u, s, big, small, font, span, mark, label, "
    "button, h1, h2, h3, h4, h5, h6, center, figcaption, caption, legend, output, blockquote, "
    "address"
)
_BUTTONS = "input[type=button], input[type=submit], input[type=image]"
_MAX_MARK = 24
_STOCK = re.compile(r"\W*(?:在庫|残り|in stock|stock|\d+ in stock|availability)", re.IGNORECASE)
_MAX_SENTENCE = 90
_MAX_ROWS = 2  # with a mark in a table about one item
_MAX_TILE = 200  # letters of a tile; more is the page itself
_WHOLE_PAGE = ("body", "main", "article", "html", "form")
_NOWHERE = re.compile(
    r"^(?:#|mailto:|tel:|javascript:|sms:|line:)|^$|\.(?:jpe?g|png|gif|webp|avif|tiff?|bmp)(?:$|\?)",
    re.IGNORECASE,
)
_WAY = re.compile(  # in an address: forms, lists, the shop's own pages
    r"contact|inquir|enquir|toiawase|otoiawase|cart|basket|checkout|login|account|favorite|wishlist"
    r"|share|tweet|facebook|twitter|instagram|pinterest|line\.me|guide|shipping|payment|privacy|about"
    r"|company|tokutei|law|faq|mail|form|order|index\.|/$|sitemap|top\.|category|list|news|blog|print",
    re.IGNORECASE,
)
_WAY_WORDS = re.compile(
    r"^\W*(?:(?:お|ご)?問い?合わ?せ|戻る|もどる|前の?(?:ページ|商品)?へ?|次の?(?:ページ|商品)?へ?|一覧|トップ|ホーム|カート|買い?物|購入"
    r"|注文|ご?予約|送料|お支払|配送|特定商|会社|店舗|アクセス|ログイン|会員|お気に入り|シェア|ツイート|印刷|拡大|画像|写真"
    r"|home|back|top|contact|inquir|enquir|ask|cart|add to|buy|order|share|tweet|pin it|email|print"
    r"|previous|prev|next|return|list|all |see all|view all|continue|shipping|payment|faq|zoom"
    r"|enlarge)",
    re.IGNORECASE,
)


def mark_in(document: Document, scope: Tag | None = None) -> Status | None:
    """Return the state that the item's own marks state, reserved before sold."""
    marks = {status_of(text) or sentence_of(text) for text in _texts(document, scope)}
    if Status.RESERVED in marks:
        return Status.RESERVED
    return Status.SOLD if Status.SOLD in marks else None


def stock_in(document: Document, scope: Tag) -> Status | None:
    """Return AVAILABLE where the item's own stock is stated ("在庫：1"), None otherwise."""
    texts = marks_within(document, scope)
    stated = any(_STOCK.match(text) and status_of(text) is Status.AVAILABLE for text in texts)
    return Status.AVAILABLE if stated else None


def _texts(document: Document, scope: Tag | None) -> Iterator[str]:
    yield from marks_within(document, scope or document.soup)
    if scope is None:
        links = {tag.get_text(" ", strip=True) for tag in document.all("a")} - {""}
        for line in document.text().split("\n"):
            short = len(line) <= _MAX_MARK and status_of(line) is not None
            if short and not any(link in line for link in links):
                yield line


def marks_within(document: Document, scope: Tag) -> Iterator[str]:
    """Yield the short texts below `scope` that may state a sale and are this item's."""
    tiles = _Tiles(scope)
    found = [(tag, text) for tag, text in _stated(scope) if not tiles.hold(tag)]
    lists = _lists_of_sales(tag for tag, _ in found)
    yield from (text for tag, text in found if id(_list_of(tag)[1]) not in lists)


def _stated(scope: Tag) -> Iterator[tuple[Tag, str]]:
    for tag in scope.select(_PLACES):
        text = _own_text(tag)
        if text and _is_mark(text) and not _is_link_text(tag):
            yield tag, text
    for term in scope.select("dt"):
        said = term.find_next_sibling(["dt", "dd"])
        if isinstance(said, Tag) and said.name == "dd":
            text = f"{_own_text(term)} {_own_text(said)}"
            if _is_mark(text) and not _is_link_text(said):
                yield said, text
    for tag in scope.select(f"img, {_BUTTONS}"):
        for text in _said_by(tag):
            if status_of(text) and not _is_link_text(tag):
                yield tag, text
    for link in scope.select("a"):  # a badge, or a button that leads nowhere any more
        text = " ".join(link.get_text(" ").split())
        if _NOWHERE.search(str(link.get("href") or "")) and _is_mark(text):
            yield link, text


def _list_of(tag: Tag) -> tuple[Tag | None, Tag | None]:
    """Return the row or entry that holds a tag, and the table or list of which it is one."""
    if not isinstance(tag, Element):
        return None, None
    row = tag if tag.name in ("tr", "li") else tag.around("tr", "li")
    whole = row.around("table", "ul", "ol") if isinstance(row, Element) else None
    return row, whole


def _lists_of_sales(tags: Iterable[Tag]) -> set[int]:
    """Return which tables and lists have a mark in several rows: those are of other items."""
    rows: dict[int, set[int]] = {}
    for row, whole in map(_list_of, tags):
        if whole is not None:
            rows.setdefault(id(whole), set()).add(id(row))
    return {whole for whole, marked in rows.items() if len(marked) > _MAX_ROWS}


def _is_mark(text: str) -> bool:
    if len(text) <= _MAX_MARK:
        return status_of(text) is not None
    return sentence_of(text) is not None


def _own_text(tag: Tag) -> str:
    """Return a tag's words on one line, without those of links; "" where there are too many."""
    pieces: list[str] = []
    letters = 0
    waiting = list(reversed(tag.contents))
    while waiting:
        node = waiting.pop()
        if isinstance(node, Tag):
            if node.name != "a" or not node.get("href"):
                waiting += reversed(node.contents)
        elif type(node) is NavigableString and (words := " ".join(node.split())):
            pieces.append(words)
            letters += len(words)
            if letters > _MAX_SENTENCE:
                return ""
    return " ".join(pieces)


def _said_by(tag: Tag) -> Iterable[str]:
    """Return what a picture or a button says: its description, its label, its name (sold.gif)."""
    for name in ("alt", "value"):
        if 0 < len(text := str(tag.get(name) or "")) <= _MAX_MARK:
            yield text
    if drawn := drawn_mark(str(tag.get("src") or "")):
        yield drawn


def _is_link_text(tag: Tag) -> bool:
    """Say whether a tag is the text of a link to another page: a menu's 売却済 is no mark."""
    link = tag.around("a") if isinstance(tag, Element) else None
    href = str(link.get("href") or "") if link is not None else ""
    return link is not None and _NOWHERE.search(href) is None


class _Tiles:
    """Which elements below a scope are another item's tile, each asked once."""

    def __init__(self, scope: Tag) -> None:
        self._scope = scope
        self._known: dict[int, bool | None] = {}

    def hold(self, tag: Tag) -> bool:
        """Say whether a mark stands in another item's tile: the nearest element around it with
        links to items is small and leads to one, or is a list of several.
        """
        for parent in tag.parents:
            if parent is self._scope or parent.name in _WHOLE_PAGE or parent.parent is None:
                return False
            if id(parent) not in self._known:
                self._known[id(parent)] = _is_tile(parent)
            if (known := self._known[id(parent)]) is not None:
                return known
        return False


def _is_tile(around: Tag) -> bool | None:
    """Return whether an element is a tile, None where it has no link to an item."""
    if around.select_one("h1") is not None:
        return False
    targets = {str(link["href"]) for link in _links_to_items(around)}
    if not targets:
        return None
    if len(targets) == 1:
        return len(" ".join(around.get_text(" ").split())) <= _MAX_TILE
    return around.name in ("tr", "tbody", "table", "ul", "ol", "dl", "li")


def _links_to_items(around: Tag) -> Iterator[Tag]:
    """Yield the links that have a name or a picture and lead to no form, list or picture."""
    for link in around.select("a[href]"):
        href = str(link["href"])
        if _NOWHERE.search(href) or link.get("rel") == ["nofollow"]:
            continue
        words = " ".join(link.get_text(" ").split())
        has_picture = link.select_one("img") is not None
        if _WAY_WORDS.match(words) or (not words and not has_picture):
            continue
        if item_type_of(words) is not None or not _WAY.search(href):
            yield link
