"""Yushindou (勇進堂): a shop of which only titles and prices are known; it knows no other shop.

Checked against: eleven real titles and prices, nothing else. Platform, addresses, pictures and
marks are unknown: the
platform is detected, prices and marks are read from lines, and a page without stock code or price
line is refused.
"""

from __future__ import annotations

import re

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import Document
from scraper.pages.errors import UnexpectedPageError
from scraper.pages.readings import Reading
from scraper.reading.page_lines import sale_in

_STOCK_CODE = re.compile(
    r"(?:【[^】]{1,20}】\s?)?\d{2}-\d{4}(?!\d)"
)  # 01-3193: katana; 02-: wakizashi and tanto
_HEADINGS = "h1, h2, h3, .product_title, .entry-title"


class Yushindou(DealerSite):
    """Titles run: stock code, 【paper】, Japanese and romaji without blanks, and the type last."""

    def read(self, document: Document) -> Reading:
        """Read by lines. Raises UnexpectedPageError without a title that opens with a stock code,
        and where no line speaks of a price or a sale."""
        title = self._title(document)
        price, status = sale_in(document, self, needs_label=False)
        return Reading(title=title, price=price, status=status)

    def _title(self, document: Document) -> str:
        texts = [tag.get_text(" ", strip=True) for tag in document.all(_HEADINGS)]
        coded = [text for text in [*texts, document.title] if _STOCK_CODE.match(text)]
        if not coded:
            raise UnexpectedPageError(
                document.url, _HEADINGS, "a title that begins with a stock code NN-NNNN", 0
            )
        return coded[0]


DEALER = Yushindou(
    name="Yushindou",
    name_ja="勇進堂",
    domain="yushindou.com",
    catalog_url="https://yushindou.com/",
    country="JP",
    currency="JPY",
    host="yushindou.com",
    host_aliases=("www.yushindou.com",),
    dealer_layer_first=frozenset({"title", "price"}),
    shop_names=("勇進堂", "株式会社 勇進堂", "Yushindou"),
)
