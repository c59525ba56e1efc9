"""Pages about something else than one item, told by title and heading: errors, notices, lists,
questions before entry, other pages of the shop; it knows words, not shops.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from bs4 import Tag

from scraper.pages.document import Document
from scraper.pages.errors import (
    LoginPageError,
    MaintenancePageError,
    NotAnItemPageError,
    PageError,
    ServerErrorPageError,
    SoftNotFoundError,
    UnexpectedPageError,
)
from scraper.pages.listing import Page
from scraper.parsing.text import words_of
from scraper.reading.error_pages import MAINTENANCE, SHORT, has_item_marks, visible_text
from scraper.reading.headings import item_heading, letters_of

_GONE = re.compile(
    r"no longer (?:available|exists?|listed|offered)|(?:do(?:es)?|did) ?n[o']t exist|"
    r"(?:could ?n[o']t|can ?not|can.t|unable to) (?:be found|find)|has been (?:removed|deleted)|"
    r"(?:お取り?扱い|販売)(?:して|は|を)?(?:おりません|いません|終了(?:いた)?しました)|"
    r"(?:ページ|商品)は?(?:すでに|既に)?(?:削除|公開終了)",
    re.IGNORECASE,
)
_SERVER_ERROR = re.compile(
    r"^(?:(?:http |server |system |internal |fatal |database )?error(?:$|\s*[:!0-9]| establish)|"
    r"(?:システム|サーバー?|データベース|内部|致命的な)?(?:接続確立)?エラー(?:[がはで]|$)|"
    r"(?:http )?(?:error )?(?:40[0135-9]|4[12]\d|50[0-9]|52\d)[ :–-]*"
    r"(?:error|forbidden|unauthori[sz]ed|bad|not|gone|too|request|internal|service|gateway|"
    r"bandwidth|origin|connection|web|$)|"
    r"forbidden\b|bad gateway|internal server error|too many requests|not acceptable|"
    r"service (?:temporarily )?unavailable|bandwidth limit|"
    r"閲覧できません|(?:ただいま|現在)?アクセスが(?:集中|拒否|禁止))",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^(?:age (?:verification|check|gate)|(?:are|confirm) you.{0,20} (?:over |at least )?"
    r"(?:18|20|21)\b|年齢(?:確認|認証)|before you continue|会員(?:限定|専用)|members? only|"
    r"(?:会員|マイページ)?ログイン$|マイページ$|my account$)",
    re.IGNORECASE,
)
_OTHER_PAGE = re.compile(
    r"検索結果|^search (?:results?|for)\b|^index of /|^(?:category|tag|archives?)\s*[:：]|"
    r"^(?:カテゴリー?|タグ|アーカイブ)\s*[:：]|商品一覧$|"
    r"^(?:ようこそ|いらっしゃいませ|welcome to\b|it works!?$|apache2? .{0,20}default page)|"
    r"(?:account|website|site|domain|hosting)\b.{0,40}\b(?:suspended|expired|disabled)|"
    r"(?:アカウント|サイト|ドメイン|サーバー?).{0,12}(?:停止|期限切れ|凍結)|"
    r"(?:website|domain(?: name)?|[\w-]+\.\w{2,}) (?:is|may be) (?:available )?for "
    r"(?:sale|purchase)|"
    r"このドメイン|"
    r"^(?:お?問い?合わ?せ$|会社概要|ご利用案内|お買い?物ガイド|特定商取引|プライバシー|"
    r"contact(?: us)?$|about(?: us)?$|privacy policy|terms (?:of|and)\b|shopping guide)|"
    r"(?:カート|カゴ)の中|^(?:shopping )?(?:cart|basket|カート)$|^checkout$|"
    r"(?:閉店|休業|移転|休暇)(?:.{0,6}の)?お?(?:知らせ|案内)|"
    r"not available in your (?:country|region)",
    re.IGNORECASE,
)
# Careless shops give every page one title ("Welcome to …"), so some words count in headings alone.
_IN_TITLE_OR_HEADING: tuple[tuple[type[PageError], re.Pattern[str]], ...] = (
    (MaintenancePageError, MAINTENANCE),
    (SoftNotFoundError, _GONE),
    (ServerErrorPageError, _SERVER_ERROR),
    (LoginPageError, _QUESTION),
)
_PARKED = re.compile(
    r"(?:buy|purchase) this domain|domain .{0,80}(?:for sale|available for purchase)|"
    r"domain(?: name)? (?:has )?expired|このドメイン(?:は|名)|sedoparking",
    re.IGNORECASE,
)
_PROGRAM_ERROR = re.compile(
    r"\b(?:fatal error|parse error|warning|notice|deprecated) ?: .{1,300}\bon line \d+|"
    r"error in your sql syntax|SQLSTATE\[|\bmysqli?_\w+\(\)",
    re.IGNORECASE,
)
_PROGRAM_ENDED = re.compile(
    r"\b(?:fatal|parse) error ?: .{1,300}(?:\bon line \d|[/\\]\S+:\d)", re.IGNORECASE
)


def refuse_files(page: Page) -> None:
    """Raise for an answer that is no page at all: a PDF, JSON, a picture."""
    headers = {name.lower(): value for name, value in page.headers.items()}
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and "html" not in kind and not page.text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise NotAnItemPageError(page.url, f"it is {kind}")


def refuse_without_name(document: Document, name: str | None) -> None:
    """Raise for a page that has hardly a word of the name its shop's API gives the item: whatever
    it is, the API alone must not make a row of it.
    """
    words = words_of(name or "")
    found = words & words_of(f"{document.title} {visible_text(document)}")
    if len(found) * 2 < len(words):
        raise UnexpectedPageError(
            document.url, "body", f"the name that the shop's API gives ({name})", 0
        )


def refuse_stand_ins(document: Document, shop_names: Iterable[str]) -> None:
    """Raise the fitting PageError for a page that is plainly not about one item."""
    if document.first("rss, feed > entry, urlset, sitemapindex") is not None:
        raise NotAnItemPageError(document.url, "it is a feed or a sitemap")
    text = visible_text(document)
    if (ended := _PROGRAM_ENDED.search(_on_one_line(text))) is not None:
        raise ServerErrorPageError(document.url, ended[0][:120])
    if has_item_marks(document):
        return
    heading = item_heading(document, (*shop_names, urlsplit(document.url).hostname or ""))
    if heading is None and letters_of(_words(document.first("h1, h2"))):
        raise NotAnItemPageError(document.url, "its only heading is the shop's name")
    title, own = _on_one_line(document.title), _words(heading)
    for error, pattern in _IN_TITLE_OR_HEADING:
        for head in (title, own):
            if pattern.search(head):
                raise error(document.url, head[:80])
    if _OTHER_PAGE.search(own or title):
        raise NotAnItemPageError(document.url, (own or title)[:80])
    if len(text) < SHORT and _PARKED.search(text):
        raise NotAnItemPageError(document.url, f"the domain is parked ({title[:60]})")


def program_error(document: Document) -> str | None:
    """Return what the shop's own program complains of on this page, None where it is content."""
    found = _PROGRAM_ERROR.search(_on_one_line(visible_text(document)))
    return found[0][:120] if found else None


def _words(heading: Tag | None) -> str:
    return _on_one_line(heading.get_text(" ", strip=True)) if heading is not None else ""


def _on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u2019", "'"))
