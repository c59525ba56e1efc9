"""One product of WooCommerce's Store API becomes a reading; it knows the answer's fields, not how
it was fetched.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from scraper.pages.document import absolute_url, page_from_html, parse
from scraper.pages.listing import Price
from scraper.pages.readings import Reading
from scraper.pages.visible_text import text_of
from scraper.reading.images import is_placeholder, is_sized, original_of, stem_of


def read_product(product: Mapping[str, Any]) -> Reading:
    """Read a product of /wc/store/v1/products or /wc/store/products."""
    stock, name = product.get("is_in_stock"), product.get("name")
    return Reading(
        title=html.unescape(name) if isinstance(name, str) and name else None,
        description=_text(product.get("description")) or _text(product.get("short_description")),
        price=_price(product),
        images=_images(product),
        categories=tuple(
            html.unescape(str(c["name"])) for c in _list(product, "categories") if c.get("name")
        )
        or None,
        sku=str(product["sku"]) if product.get("sku") else None,
        out_of_stock=(not stock) if isinstance(stock, bool) else None,
    )


def _price(product: Mapping[str, Any]) -> Price | None:
    """Return the current price; only an empty `price_html` tells "no price" from a real zero.

    Amounts come in the currency's minor unit: "1850000" with unit 0 are yen, "425000" with unit
    2 are 4,250.00.
    A range ("from … to …") gives its lower end.
    """
    prices = product.get("prices")
    if not isinstance(prices, Mapping):
        return None
    currency = str(prices.get("currency_code") or "").upper() or None
    span = prices.get("price_range")
    amount = span.get("min_amount") if isinstance(span, Mapping) else prices.get("price")
    value = _amount(amount, prices.get("currency_minor_unit"))
    printed = product.get("price_html")
    empty = isinstance(printed, str) and not re.sub(r"<[^>]*>|\s", "", printed)
    if value is None:  # no amount of money: the page decides, unless it is an inquiry
        return Price(None, currency, None) if empty and amount in (None, "") else None
    if value == 0 and (empty or not isinstance(printed, str)):
        return Price(None, currency, None)
    if value and isinstance(printed, str) and not empty and not re.search(r"\d", printed):
        return Price(None, currency, _text(printed))  # "Price on request"
    return Price(value, currency, f"{value} {currency or ''}".strip())


def _amount(amount: Any, minor_unit: Any) -> Decimal | None:
    """Return what digits in a minor unit are worth, None for what is no amount of money."""
    digits, unit = str(amount), minor_unit if minor_unit is not None else 0
    if not re.fullmatch(r"[0-9]{1,15}", digits) or not re.fullmatch(r"[0-6]", str(unit)):
        return None
    return Decimal(digits).scaleb(-int(unit))


def _images(product: Mapping[str, Any]) -> tuple[str, ...] | None:
    if not isinstance(product.get("images"), list):
        return None
    permalink = str(product.get("permalink") or "")
    found, placeholders = [], 0
    for image in _list(product, "images"):
        source = image.get("src")
        url = absolute_url(permalink, html.unescape(source)) if isinstance(source, str) else None
        placeholders += url is not None and is_placeholder(url)
        if url and not is_placeholder(url):
            found.append(original_of(_whole(url, str(image.get("srcset") or ""))))
    is_unreadable = bool(product["images"]) and not found and not placeholders
    return None if is_unreadable else tuple(dict.fromkeys(found))


def _whole(url: str, srcset: str) -> str:
    """Return `src`, or the unsized entry of its srcset where a plugin made `src` a thumbnail."""
    if is_sized(url):
        for entry in srcset.split(", "):
            candidate = entry.split(" ")[0]
            if candidate and not is_sized(candidate) and stem_of(candidate) == stem_of(url):
                return candidate
    return url


def _text(markup: Any) -> str | None:
    if not isinstance(markup, str) or not markup.strip():
        return None
    document = parse(page_from_html("https://x/", f"<html><body><div>{markup}</div></body></html>"))
    return text_of(document.soup) or None


def _list(product: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = product.get(name)
    return (
        [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
    )
