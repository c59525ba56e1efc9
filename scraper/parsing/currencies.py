"""Which currency a sign or a code names; it knows signs, no amounts and no shops.

The codes and national signs are price-parser's own table. A sign of several currencies names none
by itself: the dealer's own decides, where it is one of them.
"""

from __future__ import annotations

import re
from collections import defaultdict

from price_parser._currencies import CURRENCIES as _TABLE

from scraper.parsing.text import one_of

_WORDS_OF_TEXTS = frozenset(
    ("ALL", "TOP", "CUP", "PEN", "SOS", "GEL", "BOB", "MOP", "BAM", "AMD", "MAD", "LAK")
)
CODES = frozenset(code for code in _TABLE if re.fullmatch("[A-Z]{3}", code)) - _WORDS_OF_TEXTS
_EVERYDAY = frozenset(  # also in small letters
    (
        *("JPY", "USD", "EUR", "GBP", "AUD", "CAD", "NZD", "HKD", "SGD", "CHF", "CNY", "RMB"),
        *("KRW", "TWD", "SEK", "NOK", "DKK", "MXN", "BRL", "PLN", "CZK"),
    )
)
_NAMED = {
    "円": "JPY",
    "圓": "JPY",
    "YEN": "JPY",
    "JP¥": "JPY",
    "EURO": "EUR",
    "EUROS": "EUR",
    "RMB": "CNY",
    "CN¥": "CNY",
    "人民元": "CNY",
    "元": "CNY",
    "원": "KRW",
    "US$": "USD",
    "U.S.$": "USD",
    "A$": "AUD",
    "AU$": "AUD",
    "C$": "CAD",
    "CA$": "CAD",
    "CAN$": "CAD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "S$": "SGD",
    "NT$": "TWD",
    "MX$": "MXN",
    "R$": "BRL",
    "€": "EUR",
    "£": "GBP",
    "ZŁ": "PLN",
    "KČ": "CZK",
    "РУБ": "RUB",
    "РУБЛЕЙ": "RUB",
    "₽": "RUB",
    "₩": "KRW",
    "₱": "PHP",
    "₹": "INR",
    "₨": "INR",
    "ГРН": "UAH",
    "ЛВ": "BGN",
    "LEI": "RON",
    "RP": "IDR",
    "RM": "MYR",
    "FR": "CHF",
    "SFR": "CHF",
}
_DOLLARS = frozenset(code for code in _TABLE if code.endswith("D") and code not in ("AMD", "SDD"))
_RUPEES = frozenset(("INR", "PKR", "LKR", "NPR", "MUR", "SCR"))
_SEVERAL: dict[str, tuple[frozenset[str], str | None]] = {  # sign: whose, and the usual one
    "$": (_DOLLARS | {"MXN", "ARS", "CLP", "COP"}, "USD"),
    "¥": (frozenset(("JPY", "CNY")), "JPY"),
    "£": (frozenset(("GBP", "EGP", "LBP", "SYP", "GIP", "FKP")), "GBP"),
    "元": (frozenset(("CNY", "TWD", "HKD", "MOP")), "CNY"),
    "KR": (frozenset(("SEK", "NOK", "DKK", "ISK")), None),
    "RS": (_RUPEES, "INR"),
    "RS.": (_RUPEES, "INR"),
    "₨": (_RUPEES, "INR"),
}


def _signs() -> dict[str, str]:
    """Return every sign of the table that only one currency has, beside those named above."""
    whose: dict[str, set[str]] = defaultdict(set)
    for code, currency in _TABLE.items():
        for sign in (currency["s"], currency["sn"], *currency.get("sn2", ())):
            whose[sign.strip().upper()].add(code)
    known = {sign: codes for sign, codes in whose.items() if len(codes) == 1}
    unlike_words = {
        sign: next(iter(codes))
        for sign, codes in known.items()
        if re.fullmatch(r"[^\w\s.,\-/%#&*+'\"()]|[A-Z]{1,3}\$", sign) and sign not in _SEVERAL
    }
    return {**unlike_words, **_NAMED}


_SIGNS = _signs()
_BEFORE_DOLLAR = sorted({sign[:-1] for sign in _SIGNS if re.fullmatch(r"[A-Z.]+\$", sign)}, key=len)
_DRAWN = [sign for sign in _SIGNS if not re.search(r"[^\W\d_]", sign)]

SIGN = rf"(?:(?<![A-Za-z])(?i:{one_of(_BEFORE_DOLLAR)})\$|(?i:JP|CN)¥|\$|¥|{one_of(_DRAWN)})"
SIGN_BEHIND = rf"(?:円|圓|人民元|元|원|{SIGN})"
CODE = (
    rf"(?:(?i:{one_of(_EVERYDAY)}|yen|euros?|kr|zł|kč|руб(?:лей)?|грн|лв|lei)"
    rf"|{one_of(CODES - _EVERYDAY)}|Rp|RM|SFr|Fr|Rs)"
)
IN_LAKHS = frozenset(("INR", "PKR", "NPR", "LKR", "BDT"))
"""Whose amounts may be spelled 1,45,000: the first three digits together, then by two."""
WITHOUT_CENTS = frozenset(("JPY", "KRW", "VND", "CLP", "ISK"))


def code_of(sign: str, dealers: str | None) -> str | None:
    """Return the currency that a sign or code names, None for a sign of several that the dealer's
    own does not decide.
    """
    plain = sign.strip().upper()
    if plain in _SEVERAL:
        whose, usual = _SEVERAL[plain]
        return dealers if dealers in whose else usual
    if plain in _SIGNS:
        return _SIGNS[plain]
    return plain if plain in CODES else None


def is_ambiguous(sign: str) -> bool:
    """Say whether a sign may mean several currencies."""
    return sign.strip().upper() in _SEVERAL
