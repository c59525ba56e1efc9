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
from scraper.parsing.status import drawn_mark, sentence_of, status_of
from scraper.reading.item_links import leads_nowhere, links_to_items

_PLACES = (
    "p, div, tr, td, th, dd, dt, li, b, strong, em, i, u, s, big, small, font, span, mark, label, "
    "button, h1, h2, h3, h4, h5, h6, center, figcaption, caption, legend, output, blockquote, "
    "address"
)
_BUTTONS = "input[type=button], input[type=submit], input[type=image]"
_MAX_MARK = 24
_STATE_LABEL = re.compile(
    r"^\W*(?:availability|verfügbarkeit|lieferbarkeit|disponibilit(?:é|à)|disponibilidad"
    r"|beschikbaarheid)\s*[:：]\s*",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_STOCK = re.compile(r"\W*(?:在庫|残り|in stock|stock|\d+ in stock|availability)", re.IGNORECASE)
_MAX_SENTENCE = 90
_MAX_ROWS = 2  # with a mark in a table about one item
_MAX_TILE = 200  # letters of a tile; more is the page itself
_WHOLE_PAGE = ("body", "main", "article", "html", "form")


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
    found = [(t, text) for t, text in _stated(scope) if not (_is_hidden(t) or tiles.hold(t))]
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
        if leads_nowhere(link) and _is_mark(text):
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
    text = _STATE_LABEL.sub("", text)
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


def _is_hidden(tag: Tag) -> bool:
    """Say whether no visitor sees a tag: a template that a script shows when it is true."""
    return any(
        each.get("hidden") is not None or _HIDDEN.search(str(each.get("style") or ""))
        for each in (tag, *tag.parents)
    )


def _is_link_text(tag: Tag) -> bool:
    """Say whether a tag is the text of a link to another page: a menu's 売却済 is no mark."""
    link = tag.around("a") if isinstance(tag, Element) else None
    return link is not None and not leads_nowhere(link)


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
    targets = {str(link["href"]) for link in links_to_items(around)}
    if not targets:
        return None
    if len(targets) == 1:
        return len(" ".join(around.get_text(" ").split())) <= _MAX_TILE
    return around.name in ("tr", "tbody", "table", "ul", "ol", "dl", "li")
