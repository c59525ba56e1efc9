"""Shopify's own data of a product: its JSON answers, and what themes embed in a page; it knows no
markup.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote, urlsplit

from scraper.pages.document import Document, absolute_url, page_from_html, parse, text_of
from scraper.pages.listing import Price
from scraper.pages.readings import Reading
from scraper.parsing.text import storable
from scraper.platforms.shopify.pictures import whole_picture

_MAX_BLOCK = 1_000_000


def read_product(product: Mapping[str, Any]) -> Reading:
    """Read one product as /products.json and /products/NAME.json give it; amounts are decimal."""
    return _reading(product, Decimal(1))


def embedded_product(document: Document) -> Reading | None:
    """Return the product that the theme embeds for its scripts, None where there is none of this
    page; its amounts are hundredths in every currency.
    """
    own = _handle(document.url)
    for script in document.all("script[type='application/json']"):
        text = script.get_text()
        if '"variants"' not in text or len(text) > _MAX_BLOCK:
            continue
        try:
            block = storable(json.loads(text))
        except (ValueError, RecursionError):
            continue
        product = block.get("product", block) if isinstance(block, dict) else None
        if isinstance(product, dict) and own and product.get("handle") == own:
            return _reading(product, Decimal(100))
    return None


def _handle(url: str) -> str:
    path = unquote(urlsplit(url).path).rstrip("/")
    return path.rsplit("/products/", 1)[1] if "/products/" in path else ""


def _reading(product: Mapping[str, Any], hundredths: Decimal) -> Reading:
    listed, title = product.get("variants"), product.get("title")
    variants = [v for v in listed if isinstance(v, Mapping)] if isinstance(listed, list) else []
    available = [v.get("available") for v in variants if isinstance(v.get("available"), bool)]
    body = str(product.get("body_html") or product.get("description") or "")
    tags = product.get("tags")
    kinds = [
        str(product.get("product_type") or product.get("type") or ""),
        *(tags if isinstance(tags, list) else str(tags or "").split(", ")),
    ]
    return Reading(
        title=html.unescape(title) if isinstance(title, str) and title else None,
        description=_text(body),
        price=_lowest(variants, hundredths),
        images=_images(product),
        categories=tuple(str(kind) for kind in kinds if kind) or None,
        sku=next((str(v["sku"]) for v in variants if v.get("sku")), None),
        out_of_stock=not any(available) if available else None,
    )


def _images(product: Mapping[str, Any]) -> tuple[str, ...] | None:
    listed = product.get("images")
    if not isinstance(listed, list):
        return None
    sources = [i.get("src") if isinstance(i, Mapping) else i for i in listed]
    urls = [absolute_url("https://x/", s) for s in sources if isinstance(s, str)]
    found = tuple(dict.fromkeys(whole_picture(url) for url in urls if url))
    return found if found or not listed else None


def _text(markup: str) -> str | None:
    if not markup.strip():
        return None
    page = page_from_html("https://x/", f"<body><div>{markup}</div></body>")
    return text_of(parse(page).soup) or None


def _lowest(variants: list[Mapping[str, Any]], hundredths: Decimal) -> Price | None:
    amounts = []
    for variant in variants:
        try:
            amounts.append(Decimal(str(variant.get("price"))) / hundredths)
        except InvalidOperation:
            continue
    finite = [amount for amount in amounts if amount.is_finite() and 0 <= amount < 10**12]
    if not finite:
        return None
    lowest = min(finite)
    return Price(lowest if lowest else None, None, str(lowest))
