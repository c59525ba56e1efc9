"""A fetched page becomes text and a tree; it knows encodings and markup, not shops."""

from __future__ import annotations

import codecs
import html
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit

from bs4 import Tag
from bs4.element import NavigableString, PageElement
from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, resolve_encoding

from scraper.pages.errors import EmptyPageError, OversizedPageError, UnexpectedPageError
from scraper.pages.listing import Page
from scraper.pages.tree import Element, Tree

MAX_PAGE_CHARACTERS = 6_000_000
MAX_TAGS = 100_000
MAX_DEPTH = 500  # browsers stop at 512
MAX_CPU_S = 10.0  # a page of 2 MB needs two or three
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TRIALS = ("cp932", "euc_jp", "euc_jis_2004")
_XML_PROLOGUE = re.compile(r"^\s*<\?xml[^<>]*>")  # the parser would print advice about it
_HEAD_CHARACTERS = 200_000
_LINK = re.compile(r"<link\b([^<>]{0,2000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-zA-Z]+)\s*=\s*(["']?)([^"'<>]*)\2""")
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_SILENT = frozenset(
    ("script", "style", "template", "noscript", "head", "iframe", "object", "select", "svg")
)
_CONTAINERS = frozenset(
    (
        *("div", "section", "main", "article", "form", "ul", "ol", "table", "dialog", "header"),
        *("footer", "nav", "aside", "figure", "body", "html", "h1", "h2", "button", "bdi", "ins"),
        *("del", "script", "noscript"),
    )
)
_ELEMENTS = frozenset(
    (
        *("a", "span", "p", "li", "td", "th", "tr", "tbody", "thead", "strong", "b", "em", "i"),
        *("u", "font", "center", "h1", "h2", "h3", "h4", "h5", "h6", "title", "figure", "small"),
        *("figcaption", "picture", "label", "select", "dl", "dt", "dd", "address", "blockquote"),
        *("video", "iframe", "svg", "style"),
    )
)
_NAMED = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)(?=[\s>/])")
_TORN_END = re.compile(r"</[\w:-]++(?!\s*>)")  # "</div ontent/uploads/…>"
_TORN = re.compile(r"""["'<=,;/\\]|^\d""")
# Label and value stay together: the cells of a row, a dt and its dd.
_JOINED_BEFORE = frozenset(("td", "th", "dd"))
_JOINED_BEHIND = frozenset(("td", "th", "dt"))
# Where a shop's description begins, and where its page goes on behind it.
_DESCRIPTION = re.compile(
    r"id=.tab-description.|--description[ \"']|wp-block-post-content|"
    r"/product-description|class=.product-description",
    re.IGNORECASE,
)
_OPENING = re.compile(r"<\w[^<>]*")
_GOING_ON = re.compile(
    r"<\w+[^<>]*(?:id=.tab-(?!description|title)|class=.[^\"'<>]*(?:related|upsells))"
    r"|</main|<footer",
    re.IGNORECASE,
)
_COMMENT = re.compile(
    r"<!--.*?-->|<(script|style|textarea)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE
)


def decode(body: bytes, headers: Mapping[str, str], preferred: str | None = None) -> str:
    """Return the text of a page, whatever it declares.

    A BOM decides, or zeros between the letters. Then UTF-8 wins where it fits, because other text
    does not fit it by chance; a few broken letters (a text cut off in the middle of one) are no
    reason to doubt it. Then the dealer's encoding, the declared ones, CP932 and EUC-JP, each only
    when it decodes strictly; of several the one without runs of half-width kana: that is EUC-JP
    read as CP932.
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body.decode(name, "replace")
    if (wide := _wide_encoding(body)) is not None:
        return body.decode(wide, "replace")
    content_type = next((v for k, v in headers.items() if k.lower() == "content-type"), None)
    header = http_content_type_encoding(content_type)
    declared = [header, html_body_declared_encoding(body[:8192])]
    if b"\x1b$" in body[:200_000] or b"\x1b(" in body[:200_000]:
        if (text := _strictly(body, "iso2022_jp_ext")) is not None:
            return text
    elif (text := _strictly(body, "utf-8") or _nearly_utf8(body)) is not None:
        return text
    named = [_codec(name) for name in (preferred, *declared) if name]
    trusted = [name for name in named if name not in ("cp1252", "latin_1", "iso8859-1", "utf-8")]
    texts = [t for name in (*trusted, *_TRIALS) if (t := _strictly(body, name)) is not None]
    if texts:
        return min(texts, key=_half_width_share)
    for name in named:
        if name in ("cp1252", "latin_1", "iso8859-1"):
            return body.decode("cp1252", "replace")
    return min((_loosely(body, name) for name in (*trusted, *_TRIALS)), key=_misread_letters)


def _wide_encoding(body: bytes) -> str | None:
    """Return UTF-16 for bytes of which every other one is zero around the markup's own letters."""
    head = body[:2_000]
    for name, zeros, others in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        wide = head[zeros::2].count(0)
        if wide * 4 > len(head) and wide > 10 * head[others::2].count(0):
            return name
    return None


