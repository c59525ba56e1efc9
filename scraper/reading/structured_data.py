"""JSON-LD, microdata and Open Graph of this page's item; other items' data on the same page is left
alone.

Read by hand on `json` and the tree: extruct brings an RDF library along and gives up on a page for
one broken block.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from scraper.pages.document import Document
from scraper.pages.listing import Price, Status
from scraper.pages.readings import Reading
from scraper.parsing.price import parse_price
from scraper.parsing.text import storable
from scraper.reading.headings import agrees, letters_of, names_on
from scraper.reading.images import original_of
from scraper.reading.marked_products import marked_products

_MAX_BLOCK = 500_000
_PRODUCT_TYPES = frozenset(("product", "productgroup", "individualproduct", "productmodel"))
# Below these keys stand other items, or what people say about this one.
_ELSEWHERE = frozenset(
    (
        "isRelatedTo",
        "isSimilarTo",
        "itemListElement",
        "review",
        "reviews",
        "itemOffered",
        "hasVariant",
        "isVariantOf",
        "isAccessoryOrSparePartFor",
        "isConsumableFor",
        "seller",
        "brand",
        "aggregateRating",
        "hasOfferCatalog",
        "makesOffer",
    )
)


_COMMENTS = re.compile(
    r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|//[^\n]*', re.DOTALL
)  # strings stay as they are
_TRAILING = re.compile(r",(\s*[\]}])")


@dataclass(frozen=True)
class Structured:
    """What the page's own data says, and the addresses it calls full-size pictures."""

    reading: Reading
    weak: Reading  # Open Graph: often carries the shop's name, so it is asked last
    pictures: tuple[str, ...]


def read_structured(document: Document, same_item: Callable[[str], bool]) -> Structured:
    """Read the item of this page; `same_item` says whether an address is this page's."""
    names = names_on(document)
    products = list(_products(document))
    product = _this_one(products, same_item, names)
    pictures = tuple(_images(document, product)) if product else ()
    if product is None:
        product = _this_one(list(marked_products(document)), same_item, names)
    reading = _reading(product, pictures) if product else Reading()
    weak = _open_graph(document)
    return Structured(reading, weak, (*pictures, *(weak.images or ())))


def _products(document: Document) -> Iterator[dict[str, Any]]:
    for script in document.all('script[type*="ld+json"]'):
        text = script.get_text()
        if len(text) > _MAX_BLOCK:
            continue
        block = read_leniently(text)
        if block is None:
            continue
        yield from _walk(storable(block))


