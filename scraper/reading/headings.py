"""What a page calls its item: which heading is its own, not the shop's name or slogan above it, and
what heading, Open Graph and <title> agree on; it knows no shop.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from bs4 import Tag

from scraper.pages import theme_names
from scraper.pages.document import Document
from scraper.parsing.text import words_of

_MAX_HEADINGS = 6
_LETTERS_OF_A_NAME = 3
_PARTS = re.compile(r"\s*[|｜»›«≪≫]\s*|\s+[-–—:：·／/]\s+|\s*[-–—]\s+")


def item_heading(document: Document, shop_names: Iterable[str] = ()) -> Tag | None:
    """Return the first h1, else the first h2, that is not the shop's name or its link home.

    Many themes and hand-made pages make the shop's name, or its logo, the h1 of every page.
    """
    names = {letters_of(name) for name in shop_names} | {""}
    for level in ("h1", "h2"):
        for tag in document.all(level):
            is_name = letters_of(tag.get_text()) in names or _leads_home(document, tag)
            if not is_name:
                return tag
    return None


def names_on(document: Document) -> list[str]:
    """Return what the page calls itself, the likeliest first: headings, Open Graph, <title>."""
    marked = document.first(f"{theme_names.TITLES}, h1")
    headings = [marked] if marked is not None else []
    headings += [tag for tag in document.all("h1, h2") if tag is not marked][:_MAX_HEADINGS]
    found = [" ".join(tag.get_text(" ").split()) for tag in headings]
    found += [str(tag["content"]) for tag in document.all("meta[property='og:title'][content]")]
    return [name for name in (*found, document.title) if name.strip()]


def agrees(name: str, other: str) -> bool:
    """Say whether of two names' letters one is within the other, and not by chance."""
    shorter, longer = sorted((name, other), key=len)
    return len(shorter) >= _LETTERS_OF_A_NAME and shorter in longer


def item_title(document: Document, shop_names: Iterable[str] = ()) -> str:
    """Return the item's title: its heading, unless that is a slogan and the page names its item
    elsewhere.

    A slogan shares hardly a word with <title> and Open Graph but the shop's name, while a part of
    these stands on the page as a line of its own.
    """
    heading = item_heading(document, shop_names)
    shown = document.text_of(heading).replace("\n", " ") if heading is not None else ""
    shared = [str(tag["content"]) for tag in document.all("meta[property='og:title'][content]")]
    called = [name for name in (document.title, *shared) if name.strip()]
    shops = _names_of_the_shop(document, shop_names)
    shops |= _beside_the_item(document, shown, called)
    if shown and any(_is_like(shown, _without(name, shops)) for name in called):
        return shown
    agreed = _agreed_part(document, called, shops)
    return agreed or shown or document.title


def _names_of_the_shop(document: Document, shop_names: Iterable[str]) -> set[str]:
    """Return the letters of what the page calls its shop, and of nothing."""
    names = {letters_of(name) for name in shop_names} | {""}
    names |= {
        letters_of(str(tag["content"]))
        for tag in document.all("meta[property='og:site_name'][content]")
    }
    names |= {
        letters_of(str(image["alt"])) for image in document.all("h1 img[alt], header img[alt]")
    }
    names |= {letters_of(a.get_text()) for a in document.all("a[href]") if _is_home(document, a)}
    return names


def _beside_the_item(document: Document, shown: str, called: list[str]) -> set[str]:
    """Return the letters of those parts of the page's names that the heading is longer than, while
    another part, which it lacks, is all that Open Graph or a heading says.
    """
    said = {letters_of(tag.get_text()) for tag in document.all("h1, h2, h3")}
    said |= {letters_of(name) for name in called}
    heading = letters_of(shown)
    parts = {letters_of(part) for name in called for part in _PARTS.split(name)} - {""}
    within = {part for part in parts if part in heading}
    is_item_elsewhere = any(part in said for part in parts - within)
    return within - {heading} if is_item_elsewhere else set()


def _parts_of(name: str, shops: set[str]) -> list[str]:
    return [part.strip() for part in _PARTS.split(name) if letters_of(part) not in shops]


def _without(name: str, shops: set[str]) -> str:
    """Return a page's name without its shop's; the whole where it is nothing else."""
    return " ".join(_parts_of(name, shops)) or name


def _agreed_part(document: Document, called: list[str], shops: set[str]) -> str:
    """Return the part of <title> that Open Graph has too, or the page as a line of its own."""
    if not called:
        return ""
    parts = _parts_of(called[0], shops)
    lines = {letters_of(line) for line in document.text().split("\n")}
    alone = [part for part in parts if letters_of(part) in lines]
    twice = [p for p in parts if any(letters_of(p) in letters_of(other) for other in called[1:])]
    return next(iter([*alone, *twice]), "")


def _is_like(shown: str, name: str) -> bool:
    """Say whether a heading says what a name says: within it, or half of its words."""
    if agrees(letters_of(shown), letters_of(name)) or letters_of(shown) in letters_of(name):
        return True
    words, others = words_of(shown), words_of(name)
    return len(words & others) * 2 >= min(len(words), len(others)) > 0


def letters_of(text: str) -> str:
    """Return letters and digits alone, in lower case: what two spellings of a name share."""
    return re.sub(r"[\W_]+", "", text).casefold()


def _leads_home(document: Document, heading: Tag) -> bool:
    link = heading.select_one("a[href]") or heading.find_parent("a", href=True)
    if link is None or letters_of(link.get_text()) != letters_of(heading.get_text()):
        return False
    return _is_home(document, link)


def _is_home(document: Document, link: Tag) -> bool:
    parts = urlsplit(document.absolute(str(link["href"])) or "")
    here = urlsplit(document.url)
    is_page_itself = parts.path == here.path
    return (
        parts.netloc == here.netloc
        and not is_page_itself
        and not parts.query
        and re.fullmatch(r"/?(?:index\.\w+|[a-z]{2}/?)?", parts.path) is not None
    )
