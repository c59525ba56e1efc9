# ruff: noqa: E501 - markup in one line reads better than broken markup
"""One product in the dress of many WooCommerce themes and versions is always the same listing."""

from __future__ import annotations

import html
import itertools
import json
from decimal import Decimal
from typing import Any

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.listing import ScrapedListing, Status
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing

SHOP = "https://shop.example"
UP = f"{SHOP}/wp-content/uploads/2026/02"
DEALER = DealerSite(name="Shop", domain="shop.example", catalog_url=f"{SHOP}/", currency="JPY")
TITLE = "Katana [Kanesada] & koshirae"
IMAGES = tuple(f"{UP}/{name}.jpg" for name in ("kanesada", "kanesada-1", "tang-2"))
MONEY = '<span class="woocommerce-Price-amount amount"><bdi><span class="woocommerce-Price-currencySymbol">&yen;</span>{}</bdi></span>'
PRICES: dict[str, tuple[str, Decimal | None]] = {
    "plain": (MONEY.format("480,000"), Decimal(480000)),
    "sale": (f"<del>{MONEY.format('600,000')}</del> <ins>{MONEY.format('480,000')}</ins>", Decimal(480000)),
    "sale, spoken": (
        f'<del aria-hidden="true">{MONEY.format("600,000")}</del> <span class="screen-reader-text">Original price was: &yen;600,000.</span>'
        f'<ins aria-hidden="true">{MONEY.format("480,000")}</ins><span class="screen-reader-text">Current price is: &yen;480,000.</span>',
        Decimal(480000),
    ),
    "range": (f"{MONEY.format('480,000')} &ndash; {MONEY.format('900,000')}", Decimal(480000)),
    "inquiry": ("", None),
}  # fmt: skip
RELATED = (
    '<section class="related products"><h2>Related products</h2><ul class="products columns-4"><li class="product type-product post-9 instock">'
    f'<a href="{SHOP}/product/other/" class="woocommerce-LoopProduct-link"><img src="{UP}/other-300x300.jpg"><h2 class="woocommerce-loop-product__title">Other, SOLD</h2>'
    f'<span class="price">{MONEY.format("77,000")}</span></a></li></ul></section>'
)


def sized(url: str, size: str) -> str:
    return url.replace(".jpg", f"-{size}.jpg")


def flexslider() -> str:
    entries = "".join(
        f'<div data-thumb="{sized(u, "100x100")}" data-thumb-alt="{alt}" class="woocommerce-product-gallery__image"><a href="{u}"><img src="{sized(u, "600x400")}"'
        f' class="{"wp-post-image" if n == 1 else ""}" alt="{alt}" data-src="{u}" data-large_image="{u}" srcset="{sized(u, "600x400")} 600w, {sized(u, "300x200")} 300w"></a></div>'
        for n, u in enumerate(IMAGES, 1)
        for alt in [html.escape(TITLE) + (f" - Image {n}" if n > 1 else "")]
    )
    return f'<div class="woocommerce-product-gallery woocommerce-product-gallery--with-images images" data-columns="4"><div class="woocommerce-product-gallery__wrapper">{entries}</div></div>'


def old_zoom() -> str:
    first, *others = IMAGES
    thumbs = "".join(
        f'<a href="{u}" class="zoom"><img src="{sized(u, "180x180")}"></a>' for u in others
    )
    return f'<div class="images"><a href="{first}" class="woocommerce-main-image zoom"><img src="{sized(first, "600x600")}"></a><div class="thumbnails columns-3">{thumbs}</div></div>'


def gallery_block() -> str:
    large = "".join(
        f'<li><img src="{sized(u, "600x600")}" srcset="{sized(u, "600x600")} 600w, {u} 1500w"></li>'
        for u in IMAGES
    )
    thumbs = "".join(f'<img src="{sized(u, "100x100")}">' for u in IMAGES)
    return f'<div class="wp-block-woocommerce-product-gallery wc-block-product-gallery"><div class="wc-block-product-gallery-thumbnails">{thumbs}</div><ul class="wc-block-product-gallery-large-image__container">{large}</ul></div>'


def lazy_slider() -> str:
    slides = "".join(
        f'<div class="swiper-slide"><a href="{u}" data-elementor-open-lightbox="yes"><img src="data:image/gif;base64,R0lGOD" data-src="{sized(u, "800x800")}" data-large_image="{u}"></a></div>'
        for u in IMAGES
    )
    return (
        f'<div class="product-gallery elementor-widget-woocommerce-product-images">{slides}</div>'
    )


def classic(gallery: str, price: str, stock: str, meta: str) -> str:
    return (
        f'<div id="product-5" class="product type-product post-5 {stock} has-post-thumbnail product-type-simple">{gallery}'
        f'<div class="summary entry-summary"><h1 class="product_title entry-title">{html.escape(TITLE)}</h1><p class="price">{price}</p>{meta}</div>'
        '<div class="woocommerce-tabs"><div id="tab-description" class="panel"><h2>Description</h2><p>Nagasa 70.1 cm.</p></div></div>'
        f"{RELATED}</div>"
    )


