# ruff: noqa: E501 - markup in one line reads better than broken markup
"""Twelve themes and what plugins make of them, in our own words: several pages of each are read
whole, and the guards against damaged pages let all of them pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.listing import Status
from scraper.platforms import PLATFORMS
from scraper.reading.assemble import read_page
from scraper.reading.sibling_pages import SiblingPages

HOME = "https://shop.example"
UPLOADS = f"{HOME}/wp-content/uploads/2026/05"
DEALER = DealerSite(
    name="Sample Swords",
    domain="shop.example",
    catalog_url=f"{HOME}/",
    currency="EUR",
    platform=PLATFORMS["woocommerce"],
)
BLANK = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP"


@dataclass(frozen=True)
class Item:
    """One product; price None is "on inquiry"."""

    slug: str
    title: str
    price: int | None
    is_sold: bool = False
    names: tuple[str, ...] = ("a", "b", "c")

    @property
    def url(self) -> str:
        return f"{HOME}/product/{self.slug}/"

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(f"{UPLOADS}/{self.slug}-{name}.jpg" for name in self.names)


ITEMS = (
    Item("uda", "Tanto, Uda Kunifusa", 4800),
    Item("sukesada", "Katana, Bizen Sukesada", 12_500, is_sold=True),
    Item("geese", "Tsuba, wild geese", 950, names=("a",)),
    Item("kabuto", "Kabuto with 62 plates", 7200, names=("a", "b")),
)


def thumbnail(url: str, size: str = "600x400") -> str:
    return url.replace(".jpg", f"-{size}.jpg")


def image(url: str, source: str = "src") -> str:
    blank = f'src="{BLANK}" ' if source != "src" else ""
    return f'<img {blank}{source}="{thumbnail(url)}" class="wp-post-image" alt="" data-large_image="{url}" {source}set="{thumbnail(url)} 600w, {thumbnail(url, "300x200")} 300w">'


def entry(url: str, source: str = "src") -> str:
    return f'<div class="woocommerce-product-gallery__image" data-thumb="{thumbnail(url, "100x100")}"><a href="{url}">{image(url, source)}</a></div>'


def amount(value: int) -> str:
    digits = f"{value:,}".replace(",", ".")
    return f'<span class="woocommerce-Price-amount amount"><bdi>{digits},00&nbsp;<span class="woocommerce-Price-currencySymbol">&euro;</span></bdi></span>'


def data_of(item: Item) -> str:
    offer = {
        "@type": "Offer",
        "price": f"{item.price}.00",
        "priceCurrency": "EUR",
        "availability": f"http://schema.org/{'OutOfStock' if item.is_sold else 'InStock'}",
    }
    product = {
        "@context": "https://schema.org/",
        "@type": "Product",
        "name": item.title,
        "url": item.url,
        "image": item.images[0],
        "offers": [offer],
    }
    return f'<script type="application/ld+json">{json.dumps(product)}</script>'


def gallery_of(item: Item) -> str:
    return f'<div class="woocommerce-product-gallery images"><div class="woocommerce-product-gallery__wrapper">{"".join(map(entry, item.images))}</div></div>'


def price_of(item: Item) -> str:
    return f'<p class="price">{amount(item.price or 0)}</p>'


def nothing(item: Item) -> str:
    return ""


def text_of(item: Item) -> str:
    return f"<p>About {item.title}.</p><p>Length 41.2 cm.</p>"


def tile_of(item: Item, more: str = "") -> str:
    stock = "outofstock" if item.is_sold else "instock"
    return f'<li class="product type-product {stock}">{more}<a href="{item.url}"><img src="{thumbnail(item.images[0])}"><h2 class="woocommerce-loop-product__title">{item.title}</h2></a><span class="price">{amount(item.price or 0)}</span></li>'


def others(item: Item) -> str:
    return "".join(tile_of(other) for other in ITEMS if other is not item)


@dataclass(frozen=True)
class Theme:
    """What stands in each part of a product's page, and what is right to read from it."""

    gallery: Callable[[Item], str] = gallery_of
    price: Callable[[Item], str] = price_of
    text: Callable[[Item], str] = text_of
    header: Callable[[Item], str] = nothing
    below: Callable[[Item], str] = nothing
    data: Callable[[Item], str] = data_of
    kind: str = "simple"
    states_price: bool = True
    has_places: tuple[str, str] = field(
        default=('<h1 class="product_title entry-title">{}</h1>', "summary entry-summary")
    )

    def page(self, item: Item) -> str:
        stock = "outofstock" if item.is_sold else "instock"
        heading, summary = self.has_places
        cart = (
            ""
            if item.is_sold
            else '<form class="cart"><button name="add-to-cart" value="1">Add to cart</button></form>'
        )
        return (
            f'<!doctype html><html><head><meta charset="utf-8"><meta name="generator" content="WooCommerce 11.0.1"><title>{item.title} &#8211; Sample Swords</title></head>'
            f'<body class="single single-product postid-7 woocommerce"><header id="masthead"><a href="{HOME}/" rel="home">Sample Swords</a>{self.header(item)}</header><main>'
            f'<div id="product-7" class="product type-product post-7 {stock} has-post-thumbnail purchasable product-type-{self.kind}">{self.gallery(item)}<div class="{summary}">{heading.format(item.title)}{self.price(item)}{cart}'
            f'<div class="product_meta"><span class="posted_in">Category: <a href="{HOME}/product-category/swords/" rel="tag">Swords</a></span></div></div>'
            f'<div class="woocommerce-tabs"><div class="woocommerce-Tabs-panel panel entry-content" id="tab-description"><h2>Description</h2>{self.text(item)}</div></div></div>{self.below(item)}</main><footer><p>All rights reserved.</p></footer>{self.data(item)}</body></html>'
        )


