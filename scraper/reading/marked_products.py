"""Products that a page marks in its markup, as microdata or RDFa, in the form that JSON-LD has;
which of them is the page's own is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from bs4 import Tag

from scraper.pages.document import Document

_PRODUCT = re.compile(r"(?:schema\.org/|^|:)(?:Individual)?Product$", re.IGNORECASE)


class _Marking(NamedTuple):
    """The attributes of one way of marking."""

    scope: str  # what begins a thing
    kind: str
    name: str


_MARKINGS = (
    _Marking("itemscope", "itemtype", "itemprop"),
    _Marking("typeof", "typeof", "property"),
)


def marked_products(document: Document) -> Iterator[dict[str, Any]]:
    """Yield each product that is marked, the page's own and those of its tiles."""
    for marking in _MARKINGS:
        for scope in document.all(f"[{marking.scope}]"):
            kinds = str(scope.get(marking.kind) or "").split()
            if any(_PRODUCT.search(kind) for kind in kinds):
                yield _product(scope, marking)


def _product(scope: Tag, marking: _Marking) -> dict[str, Any]:
    product: dict[str, Any] = {}
    for name in ("name", "url", "sku", "description"):
        product.update((name, _said(tag)) for tag in _named(scope, name, marking)[:1])
    offers = [tag for tag in _named(scope, "offers", marking) if _begins(tag, marking)]
    product["offers"] = [_offer(offer, marking) for offer in offers or [scope]]
    return product


def _offer(scope: Tag, marking: _Marking) -> dict[str, Any]:
    offer: dict[str, Any] = {}
    for name in ("price", "lowPrice", "priceCurrency", "availability"):
        offer.update((name, _said(tag)) for tag in _named(scope, name, marking)[:1])
    return offer


def _named(scope: Tag, name: str, marking: _Marking) -> list[Tag]:
    """Return the elements that bear a name in this scope itself, not in another thing within it."""
    return [
        tag
        for tag in scope.select(f"[{marking.name}]")
        if name in (each.rpartition(":")[2] for each in str(tag[marking.name]).split())
        and next((outer for outer in tag.parents if _begins(outer, marking)), None) is scope
    ]


def _begins(tag: Tag, marking: _Marking) -> bool:
    return tag.get(marking.scope) is not None


def _said(tag: Tag) -> str | None:
    said = tag.get("content") or tag.get("href") or tag.get_text(" ", strip=True)
    return " ".join(str(said).split()) or None
