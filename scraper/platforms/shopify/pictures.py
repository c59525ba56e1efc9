"""Addresses of Shopify's pictures: which is the whole one behind a scaled one; pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SIZED = re.compile(
    r"_(?:\d+x\d*|x\d+|(?:\{width\}|%7Bwidth%7D)x|pico|icon|thumb|small|compact|medium|large|grande|master)(?:_crop_\w+)?"
    r"(?:@\dx)?(?:\.progressive)?(?=\.\w{3,4}$)"
)
_ASKED = ("width", "height", "crop", "pad_color", "format", "quality")


def whole_picture(url: str) -> str:
    """Return a picture's own address without the size that Shopify was asked to make of it.

    A size in the query is the newer way; then one in the name is the file's own.
    """
    asked = as_asked(url)
    parts = urlsplit(asked)
    if asked != url or not _is_shopifys(url):
        return asked
    return urlunsplit(parts._replace(path=_SIZED.sub("", parts.path)))


def as_asked(url: str) -> str:
    """Return an address without the size in its query; its name stays, for it is the file's own."""
    if not _is_shopifys(url):
        return url
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query)
    kept = [pair for pair in pairs if pair[0] not in _ASKED]
    return urlunsplit(parts._replace(query=urlencode(kept))) if kept != pairs else url


def is_product_file(url: str) -> bool:
    """Say whether an address is a merchant's upload, no part of a theme."""
    return (
        _is_shopifys(url)
        and re.search(r"/(?:files|products)/[^/]+$", urlsplit(url).path) is not None
    )


def _is_shopifys(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return "/cdn/shop/" in parts.path or parts.netloc.endswith("cdn.shopify.com")
