# ruff: noqa: E501 - markup in one line reads better than broken markup
"""What themes and plugins do to a WooCommerce page, in our own words; each page is read whole."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from html import escape

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.listing import Status
from scraper.platforms import PLATFORMS
from scraper.reading.assemble import read_page

UPLOADS = "https://shop.example/wp-content/uploads/2026/05"
NAMES = ("tsuba-a", "tsuba-b", "tsuba-c")
IMAGES = tuple(f"{UPLOADS}/{name}.jpg" for name in NAMES)
DEALER = DealerSite(
    name="Sample Swords",
    domain="shop.example",
    catalog_url="https://shop.example/",
    currency="JPY",
    platform=PLATFORMS["woocommerce"],
)
BLANK = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP"
GREY = "data:image/svg+xml,%3Csvg%20xmlns=%22http://www.w3.org/2000/svg%22%3E%3C/svg%3E"


def image(name: str) -> str:
    large = f"{UPLOADS}/{name}.jpg"
    sizes = ", ".join(f"{UPLOADS}/{name}-{w}x{h}.jpg {w}w" for w, h in ((600, 400), (300, 200)))
    return f'<img width="600" height="400" src="{UPLOADS}/{name}-600x400.jpg" class="wp-post-image" alt="Tsuba, geese" data-src="{large}" data-large_image="{large}" srcset="{sizes}" sizes="(max-width: 600px) 100vw, 600px" />'


def entry(name: str) -> str:
    return f'<div data-thumb="{UPLOADS}/{name}-100x100.jpg" class="woocommerce-product-gallery__image"><a href="{UPLOADS}/{name}.jpg">{image(name)}</a></div>'


def amount(yen: int) -> str:
    return f'<span class="woocommerce-Price-amount amount"><bdi><span class="woocommerce-Price-currencySymbol">&yen;</span>{yen:,}</bdi></span>'


GALLERY = f'<div class="woocommerce-product-gallery images"><div class="woocommerce-product-gallery__wrapper">{"".join(map(entry, NAMES))}</div></div>'
PRICE = f'<p class="price">{amount(120_000)}</p>'
CART = '<form class="cart" method="post"><button type="submit" name="add-to-cart" value="41" class="single_add_to_cart_button">Add to cart</button></form>'
TEXT = "<p>Iron with gold, Edo period.</p><p>Height 7.9 cm.</p>"
DATA = {
    "@context": "https://schema.org/",
    "@graph": [
        {
            "@type": "Product",
            "@id": "https://shop.example/product/geese/#product",
            "name": "Tsuba, geese",
            "url": "https://shop.example/product/geese/",
            "image": IMAGES[0],
            "offers": [
                {
                    "@type": "Offer",
                    "price": "120000",
                    "priceCurrency": "JPY",
                    "availability": "http://schema.org/InStock",
                }
            ],
        }
    ],
}
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tsuba, geese - Sample Swords</title>'
    '<meta property="og:title" content="Tsuba, geese - Sample Swords"><meta property="og:image" content="https://shop.example/wp-content/uploads/2020/01/card.jpg"></head>'
    '<body class="single single-product postid-41 woocommerce woocommerce-page"><header id="masthead"><div class="site-title"><a href="https://shop.example/" rel="home">Sample Swords</a></div><nav><a href="/shop/">Shop</a></nav></header><main id="main">'
    '<div id="product-41" class="product type-product post-41 status-publish instock product_cat-tsuba has-post-thumbnail purchasable product-type-simple">'
    f'{GALLERY}<div class="summary entry-summary"><h1 class="product_title entry-title">Tsuba, geese</h1>{PRICE}{CART}'
    '<div class="product_meta"><span class="posted_in">Category: <a href="/product-category/tsuba/" rel="tag">Tsuba</a></span></div></div>'
    f'<div class="woocommerce-tabs wc-tabs-wrapper"><ul class="tabs wc-tabs"><li class="description_tab" id="tab-title-description"><a href="#tab-description">Description</a></li></ul><div class="woocommerce-Tabs-panel panel entry-content wc-tab" id="tab-description"><h2>Description</h2>{TEXT}</div></div>'
    "</div></main><footer><p>All rights reserved.</p></footer>"
    f'<script type="application/ld+json">{json.dumps(DATA)}</script></body></html>'
)


def lazily(attribute: str, blank: str, *, copies: bool = False) -> str:
    """A plugin puts a blank in the place of each picture, with or without a copy for browsers
    without scripts."""

    def swapped(found: re.Match[str]) -> str:
        old = found[0]
        new = old.replace(' src="', f' src="{blank}" {attribute}="').replace(
            " srcset=", f" {attribute}set="
        )
        return new + (f"<noscript>{old}</noscript>" if copies else "")

    return re.sub(r"<img [^>]+>", swapped, PAGE.replace("data-src=", "data-o="))


def with_(old: str, new: str) -> str:
    assert old in PAGE
    return PAGE.replace(old, new)


def behind(place: str, more: str) -> str:
    return with_(place, place + more)


def before(place: str, more: str) -> str:
    return with_(place, more + place)


OTHER = f'<li class="product type-product post-77 outofstock"><a href="https://shop.example/product/other/"><img src="{UPLOADS}/other-324x324.jpg"><h2>Katana SOLD</h2><span class="price">{amount(9_900)}</span></a></li>'
VARIATIONS = json.dumps(
    [
        {"display_price": 120000, "is_in_stock": False, "image": {"full_src": IMAGES[0]}},
        {"display_price": 150000, "is_in_stock": True, "image": {"full_src": f"{UPLOADS}/box.jpg"}},
    ]
)
HABITS = {
    "lazy pictures with a grey box": lazily("data-lazy-src", GREY),
    "lazy pictures with a copy for no script": lazily("data-lazy-src", BLANK, copies=True),
    "lazy pictures by data-src": lazily("data-src", BLANK, copies=True),
    "a slider repeats the slides as thumbnails": behind(GALLERY, f'<div class="slider-nav">{"".join(f"<div><img src={chr(34)}{UPLOADS}/{n}-100x100.jpg{chr(34)}></div>" for n in NAMES)}</div>'),
    "a zoom copies the picture": with_(entry("tsuba-a"), entry("tsuba-a").replace("</a></div>", f'</a><img role="presentation" alt="" src="{IMAGES[0]}" class="zoomImg"></div>')),
    "a table of contents in the description": with_(TEXT, f'<div id="ez-toc-container" class="ez-toc-v2 counter-hierarchy"><p class="ez-toc-title">Contents</p><nav><ul><li><a href="#a">Iron 2 min</a></li></ul></nav></div><div id="toc_container"><p class="toc_title">Contents</p><ul class="toc_list"><li><a href="#b">Gold</a></li></ul></div>{TEXT}'),
    "a table of contents of nobody's making": with_(TEXT, f'<ol class="index"><li><a href="#a">1. Iron</a></li><li><a href="#b">2. Gold</a><ol><li><a href="#c">2.1 SOLD pieces</a></li></ol></li></ol>{TEXT}'),
    "share buttons in the description": with_(TEXT, f'{TEXT}<div class="sharedaddy sd-sharing-enabled"><h3>Share this:</h3><ul><li><a href="https://x.example/share">X</a></li></ul></div><div class="addtoany_share_save_container"><a href="#">Share</a></div><div class="heateor_sss_sharing_container"><p>Spread the love</p></div>'),
    "related posts in the description": with_(TEXT, f'{TEXT}<div id="jp-relatedposts" class="jp-relatedposts"><h3>Related</h3><p>Yari, sold</p></div><div class="yarpp yarpp-related"><h3>Related posts:</h3><ol><li><a href="/product/other/">Naginata SOLD</a></li></ol></div>'),
    "a login panel in the header": behind('rel="home">Sample Swords</a></div>', '<div class="login-panel"><form class="woocommerce-form-login login" method="post"><p><label>Username<input type="text" name="username"></label></p><p><label>Password<input type="password" name="password"></label></p><button>Log in</button></form></div>'),
    "a bar that repeats title and price": before("</main>", f'<section class="storefront-sticky-add-to-cart"><img src="{UPLOADS}/tsuba-a-324x324.jpg"><strong>Tsuba, geese</strong><span class="price">{amount(120_000)}</span></section>'),
    "a menu with other items": behind('<a href="/shop/">Shop</a>', f'<div class="mega-menu"><ul class="products">{OTHER}</ul></div>'),
    "other items below": before("</main>", f'<section class="related products"><h2>Related</h2><ul class="products">{OTHER}</ul></section><section class="recently-viewed"><ul class="products">{OTHER}</ul></section>'),
    "a quick view of another item": before("<footer>", f'<div class="quick-view-modal" hidden><div class="product type-product post-77"><h2 class="product_title">Katana</h2><p class="price">{amount(9_900)}</p></div></div>'),
    "a cart in a drawer": before("<footer>", f'<div class="widget_shopping_cart_content"><ul><li><a href="/product/other/"><img src="{UPLOADS}/other-300x300.jpg">Katana</a> {amount(9_900)}</li></ul><p class="total">{amount(9_900)}</p></div>'),
    "a cookie notice over all": before("<footer>", '<div id="cookie-law-info-bar"><p>We use cookies. Reserved for us.</p><button>Accept</button></div>'),
    "a language switcher": behind('<a href="/shop/">Shop</a>', '<a href="https://shop.example/ja/product/geese/" hreflang="ja">日本語</a>'),
    "a video among the pictures": with_(entry("tsuba-c"), entry("tsuba-c") + '<div class="woocommerce-product-gallery__image video"><video src="/v.mp4" controls></video></div>'),
    "several kinds, the cheapest gone": PAGE.replace("product-type-simple", "product-type-variable").replace(PRICE, f'<p class="price">{amount(120_000)} &ndash; {amount(150_000)}</p>').replace(CART, f'<form class="variations_form cart" data-product_variations="{escape(VARIATIONS)}"><table class="variations"><tr><td><select><option>without box</option><option>with box</option></select></td></tr></table><div class="single_variation_wrap"></div></form>').replace('"price": "120000", "priceCurrency"', '"@type": "AggregateOffer", "lowPrice": "120000", "highPrice": "150000", "priceCurrency"'),
    "a reduced price with words for the blind": with_(PRICE, f'<p class="price"><del aria-hidden="true">{amount(150_000)}</del> <span class="screen-reader-text">Original price was: &yen;150,000.</span><ins aria-hidden="true">{amount(120_000)}</ins><span class="screen-reader-text">Current price is: &yen;120,000.</span></p>'),
    "points and instalments beside the price": with_(PRICE, f'{PRICE}<p class="wc-points">Earn 1,200 points</p><div class="instalments">or 3 payments of {amount(40_000)}</div>'),
    "reviews with stars": behind(PRICE, '<div class="woocommerce-product-rating"><div class="star-rating"><span>Rated 5 out of 5</span></div><a href="#reviews">(3 reviews; 12 sold)</a></div>'),
}  # fmt: skip


@pytest.mark.parametrize("habit", HABITS)
def test_a_page_is_read_whole_whatever_its_theme_does(habit: str) -> None:
    page = page_from_html("https://shop.example/product/geese/", HABITS[habit])
    listing, shape = read_page(page, DEALER)
    assert (listing.title, listing.price.value, listing.price.currency, listing.status) == (
        "Tsuba, geese",
        Decimal(120_000),
        "JPY",
        Status.AVAILABLE,
    )
    assert listing.images == IMAGES
    assert listing.description == "Iron with gold, Edo period.\nHeight 7.9 cm."
    assert shape.oddities == ""
