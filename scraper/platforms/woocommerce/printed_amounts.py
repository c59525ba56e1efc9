"""The amounts that WooCommerce prints into a price element; it knows no page around it."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from bs4 import NavigableString, Tag

from scraper.parsing.currencies import code_of
from scraper.parsing.text import fold_width

_TAX = re.compile(r"税|本体|\b(?:tax|vat|gst|mwst|ust|tva|iva)\b", re.IGNORECASE)
_BEFORE_TAX = re.compile(
    r"税抜|税別|本体|\bexcl|\bexkl|\bex\.? ?(?:vat|tax|gst)|\bnett?o?\b|\bhors tax|\bohne mwst|"
    r"\b(?:plus|zzgl\.?) (?:vat|tax|mwst)",
    re.IGNORECASE,
)


def amounts_in(tag: Tag, currency: str | None) -> list[tuple[Decimal, str | None, str]]:
    """Return the current amounts of a price element; struck-out and spoken ones are not current."""
    chosen = tag.select("ins .amount, ins.amount") or [
        amount
        for amount in tag.select(
            ".amount, .wc-block-components-product-price__value, .wc-block-formatted-money-amount"
        )
        if amount.find_parent("del") is None
        and amount.find_parent(class_="screen-reader-text") is None
        and amount.find_parent(class_="woocommerce-price-suffix") is None
    ]
    outer = [
        a for a in chosen if not any(other is not a and other in a.parents for other in chosen)
    ]
    current = _with_tax(tag, outer)
    return [read for amount in current if (read := _amount(amount, currency)) is not None]


def _with_tax(tag: Tag, amounts: list[Tag]) -> list[Tag]:
    """Leave out what is said to be before tax, where the price is printed with and without it.

    The words stand behind each amount, or before each one.
    """
    words = [""]
    for node in tag.descendants:
        if any(node is amount for amount in amounts):
            words.append("")
        elif isinstance(node, NavigableString) and not any(a in node.parents for a in amounts):
            words[-1] += node
    labels = words[:-1] if _TAX.search(words[0]) else words[1:]
    pairs = zip(amounts, labels, strict=True)
    return [amount for amount, label in pairs if not _BEFORE_TAX.search(label)] or amounts


def _amount(tag: Tag, currency: str | None) -> tuple[Decimal, str | None, str] | None:
    raw = tag.get_text("", strip=True)
    symbol_tag = tag.select_one(".woocommerce-Price-currencySymbol")
    symbol = (
        symbol_tag.get_text(strip=True)
        if symbol_tag is not None
        else re.sub(r"[\d.,'\s\u00a0\-]", "", raw)
    )
    value = number_of(raw.replace(symbol, " ") if symbol else raw)
    if value is None:
        return None
    return value, _currency(symbol, currency), raw


def _currency(symbol: str, currency: str | None) -> str | None:
    """A bare "$" or "¥" may be several currencies: the shop's own one wins where it is one of
    them.
    """
    sign = fold_width(symbol).strip()
    return code_of(sign, currency) or code_of(sign.rstrip("."), currency) or currency


def number_of(text: str) -> Decimal | None:
    """Read one shop-formatted number: the last separator is the decimal one only before one or
    two digits.
    """
    match = re.search(r"[0-9][0-9.,'’\s\u00a0]*", fold_width(text))
    if match is None:
        return None
    digits = re.sub(r"[\s\u00a0'’]", "", match[0]).rstrip(".,")
    decimal = re.fullmatch(r"(\d[\d.,]*)[.,](\d{1,2})", digits)
    plain = (
        f"{re.sub(r'[.,]', '', decimal[1])}.{decimal[2]}"
        if decimal
        else re.sub(r"[.,]", "", digits)
    )
    try:
        return Decimal(plain)
    except InvalidOperation:
        return None
