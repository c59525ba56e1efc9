"""Pages that answer in the place of an item; it knows their words, not their shops."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from scraper.pages import theme_names
from scraper.pages.document import Document
from scraper.pages.errors import (
    ChallengePageError,
    EmptyPageError,
    LoginPageError,
    MaintenancePageError,
    SoftNotFoundError,
)
from scraper.pages.tree import Element

_FEW_GOODS = 2
_LITTLE_ELSE = 600  # letters of menus and a footer around a form
_AMOUNT = re.compile(r"[¥￥$€£]\s?\d|\d\s?(?:[億万千百]{0,2}円|[A-Z]{3}\b)")
_PRODUCT_DATA = re.compile(r'"@type"\s*:\s*(?:\[[^\]]*)?"(?:https?://schema\.org/)?Product')
SHORT = 1_500  # characters of text under which a page can be nothing but its message

_CHALLENGE_TITLE = re.compile(
    r"^(?:just a moment|attention required|checking your browser|please wait\.\.\.|one moment, "
    r"please|"
    r"access denied|access to this page has been denied|robot check|security check|verify(?:ing)? "
    r"(?:that )?you are human|"
    r"ddos-guard|are you a robot|robot or human|human verification|pardon our interruption|"
    r"bot verification|(?:please )?(?:verify|confirm) (?:that )?you(?:.re| are) (?:a )?human|"
    r"one more step|you are (?:now )?in (?:line|the queue)|you are being redirected|"
    r"しばらくお待ちください(?:\.\.\.|…)|人間であることを)",
    re.IGNORECASE,
)
# Cloudflare puts its /cdn-cgi/challenge-platform/scripts/jsd/ into sound pages as well.
_CHALLENGE_MARK = re.compile(
    r"cf[-_]chl|cf-challenge|cf-turnstile|challenge-platform(?!/(?:h/\w/)?scripts/jsd)|_incapsula_resource|"
    r"sucuri_cloudproxy|px-captcha|"
    r"awswaf|aws-waf|ddos-guard|g-recaptcha|h-captcha|datadome|captcha-delivery|enable javascript "
    r"and cookies to continue|"
    r"checking (?:if the site connection is secure|your browser)",
    re.IGNORECASE,
)
MAINTENANCE = re.compile(
    r"メンテナンス(?:中|のため|を実施|作業中|モード)|under (?:scheduled )?maintenance|maintenance "
    r"mode|"
    r"(?:scheduled|site) maintenance|^maintenance$|briefly unavailable|準備中|只今.{0,8}停止|"
    r"(?:shop|store|site) is (?:currently |temporarily )?(?:closed|unavailable)|be (?:right "
    r")?back (?:soon|shortly)|"
    r"^coming soon|is coming soon|launching soon|opening soon|一時的に(?:閉鎖|停止|休止)|"
    r"(?:サイト|ホームページ|ショップ)[をは]?(?:ただいま|現在)?(?:リニューアル|工事|調整)中",
    re.IGNORECASE | re.MULTILINE,
)
_STATED_PRICE = re.compile(
    r"^.{0,8}(?:価格|値段|\bprice)\W{0,3}.{0,20}?\d{2}", re.IGNORECASE | re.MULTILINE
)
_NOT_FOUND = re.compile(
    r"ご?指定の(?:ページ|商品)[はが]?.{0,6}(?:見つかりません|見つかりませんでした|存在しません)|"
    r"(?:ページ|商品)[はが](?:見つかりません|存在しません)|お探しの(?:ページ|"
    r"商品).{0,12}(?:見つかりません|ありません)|"
    r"^無題ドキュメント$|^(?:error )?404(?: error)?\b|\b(?:page|product|item|file|object) (?:was "
    r"|could )?not (?:be )?found\b|"
    r"^not found$|nothing found|can.?t be found",
    re.IGNORECASE | re.MULTILINE,
)
_LOGIN = re.compile(
    r"ログイン|会員(?:登録|専用)|log ?in\b|sign ?in\b|protected:|保護中|password "
    r"protected|パスワード",
    re.IGNORECASE,
)


def refuse_walls(document: Document) -> None:
    """Raise the fitting PageError for a page that is certainly not an item, from its title and
    its length.
    """
    text = visible_text(document)
    heading = document.first("h1")
    heads = [document.title.strip(), heading.get_text(" ", strip=True) if heading else ""]
    short = len(text) < SHORT
    if any(_CHALLENGE_TITLE.search(head) for head in heads) and (short or _marked(document)):
        raise ChallengePageError(document.url, heads[0])
    # With an item's frame or a price, a captcha or a notice only stands beside the item.
    is_item = has_item_marks(document) or _STATED_PRICE.search(text) is not None
    is_protected = document.first("form.post-password-form") is not None
    if is_protected and document.first("[class*=product-gallery] img, .price .amount") is None:
        raise LoginPageError(document.url, f"{heads[0]}: it is protected by a password")
    is_item = is_item or shows_goods(document)
    if short and _marked(document) and not is_item:
        raise ChallengePageError(document.url, heads[0])
    if document.first("body.error404, body.page-not-found, body.template-404") is not None:
        raise SoftNotFoundError(document.url, heads[0])
    if any(_NOT_FOUND.search(head) for head in heads):
        raise SoftNotFoundError(document.url, heads[0] or heads[1])
    if not is_item:
        refuse_messages(document)


def refuse_messages(document: Document) -> None:
    """Raise the fitting PageError for a page on which no item was found, from its few words."""
    text = visible_text(document)
    head = document.title.strip()
    short = len(text) < SHORT
    if not text and document.first("frame[src]") is None and not _has_product_data(document):
        if _marked(document):
            raise ChallengePageError(document.url, head)
        raise EmptyPageError(document.url, "no text")
    if document.first("form.post-password-form") is not None:
        raise LoginPageError(document.url, head)
    if _is_for_members(document, head, text):
        raise LoginPageError(document.url, head)
    if shows_goods(document):
        return
    if short and MAINTENANCE.search(f"{head}\n{text}"):
        raise MaintenancePageError(document.url, head)
    if short and _NOT_FOUND.search(text):
        raise SoftNotFoundError(document.url, head)


def shows_goods(document: Document) -> bool:
    """Say whether a page shows several things that lead on, each by its picture or beside an
    amount: then a form or a notice only stands beside them.
    """
    led: set[str] = set()
    for link in document.all("a[href]"):
        url = document.absolute(str(link["href"]))
        if url is None or not isinstance(link, Element):
            continue
        entry = link.around("li", "tr", "article")
        has_amount = entry is not None and _AMOUNT.search(entry.get_text(" ")) is not None
        if link.select_one("img") is not None or has_amount:
            led.add(url.split("#")[0].rstrip("/"))
    host = urlsplit(document.url)
    home = f"{host.scheme}://{host.netloc}"
    return len({url for url in led if url.startswith(home) and url != home}) >= _FEW_GOODS


def _is_for_members(document: Document, head: str, text: str) -> bool:
    """Say whether a page asks for a password and has nothing else to show."""
    if document.first("input[type=password]") is None or shows_goods(document):
        return False
    forms = {
        id(form): form
        for field in document.all("input[type=password]")
        if isinstance(field, Element) and (form := field.around("form", "body")) is not None
    }
    asked = sum(len(document.text_of(form)) for form in forms.values() if form.name == "form")
    others = len(text) - asked
    return bool(_LOGIN.search(head)) or others < _LITTLE_ELSE


def visible_text(document: Document) -> str:
    """Return the text of the whole page."""
    body = document.soup.body
    return document.text_of(body) if body is not None else ""


def _marked(document: Document) -> bool:
    return _CHALLENGE_MARK.search(str(document.soup.head or "")[:200_000]) is not None or (
        document.first(
            "#challenge-form, #cf-wrapper, .cf-browser-verification, #challenge-running, "
            "#challenge-error-text, "
            "script[src*='challenge-platform']:not([src*='/jsd/']), iframe[src*='captcha'], "
            ".g-recaptcha, .h-captcha, "
            ".cf-turnstile, "
            "script[src*='_Incapsula_Resource'], #px-captcha"
        )
        is not None
    )


def _has_product_data(document: Document) -> bool:
    """Say whether the data beside the text name a product: its scripts draw the page later."""
    scripts = document.all('script[type*="ld+json"]')
    return any(_PRODUCT_DATA.search(script.get_text()) is not None for script in scripts)


def has_item_marks(document: Document) -> bool:
    """Say whether the page has a product's frame, so that the words on it are about the item."""
    return (
        document.first(
            f"{theme_names.ITEM_FRAMES}, [itemtype*='schema.org/Product'], "
            "meta[property='og:type'][content*='product']"
        )
        is not None
    )
