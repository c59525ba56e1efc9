"""The words around amounts: which make one the price, which make it something else."""

from __future__ import annotations

import re

CURRENCIES = {
    "JPY": "JPY",
    "円": "JPY",
    "圓": "JPY",
    "YEN": "JPY",
    "USD": "USD",
    "US$": "USD",
    "EUR": "EUR",
    "€": "EUR",
    "EURO": "EUR",
    "EUROS": "EUR",
    "GBP": "GBP",
    "£": "GBP",
    "AUD": "AUD",
    "A$": "AUD",
    "AU$": "AUD",
    "CAD": "CAD",
    "C$": "CAD",
    "CA$": "CAD",
    "NZD": "NZD",
    "NZ$": "NZD",
    "HKD": "HKD",
    "HK$": "HKD",
    "SGD": "SGD",
    "S$": "SGD",
    "TWD": "TWD",
    "NT$": "TWD",
    "MXN": "MXN",
    "MX$": "MXN",
    "CHF": "CHF",
    "CNY": "CNY",
    "RMB": "CNY",
    "KRW": "KRW",
    "SEK": "SEK",
    "NOK": "NOK",
    "DKK": "DKK",
}

CATALOGUE_NUMBER = re.compile(
    r"(?:(?<![A-Za-z])(?:(?:ordering|order|stock|item|catalogue|catalog|product|lot|ref(?:erence)?|model|code|sku|tel|phone|fax)"
    r"\s?(?:number|no|code|id)?|no|nr|№|serial)\.?|#|番号|品番|商品コード|管理番号|電話)\s?[.:：#]?\s?"
    r"(?=[A-Za-z\-]{0,6}\d)(?!\s?(?:JPY|USD|EUR|GBP|AUD|CAD))[A-Za-z\-]{0,6}\d[\d\-]*(?![\d,.]*\d)",
    re.IGNORECASE,
)

# These anywhere before the amount: it is not what the item costs.
_NEVER = r"bid|bids|bidding|estimate|estimated|入札|落札|開始価格|予想価格|評価額|参考価格"
# These only directly before it: "送料無料 650,000円" is a price, "送料 1,200円" is not.
_FEE = (
    r"shipping(?:\s(?:fee|cost|costs))?|postage|delivery|insurance|deposit|handling|sales "
    r"tax|consumption tax|tax|vat|save|savings|discount"
    r"|you save|送料|手数料|消費税|頭金|手付金?|割引|値引き?|月々|登録料|審査料|代引"
)
FRONT_IS_NO_PRICE = re.compile(
    rf"(?<![a-z])(?:{_NEVER})(?![a-z])|(?:^|[\s(（、,/+]|(?<=[^\x00-\x7f]))(?:{_FEE})\s?(?:is|of|は)?\s?[:：+約]?\s*$",
    re.IGNORECASE,
)
BEHIND_IS_NO_PRICE = re.compile(
    r"[\s(]*(?:off(?![a-z])|discount|引き|割引|値引|(?:shipping|postage)(?!\s?(?:included"
    r"|free|incl|[:：]|[¥$€£\d]))|bid|per month|/\s?(?:mo|月)|分割|回払|の送料|ポイント"
    r"|points|pt(?![a-z]))",
    re.IGNORECASE,
)
# Directly before its amount: "Sale! ¥300,000 ¥250,000" does not say which of the two is meant.
IS_NOW = re.compile(
    r"(?:(?<![a-z])(?:now|current price|sale price|sale|special price|(?:price )?reduced(?: to)?"
    r"|buy it now)|現在の価格|現在価格|セール価格|特価|特別価格|値下げ|即決|販売価格)"
    r"(?:\s(?:is|only|just|at|for))?[\s:：は(（]*$",
    re.IGNORECASE,
)
# Behind it: "¥1,200,000 → ¥1,000,000" is a reduction.
BECAME = re.compile(r"\s*(?:→|⇒|->|=>)\s*(?:[¥$€£]|\d|[A-Z]{3}\b)")
WAS = re.compile(
    r"(?<![a-z])(?:was|were|original price|originally|before|old price|previous(?:ly)?|rrp"
    r"|msrp)(?![a-z])|元の価格|旧価格|当初価格",
    re.IGNORECASE,
)
IS_REGULAR = re.compile(
    r"(?<![a-z])(?:regular price|regular|list price)(?![a-z])|通常価格|定価", re.IGNORECASE
)
TAX_INCLUDED = re.compile(
    r"[\s(（]*(?:税込み?|内税|tax[ -]?incl|incl(?:uding|\.)? tax|tax included|inc\.? "
    r"gst)(?!\s?[:：]?\s?[¥$€£\d])",
    re.IGNORECASE,
)
RANGE_DASH = re.compile(r"[-–—~〜～]|to|から|through", re.IGNORECASE)

# A number without a currency is a price only where nothing else is said about it.
_LABEL = (
    r"price|our price|sale price|selling price|販売価格|価格|本体価格|値段|お値段|代金|金額"
    r"|特価|定価|現在の価格|通常価格"
    r"|税込み?|税抜き?|税別|内税|tax|included|incl|excluded|only|now|sale|sold|hold|on hold"
    r"|reserved|out of stock|available|in stock"
    r"|売約済み?|売却済み?|商談中|在庫切れ|ご成約|送料込み?|送料無料|shipping included|free "
    r"shipping"
)
PLAIN_WORDS = re.compile(
    rf"(?:[\s:：.,\-()（）/|*・!]|(?<![a-z])(?:{_LABEL})(?![a-z]))*+", re.IGNORECASE
)
# What may stand before the amount of a line that states a price, beside a remark in brackets.
BEFORE_PRICE = re.compile(
    rf"(?<![a-z])(?:{_LABEL}|{_NEVER}|starting|asking|ask|in|is|reduced|reduced to|buy it now"
    r"|was|special|regular|list|current|original|特別|セール|ご?奉仕|会員|販売|送料|約|金)(?![a-z])",
    re.IGNORECASE,
)
LABEL_LINE = re.compile(
    rf"(?=.{{1,40}}$)(?:[\s:：.(){{}}-]|starting|current|winning|minimum|next|is|it|(?:{_NEVER})|(?:{_FEE})|was|now|originally|original"
    rf"|before|元の価格|旧価格|buy|(?:{_LABEL}))*+",
    re.IGNORECASE,
)
TAX_LABEL = re.compile(
    r"(?:税込み?|内税|tax included|incl\.? tax)(?:価格)?\s?[:：]?\s*$", re.IGNORECASE
)
TAX_EXCLUDED = re.compile(
    r"(?:税抜き?|税別|本体|tax excluded|excl\.? tax)(?:価格)?\s?[:：]?\s*$", re.IGNORECASE
)
MINUS = re.compile(r"(?:^|\s)[-−▲]$")  # a discount: "-¥5,000"
