"""Touken Komachi (刀剣小町): hand-made static pages, `&` in their names; it knows no other shop.

Checked against: the stored text of one English page, one Japanese address, eight real titles.
Pictures, price line and
sold mark were not seen: prices and marks are read from lines, and a page without a price line is
refused.
"""

from __future__ import annotations

import re

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import Document
from scraper.pages.readings import Reading
from scraper.platforms import PLATFORMS
from scraper.reading.dealer_markup import read_by_selectors
from scraper.reading.page_lines import own_lines, sale_in

# index_en_tachi&katana_A050818.html, index_ja_tachi&katanaA040820.html; the folder does not tell
# the type.
_ITEM_PAGE = re.compile(r"/index_(?P<language>ja|en)_[^/]*?_?(?P<code>[A-Z]\d{6})\.html?$")

_IDENTITY_LANGUAGE = "ja"  # the language of all real titles


class ToukenKomachi(DealerSite):
    """Each item has a Japanese and an English page; one language is the listing, the other its
    twin."""

    def item_code(self, url: str) -> str | None:
        """Return the code that an item's two pages share (A050818), None for other pages."""
        found = _ITEM_PAGE.search(self.canonical_url(url))
        return found["code"] if found else None

    def is_main_page(self, url: str) -> bool:
        """Prefer the identity language; an item that only the other one shows is not missed."""
        found = _ITEM_PAGE.search(self.canonical_url(url))
        return found is not None and found["language"] == _IDENTITY_LANGUAGE

    def is_item_url(self, url: str) -> bool | None:
        """The file's name tells items from all other pages."""
        return self.item_code(url) is not None

    def read(self, document: Document) -> Reading:
        """Read by lines. Raises UnexpectedPageError where none speaks of a price or a sale."""
        price, status = sale_in(document, self, needs_label=False)
        return Reading(
            title=document.title if self.clean_title(document.title) else None,
            price=price,
            status=status,
            images=read_by_selectors(self, document).images,
            description=own_lines(document),
        )


DEALER = ToukenKomachi(
    name="Touken Komachi",
    name_ja="刀剣小町",
    domain="toukenkomachi.com",
    catalog_url="https://www.toukenkomachi.com/",
    platform=PLATFORMS["static"],
    country="JP",
    currency="JPY",
    host="www.toukenkomachi.com",
    host_aliases=("toukenkomachi.com",),
    catalogue_pattern=r"/index_(?:ja|en)[^/]*\.html?$",
    product_pattern=r"/index_(?:ja|en)_[^/]*?_?[A-Z]\d{6}\.html?$",
    excluded_pages=(r"tokuteisyoutorihiki", r"^/script/"),
    decimal_comma=True,  # "Blade length 59,7cm", while prices write 660,000
    image_selectors=("body",),
    excluded_images=(
        r"[/_-](?:spacer|arrow|flag|line|bar|logo|back|home|top|btn|button|icon|bg|banner|menu)[^/]*\.\w+$",
        r"/(?:spacer|arrow|flag)[^/]*$",
    ),
    dealer_layer_first=frozenset({"title", "price", "images"}),
    shop_names=("刀剣小町", "Touken Komachi", "TOUKEN KOMACHI"),
)
