"""A fetched page becomes a tree to select in; it knows markup, not shops."""

from __future__ import annotations

import html
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

from bs4 import Tag

from scraper.pages.errors import EmptyPageError, OversizedPageError, UnexpectedPageError
from scraper.pages.listing import Page
from scraper.pages.page_encoding import decode
from scraper.pages.tree import Element, Tree
from scraper.pages.unclosed_markup import Unclosed, unclosed_in
from scraper.pages.visible_text import text_of

MAX_PAGE_CHARACTERS = 6_000_000
MAX_TAGS = 100_000
MAX_DEPTH = 500  # browsers stop at 512
MAX_CPU_S = 10.0  # a page of 2 MB needs two or three
_XML_PROLOGUE = re.compile(r"^\s*<\?xml[^<>]*>")  # the parser would print advice about it
_HEAD_CHARACTERS = 200_000
_LINK = re.compile(r"<link\b([^<>]{0,2000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-zA-Z]+)\s*=\s*(["']?)([^"'<>]*)\2""")


def stated_address(page: Page) -> str | None:
    """Return the address that a page calls its own (rel=canonical), None where it names none."""
    for link in _LINK.findall(page.text[:_HEAD_CHARACTERS]):
        given = {name.lower(): value for name, _, value in _ATTRIBUTE.findall(link)}
        if given.get("rel", "").lower() == "canonical" and given.get("href"):
            return urljoin(page.url, html.unescape(given["href"].strip()))
    return None


def page_from_html(
    url: str,
    html: bytes | str,
    *,
    headers: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> Page:
    """Return a page as if it had been fetched from `url`; for tests and for bytes at hand."""
    body = html.encode() if isinstance(html, str) else html
    known = dict(headers or {})
    return Page(url, url, 200, known, body, decode(body, known, encoding))


@dataclass(frozen=True)
class Doubt:
    """Something that a page contradicts itself in: a hole, or the way of this shop's theme. Which,
    its neighbours tell; `kind` is what they have in common.
    """

    kind: str
    error: UnexpectedPageError


@dataclass(frozen=True)
class Document:
    """One parsed page; selecting says how many are expected."""

    url: str
    soup: Tree
    base_url: str
    unclosed: Unclosed
    doubts: list[Doubt] = field(default_factory=list)  # noted while it is read

    def doubt(self, kind: str, selector: str, expected: str, found: int, detail: str = "") -> None:
        """Note what would be a hole on a page alone; once a kind."""
        if all(known.kind != kind for known in self.doubts):
            error = UnexpectedPageError(self.url, selector, expected, found, detail)
            self.doubts.append(Doubt(kind, error))

    @property
    def title(self) -> str:
        found = self.soup.find("title")
        return found.get_text(" ", strip=True) if found else ""

    def one(self, selector: str) -> Tag:
        """Return the only match. Raises UnexpectedPageError for none or several."""
        found = self.all(selector)
        if len(found) != 1:
            raise UnexpectedPageError(self.url, selector, "exactly 1", len(found))
        return found[0]

    def maybe(self, selector: str) -> Tag | None:
        """Return the match or None. Raises UnexpectedPageError for several."""
        found = self.all(selector)
        if len(found) > 1:
            raise UnexpectedPageError(self.url, selector, "at most 1", len(found))
        return found[0] if found else None

    def some(self, selector: str) -> list[Tag]:
        """Return all matches. Raises UnexpectedPageError for none."""
        found = self.all(selector)
        if not found:
            raise UnexpectedPageError(self.url, selector, "at least 1", 0)
        return found

    def first(self, selector: str) -> Tag | None:
        return self.soup.select_one(selector)

    def preferred(self, *selectors: str) -> Tag | None:
        """Return the first match of the first selector that matches anything."""
        return next((tag for selector in selectors if (tag := self.first(selector))), None)

    def all(self, selector: str) -> list[Tag]:
        return list(self.soup.select(selector))

    def text(self) -> str:
        """Return the text of what is left of the page, blocks as lines."""
        return self.text_of(self.soup.body or self.soup)

    def text_of(self, tag: Tag) -> str:
        """Return the tag's visible text, read once as long as nothing is cut from the page."""
        place = tag.place if isinstance(tag, Element) else 0
        if place < 0:
            return text_of(tag)
        known = self.soup.known_texts.get(place)
        if known is None or known[0] != self.soup.removals:
            self.soup.still_allowed()
            known = self.soup.known_texts[place] = self.soup.removals, text_of(tag)
        return known[1]

    def absolute(self, href: str | None) -> str | None:
        """Return the absolute http(s) address behind `href`, None for anything else."""
        return absolute_url(self.base_url, href)


def absolute_url(base: str, href: str | None) -> str | None:
    """Join with the page's URL (never with the site root); otherwise the shop's spelling is
    kept.
    """
    cleaned = re.sub(r"[\t\r\n]", "", href or "").strip().replace(" ", "%20")
    if "\\" in cleaned:  # browsers read it as a slash, up to the query
        place = re.match(r"[^?#]*", cleaned)
        end = place.end() if place else 0
        cleaned = cleaned[:end].replace("\\", "/") + cleaned[end:]
    if not cleaned or cleaned.startswith(("#", "data:", "javascript:", "mailto:", "tel:", "blob:")):
        return None
    try:
        joined = urljoin(base, cleaned)
        parts = urlsplit(joined)
        is_place = bool(parts.hostname) and parts.port != 0 and "%" not in parts.netloc
    except ValueError:  # half an IPv6 address, or a port that is no number
        return None
    return joined if parts.scheme in ("http", "https") and is_place else None


def text_of_html(markup: str) -> str:
    """Return the visible text of a piece of markup, such as a description in a shop's data."""
    if not markup.strip():
        return ""
    return text_of(parse(page_from_html("https://x/", f"<body><div>{markup}</div></body>")).soup)


def parse(page: Page) -> Document:
    """Parse a page. Raises EmptyPageError and OversizedPageError."""
    text = page.text or decode(page.body, page.headers)
    if not text.strip():
        raise EmptyPageError(page.url)
    if len(text) > MAX_PAGE_CHARACTERS:
        raise OversizedPageError(
            page.url, f"{len(text):,} characters, at most {MAX_PAGE_CHARACTERS:,}"
        )
    if text.count("<") > 2 * MAX_TAGS:
        raise OversizedPageError(page.url, f"more than {MAX_TAGS:,} tags")
    markup = _XML_PROLOGUE.sub("", text.replace("\x00", ""), count=1)
    soup = Tree(markup, still_allowed=_at_most(MAX_CPU_S, page.url))
    if soup.index_of_elements.depth > MAX_DEPTH:
        raise OversizedPageError(page.url, f"tags nested more than {MAX_DEPTH} deep")
    base = soup.find("base", href=True)
    named = absolute_url(page.url, str(base["href"])) if isinstance(base, Tag) else None
    return Document(page.url, soup, named or page.url, unclosed_in(text))


def _at_most(seconds: float, url: str) -> Callable[[], None]:
    """Return what raises OversizedPageError when this thread has spent that much CPU from now."""
    thread, begun = threading.get_ident(), time.thread_time()

    def check() -> None:
        if threading.get_ident() == thread and time.thread_time() - begun > seconds:
            raise OversizedPageError(url, f"reading it takes more than {seconds:g} s of CPU")

    return check


def with_text(page: Page, encoding: str | None) -> Page:
    """Return the page with its text decoded, the dealer's encoding tried first."""
    return replace(page, text=decode(page.body, page.headers, encoding))
