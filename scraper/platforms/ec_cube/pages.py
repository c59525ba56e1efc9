"""What an EC-CUBE page of version 2, 3 or 4 says about its item; it knows no shop and no address.

States stand in the item's own icons, in its button, or in the category
that the menu marks as this item's (`li.onmark`); never in the other entries of that menu.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urljoin, urlsplit

from bs4 import Tag

from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.errors import UnexpectedPageError
from scraper.pages.listing import Price
from scraper.pages.readings import Markup, Picture, Reading
from scraper.parsing.status import status_of
from scraper.reading.images import pictures_in

_TITLE = (
    ".ec-productRole__title",
    "#detail_description_box__name",
    "#item_detail .item_name",
    ".item_name",
    "#detailrightbloc h2",
    "#item_detail h3",
    "h2.title",
)
# The price asked today; the regular price beside it (price01) is not it.
_PRICE = (
    ".ec-productRole__price .ec-price",
    ".ec-productRole__price",
    "#detail_description_box__class_range_sale_price",
    "#detail_description_box__sale_price",
    ".sale_price .price02_default",
    ".price02_default",
    "#detailrightbloc dl.sale_price dd",
    "#detailrightbloc .sale_price",
    "#price02_default",
    "#detailrightbloc :not(.normal_price) > .price",
)
_LABELS = re.compile(r"販売価格|価格|税込|税抜|円|[\s¥￥:：()（）,.～〜~-]+")
_DESCRIPTION = (
    ".ec-productRole__description",
    "#detail_not_stock_box__description_detail",
    "#item_detail .item_comment",
    ".item_comment",
    "#detailrightbloc .main_comment",
    ".main_comment",
)
_ICONS = (
    ".ec-productRole__tags li, .ec-productRole__tag, #product_tag_box li, #product_tag_box span, "
    ".product_tag_list, "
    "ul.status_icon li, .status_icon img"
)
_BUTTONS = (
    ".ec-productRole .ec-blockBtn--action[disabled], .ec-productRole .soldout, "
    "#item_detail button[disabled], #detail_cart_box__button_area button[disabled], "
    "#detailarea .attention"
)
_GALLERIES = (
    ".ec-sliderItemRole .item_visual",
    ".ec-sliderItemRole",
    "#detail_image_box__slides, #detail_image_box",
    "#detailphotobloc, #detailphotoblock, .sub_area .subphotoimg",
    ".item_photo, .photo",
)
_CATEGORIES = (
    ".ec-productRole__category a",
    "#relative_category_box a",
    "#detailrightbloc .relative_cat a",
)
_CODES = (".product-code-default", "#item_code_default", "#detailrightbloc .product_code dd")


def read_menu_mark(document: Document) -> Reading:
    """Read the category that the menu marks as the item's, before menus are cut away.

    One shop's sold items are those in the category 売却済, which its menu names on every page.
    """
    links = document.all(
        "li.onmark > a[href*='category_id='], li.onmark > p > a[href*='category_id=']"
    )
    return Reading(status=status_of(" ".join(document.text_of(link) for link in links)))


def read_page(document: Document, dealer: Dealer, data: Reading | None) -> Markup:
    """Return what the cut page says, and its pictures in page order."""
    title = document.preferred(*_TITLE)
    price = document.preferred(*_PRICE)
    description = document.preferred(*_DESCRIPTION)
    marks = [f"{tag.get('alt') or ''} {document.text_of(tag)}" for tag in document.all(_ICONS)]
    marks += [str(image.get("alt") or "") for image in document.all("ul.status_icon img[alt]")]
    marks += [document.text_of(tag) for tag in document.all(_BUTTONS)]
    code = document.preferred(*_CODES)
    categories = [document.text_of(link) for link in document.all(", ".join(_CATEGORIES))]
    return Markup(
        Reading(
            title=document.text_of(title).replace("\n", " ") if title is not None else None,
            price=_price(document, dealer, price) if price is not None else None,
            description=document.text_of(description) or None if description is not None else None,
            status=status_of(" / ".join(marks)) or (data or Reading()).status,
            categories=tuple(dict.fromkeys(name for name in categories if name)) or None,
            sku=document.text_of(code) or None if code is not None else None,
        ),
        _gallery(document),
    )


def _price(document: Document, dealer: Dealer, field: Tag) -> Price:
    """Read the price field. Raises UnexpectedPageError where only its label is left in it."""
    text = document.text_of(field)
    if not _LABELS.sub("", text):
        raise UnexpectedPageError(document.url, _PRICE[0], "an amount or a word in it", 0)
    return dealer.price(text)


def _gallery(document: Document) -> tuple[Picture, ...] | None:
    for selector in _GALLERIES:
        if scope := document.all(selector):
            found = pictures_in(document, scope)
            return tuple(Picture(_whole(p.url), p.stated) for p in found)
    return None


def _whole(url: str) -> str:
    """Return the upload behind version 2's `resize_image.php?image=NAME&width=…`."""
    parts = urlsplit(url)
    name = parse_qs(parts.query).get("image", [""])[0]
    if parts.path.endswith("/resize_image.php") and name and "/" not in name:
        return urljoin(url, f"upload/save_image/{name}")
    return url
