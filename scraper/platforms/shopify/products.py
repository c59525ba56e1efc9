"""Shopify's own data of a product: its JSON answers, and what themes embed in a page; it knows no
markup.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote, urlsplit

from scraper.pages.document import Document, absolute_url, text_of_html
from scraper.pages.listing import Price
from scraper.pages.readings import Reading
from scraper.platforms.script_data import objects_after
from scraper.platforms.shopify.pictures import as_asked

_MAX_BLOCK = 1_000_000
_ASSIGNED = re.compile(r"(?:\bproduct\w*|\bmeta)[\"']?\s*[:=]\s*(?=\{)", re.IGNORECASE)
_ACTIVE = re.compile(r"Shopify\.currency\s*=\s*\{[^{}]*\"active\"\s*:\s*\"([A-Z]{3})\"")


def read_product(product: Mapping[str, Any]) -> Reading:
    """Read one product as /products.json and /products/NAME.json give it; amounts are decimal."""
    return _reading(product, Decimal(1), None)


def embedded_product(document: Document) -> Reading | None:
    """Return what a page carries for its scripts about its own product, None where it carries
    nothing; its amounts are hundredths in every currency.

    Themes embed the whole product, as JSON or in a call; Shopify itself adds at least the prices.
    """
    own = _handle(document.url)
    currency = _currency(document)
    prices: Reading | None = None
    for block in objects_after(document, _ASSIGNED, holding='"variants"') if own else ():
        product = block.get("product", block)
        if not isinstance(product, dict) or not isinstance(product.get("variants"), list):
            continue
        if product.get("handle") == own and product.get("title"):
            return _reading(product, Decimal(100), currency)
        page = block.get("page")
        is_own = isinstance(page, dict) and page.get("pageType") == "product"
        if product.get("handle") == own or is_own:
            found = _reading(product, Decimal(100), currency)
            prices = Reading(price=found.price, sku=found.sku)
    return prices


def _currency(document: Document) -> str | None:
    """Return the currency in which the page shows its amounts, as Shopify tells its scripts."""
    for script in document.all("script:not([src])"):
        if (found := _ACTIVE.search(script.get_text()[:_MAX_BLOCK])) is not None:
            return found[1]
    return None


def _handle(url: str) -> str:
    path = unquote(urlsplit(url).path).rstrip("/")
    return path.rsplit("/products/", 1)[1] if "/products/" in path else ""


def _reading(product: Mapping[str, Any], hundredths: Decimal, currency: str | None) -> Reading:
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
        description=text_of_html(body) or None,
        price=_lowest(variants, hundredths, currency),
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
    found = tuple(dict.fromkeys(as_asked(url) for url in urls if url))
    return found if found or not listed else None


def _lowest(
    variants: list[Mapping[str, Any]], hundredths: Decimal, currency: str | None
) -> Price | None:
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
    return Price(lowest if lowest else None, currency, str(lowest))
