"""Shopify: hosted shops with a public product list; it knows no shop.

Checked against: three public themes (Dawn, Timber, the skeleton), rendered with seven items each,
with and without the data that Shopify adds; of its product list, what public programs say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer, Platform, Recognition
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.pages.readings import Markup, Reading
from scraper.platforms.detection_signs import first_sign, scripts_of
from scraper.platforms.shopify.catalogue import read_catalogue
from scraper.platforms.shopify.pages import read_page
from scraper.platforms.shopify.pictures import whole_picture
from scraper.platforms.shopify.products import embedded_product, read_product

_SIGNS = (
    (
        "script#shopify-features, script[src*='cdn.shopify.com'], link[href*='cdn.shopify.com'], "
        "script[src*='/cdn/shop/'], link[href*='/cdn/shop/']",
        "it loads Shopify's files",
    ),
)
_PICTURES = (
    ("img[src*='cdn.shopify.com'], img[src*='/cdn/shop/']", "it shows pictures of Shopify's"),
)


class Shopify(Platform):
    name = "shopify"

    def recognise(self, document: Document) -> Recognition | None:
        if (found := first_sign(document, _SIGNS)) is not None:
            return found
        named = re.search(r"Shopify\.(?:theme|shop)", scripts_of(document))
        if named:
            return Recognition("its scripts name Shopify")
        return first_sign(document, _PICTURES, is_sure=False)

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        return read_catalogue(dealer, fetcher)

    def api_address(self, document: Document) -> str | None:
        shop, found, name = document.url.split("?")[0].rstrip("/").partition("/products/")
        return f"{shop.split('/collections/')[0]}/products/{name}.json" if found else None

    def api_product(self, answer: Any) -> Mapping[str, Any] | None:
        product = answer.get("product", answer) if isinstance(answer, dict) else None
        return product if isinstance(product, dict) and product.get("handle") else None

    def read_api(self, product: Mapping[str, Any]) -> Reading:
        return read_product(product)

    def changed_at(self, product: Mapping[str, Any]) -> str | None:
        stated = product.get("updated_at")
        return stated if isinstance(stated, str) and stated else None

    def read_data(self, document: Document) -> Reading | None:
        return embedded_product(document)

    def read(self, document: Document, dealer: Dealer, data: Reading | None) -> Markup:
        return read_page(document, dealer, data)

    def same_item(self, url: str) -> str:
        try:
            parts = urlsplit(url)
        except ValueError:
            return url
        if re.search(r"/products/[^/]+$", parts.path) is None:
            return url
        path = re.sub(r"^.*(?=/products/)", "", parts.path)  # /ja/collections/swords/products/NAME
        return urlunsplit(parts._replace(path=path, query=""))

    def full_size(self, image_url: str) -> str:
        return whole_picture(image_url)


PLATFORM = Shopify()
