"""The words around amounts: which make one the price, which make it something else."""

from __future__ import annotations

import re

CATALOGUE_NUMBER = re.compile(
    r"(?:(?<![A-Za-z])(?:(?:ordering|order|stock|item|catalogue|catalog|product|lot|ref(?:erence)?|model|code|sku|tel|phone|fax)"
    r"\s?(?:number|no|code|id)?|no|nr|№|serial)\.?|#|番号|品番|商品コード|管理番号|電話)\s?[.:：#]?\s?"
    r"(?=[A-Za-z\-]{0,6}\d)(?!\s?(?:JPY|USD|EUR|GBP|AUD|CAD))[A-Za-z\-]{0,6}\d[\d\-]*(?![\d,.]*\d)",
    re.IGNORECASE,
)

# What shops call a price: the item's own, and (below) the one it had or has elsewhere.
PRICE_NAMES = (
    r"(?:税込み?|税抜き?|税別)?(?:販売|本体|セール|特別|会員|現金|商品)?価格|特価|お?値段|金額|お?代金"
    r"|(?:selling |sale |our |asking )?price"
    r"|(?:verkaufs|kauf|fest|end|sonder|angebots|brutto)?preis|prix(?: de vente| promo)?"
    r"|prezzo(?: di vendita)?|prec[ií]o(?: de venta)?|pre[çc]o|(?:verkoop)?prijs|pris|hinta|cena"
    r"|цена|售价|售價|价格|價格"
)
REGULAR_NAMES = (
    r"定価|通常価格|(?:list|regular) price|listenpreis|normalpreis|prix (?:normal|catalogue)"
    r"|prezzo di listino"
)
# These anywhere before the amount: it is not what the item costs.
_NEVER = (
    r"bid|bids|bidding|estimate|estimates|estimated|estimation|est\.|hammer(?: price)?|start price"
    r"|starting price|insurance value|gebot|mindestgebot|sch[aä]tzpreis|startpreis|mise [aà] prix"
    r"|入札|落札|開始価格|スタート価格|予想価格|予想落札|評価額|評価価格|査定|見積|参考価格|市場価格|相場"
    r"|買取|下取"
)
_VALUED = r"appraisal|appraised|valued(?: at)?"
# These only directly before it: "送料無料 650,000円" is a price, "送料 1,200円" is not.
_FEE = (
    r"(?:shipping|postage|delivery)(?:\s(?:&|and)\shandling)?(?:\s(?:fees?|costs?|charge))?"
    r"(?:\s(?:to|within|in|for)\s[a-z. ]{2,20}?)?|s\s?&\s?h|p\s?&\s?p|insurance|deposit|handling"
    r"|sales tax|consumption tax|tax|vat|save|savings|discount"
    r"|you save|save up to|orders?(?:\s(?:over|above|of|from|on))?|versand(?:kosten)?|porto"
    r"|(?:payments?|instal+ments?|raten)(?: (?:of|à|zu(?: je)?|von))?|mensualités de|rate da"
    r"|anzahlung|ersparnis|sie sparen|(?:frais de )?(?:livraison|port)|acompte"
    r"|(?:spese di )?spedizione|caparra|(?:gastos de )?env[ií]o|verzend(?:ing|kosten)|frete|frakt"
    r"|送料(?:は?(?:全国)?一律|別途)?|手数料|消費税(?:等|額)?|頭金|手付金?|割引|値引き?|月々|登録料|審査料"
    r"|代引|保険料|(?:ポイント)?還元|クーポン|会費|年会費|保証金"
)
FRONT_IS_NO_PRICE = re.compile(
    rf"(?<![a-z])(?:{_NEVER}|{_VALUED})(?![a-z])|(?:^|[\s(（、,/+]|(?<=[^\x00-\x7f]))(?:{_FEE})\s?(?:is|of|は)?\s?[:：+約]?\s*$",
    re.IGNORECASE,
)
BEHIND_IS_NO_PRICE = re.compile(
    r"[\s(]*(?:off(?![a-z])|discount|引き|割引|値引|以上|未満|以下|台|(?:shipping|postage|delivery)"
    r"(?!\s?(?:included|free|incl|[:：]|[¥$€£\d])|[^()]*[¥$€£]\s?\d)|(?:\d+ )?bids?(?![a-z])"
    r"|per (?:month|week|gram|kg|piece)|/\s?(?:mo|月|g|kg|week)(?![a-z])|分割(?![^()]*\d円)|回払"
    r"|の送料|送料(?=\s*(?:[)）]|$))|ポイント|points|pt(?![a-z]))",
    re.IGNORECASE,
)
# Directly before its amount: "Sale! ¥300,000 ¥250,000" does not say which of the two is meant.
IS_NOW = re.compile(
    r"(?:(?<![a-z])(?:now|current price|sale price|sale|special price|(?:price )?reduced(?: to)?"
    r"|buy it now|jetzt(?: nur)?|sonderpreis|angebotspreis|aktionspreis|maintenant|prix promo"
    r"|prezzo scontato|ahora)|現在の価格|現在価格|セール価格|特価|特別価格|値下げ|即決|販売価格)"
    r"(?:\s(?:is|only|just|at|for))?[\s:：は(（]*$",
    re.IGNORECASE,
)
# Behind it: "¥1,200,000 → ¥1,000,000" is a reduction.
BECAME = re.compile(r"\s*(?:→|⇒|->|=>)\s*(?:[¥$€£]|\d|[A-Z]{3}\b)")
WAS = re.compile(
    r"(?<![a-z])(?:was|were|original price|originally|before|old price|previous(?:ly)?|rrp"
    r"|msrp|statt|fr[uü]her|uvp|au lieu de|ancien prix|antes)(?![a-z])"
    r"|元の価格|旧価格|当初価格|値下げ前|改定前|以前の価格",
    re.IGNORECASE,
)
IS_REGULAR = re.compile(
    rf"(?<![a-z])(?:{REGULAR_NAMES}|regular)(?![a-z])|希望小売価格|メーカー価格",
    re.IGNORECASE,
)
_TAX = r"(?:tax|vat|gst|mwst|ust|tva|btw|moms)"
_GROSS = (
    rf"税込み?|内税|tax[ -]?incl|ttc(?![a-z])|(?:{_TAX}|iva) (?:included|incl|inclusa|incluido)"
    rf"|(?:incl(?:uding|usive|\.)?(?: of)?|inkl\.?|inc\.?) ?(?:\d+ ?% ?)?{_TAX}"
)
_NET = (
    rf"税抜き?|税別|本体|外税|{_TAX} (?:excluded|excl)|net(?:to)?(?![a-z])|\+ ?(?:{_TAX}|税)"
    r"|hors tax|ht(?![a-z])"
    rf"|(?:excl(?:uding|usive|\.)?(?: of)?|exkl\.?|exc?\.?|plus|zzgl\.?|ohne|before) ?{_TAX}"
)
# Not the label of the next amount: "350,000円 税込価格：385,000円".
_NO_LABEL = r"(?!(?:価格|金額|\sprice)?\s?[:：]?\s?[¥$€£\d])"
TAX_INCLUDED = re.compile(rf"[\s(（]*(?:{_GROSS}){_NO_LABEL}", re.IGNORECASE)
TAX_EXCLUDED_BEHIND = re.compile(rf"[\s(（]*(?:{_NET}){_NO_LABEL}", re.IGNORECASE)
TAX_PHRASE = re.compile(rf"{_GROSS}|{_NET}", re.IGNORECASE)
INCLUDED_TAX = re.compile(r"(?:incl(?:uding|\.)?|内|うち)\s*$", re.IGNORECASE)
IS_TAX = re.compile(r"\s?(?:in )?(?:sales |consumption )?(?:tax|vat|gst)(?! incl)", re.IGNORECASE)
RANGE_DASH = re.compile(r"[-–—~〜～]|to|から|より|through|bis|à|and|と", re.IGNORECASE)
# Before the first amount of a range whose currency stands behind the second.
BEFORE_RANGE = re.compile(
    r"(?:[\s:：()（]|(?<![a-z])(?:prices?|from|between|range|ab|von|de|starting at"
    r"|価格|値段|販売価格)(?![a-z]))*+",
    re.IGNORECASE,
)

