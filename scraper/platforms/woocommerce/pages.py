"""What WooCommerce's own markup says, classic and block themes; it knows no shop and no network."""

from __future__ import annotations

import itertools
import json
import re

from bs4 import Tag

from scraper.pages.document import Document
from scraper.pages.listing import Price, Status
from scraper.pages.readings import Markup, Picture, Reading
from scraper.parsing.price import parse_price
from scraper.parsing.status import sale_of
from scraper.platforms.woocommerce.item_prices import item_prices
from scraper.platforms.woocommerce.part_selectors import (
    DESCRIPTION,
    GALLERIES,
    PRICE,
    SHORT,
    TITLES,
)
from scraper.platforms.woocommerce.printed_amounts import amounts_in
from scraper.platforms.woocommerce.torn_pages import check_whole
from scraper.reading.headings import item_heading
from scraper.reading.images import is_picture_url, pictures_in, stem_of
from scraper.reading.sale_marks import marks_within

_IN_THE_CART = "form.cart [name=add-to-cart]"
_STOCK = "p.stock, .stock, .wc-block-components-product-stock-indicator"


def product_id(document: Document) -> int | None:
    """Return WordPress' id of the product on this page."""
    body = document.soup.body
    for name in (body.get("class") or []) if body is not None else []:
        if match := re.fullmatch(r"postid-(\d+)", name):
            return int(match[1])
    tag = document.first("div[id^=product-].product, [name=add-to-cart][value]")
    match = (
        re.search(r"\d+", str(tag.get("id") or tag.get("value") or "")) if tag is not None else None
    )
    return int(match[0]) if match else None


def is_product_page(document: Document) -> bool:
    return (
        document.first("body.single-product, .product_title, div.product.type-product .summary")
        is not None
    )


def is_said_to_have_none(document: Document) -> bool:
    """Say whether WordPress' own classes say that the product cannot be bought: it has no price,
    and some themes print no place for one then.
    """
    root = _root(document)
    classes = set(root.get("class") or []) if root is not None else set()
    states_all = "type-product" in classes and bool(classes & {"instock", "outofstock"})
    return states_all and "purchasable" not in classes and document.first(_IN_THE_CART) is None


def has_price_element(document: Document) -> bool:
    """Say whether the page has a place for a price, even an empty one."""
    return document.first(PRICE) is not None


def read_page(document: Document, currency: str | None) -> Markup:
    """Read the cut page. Raises UnexpectedPageError where a piece that must be there is not."""
    root = _root(document)
    classes = set(root.get("class") or []) if root is not None else set()
    pictures = _gallery(document, root)
    title = _heading(document)
    priced = item_prices(document, root, title)
    price = _price(priced, currency)
    check_whole(document, root, classes, price=price, pictures=pictures)
    description = _description(document)
    return Markup(
        Reading(
            title=document.text_of(title).replace("\n", " ") if title is not None else None,
            description=description,
            price=price,
            categories=_categories(document, root),
            sku=_sku(document),
            status=_sale(document, priced),
            out_of_stock=_out_of_stock(document, classes),
            specification=_specification(document, description),
        ),
        tuple(pictures) if pictures is not None else None,
    )


def _root(document: Document) -> Tag | None:
    number = product_id(document)
    own = (
        (f"#product-{number}", f":not(body).post-{number}.product", f":not(body).post-{number}")
        if number is not None
        else ()
    )
    return document.preferred(
        *own, "div.product.type-product, div.product[class*=product-type-], main .product"
    )


def _heading(document: Document) -> Tag | None:
    """Return the item's title; a plain h1 is it where the page's own name begins with its words.

    Builders (Divi, Elementor) put the title into a heading of theirs, and a shop's name may stand
    in an h1 as well.
    """
    if (marked := document.preferred(*TITLES)) is not None:
        return marked
    heading = item_heading(document)
    words = "" if heading is None else " ".join(heading.get_text(" ").split())
    named = " ".join(document.title.split())
    return heading if words and named.startswith(words) and named != words else None


def _price(tags: list[Tag], currency: str | None) -> Price | None:
    """Return the price of the item's own element; WooCommerce leaves it empty for an inquiry, and
    shops write words or an amount of their own into it.
    """
    if not tags:
        return None
    if found := amounts_in(tags[0], currency):
        value, unit, raw = min(found, key=lambda entry: entry[0])
        return Price(value, unit, raw)
    return parse_price(tags[0].get_text(" ", strip=True), currency=currency)


def _out_of_stock(document: Document, classes: set[str]) -> bool | None:
    if "outofstock" in classes:
        return True
    if classes & {"instock", "onbackorder"}:
        return False
    if document.first(
        "p.stock.out-of-stock, .stock.out-of-stock, "
        ".wc-block-components-product-stock-indicator--out-of-stock"
    ):
        return True
    if document.first(
        "p.stock, .wc-block-components-product-stock-indicator, "
        "form.cart .single_add_to_cart_button, [name=add-to-cart]"
    ):
        return False
    return None


