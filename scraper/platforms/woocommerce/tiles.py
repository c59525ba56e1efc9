"""Tiles of WooCommerce's lists, in classic and block themes: what each links to and says; pure."""

from __future__ import annotations

from bs4 import Tag

from scraper.pages.document import Document
from scraper.platforms.pagination import links

_TILES = (
    "li.product, .products .product, .products .type-product, .product-grid-item, "
    ".wc-block-product, .wc-block-grid__product, "
    ".wp-block-woocommerce-product-template > li, .wc-block-product-template > li, "
    "li.wp-block-post.type-product, "
    "li.wp-block-post.product, .product-small, .elementor-loop-container .type-product"
)


def is_archive(document: Document) -> bool:
    """Say whether a page is the shop's whole catalogue (WordPress says so in the body's class)."""
    body = document.soup.body
    classes = set(body.get("class") or []) if body is not None else set()
    if classes & {"post-type-archive-product", "woocommerce-shop"}:
        return True
    return (
        document.first(".woocommerce-result-count") is not None
        and bool(tiles_on(document))
        and "single-product" not in classes
    )


def tiles_on(document: Document) -> list[Tag]:
    tiles = [t for t in document.all(_TILES) if "product-category" not in (t.get("class") or [])]
    return [t for t in tiles if not any(_is_aside(parent) for parent in t.parents)]


def _is_aside(tag: Tag) -> bool:
    classes = set(tag.get("class") or []) if isinstance(tag, Tag) else set()
    return bool(
        tag.name in ("aside", "footer")
        or classes
        & {"related", "upsells", "cross-sells", "widget", "sidebar", "wc-block-mini-cart"}
    )


def link_of(document: Document, tile: Tag) -> str | None:
    link = tile.select_one(
        "a.woocommerce-LoopProduct-link[href], a.woocommerce-loop-product__link[href], "
        ".wp-block-post-title a[href], "
        ".wc-block-components-product-name[href], .wc-block-grid__product-link[href], "
        ".woocommerce-loop-product__title a[href], "
        "h2 a[href], h3 a[href], .product-title a[href], "
        "a[href]:not(.add_to_cart_button):not([href*='add-to-cart'])"
    )
    url = document.absolute(str(link["href"])) if link is not None else None
    return url if url and "add-to-cart=" not in url else None


def out_of_stock_in(tile: Tag) -> bool | None:
    """Return what WordPress marks a tile with: the page of an item without a price may say nothing
    of its stock.
    """
    classes = set(tile.get("class") or [])
    if "outofstock" in classes:
        return True
    return False if classes & {"instock", "onbackorder"} else None


def category_links(document: Document) -> list[str]:
    return links(
        document,
        "li.product-category a[href], .product-category > a[href], "
        ".wc-block-product-categories-list-item a[href]",
    )
