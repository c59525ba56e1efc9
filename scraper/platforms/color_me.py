"""Color Me Shop (shop-pro.jp): Japanese hosted shops whose items are told by `?pid=`; it knows no
shop.

Checked against: what several public programs that read its shops say of the `Colorme` object of
every page, of addresses, pictures and sitemaps, and two public templates; no page of a shop was
seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer, Platform, Recognition
from scraper.pages.document import Document, text_of_html
from scraper.pages.fetcher import Fetcher
from scraper.pages.listing import Price, Status
from scraper.pages.readings import Markup, Reading
from scraper.parsing.status import status_of
from scraper.platforms.detection_signs import first_sign, scripts_of
from scraper.platforms.own_pictures import own_pictures
from scraper.platforms.pagination import from_sitemap_or_lists, links
from scraper.platforms.part_selectors import mark_of, text_in
from scraper.platforms.script_data import objects_after
from scraper.reading.sale_marks import mark_in

_SIGNS = (
    (
        "script[src*='.shop-pro.jp/'], link[href*='.shop-pro.jp/']",
        "it loads Color Me Shop's files",
    ),
)
_PICTURES = (("img[src*='.shop-pro.jp/PA']", "it shows pictures of Color Me Shop's"),)
_ITEM = r"^/\?(?:.*&)?pid=\d+"
_LIST = re.compile(r"[?&]mode=(?:cate|grp|srh)\b")
_DESCRIPTIONS = (
    ".p-product-body__description",
    ".product_description, .product-description, .product_explain, .product-explain",
)
_ASSIGNED = re.compile(r"\bColorme\s*=\s*(?=\{)")


class ColorMe(Platform):
    name = "color_me"
    unverified = "pages of shops; known are the data that every page carries for its scripts"

    def recognise(self, document: Document) -> Recognition | None:
        if _ASSIGNED.search(scripts_of(document)):
            return Recognition("its scripts carry Color Me Shop's object")
        return first_sign(document, _SIGNS) or first_sign(document, _PICTURES, is_sure=False)

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        return from_sitemap_or_lists(dealer, fetcher, _ITEM, onward=_lists)

    def read_data(self, document: Document) -> Reading | None:
        for block in objects_after(document, _ASSIGNED, holding="Colorme"):
            product = block.get("product")
            if isinstance(product, dict) and str(product.get("id")) == _number(document.url):
                return _product(product)
        return None

    def read(self, document: Document, dealer: Dealer, data: Reading | None) -> Markup | None:
        if data is None:
            return None
        gallery = own_pictures(
            document,
            rf"{_number(document.url)}(?:_\w+)?\.\w{{3,4}}$",
            any_item=r"\d+(?:_\w+)?\.",
            smaller=r"_th\.",
        )
        status = _status(document) if data.out_of_stock is None else None
        description = text_in(document, _DESCRIPTIONS)
        return Markup(replace(data, status=status, description=description), gallery)

    def same_item(self, url: str) -> str:
        number = _number(url)
        if number is None:
            return url
        return urlunsplit(urlsplit(url)._replace(query=f"pid={number}"))


def _status(document: Document) -> Status | None:
    """Return what the page says of an item whose stock is not counted; a kind that is sold out
    stands in a table of kinds.
    """
    for button in document.all("form[name=product_form] [disabled], .stock_error"):
        if (stated := status_of(mark_of(document, button))) is not None:
            return stated
    for table in document.all("table, [class*=price-table], [class*=option-table]"):
        if not table.decomposed and table.select_one("h1, form") is None:
            table.decompose()
    return mark_in(document)


def _number(url: str) -> str | None:
    try:
        found = parse_qs(urlsplit(url).query).get("pid", [""])[0]
    except ValueError:
        return None
    return found if found.isdigit() else None


def _lists(document: Document) -> list[str]:
    return [url for url in links(document) if _LIST.search(url) and "pid=" not in url]


def _product(product: Mapping[str, Any]) -> Reading:
    kinds = [kind for kind in product.get("variants") or () if isinstance(kind, dict)]
    stocks = [kind.get("stock_num") for kind in kinds] or [product.get("stock_num")]
    counted = [count for count in stocks if isinstance(count, int)]
    return Reading(
        title=text_of_html(str(product.get("name") or "")) or None,
        price=_price(product, kinds),
        out_of_stock=not any(counted) if len(counted) == len(stocks) else None,
        sku=str(product["model_number"]) if product.get("model_number") else None,
    )


def _price(product: Mapping[str, Any], kinds: list[dict[str, Any]]) -> Price | None:
    """Return the lowest price with tax."""
    stated = [kind.get("option_price_including_tax") for kind in kinds]
    stated.append(product.get("sales_price_including_tax"))
    amounts = [amount for value in stated if (amount := _amount(value)) is not None]
    above = [amount for amount in amounts if amount]
    if not amounts:
        return None
    return Price(min(above), "JPY", str(min(above))) if above else Price(None, "JPY", "0")


def _amount(value: Any) -> Decimal | None:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < 10**12 else None


PLATFORM = ColorMe()
