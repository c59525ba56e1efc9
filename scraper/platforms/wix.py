"""Wix Stores: hosted shops whose items stand under /product-page/NAME; it knows no shop.

Checked against: what public programs that read its shops say of the data that every page carries
for its scripts (`wix-warmup-data`), of its sitemap, its element names and its pictures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer, Platform, Recognition
from scraper.pages.document import Document, text_of_html
from scraper.pages.fetcher import Fetcher
from scraper.pages.listing import Price
from scraper.pages.readings import Markup, Reading
from scraper.platforms.detection_signs import first_sign
from scraper.platforms.pagination import from_sitemap_or_lists, links
from scraper.platforms.part_selectors import PartSelectors, read_parts
from scraper.platforms.script_data import object_within, objects_after

_SIGNS = (
    (
        "script#wix-warmup-data, meta[name=generator][content*='Wix.com'], "
        "script[src*='static.parastorage.com'], link[href*='static.parastorage.com']",
        "it loads Wix' files",
    ),
)
_ITEM = r"/product-page/[^/?]+$"
_LISTS = "a[href*='?page=']"
_NOTHING = re.compile(r"(?!)")
_MEDIA = re.compile(r"^(https?://static\.wixstatic\.com/media/[^/?]+)[/?].*$")
_PLACES = PartSelectors(
    titles=("[data-hook=product-title]",),
    prices=("[data-hook=formatted-primary-price]",),
    galleries=("[data-hook=product-gallery-root], [data-hook=main-media-image-wrapper]",),
    descriptions=("[data-hook=description]",),
    codes=("[data-hook=sku]",),
    sold_out="[data-hook=product-page-out-of-stock]",
)


class Wix(Platform):
    name = "wix"
    unverified = "pages of shops; known are the data that every page carries for its scripts"

    def recognise(self, document: Document) -> Recognition | None:
        return first_sign(document, _SIGNS)

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        return from_sitemap_or_lists(dealer, fetcher, _ITEM, onward=lambda d: links(d, _LISTS))

    def read_data(self, document: Document) -> Reading | None:
        name = unquote(urlsplit(document.url).path).rsplit("/", 1)[-1]
        for block in objects_after(document, _NOTHING, holding='"urlPart"'):
            product = object_within(
                block, lambda o: o.get("urlPart") == name and "media" in o and "name" in o
            )
            if product is not None:
                return _product(product)
        return None

    def read(self, document: Document, dealer: Dealer, data: Reading | None) -> Markup | None:
        if re.search(_ITEM, urlsplit(document.url).path) is None:
            return None
        if data is not None:
            return Markup(data)
        return read_parts(document, dealer, _PLACES, full_size=self.full_size)

    def same_item(self, url: str) -> str:
        parts = urlsplit(url)
        if re.search(_ITEM, parts.path) is None:
            return url
        path = re.sub(r"/[a-z]{2}(?=/product-page/)", "", parts.path)  # another language
        return urlunsplit(parts._replace(path=path, query=""))

    def full_size(self, image_url: str) -> str:
        return _MEDIA.sub(r"\1", image_url)


def _product(product: Mapping[str, Any]) -> Reading:
    stock, description = product.get("isInStock"), product.get("description")
    if stock is None and isinstance(inventory := product.get("inventory"), dict):
        stock = {"in_stock": True, "out_of_stock": False}.get(str(inventory.get("status")))
    return Reading(
        title=text_of_html(str(product.get("name") or "")) or None,
        description=text_of_html(description) if isinstance(description, str) else None,
        price=_price(product),
        images=_images(product),
        out_of_stock=(not stock) if isinstance(stock, bool) else None,
        sku=str(product["sku"]) if product.get("sku") else None,
    )


def _price(product: Mapping[str, Any]) -> Price | None:
    stated = product.get("discountedPrice")
    try:
        amount = Decimal(str(product.get("price") if stated is None else stated))
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount < 10**12:
        return None
    currency = str(product.get("currency") or "").upper() or None
    return Price(amount or None, currency, str(product.get("formattedPrice") or amount))


def _images(product: Mapping[str, Any]) -> tuple[str, ...] | None:
    media = product.get("media")
    if not isinstance(media, list):
        return None
    photos = [m for m in media if isinstance(m, dict) and m.get("mediaType", "PHOTO") == "PHOTO"]
    urls = [_address(str(m.get("fullUrl") or m.get("url") or m.get("id") or "")) for m in photos]
    found = tuple(dict.fromkeys(url for url in urls if url))
    return found if found or not media else None


def _address(named: str) -> str | None:
    if named.startswith("http"):
        return _MEDIA.sub(r"\1", named)
    return f"https://static.wixstatic.com/media/{named}" if named else None


PLATFORM = Wix()
