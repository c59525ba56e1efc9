"""BASE (thebase.in): Japanese hosted shops whose items stand under /items/NUMBER; it knows no shop.

Checked against: the public description of its template language, a public template, and programs
that read its shops: addresses, sitemap, Open Graph data and the service that scales its pictures.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from bs4 import Tag

from scraper.pages.catalogue import Catalogue
from scraper.pages.dealer import Dealer, Platform, Recognition
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.pages.listing import Price
from scraper.pages.readings import Markup, Picture, Reading
from scraper.platforms.detection_signs import first_sign
from scraper.platforms.pagination import from_sitemap_or_lists, links
from scraper.reading.images import pictures_in
from scraper.reading.page_lines import price_in
from scraper.reading.sale_marks import mark_in

_SIGNS = (
    (
        "script[src*='thebase.in'], link[href*='thebase.in'], "
        "script[src*='basefile.akamaized.net'], link[href*='basefile.akamaized.net'], "
        "meta[property='og:image'][content*='baseec-img-mng.akamaized.net']",
        "it loads BASE's files",
    ),
)
_PICTURES_SHOWN = (
    ("img[src*='baseec-img-mng.akamaized.net']", "it shows pictures of a shop of BASE's"),
)
_ITEM = r"/items/\d+$"
_LIST = re.compile(r"/(?:categories|load_items)/|[?&]page=\d+")
_PICTURES = "/images/item/"
_OUTER = ("body", "main", "article", "html")


class TheBase(Platform):
    name = "thebase"
    unverified = "pages of shops; sold is an item without its cart button, or marked SOLD OUT"

    def recognise(self, document: Document) -> Recognition | None:
        return first_sign(document, _SIGNS) or first_sign(document, _PICTURES_SHOWN, is_sure=False)

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        return from_sitemap_or_lists(dealer, fetcher, _ITEM, onward=_lists)

    def cut(self, document: Document) -> None:
        """Remove the tiles of other items: what links one item, and nothing else."""
        own = _number(document.url)
        for link in document.all("a[href*='/items/']"):
            number = None if link.decomposed else _number(str(link.get("href") or ""))
            if own and number and number != own:
                _tile_of(link, number).decompose()

    def read(self, document: Document, dealer: Dealer, data: Reading | None) -> Markup | None:
        if _number(document.url) is None:
            return None
        amount = _meta(document, "product:price:amount")
        price = dealer.price(f"¥{amount}") if amount else None
        if price is None:  # a template of the shop's own may leave its data out
            price = price_in(document, dealer, needs_label=False)
        return Markup(
            Reading(
                title=_title(document) or None,
                price=_in_yen(price, document),
                status=mark_in(document),
                out_of_stock=_out_of_stock(document),
                description=_meta(document, "og:description"),
            ),
            self._gallery(document),
        )

    def same_item(self, url: str) -> str:
        parts = urlsplit(url)
        return urlunsplit(parts._replace(query="")) if re.search(_ITEM, parts.path) else url

    def full_size(self, image_url: str) -> str:
        is_theirs = _PICTURES in image_url and "akamaized.net/" in image_url
        return image_url.partition("?")[0] if is_theirs else image_url

    def _gallery(self, document: Document) -> tuple[Picture, ...] | None:
        found = (self.full_size(p.url) for p in pictures_in(document, [document.soup]))
        urls = dict.fromkeys(url for url in found if _PICTURES in url)
        return tuple(Picture(url, True) for url in urls) or None


def _title(document: Document) -> str:
    """Return the element that the page's own name speaks of, else that name without the shop's: a
    template's headings may be the shop's name and its slogan.
    """
    named = _meta(document, "og:title") or document.title
    tags = document.all("h1, h2, h3, [class*=title], [class*=Title]")
    shown = (document.text_of(tag).replace("\n", " ") for tag in tags)
    whole = named.rpartition(" | ")[0] or named
    return next((text for text in shown if text and named.startswith(text)), whole)


def _out_of_stock(document: Document) -> bool | None:
    """Say whether the form that puts the item into the cart lacks its button, None for no form."""
    form = document.first("form#purchase_form, form[action*='/cart']")
    if form is None:
        return None
    buttons = form.select("[type=submit], [type=image], button, a, [onclick]")
    return not any(button.get("disabled") is None for button in buttons)


def _number(url: str) -> str | None:
    found = re.search(r"/items/(\d+)(?=$|[?#/])", url)
    return found[1] if found else None


def _lists(document: Document) -> list[str]:
    return [url for url in links(document) if _LIST.search(url) is not None]


def _tile_of(link: Tag, number: str) -> Tag:
    """Return the largest element around a link that links this item alone."""
    tile = link
    for parent in link.parents:
        linked = {_number(str(a["href"])) for a in parent.select("a[href*='/items/']")}
        if parent.name in _OUTER or linked != {number} or parent.select_one("h1, form"):
            break
        tile = parent
    return tile


def _in_yen(price: Price | None, document: Document) -> Price | None:
    if price is None:
        return None
    currency = _meta(document, "product:price:currency") or "JPY"
    return Price(price.value or None, currency, price.raw)


def _meta(document: Document, name: str) -> str | None:
    tag = document.first(f"meta[property='{name}'][content]")
    return str(tag["content"]).strip() or None if tag is not None else None


PLATFORM = TheBase()
