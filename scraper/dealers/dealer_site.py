"""A dealer's site whose hooks read like most shops; it knows no shop and fetches nothing."""

from __future__ import annotations

from dataclasses import dataclass

from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.listing import Measurements, Price
from scraper.pages.readings import Reading
from scraper.parsing.item_type import item_type_of
from scraper.parsing.measurements import parse_measurements
from scraper.parsing.price import parse_price
from scraper.parsing.title import clean_title
from scraper.reading.dealer_markup import read_by_selectors


@dataclass(frozen=True)
class DealerSite(Dealer):
    """A dealer's site as data; subclass it only to override a hook."""

    def read(self, document: Document) -> Reading:
        return read_by_selectors(self, document)

    def clean_title(self, title: str) -> str:
        return clean_title(title, shop_names=self.shop_names)

    def item_type(self, title: str, categories: tuple[str, ...], url: str) -> str | None:
        return item_type_of(title, categories=categories)

    def price(self, text: str) -> Price:
        return parse_price(text, currency=self.currency)

    def measurements(self, text: str) -> Measurements:
        return parse_measurements(text, decimal_comma=self.decimal_comma)
