"""What is not about this item is removed before anything is read; it knows layouts, not fields.

Related items once lent their price, their papers and their "sold" to the item whose page they stand
on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bs4 import Tag

from scraper.pages import theme_names
from scraper.pages.document import Document
from scraper.parsing.status import sale_of

_OTHER_ITEMS = (
    ".related, .upsells, .up-sells, .cross-sells, .cross_sells, ul.products, ol.products, "
    "div.products.row, "
    '[class*="related-product"], [class*="related_product"], [class*="product-related"], '
    '[id*="related-product"], '
    '[class*="related-posts"], [class*="upsell"], [class*="cross-sell"], [class*="crosssell"], '
    '[class*="recently-viewed"], [class*="recently_viewed"], [class*="recent-products"], '
    '[class*="recommend"], '
    '[id*="recommend"], [class*="product-recommendations"], product-recommendations, '
    '[class*="checkeditem"], [id*="checkeditem"], [id*="whobought"], [class*="whobought"], '
    '[class*="also-like"], [class*="you-may-also"], [class*="jp-relatedposts"], .similar, '
    '[id="similar"]'
)
_FRAME = (
    "nav, footer, aside, [role=navigation], [role=contentinfo], [role=banner], [role=search], "
    "[role=complementary], "
    "#colophon, #footer, #site-footer, .site-footer, .footer, .site-header, #masthead, #header, "
    ".header, "
    ".widget, .widget-area, .sidebar, [id^=sidebar], [class^=sidebar], #side, .side, #sidemenu, "
    "#side_menu, #side-menu, #leftmenu, #left_menu, .l-side, .l-sidebar, #gnav, #globalnavi, "
    "#secondary, .breadcrumb, .breadcrumbs, "
    "[class$='-breadcrumb'], "
    ".menu, .navbar, .navigation, .post-navigation, .product-navigation, "
    ".screen-reader-text, .skip-link, .pagination"
)
_SHOP_PARTS = (
    ".mini-cart, .cart-drawer, cart-drawer, [class*='sticky-add-to-cart'], .site-header-cart, "
    "#reviews, #comments, .comments-area, #respond, .pswp, "
    ".quick-view, .social-share, .cookie-notice, #cookie-law-info-bar"
)
# What plugins put into a text that somebody wrote.
_INJECTED = (
    "#toc, .toc, [id*='toc_container'], [id*='toc-container'], [class*='toc_container'], "
    "[class*='toc-container'], [class*='ez-toc'], [class*='-toc-block'], [class*='lwptoc'], "
    "[class*='table-of-contents'], [class*='tableofcontents'], [class*='table_of_contents'], "
    "[class*='toc__wrap'], "
    "[class*='share-buttons'], [class*='sharing-buttons'], [class*='social-share'], "
    "[class*='social_share'], [class*='sns-share'], [class*='sns-buttons'], [class*='_sharing_'], "
    "[class*='sharing-enabled'], [class*='sharedaddy'], [class*='addtoany'], [class*='a2a_kit'], "
    "[class*='social_bookmarking'], [class*='shareaholic'], [class*='post-share'], "
    "[class*='yarpp'], [class*='relatedposts'], [class*='related_posts'], [class*='crp_related'], "
    "[class*='similar-posts'], [class*='related-entries'], [class*='post-views'], "
    "[class*='reading-time'], [class*='rank-math-toc'], [class*='simpletoc'], .addthis_toolbox, "
    ".heateor_sss_sharing_container, .essb_links, .ssba, [class*='related-posts'], .wp_ulike, "
    ".kk-star-ratings, .post-ratings, .adsbygoogle, .newsletter-form, .fb-like, "
    ".wp-block-social-links, .author-box"
)
_TO_ITSELF = "a[href^='#']"
_STRUCK = "del, s, strike, [style*=line-through]"
_FORMER = (
    "[class*='old-price'], [class*='price-old'], [class*='oldprice'], [class*='was-price'], "
    "[class*='price-was'], [class*='compare-at'], [class*='compare_at'], "
    "[class*='price--compare'], [class*='list-price'], [class*='regular-price'], "
    "[class*='former-price']"
)
# An element that holds one of these is (or surrounds) the item itself: never cut as a whole.
_ITEM_ITSELF = f"{theme_names.TITLES}, h1[itemprop=name], h1, {theme_names.ITEM_PARTS}"


def cut_other_items(document: Document, more: Iterable[str] = ()) -> None:
    """Remove other items, navigation and shop furniture from the tree, in place."""
    for selector in (_OTHER_ITEMS, _FRAME, _SHOP_PARTS, _INJECTED):
        cut(document, selector)
    _cut_contents(document)
    for selector in more:
        cut(document, selector, guarded=False)


def cut_struck_prices(document: Document, has_price: Callable[[str], bool]) -> None:
    """Remove struck-out prices, by markup or by the name of their class: nobody asks them today.

    Alone one stays where its lines say that the item is sold: that is what it was sold for.
    """
    for tag in document.all(_STRUCK):
        block = tag.find_parent(["p", "td", "th", "li", "dd", "div", "h2", "h3", "body"])
        if tag.decomposed or block is None or not has_price(tag.get_text(" ")):
            continue
        struck = {id(text) for other in block.select(_STRUCK) for text in other.strings}
        others = " ".join(text for text in block.strings if id(text) not in struck)
        if has_price(others) or sale_of(block.get_text(" ")) is None:
            tag.decompose()
    for tag in document.all(_FORMER):
        around = tag.parent
        if not tag.decomposed and around is not None and has_price(tag.get_text(" ")):
            words = around.get_text(" ").replace(tag.get_text(" "), " ", 1)
            if has_price(words):
                tag.decompose()


def _cut_contents(document: Document) -> None:
    """Remove tables of contents: lists whose every entry leads to a place on the page itself."""
    for listed in document.all("ol, ul"):
        if listed.decomposed:
            continue
        entries = listed.find_all("li")
        is_tabs = listed.get("role") == "tablist" or "tab" in " ".join(listed.get("class") or [])
        if is_tabs or len(entries) < 2 or any(li.select_one(_TO_ITSELF) is None for li in entries):
            continue
        words = sum(len(a.get_text(strip=True)) for a in listed.select(_TO_ITSELF))
        if len(listed.get_text(strip=True)) <= words + 4 * len(entries) and not _is_item(listed):
            listed.decompose()


def cut(document: Document, selector: str, *, guarded: bool = True) -> None:
    """Remove what a selector names; `guarded` leaves what holds the item itself."""
    for tag in document.all(selector):
        if tag.decomposed or tag.name in ("html", "body", "main"):
            continue
        if guarded and _is_item(tag):
            continue
        tag.decompose()


def _is_item(tag: Tag) -> bool:
    return tag.select_one(_ITEM_ITSELF) is not None


def drop_invisible(document: Document) -> None:
    """Remove scripts and the like; structured data has been taken out before."""
    cut(document, "script, style, template, link", guarded=False)
