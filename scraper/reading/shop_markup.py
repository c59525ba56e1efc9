"""What EC-CUBE, Shopserve and Shopify say about an item; it knows their markup and answers, not
their addresses.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from scraper.dealers.protocol import Dealer, Reading
from scraper.listing import Price
from scraper.page import Document, absolute_url, page_from_html, parse, text_of
from scraper.parsing.status import status_of
from scraper.reading.images import Picture, pictures_in


def read_ec_cube(document: Document, dealer: Dealer) -> tuple[Reading, tuple[Picture, ...] | None]:
    """Read an EC-CUBE page, versions 2 (#detailrightbloc) to 4 (.ec-productRole).

    Its state stands in the page's own status icons, never in the navigation's 売却済.
    """
    title = document.first(
        ".ec-productRole__title h2, .ec-productRole__title, #detailrightbloc h2, .item_name, "
        "#item_detail h3, h2.title"
    )
    price = document.first(
        ".ec-productRole__price .ec-price__price, .ec-productRole__priceRegular, "
        "#price02_default, .price02_default, "
        ".sale_price .price, dl.sale_price, .price"
    )
    description = document.first(
        ".ec-productRole__description, .main_comment, #detailrightbloc .main_comment, .item_comment"
    )
    icons = document.all(
        ".ec-productRole__tags li, .ec-productRole__tag, ul.status_icon li.onmark, "
        "ul.status_icon li, .status_icon img"
    )
    marks = " ".join(f"{icon.get('alt') or ''} {document.text_of(icon)}" for icon in icons)
    soldout = document.first(
        ".ec-productRole .ec-blockBtn--action[disabled], .ec-productRole .soldout, "
        "#detailarea .attention"
    )
    text = f"{marks} {document.text_of(soldout) if soldout is not None else ''}"
    gallery = document.all(
        ".ec-sliderItemRole .slide-item, .item_visual .slide-item, .slick-slide, "
        "#detailphotobloc, #detailphotoblock, .photo, .item_photo"
    )
    return (
        Reading(
            title=document.text_of(title).replace("\n", " ") if title is not None else None,
            price=dealer.price(document.text_of(price)) if price is not None else None,
            description=document.text_of(description) or None if description is not None else None,
            status=status_of(text),
        ),
        tuple(pictures_in(document, gallery)) if gallery else None,
    )


def read_shopserve(
    document: Document, dealer: Dealer
) -> tuple[Reading, tuple[Picture, ...] | None]:
    """Read a Shopserve page (/SHOP/NAME.html): 0円 means "ask", `limg` are 250-pixel pictures
    beside `llimg`.
    """
    title = document.first(".goods_name, .item_name, #goods_name, h1.item-name, .product-name, h1")
    price = document.first(
        ".selling_price, .price_area .price, .goods_price, .item_price, #price, .price"
    )
    description = document.first(
        ".explain, .item_explain, .goods_explain, .product-description, #explain"
    )
    stock = document.first(".stock, .soldout, .sold_out, .zaiko, .item_stock")
    gallery = document.all(
        ".goods_img, .main_img, .sub_img, .item_image, .product-image, #gallery, .photo_area"
    )
    pictures = [Picture(large_shopserve(p.url), p.stated) for p in pictures_in(document, gallery)]
    state = " ".join(document.text_of(tag) for tag in (stock, title, price) if tag is not None)
    return (
        Reading(
            title=document.text_of(title).replace("\n", " ") if title is not None else None,
            price=dealer.price(document.text_of(price)) if price is not None else None,
            description=document.text_of(description) or None if description is not None else None,
            status=status_of(state),
        ),
        tuple(pictures) if gallery else None,
    )


def large_shopserve(url: str) -> str:
    """Return the 640-pixel picture for a 250-pixel one on Shopserve's own image servers."""
    return re.sub(r"(shopserve\.jp/.+/)limg/", r"\1llimg/", url)


def read_shopify(product: Mapping[str, Any]) -> Reading:
    """Read one product of /products.json."""
    variants = [v for v in product.get("variants") or [] if isinstance(v, Mapping)]
    available = [v.get("available") for v in variants if isinstance(v.get("available"), bool)]
    images = [i for i in product.get("images") or [] if isinstance(i, Mapping)]
    body = str(product.get("body_html") or "")
    urls = [absolute_url("https://x/", str(i.get("src") or "")) for i in images]
    tags = product.get("tags")
    kinds = [
        str(product.get("product_type") or ""),
        *(tags if isinstance(tags, list) else str(tags or "").split(", ")),
    ]
    return Reading(
        title=html.unescape(str(product["title"])) if product.get("title") else None,
        description=(
            text_of(parse(page_from_html("https://x/", f"<body><div>{body}</div></body>")).soup)
            or None
        )
        if body.strip()
        else None,
        price=_lowest(variants),
        images=tuple(dict.fromkeys(url for url in urls if url))
        if isinstance(product.get("images"), list)
        else None,
        categories=tuple(kind for kind in kinds if kind) or None,
        sku=next((str(v["sku"]) for v in variants if v.get("sku")), None),
        out_of_stock=not any(available) if available else None,
    )


def _lowest(variants: list[Mapping[str, Any]]) -> Price | None:
    amounts = []
    for variant in variants:
        try:
            amounts.append(Decimal(str(variant.get("price"))))
        except InvalidOperation:
            continue
    if not amounts:
        return None
    lowest = min(amounts)
    return Price(lowest if lowest else None, None, str(lowest))
