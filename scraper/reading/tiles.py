"""Tiles of other items on a page: a picture or a name that links to another page, and the few words
around it.

Their SOLD once sold the item whose page they stand on. What links where is asked of the dealer;
this knows only how a tile is built.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from itertools import islice, pairwise
from urllib.parse import urlsplit

from bs4 import NavigableString, Tag

from scraper.pages.dealer import Dealer
from scraper.pages.dealer_addresses import is_another_item, is_front_page
from scraper.pages.document import Document
from scraper.parsing.item_type import item_type_of
from scraper.parsing.status import status_of
from scraper.reading.images import is_picture_url
from scraper.reading.page_lines import money_lines

_MAX_TEXT = 200  # letters of a tile; more is the page itself
_MAX_LINKS = 1_000  # a page with more is no item's
_BUTTON = re.compile(
    r"cart|basket|wish-?list|favou?rite|compare|quick-?view|add-to", re.IGNORECASE
)  # that a tile of another item may have
_PAGE = ("body", "main", "article", "html")


def cut_tiles(document: Document, dealer: Dealer, own: str, *, guess: bool) -> None:
    """Remove other items' tiles, and the pictures that link to other items and front pages.

    Args:
        own: the canonical address of the page.
        guess: where the dealer states nothing about addresses, take a photograph that links to
        another page, with a price or a mark of a sale behind it, for a tile.
    """
    guess = guess and not dealer.states_addresses
    lists: dict[int, Tag] = {}  # that held a tile
    others: list[Tag] = []
    for link, canonical in islice(_links_to_pages(document, dealer, own), _MAX_LINKS):
        images = link.select("img")
        is_other = is_another_item(dealer, own, canonical)
        if is_front_page(dealer, canonical):
            _drop(images)
        elif is_other and _is_tile_of_item(link, images, dealer):
            _tile_of(link).decompose()
        elif is_other:
            _drop(images)
        elif guess and _has_photo(images):
            tile = _tile_of(link)
            before, behind = _around(link, tile)
            is_named = _is_named(tile, link)  # else it may be the item's own picture, enlarged
            if _states_amount(before, dealer) or (not is_named and _speaks(before, dealer)):
                continue
            if _speaks_of_sale(behind, dealer) if is_named else _speaks(behind, dealer):
                if tile.parent is not None:
                    lists[id(tile.parent)] = tile.parent
                tile.decompose()
            else:
                others.append(link)
    for link in others:
        _cut_beside(link, lists)


def _cut_beside(link: Tag, lists: Container[int]) -> None:
    """Remove the tile of an item without a price from a list that held tiles with one."""
    if link.decomposed:
        return
    tile = _tile_of(link)
    for entry in (link, *link.parents):
        if id(entry.parent) in lists:
            entry.decompose()
        if entry is tile or entry.decomposed:
            return


def _links_to_pages(document: Document, dealer: Dealer, own: str) -> Iterator[tuple[Tag, str]]:
    """Yield each link to another page of the site, with its canonical address."""
    host = urlsplit(document.url).netloc
    for link in document.all("a[href]"):
        if link.decomposed or "attachment" in (link.get("rel") or []):
            continue
        url = document.absolute(str(link["href"]))
        if url is not None and not is_picture_url(url) and urlsplit(url).netloc == host:
            canonical = dealer.canonical_url(url)
            if canonical != own:
                yield link, canonical


def _is_tile_of_item(link: Tag, images: list[Tag], dealer: Dealer) -> bool:
    """A photograph of another item makes a tile, its name does beside a price or a sale; but what
    stands behind a price of its own is a way to the next item.
    """
    before, behind = _around(link, _tile_of(link))
    if _states_amount(before, dealer):
        return False
    named = item_type_of(link.get_text(" ", strip=True)) is not None
    return _has_photo(images) or (named and _speaks_of_sale([*before, *behind], dealer))


def _around(link: Tag, tile: Tag) -> tuple[list[str], list[str]]:
    """Return the texts of a tile before a link, and those in it and behind it."""
    before: list[str] = []
    behind: list[str] = []
    found = before
    for node in (tile, *tile.descendants):
        if node is link:
            found = behind
        elif isinstance(node, NavigableString) and node.strip():
            found.append(" ".join(node.split()))
    return before, behind


def _is_named(tile: Tag, link: Tag) -> bool:
    """Say whether a tile bears a name that leads where its picture does."""
    same = (a for a in tile.select("a[href]") if a.get("href") == link.get("href"))
    return any(a.get_text(strip=True) for a in (link, *same))


def _speaks(texts: list[str], dealer: Dealer) -> bool:
    return any(money_lines([text], dealer) or status_of(text) for text in texts)


def _speaks_of_sale(texts: list[str], dealer: Dealer) -> bool:
    return _states_amount(texts, dealer) or any(status_of(text) for text in texts)


def _states_amount(texts: list[str], dealer: Dealer) -> bool:
    """Say whether one of the texts states an amount, its sign perhaps in an element of its own."""
    pairs = [before + behind for before, behind in pairwise(texts)]
    return any(money_lines([text], dealer) for text in (*texts, *pairs))


def _tile_of(link: Tag) -> Tag:
    """Return the largest element around a link that holds nothing but it and a few words."""
    tile = link
    for parent in link.parents:
        if parent.name in _PAGE or not _holds_only(parent, link):
            break
        tile = parent
    return tile


def _holds_only(parent: Tag, link: Tag) -> bool:
    letters = 0
    for node in parent.descendants:
        if not isinstance(node, Tag):
            letters += len(str(node).strip())
        elif node.name in ("h1", "form") or _leads_elsewhere(node, link, parent):
            return False
        if letters > _MAX_TEXT:
            return False
    return True


def _leads_elsewhere(node: Tag, link: Tag, around: Tag) -> bool:
    if node.name == "a":
        is_same = node.get("href") in (None, link.get("href"))
        is_button = _BUTTON.search(str(node.get("href"))) is not None and _is_named(around, link)
        return not (is_same or is_button)
    return node.name == "img" and link not in node.parents


def _has_photo(images: list[Tag]) -> bool:
    """A GIF is a button or an arrow."""
    names = [str(image.get("data-src") or image.get("src") or "") for image in images]
    return any(is_picture_url(name) and not name.lower().endswith(".gif") for name in names)


def _drop(images: list[Tag]) -> None:
    for image in images:
        image.decompose()
