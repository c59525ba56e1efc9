"""Words that say whether an item can be bought; the caller passes the text of a field, never a
whole page.

A navigation link 売却済 stands on every page of some shops and once put 243 items in "sold".
"""

from __future__ import annotations

import re

from scraper.pages.listing import Status
from scraper.parsing.text import fold

_CONDITION = (
    r"(?!\s*(?:み|品|商品|れ)?(?:の(?:場合|際|節|時|商品|品|ため|こと)|時は|[にと]な(?:る|っ)|[にと]なり(?!ました)"
    r"|(?:に|と|て(?:い|し))?(?:る|た|た)?(?:場合|こと(?:が|も))|することが|御免|ごめん|次第|前に|後の|やすい"
    r"|一覧|リスト|コーナー|ページ|アーカイブ|も(?:ご覧|掲載)|作品集|例|実績|価格|履歴))"
)
_NO_MARK = (  # "Sold items" heads a list
    r"(?!\s+(?:separately|individually|by(?! auction)|as|in|with(?!\s*$)|per|together|from|only"
    r"|items?(?! has)|swords?|archives?|lists?|gallery|listings?|pieces?|products?|works?|prices?"
    r"|page|section|history)\b)"
)

_RESERVED = re.compile(
    r"商談(?:中|あり)|(?:ご|御)商談|仮押さえ|(?:ご|御)?予約(?:済|中|いただ|頂)|お?取り?置き|お取置"
    r"|(?<![a-z])(?<!not on )(?<!longer on )hold(?![a-z])"
    r"|(?<![a-z])(?<!rights )(?<!rights are )(?<!not )(?<!un)reserved(?![a-z])"
    r"|(?<![a-z])(?:sale pending|pending sale|under offer|deposit (?:taken|paid|received))(?![a-z])"
    r"|(?<![a-z])(?:reserviert|reserve pour|reservee"
    r"|(?<!area )(?<!trattativa )(?:riservat|prenotat)[oa]"
    r"|reservad[oa]|gereserveerd|reserveret|reserverad|reservert|varattu)(?![a-z])|已?(?:预订|預訂)"
    r"|schema\.org/reserved"
)
_RESERVED_IN_FRENCH = re.compile(r"(?<!\w)réservé(?!\w)", re.IGNORECASE)  # "reserve" is English
_SOLD = re.compile(
    rf"(?:売却済|売約済|販売済|売り?切れ?|売切|完売|(?:ご|御)?売約(?=\s*$|[とに]なりました|いたしました|致しました|成立)|(?:ご|御)?成約|(?:ご|御)?案内終了|販売(?:を|は)?終了|取引終了"
    rf"|お買い?上げ(?:済|いただ|頂|あり)|嫁ぎ(?:ました|先が決)){_CONDITION}"
    r"|(?<![a-z])(?<!not )(?<!never )(?<!yet )(?<!being )(?<!n't )(?<!was )(?<!be )"
    r"(?<!recently )(?<!previously )"
    rf"(?:sold(?![a-z]){_NO_MARK}|soldout(?![a-z])|sold[-_]out(?![a-z])"
    r"|s([ .*\-])o\1l\1d(?![a-z]))"
    r"|(?<![a-z])(?:has|have|was) (?:now |already |just )?(?:been )?sold(?![a-z])"
    r"(?! (?:in|at|for|by)(?![a-z]))"
    r"|(?<![a-z])no longer (?:available|for sale)(?![a-z])|found a new (?:home|owner)"
    r"|(?<![a-z])(?<!nicht )(?<!noch nicht )(?<!pas )(?<!non )(?<!no )(?<!niet )"
    r"(?:(?:aus)?verkauft|vergriffen|vendue?s?|epuisee?s?|(?:agotad|vendid|esgotad)[oa]s?"
    r"|(?:vendut|esaurit)[oaie]|(?:uit)?verkocht|(?:slut)?sald|(?:ud|ut)?solgt|myyty"
    r"|sprzedan[eay]|prodan[oay])(?![a-z])|продано|已?售(?:出|罄|完)|판매\s?완료|품절"
)
_OUT_OF_STOCK = re.compile(
    rf"(?:在庫切れ|品切れ?|欠品(?:中)?|入荷待ち){_CONDITION}"
    r"|在庫(?:数|状況|状態)?\s*[:：は]?\s*(?:0(?![\d.,\-])|×|✕|✖|なし|無し|ナシ|ございません|ありません)"
    r"|残りは?\s*[:：]?\s*0(?!\d)|(?:在庫|数量)\s*[:：]?\s*0\s*(?:点|個|本|振|枚)"
    r"|(?<![a-z])out[ -]?of[ -]?stock(?![a-z])|(?<![a-z])currently unavailable(?![a-z])"
    r"|(?<![a-z])(?:stock|quantity|availability)\s*:\s*(?:0(?!\d)|none)"
    r"|(?<!\d)0 (?:in stock|left|available)"
    r"|(?<![a-z])(?:(?:en )?rupture de stock|plus (?:disponible|en stock)|indisponible"
    r"|nicht (?:mehr )?(?:auf lager|vorratig|verfugbar|lieferbar)|non (?:piu )?disponibile"
    r"|no disponible|sin existencias|niet (?:meer )?(?:leverbaar|beschikbaar|op voorraad)"
    r"|slut i lager|ikke pa lager)(?![a-z])"
)
_AVAILABLE = re.compile(
    r"在庫あり|在庫有り?|販売中|在庫(?:数)?\s*[:：]\s*(?:[1-9]|○|◯|〇)|残り\s*[1-9]"
    r"|(?<![a-z])(?<!not )in[ -]?stock(?![a-z])|(?<![a-z])for sale(?![a-z])"
    r"|(?<![a-z])(?<!not )(?<!longer )(?<!un)available(?![a-z])(?! soon)"
    r"|(?<![a-z])limitedavailability(?![a-z])"
)
_DENIAL = re.compile(r"not (?:for sale|in stock|available)")
# A whole sentence about this item; others speak of what is sold at all.
_THIS = re.compile(
    r"(?<![a-z])(?:this|the) (?:\w+ ){0,3}(?:has|is|was) "
    r"|^(?:sorry|we are sorry|leider|desole|malheureusement|purtroppo|lo sentimos|helaas)\b"
    r"|(?<![a-z])(?:diese[rs]? (?:\w+ ){0,3}(?:ist|wurde)|cet(?:te)? (?:\w+ ){0,3}(?:est|a ete)"
    r"|quest[oa] (?:\w+ ){0,3}e|est[ea] (?:\w+ ){0,3}(?:esta|ha sido)|di[te]t? (?:\w+ ){0,3}is) "
    r"|(?:こちらの|この|本|当該|上記の?)(?:商品|品物?|作品|お品|刀剣?|御?刀|一振り?|脇差|短刀|鐔|鍔|甲冑|アイテム)?(?:は|が|につき)"
    r"|^(?:商品|作品|お品)?は?(?:お陰様で|おかげさまで|ありがとうございま|有難うございま|申し訳)"
    r"|(?:ありがとうございま(?:した|す)|いたしました|致しました|となりました|になりました|となっております"
    r"|になっております|です|ました)[。.!！\s]*$"
)
_LONGEST_SENTENCE = 90

