"""What Shopify says about an item: its JSON answers, the product that themes embed in the page, and
their markup; it knows no shop.

Checked against: the public product list and the default themes' element names, from memory.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from scraper.pages.dealer import Dealer, Reading
from scraper.pages.document import Document, absolute_url, page_from_html, parse, text_of
from scraper.pages.listing import Price, Status
from scraper.parsing.text import storable
from scraper.reading.images import Picture, pictures_in

_MAX_BLOCK = 1_000_000
_TITLE = (
    ".product__title h1",
    ".product__title",
    ".product-single__title",
    "h1.product-title",
    ".product-meta__title",
    "h1",
)
_PRICE = (
    ".price--on-sale .price-item--sale",
    ".price__regular .price-item--regular",
    ".price-item--sale",
    ".price-item--regular",
    "[data-product-price]",
    ".product-single__price",
    ".product__price",
    ".product-price",
)
_DESCRIPTION = (".product__description", ".product-single__description", ".product-description")
_SOLD = (
    ".price--sold-out .price__badge-sold-out, form[action*='/cart/add'] [name=add][disabled], "
    ".product-form__submit[disabled], .product__badge--sold-out"
)
_GALLERIES = (
    ".product__media-list, .product__media-wrapper, media-gallery",
    ".product-single__photos, .product-single__media-group",
    ".product-gallery, .product__gallery, .product-images, .product__images",
    ".product__photo, .product-single__photo, .product__media",
)
_SIZED = re.compile(
    r"_(?:\d+x\d*|x\d+|pico|icon|thumb|small|compact|medium|large|grande|master)(?:_crop_\w+)?"
    r"(?:@\dx)?(?=\.\w{3,4}$)"
)


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


def read_page(document: Document, dealer: Dealer) -> tuple[Reading, tuple[Picture, ...] | None]:
    """Read the cut page by the element names of the common themes."""
    title = document.preferred(*_TITLE)
    price = document.preferred(*_PRICE)
    description = document.preferred(*_DESCRIPTION)
    return (
        Reading(
            title=document.text_of(title).replace("\n", " ") if title is not None else None,
            price=dealer.price(document.text_of(price)) if price is not None else None,
            description=document.text_of(description) or None if description is not None else None,
            status=Status.SOLD if document.first(_SOLD) is not None else None,
        ),
        _gallery(document),
    )


def large_shopify(url: str) -> str:
    """Return a picture's own address without the size that Shopify was asked to make of it."""
    parts = urlsplit(url)
    if "/cdn/shop/" not in parts.path and not parts.netloc.endswith("cdn.shopify.com"):
        return url
    kept = [pair for pair in parse_qsl(parts.query) if pair[0] not in ("width", "height", "crop")]
    return urlunsplit(parts._replace(path=_SIZED.sub("", parts.path), query=urlencode(kept)))


def _handle(url: str) -> str:
    path = unquote(urlsplit(url).path).rstrip("/")
    return path.rsplit("/products/", 1)[1] if "/products/" in path else ""


def _gallery(document: Document) -> tuple[Picture, ...] | None:
    for selector in _GALLERIES:
        if scope := document.all(selector):
            found = pictures_in(document, scope)
            return tuple(Picture(large_shopify(p.url), True) for p in found)
    return None


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
    found = tuple(dict.fromkeys(large_shopify(url) for url in urls if url))
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