# A number without a currency is a price only where nothing else is said about it.
_LABEL = (
    rf"{PRICE_NAMES}|{REGULAR_NAMES}|現在の価格"
    r"|税込み?|税抜き?|税別|内税|外税|tax|vat|gst|included|incl|inc|excluded|excl|only|now|from|sale"
    r"|sold|hold|on hold"
    r"|reserved|out of stock|available|in stock"
    r"|売約済み?|売却済み?|商談中|在庫切れ|ご成約|送料込み?|送料無料|shipping included|free "
    r"shipping|nur|inkl|zzgl|versand|verkauft|reserviert|seulement|solo|iva inclusa|vendu|venduta?"
)
PLAIN_WORDS = re.compile(
    rf"(?:[\s:：.,\-()（）/|*・!]|(?<![a-z])(?:{_LABEL})(?![a-z]))*+", re.IGNORECASE
)
# What may stand before the amount of a line that states a price, beside a remark in brackets.
BEFORE_PRICE = re.compile(
    rf"(?<![a-z])(?:{_LABEL}|{_NEVER}|starting|asking|ask|in|is|reduced|reduced to|buy it now"
    r"|was|special|regular|list|current|original|from|ab|特別|セール|ご?奉仕|会員|販売|送料|約|金)(?![a-z])",
    re.IGNORECASE,
)
LABEL_LINE = re.compile(
    rf"(?=.{{1,40}}$)(?:[\s:：.(){{}}-]|starting|current|winning|minimum|next|is|it|(?:{_NEVER})|(?:{_FEE})|was|now|originally|original"
    rf"|before|元の価格|旧価格|buy|(?:{_LABEL}))*+",
    re.IGNORECASE,
)
# "価格（税込）": the words stand in brackets behind.
_LABELLED = r"(?:価格|金額|値段|price|preis|prix)\s?[(\[【]"
TAX_LABEL = re.compile(
    rf"(?:{_LABELLED}(?:{_GROSS})[)\]】]|(?:{_GROSS})(?:価格|金額| price)?)\s?[:：]?\s*$",
    re.IGNORECASE,
)
TAX_EXCLUDED = re.compile(
    rf"(?:{_LABELLED}(?:{_NET})[)\]】]|(?:{_NET})(?:価格|金額| price)?)\s?[:：]?\s*$",
    re.IGNORECASE,
)
CARRIAGE_BEHIND = re.compile(
    r"(?:plus|\+|excl\.?|exc\.?|zzgl\.?|exkl\.?|incl\.?|inkl\.?|including|excluding|free|more)\s*"
    r"(?:shipping|postage|delivery|versand(?:kosten)?)|送料(?:別途?|込み?|無料)"
    r"|別途送料|shipping included",
    re.IGNORECASE,
)
MINUS = re.compile(r"(?:^|\s)[-−▲]$")  # a discount: "-¥5,000"