def _codec(name: str) -> str:
    found = (resolve_encoding(name) or name).lower()
    return "cp932" if "shift" in found or "sjis" in found else found


def _strictly(body: bytes, name: str) -> str | None:
    try:
        return body.decode(name)
    except (UnicodeDecodeError, LookupError):
        return None


def _loosely(body: bytes, name: str) -> str:
    try:
        return body.decode(name, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def _misread_letters(text: str) -> int:
    return sum(1 for letter in text if letter == "\ufffd" or "\uff61" <= letter <= "\uff9f")


def _nearly_utf8(body: bytes) -> str | None:
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = sum(1 for letter in text if letter > "\x7f") - broken
    return text if whole > 10 * broken else None


def _half_width_share(text: str) -> float:
    kana = sum(1 for letter in text if "\uff61" <= letter <= "\uff9f")
    return round(kana / max(1, sum(1 for letter in text if letter > "\x7f")), 1)


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
    balance: str = ""  # what does not close ("div+1"): what a page with a hole in it gets wrong
    frame: str = ""  # the same without the description, which a dealer writes by hand
    details: str = ""  # like `frame`, but for the elements that careless authors leave open
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


def text_of(tag: Tag) -> str:
    """Return visible text: one line a block, a table row or a dt/dd pair on one line, no empty
    lines."""
    pieces: list[str] = []
    waiting: list[PageElement | str] = list(reversed(tag.contents))
    while waiting:
        node = waiting.pop()
        if type(node) is NavigableString:
            words = " ".join(node.split())
            before, behind = node[:1].isspace(), node[-1:].isspace()
            pieces.append(f"{' ' * before}{words}{' ' * behind}" if words else " " * before)
        elif type(node) is str:
            pieces.append(node)
        elif isinstance(node, Tag) and node.name not in _SILENT:
            if (name := node.name) in _BLOCKS:
                pieces.append("\t" if name in _JOINED_BEFORE else "\n")
                waiting.append("\t" if name in _JOINED_BEHIND else "\n")
            waiting += reversed(node.contents)
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def text_of_html(markup: str) -> str:
    """Return the visible text of a piece of markup, such as a description in a shop's data."""
    if not markup.strip():
        return ""
    return text_of(parse(page_from_html("https://x/", f"<body><div>{markup}</div></body>")).soup)


def has_torn_tags(root: Tag, *, deep: bool = True) -> bool:
    """Say whether a tag carries what no author writes as an attribute's name: the rest of another
    tag, where a piece between the two is missing.
    """
    tags = (root, *root.find_all(True)) if deep else (root,)
    return any(_TORN.search(name) for tag in tags for name in tag.attrs)


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
    base_url = named or page.url
    markup = _COMMENT.sub("", text)
    whole = _counted(markup)
    frame = _counted(_without_description(markup))
    return Document(
        page.url,
        soup,
        base_url,
        balance=_balance(whole, _CONTAINERS),
        frame=_balance(frame, _CONTAINERS),
        details=_balance(frame, _ELEMENTS),
    )


def _at_most(seconds: float, url: str) -> Callable[[], None]:
    """Return what raises OversizedPageError when this thread has spent that much CPU from now."""
    thread, begun = threading.get_ident(), time.thread_time()

    def check() -> None:
        if threading.get_ident() == thread and time.thread_time() - begun > seconds:
            raise OversizedPageError(url, f"reading it takes more than {seconds:g} s of CPU")

    return check


def _without_description(markup: str) -> str:
    for named in _DESCRIPTION.finditer(markup):
        begin = markup.rfind("<", 0, named.start())
        tag = _OPENING.match(markup, begin) if begin >= 0 else None
        if tag is not None and tag.end() >= named.end():
            end = _GOING_ON.search(markup, tag.end())
            return markup if end is None else markup[:begin] + markup[end.start() :]
    return markup


def _counted(markup: str) -> Counter[str]:
    """Return how much oftener each element is opened than closed."""
    counted = Counter[str]()
    for (closing, name), count in Counter(_NAMED.findall(markup)).items():
        counted[name.lower()] += -count if closing else count
    counted["torn"] = len(_TORN_END.findall(markup))
    return counted


def _balance(counted: Counter[str], elements: frozenset[str]) -> str:
    """Name the elements that are opened and closed unequally often, "" for a page that fits."""
    named = sorted((name, counted[name]) for name in (*elements, "torn") if counted[name])
    return " ".join(f"{name}{count:+d}" for name, count in named)


def with_text(page: Page, encoding: str | None) -> Page:
    """Return the page with its text decoded, the dealer's encoding tried first."""
    return replace(page, text=decode(page.body, page.headers, encoding))