# "sold.gif", "icon_sold_out.png": a mark that was drawn; the words of its name.
_DRAWN_IN_JAPANESE = re.compile(
    r"(?:^|/)(?:(?:icon|ico|mark|img|txt)[_-]?)?(?:(sh?(?:y?ou?)dan(?:chuu?)?|yoyaku(?:zumi)?)"
    r"|urikire|kanbai|se[i]?yaku(?:zumi)?|baiyaku(?:zumi)?|baikyaku(?:zumi)?)"
    r"[_-]?\d{0,2}\.(?:gif|png|jpe?g|webp|svg)$",
    re.IGNORECASE,
)
_SIGNS = "icon|ico|mark|stamp|label|badge|ribbon|overlay|banner|sign|tag"
_DRAWN = re.compile(
    rf"(?:^|/)(?:(?:{_SIGNS}|img|txt|btn)[_-]?)?(sold(?:[_-]?out)?|(?:on[_-]?)?hold|reserved)"
    rf"[_-]?\d{{0,2}}(?:[_-](?:{_SIGNS}|red|l|s|en|ja|jp))?\.(?:gif|png|jpe?g|webp|svg)$",
    re.IGNORECASE,
)


def status_of(text: str) -> Status | None:
    """Return the state that the text of a price or status field states, None when it states none.

    Reserved is looked for before sold: a sword "on hold" (商談中) once lost its price and was
    sold for a week.
    """
    if (stated := sale_of(text)) is not None:
        return stated
    plain = fold(text)
    if _OUT_OF_STOCK.search(plain):
        return Status.SOLD
    if _AVAILABLE.search(plain) and not _DENIAL.search(plain):
        return Status.AVAILABLE
    return None


def sale_of(text: str) -> Status | None:
    """Return RESERVED or SOLD where the text says so in words of a sale, None for anything else.

    Words about stock (在庫切れ) are none: a shop system prints them, and they may mean an inquiry.
    """
    plain = fold(text)
    if _RESERVED.search(plain) or _RESERVED_IN_FRENCH.search(text):
        return Status.RESERVED
    return Status.SOLD if _SOLD.search(plain) else None


def sentence_of(text: str) -> Status | None:
    """Return the state that one sentence states of the item it stands with ("This sword has been
    sold"), None for all others: it may speak of another item, or of how the shop sells.
    """
    if len(text) > _LONGEST_SENTENCE or len(re.findall(r"[。.!?！？](?=\s*\S)", text)) > 2:
        return None
    state = status_of(text)
    return state if state is not None and _THIS.search(fold(text)) else None


def drawn_mark(url: str) -> str | None:
    """Return the words of a mark that is a picture, by its name ("sold.gif"), None for others."""
    if (japanese := _DRAWN_IN_JAPANESE.search(url)) is not None:
        return "商談中" if japanese[1] else "売約済"
    found = _DRAWN.search(url)
    return re.sub(r"[_-]", " ", found[1]) if found else None
