"""A fetched page becomes text and a tree; it knows encodings and markup, not shops."""

from __future__ import annotations

import codecs
import html
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement
from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, resolve_encoding

from scraper.pages.errors import EmptyPageError, OversizedPageError, UnexpectedPageError
from scraper.pages.listing import Page

MAX_PAGE_CHARACTERS = 6_000_000
MAX_TAGS = 100_000
MAX_DEPTH = 500  # browsers stop at 512
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
_CONTAINER = re.compile(
    r"<(/?)(div|section|main|article|form|ul|ol|table|dialog|header|footer|nav|aside|figure|"
    r"body|html|h1|h2|button|bdi|ins|del|script|noscript)(?=[\s>/])",
    re.IGNORECASE,
)
_TORN_END = re.compile(r"</[\w:-]++(?!\s*>)")  # "</div ontent/uploads/…>"
_TORN = re.compile(r"""["'<=,;/\\]|^\d""")
_ELEMENT = re.compile(
    r"<(/?)(a|span|p|li|td|th|tr|tbody|thead|strong|b|em|i|u|font|center|h[1-6]|title|figure|"
    r"figcaption|picture|label|select|dl|dt|dd|small|address|blockquote|video|iframe|svg|style)"
    r"(?=[\s>/])",
    re.IGNORECASE,
)
# Label and value stay together: the cells of a row, a dt and its dd.
_JOINED_BEFORE = frozenset(("td", "th", "dd"))
_JOINED_BEHIND = frozenset(("td", "th", "dt"))
# From where a shop's description begins to where its page goes on.
_DESCRIPTION = re.compile(
    r"<\w+[^<>]*(?:id=.tab-description.|--description[ \"']|wp-block-post-content|"
    r"/product-description|class=.product-description).*?"
    r"(?=<\w+[^<>]*(?:id=.tab-(?!description|title)|class=.[^\"'<>]*(?:related|upsells))"
    r"|</main|<footer)",
    re.DOTALL | re.IGNORECASE,
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
class Document:
    """One parsed page; selecting says how many are expected."""

    url: str
    soup: BeautifulSoup
    base_url: str
    balance: str = ""  # what does not close ("div+1"): what a page with a hole in it gets wrong
    frame: str = ""  # the same without the description, which a dealer writes by hand
    details: str = ""  # like `frame`, but for the elements that careless authors leave open

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
        return text_of(tag)

    def absolute(self, href: str | None) -> str | None:
        """Return the absolute http(s) address behind `href`, None for anything else."""
        return absolute_url(self.base_url, href)


def absolute_url(base: str, href: str | None) -> str | None:
    """Join with the page's URL (never with the site root); otherwise the shop's spelling is
    kept.
    """
    cleaned = re.sub(r"[\t\r\n]", "", href or "").strip().replace(" ", "%20")
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
    waiting: list[tuple[PageElement, bool]] = [(child, False) for child in reversed(tag.contents)]
    while waiting:
        node, leaving = waiting.pop()
        if isinstance(node, Tag):
            if node.name in _SILENT:
                continue
            if node.name in _BLOCKS:
                pieces.append(
                    "\t" if node.name in (_JOINED_BEHIND if leaving else _JOINED_BEFORE) else "\n"
                )
            if not leaving:
                waiting.append((node, True))
                waiting += [(child, False) for child in reversed(node.contents)]
        elif type(node) is NavigableString:
            pieces.append(re.sub(r"\s+", " ", str(node)))
    lines = (
        re.sub(r"[ \t\u00a0\u3000]+", " ", line).strip() for line in "".join(pieces).split("\n")
    )
    return "\n".join(line for line in lines if line)


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
    soup = BeautifulSoup(_XML_PROLOGUE.sub("", text.replace("\x00", ""), count=1), "lxml")
    if _is_deep(soup):
        raise OversizedPageError(page.url, f"tags nested more than {MAX_DEPTH} deep")
    base = soup.find("base", href=True)
    named = absolute_url(page.url, str(base["href"])) if isinstance(base, Tag) else None
    base_url = named or page.url
    markup = _COMMENT.sub("", text)
    frame = _DESCRIPTION.sub("", markup, count=1)
    return Document(
        page.url,
        soup,
        base_url,
        balance=_balance(_CONTAINER, markup),
        frame=_balance(_CONTAINER, frame),
        details=_balance(_ELEMENT, frame),
    )


def _is_deep(soup: BeautifulSoup) -> bool:
    """Say whether tags are nested beyond any real page; everything after this may walk parents."""
    depths: dict[int, int] = {}
    for tag in soup.find_all(True):
        depth = depths.get(id(tag.parent), 0) + 1
        if depth > MAX_DEPTH:
            return True
        depths[id(tag)] = depth
    return False


def _balance(elements: re.Pattern[str], markup: str) -> str:
    """Name the elements that are opened and closed unequally often, "" for a page that fits."""
    counted = Counter[str]({"torn": len(_TORN_END.findall(markup))})
    for match in elements.finditer(markup):
        counted[match[2].lower()] += -1 if match[1] else 1
    return " ".join(f"{name}{count:+d}" for name, count in sorted(counted.items()) if count)


def with_text(page: Page, encoding: str | None) -> Page:
    """Return the page with its text decoded, the dealer's encoding tried first."""
    return replace(page, text=decode(page.body, page.headers, encoding))
