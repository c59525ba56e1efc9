"""WooCommerce: WordPress with a shop, any version and theme; it knows no shop.

Checked against: WooCommerce 11.0 on WordPress 7.0, running, with nine products of our own
(variants, reduced, sold, on inquiry, without a picture) under seven themes (Storefront, Astra,
Twenty Twenty-Two to Twenty-Five, one large commercial theme), in yen, and in euros with taxes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer, Platform, Recognition
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.pages.readings import Markup, Reading
from scraper.platforms.detection_signs import first_sign
from scraper.platforms.woocommerce.catalogue import read_catalogue
from scraper.platforms.woocommerce.pages import (
    has_price_element,
    is_product_page,
    is_said_to_have_none,
    product_id,
    read_page,
)
from scraper.platforms.woocommerce.store_api import read_product
from scraper.platforms.wordpress.boilerplate import cut_other_posts

_SIGNS = (
    ("meta[name=generator][content*=WooCommerce]", "its generator tag says WooCommerce"),
    (
        "body.woocommerce, body[class*=woocommerce], body.post-type-archive-product",
        "its body carries WooCommerce's class",
    ),
    (
        "[href*='/plugins/woocommerce/'], [src*='/plugins/woocommerce/']",
        "it loads WooCommerce's files",
    ),
    (
        ".woocommerce, .woocommerce-product-gallery, .woocommerce-Price-amount, .wc-block-grid, "
        "[class*=wp-block-woocommerce], [class*=wc-block]",
        "it shows WooCommerce blocks",
    ),
)


class WooCommerce(Platform):
    name = "woocommerce"
    descriptions = "#tab-description, [class*='Tabs-panel--description']"
    marks_titles = True
    always_has_price_element = True
    zero_is_a_price = True
    shares_only_items = False

    def recognise(self, document: Document) -> Recognition | None:
        return first_sign(document, _SIGNS)

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        return read_catalogue(dealer, fetcher)

    def api_address(self, document: Document) -> str | None:
        number = product_id(document)
        link = document.first('link[rel="https://api.w.org/"][href]')
        if number is None or link is None:
            return None
        root = document.absolute(str(link["href"])) or urljoin(document.url, "/wp-json/")
        return f"{root}wc/store/v1/products/{number}"

    def api_product(self, answer: Any) -> Mapping[str, Any] | None:
        return answer if isinstance(answer, dict) and answer.get("permalink") else None

    def read_api(self, product: Mapping[str, Any]) -> Reading:
        return read_product(product)

    def cut(self, document: Document) -> None:
        cut_other_posts(document)

    def read(self, document: Document, dealer: Dealer, data: Reading | None) -> Markup | None:
        return read_page(document, dealer.currency) if is_product_page(document) else None

    def missing_places(self, document: Document) -> list[str]:
        lacks_price = is_product_page(document) and not has_price_element(document)
        return ["no price element"] if lacks_price and not is_said_to_have_none(document) else []


PLATFORM = WooCommerce()