def elementor(gallery: str, price: str, stock: str, meta: str) -> str:
    return (
        f'<div data-elementor-type="product" class="elementor elementor-location-single post-5 product type-product {stock} has-post-thumbnail">'
        f'<div class="elementor-widget">{gallery}</div><div class="elementor-widget"><h1 class="product_title entry-title elementor-heading-title">{html.escape(TITLE)}</h1></div>'
        f'<div class="elementor-widget elementor-widget-woocommerce-product-price"><p class="price">{price}</p></div>{meta}'
        f'<div class="elementor-widget-woocommerce-product-content"><p>Nagasa 70.1 cm.</p></div>{RELATED}</div>'
    )


def blocks(gallery: str, price: str, stock: str, meta: str) -> str:
    return (
        f'<div class="wp-block-group woocommerce product post-5 type-product {stock} has-post-thumbnail">{gallery}<h1 class="wp-block-post-title">{html.escape(TITLE)}</h1>'
        f'<div class="wp-block-woocommerce-product-price"><div class="wc-block-components-product-price">{price}</div></div>{meta}'
        f'<div class="wp-block-woocommerce-product-description"><p>Nagasa 70.1 cm.</p></div>'
        f'<div class="wp-block-woocommerce-product-collection">{RELATED}</div></div>'
    )


THEMES = {"classic": classic, "elementor": elementor, "blocks": blocks}
GALLERIES = {
    "flexslider": flexslider,
    "old zoom": old_zoom,
    "gallery block": gallery_block,
    "lazy slider": lazy_slider,
}
META = '<div class="product_meta"><span class="posted_in">Category: <a href="/product-category/katana/" rel="tag">Katana</a></span></div>'


def page(theme: str, gallery: str, price: str, stock: str) -> str:
    body = THEMES[theme](GALLERIES[gallery](), PRICES[price][0], stock, META)
    return (
        f"<!doctype html><html><head><meta charset='utf-8'><title>{html.escape(TITLE)} – Shop</title></head>"
        f'<body class="single single-product postid-5 woocommerce"><header class="site-header"><nav><a href="/sold/">SOLD</a></nav></header><main>{body}</main>'
        '<footer class="site-footer">All Rights Reserved.</footer></body></html>'
    )


def api(price: str, stock: str) -> dict[str, Any]:
    value = PRICES[price][1]
    amount = "0" if value is None else str(value)
    return {
        "id": 5, "name": html.escape(TITLE), "permalink": f"{SHOP}/product/kanesada/", "description": "<p>Nagasa 70.1 cm.</p>",
        "prices": {"price": amount, "currency_code": "JPY", "currency_minor_unit": 0, "price_range": {"min_amount": amount, "max_amount": "900000"} if price == "range" else None},
        "price_html": PRICES[price][0], "images": [{"src": url} for url in IMAGES], "categories": [{"name": "Katana"}], "is_in_stock": stock == "instock",
    }  # fmt: skip


def read(markup: str, answer: dict[str, Any] | None) -> ScrapedListing:
    fetched = page_from_html(f"{SHOP}/product/kanesada/", markup)
    return read_listing(fetched, DEALER, platform=PLATFORMS["woocommerce"], api=answer)


@pytest.mark.parametrize("with_api", [False, True], ids=["page", "api"])
@pytest.mark.parametrize(("theme", "gallery"), list(itertools.product(THEMES, GALLERIES)))
def test_every_dress_shows_the_same_product(theme: str, gallery: str, with_api: bool) -> None:
    for price, stock in itertools.product(PRICES, ("instock", "outofstock")):
        answer = json.loads(json.dumps(api(price, stock))) if with_api else None
        found = read(page(theme, gallery, price, stock), answer)
        assert (found.title, found.price.value, found.price.currency) == (
            TITLE,
            PRICES[price][1],
            "JPY",
        ), price
        assert found.images == IMAGES
        assert found.status is (Status.AVAILABLE if stock == "instock" else Status.SOLD)
        assert found.item_type == "katana"
        assert found.measurements.nagasa_cm == Decimal("70.1")
        assert "Other" not in (found.description or "")


def test_descriptions_of_a_shops_own_are_no_numbering() -> None:
    whole = page("classic", "flexslider", "plain", "instock")
    title = html.escape(TITLE)
    own = whole.replace(f"{title} - Image 2", "Tsuba - No. 5")
    own = own.replace(f"{title} - Image 3", "Tsuba - No. 9")
    assert read(own, None).images == IMAGES
    seo = whole.replace(f' alt="{title}', ' alt="Buy at Shop: ')
    assert read(seo, None).images == IMAGES