def stray_slides(item: Item) -> str:
    first, *rest = item.images
    slides = "".join(
        f'<div class="swiper-slide"><a href="{url}">{image(url)}</a></div>' for url in rest
    )
    return f'<div class="woocommerce-product-gallery"><div class="swiper">{entry(first)}{slides}</div></div>'


def slider_beside_gallery(item: Item) -> str:
    first = f'<div class="woocommerce-product-gallery">{entry(item.images[0])}</div>'
    slides = "".join(f'<div class="swiper-slide">{image(url)}</div>' for url in item.images)
    other = f'<div class="product">{image(f"{UPLOADS}/another.jpg")}</div>'
    return f'{first}<div class="swiper">{slides}</div><div class="quick-view">{other}</div>'


def repeating_slider(item: Item) -> str:
    copies = "".join(
        f'<div class="slick-slide slick-cloned">{image(url)}</div>' for url in item.images
    )
    small = "".join(f'<li><img src="{thumbnail(url, "100x100")}"></li>' for url in item.images)
    return (
        gallery_of(item).replace("</div></div>", f"{copies}</div></div>", 1)
        + f'<ul class="thumbs">{small}</ul>'
    )


def lazy(item: Item) -> str:
    entries = "".join(
        f"{entry(url, 'data-src')}<noscript>{image(url)}</noscript>" for url in item.images
    )
    return f'<div class="woocommerce-product-gallery images">{entries}</div>'


def old_gallery(item: Item) -> str:
    first, *rest = item.images
    small = "".join(
        f'<a href="{url}" class="zoom" data-rel="prettyPhoto[g]"><img src="{thumbnail(url, "90x90")}"></a>'
        for url in rest
    )
    return f'<div class="images"><a href="{first}" class="woocommerce-main-image zoom">{image(first)}</a><div class="thumbnails columns-3">{small}</div></div>'


def block_gallery(item: Item) -> str:
    return f'<div class="wp-block-woocommerce-product-image-gallery">{gallery_of(item)}</div>'


def reduced(item: Item) -> str:
    before = (item.price or 0) + 1_000
    return f'<p class="price"><del aria-hidden="true">{amount(before)}</del> <span class="screen-reader-text">Original price was: {before} &euro;.</span><ins aria-hidden="true">{amount(item.price or 0)}</ins> <small class="woocommerce-price-suffix">incl. VAT</small></p>'


def several_kinds(item: Item) -> str:
    dearer = (item.price or 0) + 300
    kinds = [
        {
            "display_price": price,
            "is_in_stock": not item.is_sold,
            "image": {"full_src": item.images[0]},
        }
        for price in (item.price, dearer)
    ]
    form = f'<form class="variations_form cart" data-product_variations="{escape(json.dumps(kinds))}"><select><option>plain</option><option>with a box</option></select></form>'
    return f'<p class="price">{amount(item.price or 0)} &ndash; {amount(dearer)}</p>{form}'


