"""Aoi Art (葵美術): WordPress pages with a hand-made text block and pictures under /img/; it
knows no other shop.

Checked against: the stored text of six items and five archive pages, and real picture addresses.
The markup was not
seen, so title, price and sizes are read from lines, and a page without its price line is refused.
"""

from __future__ import annotations

import re

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import Document
from scraper.pages.errors import UnexpectedPageError
from scraper.pages.item_address import canonical_url
from scraper.pages.listing import Price, Status
from scraper.pages.readings import Reading
from scraper.parsing.item_type import item_type_of
from scraper.parsing.status import status_of
from scraper.platforms import PLATFORMS
from scraper.reading.dealer_markup import read_by_selectors
from scraper.reading.page_lines import cut_from, own_lines, price_in
from scraper.reading.sale_marks import mark_in

_OTHER_ITEMS = re.compile(r"(?:simi\w*|related)\b.{0,40}", re.IGNORECASE)
_OWN_PICTURES = re.compile(r"/img/(?:sword|fittings)/\d{4}/", re.IGNORECASE)
_NUMBER_IN_NAME = re.compile(r"/(F?\d{5})[^/]*$", re.IGNORECASE)
_ORDERING_NUMBER = re.compile(r"Ordering number\s*:?\s*(F?\d{5})\b", re.IGNORECASE)
_AUCTIONED = re.compile(r".{0,40}\bsold at (?:our |the )?auction\b.{0,20}", re.IGNORECASE)
_BLOCK = re.compile(
    r"(?:Ordering number|Signature|Inscription|Habaki|Blade length|Length|Sori|Curvature|Mekugi"
    r"|Peg hole|Weight|Era|Jidai|Shape|Jigane|Jitetsu|Hamon|Special feature)\b",
    re.IGNORECASE,
)
_HOSTS: dict[str, str | None] = {
    "aoijapan.com": "www.aoijapan.com",
    "aoijapan.net": "www.aoijapan.net",
    "aoijapan.jp": "www.aoijapan.jp",
}


class AoiArt(DealerSite):
    """The shop on aoijapan.com and its archive on aoijapan.net, where nothing is for sale any
    more."""

    def canonical_url(self, url: str) -> str:
        """Fold www, http and the slash; shop and archive stay different, a numeric tail (-2) is
        another item."""
        hosts = _HOSTS | dict.fromkeys(self.host_aliases, self.host)
        return canonical_url(url, scheme=self.scheme, host_aliases=hosts, trailing_slash=False)

    def read(self, document: Document) -> Reading:
        """Read the text block. Raises UnexpectedPageError where its price line is missing."""
        cut_from(document, _OTHER_ITEMS)
        lines = own_lines(document).split("\n")
        price = price_in(document, self, needs_label=True)
        auctioned = any(_AUCTIONED.fullmatch(line) for line in lines)
        if price is None and not auctioned:
            raise UnexpectedPageError(document.url, "line 'Price: …'", "at least 1 price line", 0)
        if not any(_BLOCK.match(line) for line in lines):
            raise UnexpectedPageError(
                document.url, "line 'Ordering number: …'", "the text block", 0
            )
        own_pictures = _own_pictures(document)
        _refuse_mixture(document, lines, own_pictures)
        fallback = read_by_selectors(self, document)
        return Reading(
            price=price or Price(None, self.currency, None),
            status=_status(document, price, auctioned=auctioned),
            images=own_pictures or fallback.images,
            description="\n".join(lines),
            item_type=_type_in_block(document, lines),
        )


def _status(document: Document, price: Price | None, *, auctioned: bool) -> Status | None:
    stated = status_of((price.raw if price else None) or "") or mark_in(document)
    return Status.SOLD if stated is None and auctioned else stated


def _own_pictures(document: Document) -> tuple[str, ...]:
    """Return the pictures of the /img/ tree in page order; a linked picture under the link's
    address."""
    found = []
    for tag in document.all("a[href], img"):
        link = tag.find_parent("a", href=_OWN_PICTURES) if tag.name == "img" else None
        if link is not None:
            continue
        url = document.absolute(str(tag.get("href") or tag.get("data-src") or tag.get("src") or ""))
        if url and _OWN_PICTURES.search(url):
            found.append(url)
    return tuple(dict.fromkeys(found))


def _refuse_mixture(document: Document, lines: list[str], pictures: tuple[str, ...]) -> None:
    """Raise where pictures carry two ordering numbers, or not the page's: another item's are
    among them."""
    found_in = [(_NUMBER_IN_NAME.search(url), url) for url in pictures]
    numbers = {found[1].upper() if found else url for found, url in found_in}
    stated = [found[1].upper() for line in lines if (found := _ORDERING_NUMBER.match(line))]
    if pictures and stated:
        numbers.add(stated[0])
    if len(numbers) > 1:
        raise UnexpectedPageError(
            document.url, "/img/…/<ordering number>", "pictures of exactly 1 item", len(numbers)
        )


def _type_in_block(document: Document, lines: list[str]) -> str | None:
    """Return the type that the heading names, else the line under it ("Wakizashi in Shirasaya
    (…)")."""
    heading = document.first("h1")
    if heading is not None and (named := item_type_of(heading.get_text(" ", strip=True))):
        return named
    for line in lines[:8]:
        if ":" not in line and len(line) <= 120 and (named := item_type_of(line)):
            return named
    return None


DEALER = AoiArt(
    name="Aoi Art",
    name_ja="葵美術",
    domain="aoijapan.com",
    catalog_url="https://www.aoijapan.com/",
    platform=PLATFORMS["wordpress"],
    country="JP",
    currency="JPY",
    host="www.aoijapan.com",
    host_aliases=("aoijapan.com",),
    archive_hosts=("aoijapan.net", "www.aoijapan.net"),
    # What of its lists the front page links; only /katana/ was ever seen.
    catalogue_pattern=r"/(?:category/[^?]+|katana|wakizashi|tanto|tachi|tsuba|menuki|kozuka|armor)/?$",
    product_pattern=r"^/[^/?]+$",
    excluded_pages=(
        r"^/(?:contact|how-to-order|shopping-guide|katana|wakizashi|tanto|tachi|tsuba|menuki|kozuka|armor)$",
        r"^/(?:category|tag|author|page|feed|wp-[a-z]+)(?:/|$)",
        r"^/\?p=",  # the owner's column
    ),
    image_selectors=(".woocommerce-product-gallery", ".entry-content", ".product, article"),
    excluded_images=(r"/Tsuruta\.gif$",),  # the owner's portrait stood in 272 listings
    max_images=20,
    dealer_layer_first=frozenset({"price", "status", "images"}),
    shop_names=("Japanese Sword Shop Aoi-Art", "Aoi-Art", "Aoi Art", "葵美術"),
)
