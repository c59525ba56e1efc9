"""Which links of a page may lead to an item: forms, lists, pictures and the shop's own pages are
none. It knows words and addresses, and no dealer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bs4 import Tag

from scraper.parsing.item_type import item_type_of

_NOWHERE = re.compile(
    r"^(?:#|mailto:|tel:|javascript:|sms:|line:)|^$|\.(?:jpe?g|png|gif|webp|avif|tiff?|bmp)(?:$|\?)",
    re.IGNORECASE,
)
_WAY = re.compile(  # in an address: forms, lists, the shop's own pages
    r"contact|inquir|enquir|toiawase|otoiawase|cart|basket|checkout|login|account|favorite|wishlist"
    r"|share|tweet|facebook|twitter|instagram|pinterest|line\.me|guide|shipping|payment|privacy|about"
    r"|company|tokutei|law|faq|mail|form|order|index\.|/$|sitemap|top\.|category|list|news|blog|print",
    re.IGNORECASE,
)
_WAY_WORDS = re.compile(
    r"^\W*(?:(?:お|ご)?問い?合わ?せ|戻る|もどる|前の?(?:ページ|商品)?へ?|次の?(?:ページ|商品)?へ?|一覧|トップ|ホーム|カート|買い?物|購入"
    r"|注文|ご?予約|送料|お支払|配送|特定商|会社|店舗|アクセス|ログイン|会員|お気に入り|シェア|ツイート|印刷|拡大|画像|写真"
    r"|home|back|top|contact|inquir|enquir|ask|cart|add to|buy|order|share|tweet|pin it|email|print"
    r"|previous|prev|next|return|list|all |see all|view all|continue|shipping|payment|faq|zoom"
    r"|enlarge)",
    re.IGNORECASE,
)


def links_to_items(around: Tag) -> Iterator[Tag]:
    """Yield the links below an element that may lead to an item."""
    return (link for link in around.select("a[href]") if may_lead_to_an_item(link))


def may_lead_to_an_item(link: Tag) -> bool:
    """Say whether a link has a name or a picture, and leads to no form, list or picture."""
    if leads_nowhere(link) or link.get("rel") == ["nofollow"]:
        return False
    words = " ".join(link.get_text(" ").split())
    if _WAY_WORDS.match(words) or (not words and link.select_one("img") is None):
        return False
    return item_type_of(words) is not None or _WAY.search(str(link["href"])) is None


def leads_nowhere(link: Tag) -> bool:
    """Say whether a link leads to no other page: a place on this one, a script, a picture."""
    return _NOWHERE.search(str(link.get("href") or "")) is not None