def contents(item: Item) -> str:
    return f'<div id="toc_container"><p>Contents</p><ul><li><a href="#a">1 Katana SOLD</a></li><li><a href="#b">2 {len(item.title)} minutes</a></li></ul></div>{text_of(item)}'


def shared(item: Item) -> str:
    return f'{text_of(item)}<div class="sharedaddy sd-sharing-enabled"><h3>Share this:</h3><a href="#">Sold on X</a></div><div class="yarpp yarpp-related"><h3>Related</h3><ol><li><a href="{HOME}/product/other/">Yari, sold</a></li></ol></div>'


def login(item: Item) -> str:
    return '<div class="panel"><form class="login" method="post"><label>User<input name="username"></label><label>Password<input type="password" name="password"></label><button>Log in</button></form></div>'


def menu_and_drawer(item: Item) -> str:
    return f'<nav><ul class="mega-menu products">{others(item)}</ul></nav><div class="widget_shopping_cart_content"><ul><li><a href="{HOME}/product/x/">Katana</a> {amount(9_900)}</li></ul></div>'


def related(item: Item) -> str:
    return f'<section class="related products"><h2>Related</h2><ul class="products">{others(item)}</ul></section>'


def related_blocks(item: Item) -> str:
    badge = '<div class="wc-block-components-product-sale-badge">Sale</div>'
    tiles = "".join(
        tile_of(other, badge).replace("type-product", "wc-block-product")
        for other in ITEMS
        if other is not item
    )
    return f'<div class="wp-block-woocommerce-related-products"><h2>Related products</h2><ul class="wc-block-product-template">{tiles}</ul></div>'


def sticky_and_quick_view(item: Item) -> str:
    return f'<section class="storefront-sticky-add-to-cart"><strong>{item.title}</strong>{price_of(item)}</section><div class="quick-view" hidden><div class="product"><h2 class="product_title">Another</h2><p class="price">{amount(99)}</p><img src="{UPLOADS}/another.jpg"></div></div>'


BLOCKS = ('<h1 class="wp-block-post-title">{}</h1>', "wp-block-column")
THEMES = {
    "classic": Theme(below=related),
    "a slider with slides of its own": Theme(gallery=stray_slides, below=related),
    "a slider beside the gallery": Theme(gallery=slider_beside_gallery, below=related),
    "a slider that repeats its slides": Theme(gallery=repeating_slider),
    "lazy pictures": Theme(gallery=lazy, below=related),
    "old": Theme(gallery=old_gallery, data=nothing),
    "blocks": Theme(gallery=block_gallery, below=related_blocks, has_places=BLOCKS),
    "a table of contents": Theme(text=contents),
    "shared and related": Theme(text=shared),
    "a login panel and a menu of items": Theme(header=lambda item: login(item) + menu_and_drawer(item)),
    "prices hidden, stated in data": Theme(price=nothing, below=related),
    "prices hidden": Theme(price=nothing, data=nothing, states_price=False),
    "reduced, with words for the blind": Theme(price=reduced, below=sticky_and_quick_view),
    "several kinds of each": Theme(price=several_kinds, kind="variable", data=nothing),
}  # fmt: skip


@pytest.mark.parametrize("name", THEMES)
def test_each_page_of_a_theme_is_read_whole_and_none_is_refused(name: str) -> None:
    theme = THEMES[name]
    siblings = SiblingPages()
    read = []
    for item in ITEMS:
        page = page_from_html(item.url, theme.page(item))
        listing, shape = read_page(page, DEALER)
        siblings.add(shape)
        read.append((item, listing, shape))
    for item, listing, shape in read:
        assert (listing.title, listing.images) == (item.title, item.images)
        price = Decimal(item.price or 0) if theme.states_price else None
        assert (listing.price.value, listing.price.currency) == (price, "EUR")
        assert listing.status is (Status.SOLD if item.is_sold else Status.AVAILABLE)
        assert listing.description == f"About {item.title}.\nLength 41.2 cm."
        siblings.refuse_odd(item.url, shape)
