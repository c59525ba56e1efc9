"""Addresses of Shopify's pictures: which is the whole one behind a scaled one; pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SIZED = re.compile(
    r"_(?:\d+x\d*|x\d+|pico|icon|thumb|small|compact|medium|large|grande|master)(?:_crop_\w+)?"
    r"(?:@\dx)?(?=\.\w{3,4}$)"
)


def whole_picture(url: str) -> str:
    """Return a picture's own address without the size that Shopify was asked to make of it."""
    parts = urlsplit(url)
    if "/cdn/shop/" not in parts.path and not parts.netloc.endswith("cdn.shopify.com"):
        return url
    kept = [pair for pair in parse_qsl(parts.query) if pair[0] not in ("width", "height", "crop")]
    return urlunsplit(parts._replace(path=_SIZED.sub("", parts.path), query=urlencode(kept)))