def _sale(document: Document, priced: list[Tag]) -> Status | None:
    """Return what the dealer wrote beside the price or as the state of the stock ("On Hold"), or
    as a mark of its own among them; a number beside it counts something ("12 sold").
    """
    texts = [document.text_of(tag) for tag in [*priced[:1], *document.all(_STOCK)]]
    summary = document.first(".summary, .entry-summary")
    if summary is not None:
        marks = marks_within(document, summary)
        texts += [text for text in marks if not re.search(r"\d", text)]
    stated = {sale_of(text) for text in texts}
    if Status.RESERVED in stated:
        return Status.RESERVED
    return Status.SOLD if Status.SOLD in stated else None


def _gallery(document: Document, root: Tag | None) -> list[Picture] | None:
    for selector in GALLERIES:
        outer = [
            t
            for t in document.all(selector)
            if not any(p.name != "body" and p in document.all(selector) for p in t.parents)
        ]
        if not outer:
            continue
        found = pictures_in(document, [*outer, *_slides_beside(root, outer)])
        found = _without_variations(document, found)
        if found or selector is GALLERIES[0]:
            return found
    return None


def _slides_beside(root: Tag | None, galleries: list[Tag]) -> list[Tag]:
    """Return the item's slides that a theme's slider shows outside the gallery: WooCommerce writes
    their attribute for nothing but the product's own pictures.
    """
    slides = root.select("img[data-large_image]") if root is not None else []
    apart = {id(each) for each in galleries}
    return [
        slide
        for slide in slides
        if not any(
            id(outer) in apart or "product" in (outer.get("class") or [])
            for outer in itertools.takewhile(lambda outer: outer is not root, slide.parents)
        )
    ]


def _without_variations(document: Document, pictures: list[Picture]) -> list[Picture]:
    """Drop the variations' own pictures from the end: the gallery block appends them to the
    product's.
    """
    form = document.first("form[data-product_variations]")
    if (
        form is None
        or document.first(".wp-block-woocommerce-product-gallery, .wc-block-product-gallery")
        is None
    ):
        return pictures
    try:
        variations = json.loads(str(form["data-product_variations"]))
    except ValueError:
        return pictures
    stems = {
        stem_of(url)
        for v in (variations if isinstance(variations, list) else [])
        if isinstance(v, dict)
        for url in [str((v.get("image") or {}).get("full_src") or "")]
        if is_picture_url(url)
    }
    first = stem_of(pictures[0].url) if pictures else ""
    return [p for p in pictures if stem_of(p.url) not in stems or stem_of(p.url) == first]


def _description(document: Document) -> str | None:
    tag = document.first(DESCRIPTION)
    text = None
    if tag is not None:
        heading = tag.find(["h2", "h3"], recursive=False)
        lines = document.text_of(tag).split("\n")
        if (
            isinstance(heading, Tag)
            and tag.name != "main"
            and lines
            and _is_tab_heading(document, heading, lines[0])
        ):
            lines = lines[1:]
        text = "\n".join(lines).strip() or None
    if text:
        return text
    short = document.first(SHORT)
    return (document.text_of(short) or None) if short is not None else None


def _is_tab_heading(document: Document, heading: Tag, first_line: str) -> bool:
    """Say whether the panel's first heading only repeats its tab's name."""
    text = " ".join(heading.get_text(" ", strip=True).split())
    tab = document.first("#tab-title-description, .description_tab")
    name = " ".join(tab.get_text(" ", strip=True).split()) if tab is not None else ""
    return text == first_line and (
        text == name or text.casefold() in ("description", "説明", "商品説明", "beschreibung")
    )


def _specification(document: Document, description: str | None) -> str | None:
    rows = document.all(
        "table.woocommerce-product-attributes tr, table.shop_attributes tr, "
        ".wp-block-woocommerce-product-specifications tr"
    )
    lines = [
        ": ".join(document.text_of(cell).replace("\n", " ") for cell in row.select("th, td"))
        for row in rows
    ]
    short = document.first(SHORT)
    parts = [description or "", *lines, document.text_of(short) if short is not None else ""]
    return "\n".join(part for part in parts if part) or None


def _categories(document: Document, root: Tag | None) -> tuple[str, ...] | None:
    links = document.all(
        ".product_meta .posted_in a, .wp-block-post-terms.taxonomy-product_cat a, "
        ".taxonomy-product_cat a, .posted_in a"
    )
    names = tuple(dict.fromkeys(document.text_of(link) for link in links if document.text_of(link)))
    if names:
        return names
    slugs = (
        [
            c.removeprefix("product_cat-")
            for c in (root.get("class") or [])
            if c.startswith("product_cat-")
        ]
        if root is not None
        else []
    )
    return tuple(slugs) or None


def _sku(document: Document) -> str | None:
    tag = document.first(".product_meta .sku, .wp-block-woocommerce-product-sku .sku, .sku")
    text = document.text_of(tag) if tag is not None else ""
    return text if text and text.upper() != "N/A" else None
