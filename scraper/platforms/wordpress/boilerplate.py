"""Removing what WordPress and its shop plugins put around an item; it knows layouts, not fields."""

from __future__ import annotations

import re

from scraper.pages.document import Document
from scraper.reading.boilerplate import cut

_OTHER_ITEMS = (
    ".wp-block-woocommerce-related-products, .wp-block-woocommerce-product-collection, "
    ".wc-block-grid, "
    ".wc-block-product-template, .wp-block-woocommerce-product-template, .wp-block-query, "
    '[data-block-name="woocommerce/related-products"], '
    '[data-block-name="woocommerce/product-collection"], '
    ".wp-block-handpicked-products, .wp-block-product-new, .wp-block-product-on-sale, "
    ".wp-block-product-category"
)
_FURNITURE = (
    ".elementor-location-header, .elementor-location-footer, .elementor-location-popup, "
    "header.wp-block-template-part, footer.wp-block-template-part, .wp-block-navigation, "
    ".woocommerce-mini-cart, .widget_shopping_cart, .widget_shopping_cart_content, "
    ".wc-block-mini-cart, .wp-block-woocommerce-mini-cart, "
    ".storefront-sticky-add-to-cart, .storefront-product-pagination, "
    ".woocommerce-notices-wrapper, .woocommerce-message, .woocommerce-error, .demo_store, "
    ".woocommerce-store-notice, .woocommerce-product-rating, .woocommerce-Reviews, "
    ".wp-block-comments, .sharedaddy, .addtoany_share_save_container"
)


def cut_other_posts(document: Document) -> None:
    """Remove other posts and the furniture of themes, in place."""
    _cut_other_products(document)
    cut(document, _OTHER_ITEMS)
    cut(document, _FURNITURE)


def _cut_other_products(document: Document) -> None:
    """Remove what WordPress itself marks as another product than the page's (quick view, loops)."""
    body = document.soup.body
    named = (
        [name for name in (body.get("class") or []) if name.startswith("postid-")] if body else []
    )
    if len(named) != 1:
        return
    own = named[0].replace("postid-", "post-")
    for tag in document.all(".type-product[class*='post-']"):
        if tag.decomposed:
            continue
        posts = {name for name in tag["class"] if re.fullmatch(r"post-\d+", name)}
        if posts and own not in posts and tag.select_one("h1, form.cart") is None:
            tag.decompose()
