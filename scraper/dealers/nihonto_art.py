"""Nihonto Art: WordPress in English with the dollar sign behind the number; it knows no other shop.

Checked against: real prices ("4,250$") and two real picture addresses. Shop plugin, item
addresses and markup were not
seen: prices and marks are read from lines, and two different prices on a page are refused. Not
nihonart.com,
nihonto.art, nihonto.com or nihonto.com.au: hosts are compared whole.
"""

from __future__ import annotations

import re
from dataclasses import replace

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import Document
from scraper.pages.readings import Reading
from scraper.parsing.status import status_of
from scraper.platforms import PLATFORMS
from scraper.reading.dealer_markup import read_by_selectors
from scraper.reading.page_lines import price_in
from scraper.reading.sale_marks import mark_in

_DISCLAIMER = re.compile(
    r"\*{2,}[^*]{0,400}\*{2,}|\*{2,}"
)  # about the video, between rows of stars


class NihontoArt(DealerSite):
    """Sold pieces stay on line, mostly without their price; no price alone is an inquiry, never a
    reservation."""

    def read(self, document: Document) -> Reading:
        """Read by lines; silence about the price is an inquiry here."""
        reading = read_by_selectors(self, document)
        price = price_in(document, self, needs_label=False)
        text = "\n".join(
            line
            for line in _DISCLAIMER.sub("", reading.description or "").split("\n")
            if line.strip()
        )
        return replace(
            reading,
            price=price,
            status=status_of((price.raw if price else None) or "") or mark_in(document),
            description=text or None,
        )


DEALER = NihontoArt(
    name="Nihonto Art",
    domain="nihontoart.com",
    catalog_url="https://www.nihontoart.com/",
    platform=PLATFORMS["wordpress"],
    country="CA",  # its pages say Canada, an older record the USA
    currency="USD",
    host="www.nihontoart.com",
    host_aliases=("nihontoart.com",),  # pictures stand on the bare host and keep it
    excluded_pages=(
        r"^/(?:contact|collecting|about|cart|checkout|my-account|category|tag|author)(?:/|$)",
    ),
    description_selector=".entry-content, .product-description, "
    ".woocommerce-Tabs-panel--description",
    image_selectors=(".woocommerce-product-gallery", ".entry-content", "article", "main"),
    image_pattern=r"/wp-content/uploads/",
    excluded_images=(r"[/_-](?:logo|banner|header)[^/]*$",),
    dealer_layer_first=frozenset({"price", "status"}),
    shop_names=("Nihonto Art", "NihontoArt"),
)
