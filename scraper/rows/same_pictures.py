"""Which rows show the pictures of a page, by the names of the files: a shop that is rebuilt gives
new addresses to items and folders, and keeps these; it knows rows, not the database.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from scraper.pages.listing import ScrapedListing
from scraper.parsing.text import words_of
from scraper.reading.images import is_picture_url, stem_of


class SamePictures:
    """The rows of one dealer by the names of their pictures; a name that several rows have (a
    notice, a certificate's cover, "1.jpg") tells nothing.
    """

    def __init__(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self._rows = rows
        self._by_name: defaultdict[str, set[str]] = defaultdict(set)
        for url, row in rows.items():
            self.add(url, row.get("images") or ())

    def add(self, url: str, images: Iterable[str]) -> None:
        for name in _names_of(images):
            self._by_name[name].add(url)

    def move(self, old: str, new: str) -> None:
        """Follow a row that has got another address."""
        for name in _names_of(self._rows[new].get("images") or ()):
            self._by_name[name].discard(old)
            self._by_name[name].add(new)

    def rows_of(self, scraped: ScrapedListing) -> list[str]:
        """Return the addresses of the rows that show most of a page's pictures, and one of them
        alone; the likest first.
        """
        shared, telling = Counter[str](), set[str]()
        names = _names_of(scraped.images)
        for name in names:
            owners = self._by_name.get(name, set())
            shared.update(owners)
            telling |= owners if len(owners) == 1 else set()
        return [
            url
            for url, count in shared.most_common()
            if url in telling and count * 2 >= min(len(names), self._count(url))
        ]

    def shows_item(self, url: str, scraped: ScrapedListing) -> bool:
        """Say whether a row that shows the pictures has the title as well."""
        before = words_of(str(self._rows[url].get("title") or ""))
        return bool(before) and before == words_of(scraped.title)

    def _count(self, url: str) -> int:
        return len(_names_of(self._rows[url].get("images") or ()))


def _names_of(images: Iterable[str]) -> set[str]:
    return {_name_of(url) for url in images}


def _name_of(url: str) -> str:
    """Return a picture's name without folder, size and kind; with its query where that names it."""
    if is_picture_url(url):
        return stem_of(url).rsplit("/", 1)[-1].rpartition(".")[0].casefold()
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.path.rsplit('/', 1)[-1]}?{parts.query}"
