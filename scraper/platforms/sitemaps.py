"""Sitemaps as the last source of a shop's items; it knows the sitemap format, not shops.

They are read as they come, and only the wanted addresses are kept: a sitemap costs what is kept of
it. Where a bound cuts one short, that is said.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urljoin

from lxml import etree  # type: ignore[import-untyped]

from scraper.base.errors import FetchError
from scraper.pages.errors import PageError
from scraper.pages.fetcher import Fetcher

_USUAL = ("wp-sitemap.xml", "sitemap_index.xml", "sitemap.xml", "product-sitemap.xml")
_MAX_FILES = 200
_MAX_BYTES = 50 * 1024 * 1024
"""Of one sitemap, unpacked: what the format itself allows (sitemaps.org)."""
_MAX_KEPT = 50_000
"""Addresses of one shop, and of one list of sitemaps."""
_LONGEST_ADDRESS = 2048
_PIECE = 64 * 1024
_OTHER = re.compile(
    r"(?:posts-(?:post|page)|taxonomies|users|category|tag|author|image|video|news|page|"
    r"post)[-_]?(?:sitemap)?\d*[-.]",
    re.IGNORECASE,
)
_PRODUCT = re.compile(r"product|(?<!s)item|goods|shop", re.IGNORECASE)


@dataclass(frozen=True)
class Listed:
    """The addresses that sitemaps list, and what an operator should know about how they came."""

    urls: tuple[str, ...]
    notes: tuple[str, ...] = ()


def sitemap_urls(fetcher: Fetcher, home: str, wanted: Callable[[str], bool]) -> Listed:
    """Return the wanted page addresses of all sitemaps that robots.txt or custom name, in their
    order.
    """
    named = [*fetcher.sitemaps(home)]
    starts = named or [urljoin(home, name) for name in _USUAL]
    search = _Search(fetcher, wanted)
    for start in starts:
        search.read(start)
        if search.found and not named:
            break
    return Listed(tuple(search.found), tuple(search.notes))


@dataclass
class _Search:
    """What was found so far, over all files of one shop."""

    fetcher: Fetcher
    wanted: Callable[[str], bool]
    found: dict[str, None] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    notes: dict[str, None] = field(default_factory=dict)

    def read(self, start: str) -> None:
        waiting = [start]
        while waiting:
            address = waiting.pop(0)
            if address in self.seen:
                continue
            if len(self.seen) >= _MAX_FILES:
                self.notes.setdefault(f"more than {_MAX_FILES} sitemaps: the others were not read")
                return
            self.seen.add(address)
            try:
                sitemap = self.fetcher.stream(
                    address, lambda: Sitemap(self.wanted, _MAX_KEPT), max_bytes=_MAX_BYTES
                )
            except (FetchError, PageError):
                continue
            sitemap.close()
            waiting += _relevant(sitemap.sitemaps)
            self._keep(address, sitemap)

    def _keep(self, address: str, sitemap: Sitemap) -> None:
        for url in sitemap.urls:
            if len(self.found) >= _MAX_KEPT:
                sitemap.is_full = True
                break
            self.found.setdefault(url)
        if sitemap.is_cut:
            self.notes.setdefault(
                f"{address} is larger than {_MAX_BYTES // 1024**2} MB: the rest was not read"
            )
        if sitemap.is_full:
            self.notes.setdefault(
                f"more than {_MAX_KEPT:,} items in sitemaps: the others were left out"
            )


def _relevant(urls: Iterable[str]) -> list[str]:
    """Return the product sitemaps of an index, or all but the clearly other ones when none names
    products.
    """
    listed = list(urls)
    products = [
        url
        for url in listed
        if _PRODUCT.search(url.rsplit("/", 1)[-1])
        and "taxonom" not in url
        and "product_cat" not in url
        and "product_tag" not in url
    ]
    return (
        products or [url for url in listed if not _OTHER.search(url.rsplit("/", 1)[-1])] or listed
    )


class Sitemap:
    """A sitemap that is read as it comes, packed or not: a sink for its bytes.

    What is no sitemap lists nothing. No entity is ever resolved.
    """

    def __init__(
        self, wanted: Callable[[str], bool] = lambda url: True, most: int = _MAX_KEPT
    ) -> None:
        self.urls: dict[str, None] = {}
        self.sitemaps: dict[str, None] = {}
        self.is_cut = self.is_full = False
        self._wanted = wanted
        self._most = most
        self._begun = False
        self._unpacker: zlib._Decompress | None = None
        self._count = 0
        self._parser: etree.XMLPullParser | None = etree.XMLPullParser(
            events=("end",), resolve_entities=False, no_network=True, recover=True, huge_tree=False
        )

    def write(self, data: bytes, /) -> object:
        """Take a piece of the file."""
        if not self._begun and data:
            self._begun = True
            if data.startswith(b"\x1f\x8b"):
                self._unpacker = zlib.decompressobj(31)
            else:
                data = data.lstrip()
        if self._unpacker is None:
            self._feed(data)
        else:
            self._unpack(self._unpacker, data)
        return None

    def close(self) -> None:
        """The file has ended."""
        parser, self._parser = self._parser, None
        if parser is not None:
            try:
                parser.close()
            except (etree.XMLSyntaxError, ValueError):
                return
            self._take(parser)

    def _unpack(self, unpacker: zlib._Decompress, data: bytes) -> None:
        try:
            while data and self._parser is not None:
                self._feed(unpacker.decompress(data, _PIECE))
                data = unpacker.unconsumed_tail
        except zlib.error:
            self._parser = None

    def _feed(self, data: bytes) -> None:
        if self._parser is None or not data:
            return
        self._count += len(data)
        try:
            self._parser.feed(data)
            self._take(self._parser)
        except (etree.XMLSyntaxError, ValueError):
            self._parser = None
            return
        if self._count > _MAX_BYTES:
            self.is_cut, self._parser = True, None

    def _take(self, parser: etree.XMLPullParser) -> None:
        """Take the addresses of what has ended, and let go of it and all before it."""
        for _, node in parser.read_events():
            if _local_name(node) == "loc":
                self._locate(node)
            node.clear()
            parent = node.getparent()
            while parent is not None and node.getprevious() is not None:
                del parent[0]

    def _locate(self, node: etree._Element) -> None:
        parent = node.getparent()
        entry = _local_name(parent)
        url = (node.text or "").strip()
        if not url or len(url) > _LONGEST_ADDRESS:
            return
        if entry == "sitemap":
            self._add(self.sitemaps, url)
        elif entry == "url" and self._wanted(url):
            self._add(self.urls, url)

    def _add(self, to: dict[str, None], url: str) -> None:
        if len(to) < self._most:
            to.setdefault(url)
        elif url not in to:
            self.is_full = True


def _local_name(node: etree._Element | None) -> str:
    """The name without its namespace; nothing for a comment, or above the root."""
    return node.tag.rpartition("}")[2] if node is not None and isinstance(node.tag, str) else ""


def parse_sitemap(body: bytes) -> tuple[bool, list[str]]:
    """Return (is an index, addresses); nothing for a body that is no sitemap."""
    sitemap = Sitemap()
    sitemap.write(body)
    sitemap.close()
    return bool(sitemap.sitemaps), list(sitemap.sitemaps or sitemap.urls)