def read_leniently(text: str) -> Any:
    """Return JSON as people's shops write it: in a comment, with comments, with commas behind the
    last entry, several blocks in one; None for what is no JSON at all.
    """
    bare = re.sub(
        r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|(?://)?\s*\]\]>|;)\s*$", "", text
    )
    for attempt in (bare, _TRAILING.sub(r"\1", _COMMENTS.sub(_kept_string, bare))):
        try:
            return json.loads(attempt, strict=False, object_pairs_hook=_keys_as_defined)
        except (ValueError, RecursionError):
            continue
    return _several(_TRAILING.sub(r"\1", _COMMENTS.sub(_kept_string, bare)))


def _kept_string(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else " "


def _several(text: str) -> list[Any] | None:
    """Return blocks that stand one behind the other, None where one of them is broken."""
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_keys_as_defined)
    blocks, at = [], 0
    while (begin := re.compile(r"[\s,]*").match(text, at)) and begin.end() < len(text):
        try:
            block, at = decoder.raw_decode(text, begin.end())
        except (ValueError, RecursionError):
            return None
        blocks.append(block)
    return blocks or None


def _keys_as_defined(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object with its keys as schema.org spells them; some shops write "Offers"."""
    return {key[:1].lower() + key[1:]: value for key, value in pairs}


def _walk(block: Any) -> Iterator[dict[str, Any]]:
    waiting = [block]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, list):
            waiting = list(node) + waiting
        elif isinstance(node, dict):
            kinds = {kind.rsplit("/", 1)[-1].lower() for kind in _texts(node.get("@type"))}
            if kinds & _PRODUCT_TYPES:
                yield node
            waiting = [
                v for k, v in node.items() if k not in _ELSEWHERE and isinstance(v, (dict, list))
            ] + waiting


def _this_one(
    products: list[dict[str, Any]], same_item: Callable[[str], bool], names: list[str]
) -> dict[str, Any] | None:
    """Return the page's own product: by its address, else by its name. The only one there is needs
    a name that agrees with what the page calls itself, whatever its address.
    """
    for product in products:
        addresses = [
            *_texts(product.get("url")),
            *_texts(product.get("@id")),
            *_texts(product.get("mainEntityOfPage")),
        ]
        addresses += [
            u for offer in _dicts(product.get("offers")) for u in _texts(offer.get("url"))
        ]
        absolute = [
            address.split("#")[0]
            for address in addresses
            if address.startswith(("http://", "https://"))
        ]
        if any(same_item(address) for address in absolute):
            return product
    own = letters_of(names[0]) if names else ""
    for product in products:
        stated = [a for a in _texts(product.get("url")) if a.startswith("http")]
        if not stated and own and letters_of(next(_texts(product.get("name")), "")) == own:
            return product
    named = {letters_of(next(_texts(product.get("name")), "")) for product in products} - {""}
    if len(named) == 1 and any(agrees(next(iter(named)), letters_of(name)) for name in names):
        return products[0]
    return None


def _reading(product: dict[str, Any], pictures: tuple[str, ...]) -> Reading:
    name = next(_texts(product.get("name")), None)
    description = next(_texts(product.get("description")), None)
    kinds = [product, *_dicts(product.get("hasVariant"))]
    offers = list(_dicts(product.get("offers"))) or [
        offer for kind in kinds for offer in _dicts(kind.get("offers"))
    ]
    status, out_of_stock = _availability(
        [a for offer in offers for a in _texts(offer.get("availability"))]
    )
    if status is None and out_of_stock is None:
        out_of_stock = _nothing_left(product, offers)
    return Reading(
        title=html.unescape(name) if name else None,
        description=_strip_tags(description) if description else None,
        price=_price(offers),
        status=status,
        images=pictures or None,
        sku=next(_texts(product.get("sku")), None),
        out_of_stock=out_of_stock,
    )


def _price(offers: list[dict[str, Any]]) -> Price | None:
    """Return the lowest current price; list prices ("was …") and shipping are not it."""
    found: list[tuple[Decimal, str | None, str]] = []
    for offer in offers:
        currency = next(_texts(offer.get("priceCurrency")), None)
        amounts = [(offer.get("lowPrice") or offer.get("price"), currency)]
        for specification in _dicts(offer.get("priceSpecification")):
            kind = " ".join(_texts(specification.get("priceType"))).lower()
            if not any(
                word in kind for word in ("listprice", "srp", "msrp", "strikethrough", "regular")
            ):
                amounts.append(
                    (
                        specification.get("price"),
                        next(_texts(specification.get("priceCurrency")), currency),
                    )
                )
        if offer.get("offers"):
            nested = _price(list(_dicts(offer["offers"])))
            if nested and nested.value is not None:
                found.append((nested.value, nested.currency or currency, nested.raw or ""))
        for amount, unit in amounts:
            value = _decimal(amount)
            if value is None and isinstance(amount, str):  # as it is printed: "$900.00"
                printed = parse_price(amount, currency=unit)
                value, unit = printed.value, unit or printed.currency
            if value is not None:
                found.append((value, unit, str(amount)))
                break
    if not found:
        return None
    value, unit, raw = min(found, key=lambda entry: entry[0])
    return Price(value, unit.upper() if unit else None, f"{raw} {unit}" if unit else raw)


def _decimal(amount: Any) -> Decimal | None:
    """Return a schema.org price, which is a plain number with a point; a shop's "1,850,000" is
    forgiven.
    """
    text = (
        str(amount).strip()
        if isinstance(amount, (str, int, float)) and not isinstance(amount, bool)
        else ""
    )
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        text = text.replace(",", "")
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value < Decimal("1e12") else None


def _availability(texts: list[str]) -> tuple[Status | None, bool | None]:
    words = {re.sub(r"[\W_]+", "", text.rsplit("/", 1)[-1]).lower() for text in texts}
    if not words:
        return None, None
    if "reserved" in words:
        return Status.RESERVED, False
    if words & {
        "instock",
        "limitedavailability",
        "onlineonly",
        "instoreonly",
        "preorder",
        "presale",
        "backorder",
        "madetoorder",
    }:
        return None, False
    if words & {"outofstock", "soldout", "discontinued"}:
        return None, True
    return None, None


def _nothing_left(product: dict[str, Any], offers: list[dict[str, Any]]) -> bool | None:
    """Say whether the stated stock of every offer is none; None where no stock is stated."""
    levels = [
        next((level.get("value") for level in _dicts(holder.get("inventoryLevel"))), None)
        for holder in (offers or [product])
    ]
    counts = [_decimal(level) for level in levels]
    stated = [count for count in counts if count is not None]
    return not any(stated) if len(stated) == len(counts) else None


def _images(document: Document, product: dict[str, Any]) -> Iterator[str]:
    for image in _nodes(product.get("image")):
        texts = (
            [image]
            if isinstance(image, str)
            else [*_texts(image.get("url")), *_texts(image.get("contentUrl"))]
        )
        for text in texts[:1]:
            if url := document.absolute(html.unescape(text)):
                yield original_of(url)


def _open_graph(document: Document) -> Reading:
    def meta(*names: str) -> str | None:
        for name in names:
            tag = document.first(f'meta[property="{name}"][content], meta[name="{name}"][content]')
            if tag is not None and str(tag["content"]).strip():
                return str(tag["content"]).strip()
        return None

    value = _decimal(meta("product:price:amount", "og:price:amount"))
    currency = meta("product:price:currency", "og:price:currency")
    status, out_of_stock = _availability(
        [a] if (a := meta("product:availability", "og:availability")) else []
    )
    words = (a or "").lower().replace(" ", "")
    if out_of_stock is None and words in ("oos", "outofstock", "sold", "soldout"):
        out_of_stock = True
    image = document.absolute(meta("og:image:secure_url", "og:image"))
    return Reading(
        title=meta("og:title"),
        description=meta("og:description", "description"),
        price=Price(value, currency, f"{value} {currency or ''}".strip())
        if value is not None
        else None,
        status=status,
        images=(original_of(image),) if image else None,
        out_of_stock=out_of_stock,
    )


def _texts(value: Any) -> Iterator[str]:
    for node in _nodes(value):
        if isinstance(node, dict):
            node = node.get("@id") or node.get("@value") or node.get("name")
        if isinstance(node, (str, int, float)) and str(node).strip():
            yield str(node).strip()


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (node for node in _nodes(value) if isinstance(node, dict))


def _nodes(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _strip_tags(text: str) -> str:
    return re.sub(r"[ \t]+", " ", re.sub(r"<[^<>]{0,500}>", " ", html.unescape(text))).strip()
