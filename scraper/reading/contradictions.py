"""Small contradictions of a page: by themselves many pages have them; a page alone among its
neighbours with one has a piece missing. It knows markup, not shops.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator

from bs4 import Tag

from scraper.pages import theme_names
from scraper.pages.document import Document
from scraper.pages.unclosed_markup import has_torn_tags
from scraper.reading.headings import item_heading
from scraper.reading.images import is_picture_url, is_sized, uploads_of

_DESCRIPTION = re.compile(theme_names.DESCRIPTIONS)

_ADDRESS_AS_NAME = re.compile(r"""[/.]\S*["']|\.(?:jpe?g|png|gif|webp|html?)$|^https?:""")
_ADDRESS_IN_WORDS = re.compile(r"<|/\S+\.(?:jpe?g|png|gif|webp|avif)\b", re.IGNORECASE)
# Behind a slash, an equals sign or in a query a second address is a proxy's or a shared one.
_TWO_ADDRESSES = re.compile(
    r"^(?!javascript:|data:|mailto:)[^?#]*(?:[<\"]|[^/=:,|+\s]https?://)", re.IGNORECASE
)


def odd_details(document: Document) -> str:
    """Name what does not fit together on an uncut page, "" where everything does."""
    found = [document.unclosed.details] if document.unclosed.details else []
    if any(not _is_described(tag) for tag in _torn(document)):
        found.append("torn tags")
    if document.first("h1, h2") is None:
        found.append("no heading")
    if not _is_named_twice(document):
        found.append("heading named once")
    if any(_is_broken(script.get_text()) for script in document.all("script[type*='ld+json']")):
        found.append("broken data")
    if any(_mixes_pictures(document, image) for image in document.all("img")):
        found.append("mixed pictures")
    return ", ".join(found)


def has_torn_address(document: Document) -> bool:
    """Say whether a piece of an address stands where none belongs, as a tag's attribute, in its
    class, or run into another one: unlike a stray quote, no author writes that.
    """
    return any(
        _is_torn_at(name, value) and not _is_described(tag)
        for tag in document.soup.find_all(True)
        for name, value in tag.attrs.items()
    )


def _is_torn_at(name: str, value: str | list[str]) -> bool:
    text = " ".join(value) if isinstance(value, list) else str(value)
    if _ADDRESS_AS_NAME.search(name):
        return True
    if name in ("class", "id", "rel", "target", "width", "height"):
        return _ADDRESS_IN_WORDS.search(text) is not None
    if name in ("href", "src", "data-src", "data-large_image", "data-thumb"):
        return _TWO_ADDRESSES.search(text) is not None
    return False


def _torn(document: Document) -> Iterator[Tag]:
    return (tag for tag in document.soup.find_all(True) if has_torn_tags(tag, deep=False))


def _is_described(tag: Tag) -> bool:
    """Say whether a tag stands in the description, which a dealer writes by hand."""
    around = (tag, *tag.parents)
    return any(
        _DESCRIPTION.search(f"{t.get('id') or ''} {' '.join(t.get('class') or [])}") for t in around
    )


def _is_named_twice(document: Document) -> bool:
    """Say whether the heading's words stand anywhere else: title, data, breadcrumb, pictures."""
    heading = item_heading(document)
    if heading is None:
        return True
    elsewhere = [document.title]
    elsewhere += [str(tag["content"]) for tag in document.all("meta[content]")]
    elsewhere += [str(tag["alt"]) for tag in document.all("img[alt]")]
    elsewhere += [tag.get_text(" ") for tag in document.all("[class*=breadcrumb]")]
    elsewhere += [_decoded(tag.get_text()) for tag in document.all("script[type*='ld+json']")]
    words = _letters(heading.get_text(" "))
    return any(words in _letters(text) for text in elsewhere)


def _decoded(text: str) -> str:
    """Return a JSON text with its escaped letters spelled out, as it is where it cannot be read."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _is_broken(text: str) -> bool:
    try:
        return bool(text.strip()) and json.loads(text, strict=False) is None
    except (ValueError, RecursionError):
        return True


def odd_pictures(images: tuple[str, ...], whole: Collection[str] = ()) -> str:
    """Name what is unlike about the addresses of one item's pictures, "" where all are alike.

    Args:
        whole: pictures that the shop's own data name, whatever their names look like.
    """
    found = []
    if len({_place(url) for url in images}) > 1:
        found.append("pictures in several places")
    if any(not is_picture_url(url) or re.search(r"[\"'<>\s]|.://", url[8:]) for url in images):
        found.append("addresses of no picture")
    if len({is_sized(url) and url not in whole for url in images}) > 1:
        found.append("a thumbnail alone")
    return ", ".join(found)


def _place(url: str) -> str:
    """Return host and first folders, numbers (dates, sizes) left out."""
    host, _, path = re.sub(r"^https?://(?:www\.)?", "", url).partition("?")[0].partition("/")
    return "/".join([host, *(name for name in path.split("/")[:-1] if not name.isdigit())][:3])


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _mixes_pictures(document: Document, image: Tag) -> bool:
    """Say whether one picture's link, source and sizes are called by different names."""
    link = image.find_parent("a", href=True)
    named = [str(image.get(name) or "") for name in ("src", "data-src", "data-large_image")]
    for name in ("srcset", "data-srcset"):
        named += [part.split(" ")[0] for part in re.split(r",\s+", str(image.get(name) or ""))]
    urls = [url for text in named if (url := document.absolute(text)) and is_picture_url(url)]
    if not any(is_sized(url) for url in urls):
        return False
    if link is not None and (target := document.absolute(str(link["href"]))):
        urls += [target] if is_picture_url(target) else []
    return len(uploads_of(urls)) > 1
