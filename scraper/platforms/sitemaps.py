"""Sitemaps as the last source of a shop's items; it knows the sitemap format, not shops."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import urljoin

from lxml import etree  # type: ignore[import-untyped]

from scraper.base.errors import FetchError
from scraper.pages.errors import PageError
from scraper.pages.fetcher import Fetcher

_USUAL = ("wp-sitemap.xml", "sitemap_index.xml", "sitemap.xml", "product-sitemap.xml")
_MAX_FILES = 200
_MAX_UNPACKED = 50 * 1024 * 1024
_OTHER = re.compile(
    r"(?:posts-(?:post|page)|taxonomies|users|category|tag|author|image|video|news|page|"
    r"post)[-_]?(?:sitemap)?\d*[-.]",
    re.IGNORECASE,
)
_PRODUCT = re.compile(r"product|item|goods|shop", re.IGNORECASE)


def sitemap_urls(fetcher: Fetcher, home: str, wanted: Callable[[str], bool]) -> list[str]:
    """Return the wanted page addresses of all sitemaps that robots.txt or custom name, in their
    order.
    """
    named = [*fetcher.sitemaps(home)]
    starts = named or [urljoin(home, name) for name in _USUAL]
    found: dict[str, None] = {}
    seen: set[str] = set()
    for start in starts:
        for url in _read(fetcher, start, seen):
            if wanted(url):
                found.setdefault(url)
        if found and not named:
            break
    return list(found)


def _read(fetcher: Fetcher, start: str, seen: set[str]) -> Iterator[str]:
    waiting = [start]
    while waiting and len(seen) < _MAX_FILES:
        address = waiting.pop(0)
        if address in seen:
            continue
        seen.add(address)
        try:
            page = fetcher.page(address)
        except (FetchError, PageError):
            continue
        if page is None:
            continue
        index, urls = parse_sitemap(page.body)
        if index:
            waiting += _relevant(urls)
        else:
            yield from urls


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


def parse_sitemap(body: bytes) -> tuple[bool, list[str]]:
    """Return (is an index, addresses); nothing for a body that is no sitemap. No entity is ever
    resolved.
    """
    if body[:2] == b"\x1f\x8b":
        try:
            body = zlib.decompressobj(31).decompress(body, _MAX_UNPACKED)
        except (zlib.error, gzip.BadGzipFile):
            return False, []
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(body.strip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return False, []
    if root is None:
        return False, []
    located = [
        node.text.strip()
        for node in root.iter("{*}loc")
        if node.text and etree.QName(node.getparent()).localname in ("url", "sitemap")
    ]
    return etree.QName(root).localname == "sitemapindex", located
