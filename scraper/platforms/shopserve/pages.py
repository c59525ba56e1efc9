"""What a Shopserve page (/SHOP/NAME.html) says about its item; it knows no shop.

Its class names are not known: they are only tried, and lines with a label are read where none fits.
"""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.listing import Price
from scraper.pages.readings import Markup, Picture, Reading
from scraper.parsing.status import status_of
from scraper.reading.images import pictures_in
from scraper.reading.page_lines import price_in
from scraper.reading.sale_marks import mark_in

_TITLE = (
    ".goods_name",
    "#goods_name",
    ".item_name",
    "h1.item-name",
    ".product-name",
    "[itemprop=name]",
    "h1",
    "h2",
)
_PRICE = (
    ".selling_price",
    "table.price",
    ".price_area .price",
    ".goods_price",
    ".item_price",
    "#price",
    "[itemprop=price]",
    ".price",
)
_DESCRIPTION = (
    ".explain",
    ".item_explain",
    ".goods_explain",
    ".product-description",
    "#explain",
    "[itemprop=description]",
)
_STOCK = ".stock, .soldout, .sold_out, .zaiko, .item_stock"
_STOCK_LINE = re.compile(r"^(?:在庫(?:数|状況|状態)?\s*[:：]|在庫切れ|品切れ)")
_NO_STOCK = re.compile(r"^在庫(?:数)?\s*[:：]?\s*0\s*(?:個|点|本|枚|振)?$")
_VIEWED = re.compile(
    r"['\"]view_item['\"].{0,3000}?\bprice['\"]?\s*:\s*['\"]?(\d{1,12}(?:\.\d{1,2})?)(?!\d).{0,400}",
    re.DOTALL,
)
_CURRENCY = re.compile(r"currency['\"]?\s*:\s*['\"]([A-Z]{3})['\"]")
_GALLERY = ".goods_img, .main_img, .sub_img, .item_image, .product-image, #gallery, .photo_area"
_OWN_SERVER = "a[href*='shopserve.jp/'][href*='limg/'], img[src*='shopserve.jp/'][src*='limg/']"


def read_event(document: Document) -> Reading | None:
    """Read the price, tax included, that the page tells Analytics when an item is looked at."""
    for script in document.all("script:not([src])"):
        event = _VIEWED.search(script.get_text())
        if event is not None:
            amount, currency = Decimal(event[1]), _CURRENCY.search(event[0])
            code = currency[1] if currency is not None else None
            return Reading(price=Price(amount or None, code, event[1]))
    return None


def read_page(document: Document, dealer: Dealer, data: Reading | None) -> Markup:
    """Return what the cut page says, and its pictures in page order."""
    title = document.preferred(*_TITLE)
    field = document.preferred(*_PRICE)
    price = (
        dealer.price(document.text_of(field))
        if field is not None
        else price_in(document, dealer, needs_label=True)
    )
    if data is not None and data.price is not None and (price is None or price.value is not None):
        price = replace(data.price, currency=data.price.currency or dealer.currency)
    description = document.preferred(*_DESCRIPTION)
    stock = [document.text_of(tag) for tag in document.all(_STOCK)]
    lines = document.text().split("\n")
    stock += [line for line in lines if _STOCK_LINE.match(line)]
    heading = document.text_of(title).replace("\n", " ") if title is not None else ""
    state = " / ".join([*stock, heading, price.raw or "" if price is not None else ""])
    scope = document.all(_GALLERY) or document.all(_OWN_SERVER)
    pictures = [Picture(large_picture(p.url), p.stated) for p in pictures_in(document, scope)]
    return Markup(
        Reading(
            title=heading or None,
            price=price,
            description=document.text_of(description) or None if description is not None else None,
            status=status_of(state) or mark_in(document),  # a menu's 売却済 is none
            out_of_stock=any(_NO_STOCK.match(line) for line in lines) or None,
        ),
        tuple(pictures) if scope else None,
    )


def large_picture(url: str) -> str:
    """Return the 640-pixel picture for a 250-pixel one on Shopserve's own image servers."""
    return re.sub(r"(shopserve\.jp/.+/)limg/", r"\1llimg/", url)
