"""Which shop system answers at an address, and why we think so; it reads a page, it fetches
nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scraper.pages.dealer import PlatformName
from scraper.pages.document import Document


@dataclass(frozen=True)
class Detection:
    """The shop system found (None: no shop we know), the reason in words, and the address where
    the page was in the end.
    """

    platform: PlatformName | None
    reason: str
    url: str = ""


_SIGNS: tuple[tuple[PlatformName, str, str], ...] = (
    (
        PlatformName.WOOCOMMERCE,
        "meta[name=generator][content*=WooCommerce]",
        "its generator tag says WooCommerce",
    ),
    (
        PlatformName.WOOCOMMERCE,
        "body.woocommerce, body[class*=woocommerce], body.post-type-archive-product",
        "its body carries WooCommerce's class",
    ),
    (
        PlatformName.WOOCOMMERCE,
        "[href*='/plugins/woocommerce/'], [src*='/plugins/woocommerce/']",
        "it loads WooCommerce's files",
    ),
    (
        PlatformName.WOOCOMMERCE,
        ".woocommerce, .woocommerce-product-gallery, .woocommerce-Price-amount, .wc-block-grid, "
        "[class*=wp-block-woocommerce], [class*=wc-block]",
        "it shows WooCommerce blocks",
    ),
    (
        PlatformName.SHOPIFY,
        "[src*='cdn.shopify.com'], [href*='cdn.shopify.com'], script#shopify-features, "
        "[src*='/cdn/shop/']",
        "it loads Shopify's files",
    ),
    (
        PlatformName.EC_CUBE,
        "meta[name=generator][content*='EC-CUBE'], [class*='ec-layoutRole'], "
        "[href*='/products/detail.php?product_id='], "
        "form[action*='products/list.php'], [href*='/products/detail/']",
        "it has EC-CUBE's layout or product addresses",
    ),
    (
        PlatformName.SHOPSERVE,
        "[src*='shopserve.jp'], [href*='shopserve.jp'], [href*='/SHOP/'][href$='.html']",
        "it uses Shopserve's servers or /SHOP/ addresses",
    ),
    (
        PlatformName.WORDPRESS,
        "meta[name=generator][content*=WordPress], link[rel='https://api.w.org/'], "
        "[href*='/wp-content/'], [src*='/wp-content/']",
        "it is WordPress without a shop plugin that we know",
    ),
)


def detect(document: Document) -> Detection:
    """Return the shop system of a page with the reason, the surest sign first."""
    for platform, selector, reason in _SIGNS:
        if document.first(selector) is not None:
            return Detection(platform, reason)
    scripts = " ".join(tag.get_text()[:2_000] for tag in document.all("script")[:40])
    if re.search(r"Shopify\.(?:theme|shop)", scripts):
        return Detection(PlatformName.SHOPIFY, "its scripts name Shopify")
    return Detection(None, "nothing on it belongs to a shop system that we know")
