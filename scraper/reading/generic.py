"""Reading a page that neither a platform nor a dealer describes: heading, labelled price, main
pictures; nothing rather than a guess.
"""

from __future__ import annotations

import re

from bs4 import Tag

from scraper.pages import theme_names
from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.errors import UnexpectedPageError
from scraper.pages.listing import Status
from scraper.pages.readings import Picture, Reading
from scraper.parsing.price import states_price
from scraper.parsing.price_words import PRICE_NAMES, REGULAR_NAMES
from scraper.parsing.status import status_of
from scraper.reading.headings import item_heading, item_title
from scraper.reading.images import is_picture_url, is_placeholder, one_of_each_size, pictures_in
from scraper.reading.page_lines import own_lines
from scraper.reading.sale_marks import mark_in, stock_in

_LABEL = re.compile(
    rf"^[【\[■●◆・\s]{{0,3}}(?:{REGULAR_NAMES}|{PRICE_NAMES})(?![a-z])"
    r"\s*(?:[(（](?:税込み?|税抜き?|税別|円)[)）])?\s*[】\]]?\s*[:：]?\s*",
    re.IGNORECASE,
)
_REGULAR = re.compile(REGULAR_NAMES, re.IGNORECASE)
_OF_TWO = re.compile(rf"(?!定価)(?:{REGULAR_NAMES})", re.IGNORECASE)  # another one is asked today
_SAYS_PRICE = re.compile(
    r"\d|[〇一二三四五六七八九十百千万億]+円|問|応談|時価|未定|非売|売約|売却|商談|成約|完売|sold|hold|reserved|ask"
    r"|request|inquir|enquir|call|contact|p\.?o\.?a\b|anfrage|verkauft|demande|vendu|richiesta"
    r"|consultar|aanvraag",
    re.IGNORECASE,
)
_BID = re.compile(r"starting bid|current bid|入札|開始価格|現在価格", re.IGNORECASE)
_DESCRIPTION = (
    "[itemprop=description], [class*='product-description'], [class*='product__description'], "
    "[class*='__description']"
)
_SOLD_CLASSES = frozenset(
    ("outofstock", "out-of-stock", "sold-out", "soldout", "is-sold-out", "product--sold-out")
)
_DECORATION = (
    re.compile(  # a word of its name
        r"(?:^|[_\-/])(?:logo|banner|bnr|btn|button|icon|arrow|flag|spacer|header|footer|nav|"
        r"menu|line|bg|title|cart|visa|master(?:card)?|jcb|amex|paypal|diners|creditcards?)"
        r"(?:[_\-.\d]|$)",
        re.IGNORECASE,
    ),
    re.compile(  # its whole name
        r"^(?:new|sale|hot|up|pickup|free|mail|tel|top|home|back|next|prev|facebook|twitter|fb|x|"
        r"instagram|insta|youtube|pinterest|rss|(?:en|ja|jp|de|fr|it|es|us|uk|zh|cn|ko|kr))"
        r"[_\-]?\d{0,2}\.(?:gif|png|svg|webp)$",
        re.IGNORECASE,
    ),
)
_FLAGS = re.compile(r"/flags?/[^/]+$", re.IGNORECASE)
_MANY = 12  # pictures of one item
_MAX_TAIL = 120  # letters behind a price; more is prose
_MAIN = f"main, article, #main, #content, {theme_names.TEXT}, #contents, .contents, body"


def read_generic(document: Document, dealer: Dealer, *, states_price: bool = True) -> Reading:
    """Read what any item page may show; a price needs its label, a state stands with it or alone.

    Args:
        states_price: False where the platform has its own place for price and state.
    """
    title = item_title(document, (dealer.name, *dealer.shop_names))
    line = _price_line(document, dealer) if states_price else None
    price = dealer.price(line) if line is not None else None
    main = _main(document)
    return Reading(
        title=title or None,
        description=own_lines(document, main) or None if main is not None else None,
        price=price if price is not None and (price.value is not None or price.raw) else None,
        status=_status(document, line, main) if states_price else None,
        images=_images(document, main),
        out_of_stock=True if _is_marked_by_class(document) else None,
    )


def _is_marked_by_class(document: Document) -> bool:
    """Say whether an element around the item's heading is of a class that says it is sold out."""
    heading = item_heading(document)
    around = () if heading is None else (tag for tag in heading.parents if tag.name != "html")
    return any(_SOLD_CLASSES & set(tag.get("class") or ()) for tag in around)


def _status(document: Document, line: str | None, main: Tag | None) -> Status | None:
    stated = status_of(line) if line else None
    place = main or document.soup
    return stated or mark_in(document, place) or stock_in(document, place)


def _price_line(document: Document, dealer: Dealer) -> str | None:
    """Return the text behind the price's label; a regular price gives way to the one asked today.

    It is a doubt where several labels state different prices (some belong to other items, or to
    variants), or where only the price is left that is not asked any more.
    """
    lines = document.text().split("\n")
    found: list[tuple[str, str]] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        label = _LABEL.match(line)
        if label and not _BID.search(line):
            text = line[label.end() :].strip()
            is_stated = text and re.search("[:：]", label[0])
            if not is_stated and _SAYS_PRICE.search(text or following) is None:
                continue  # the head of a column, whose cells stand elsewhere; "Prix de Rome"
            text = text or following
            if states_price(text, max_tail=_MAX_TAIL):
                found.append((line, text))
    current = [text for line, text in found if not _REGULAR.match(line)]
    if found and not current and any(_OF_TWO.match(line) for line, _ in found):
        document.doubt("only a former price", "line with the price asked today", "exactly 1", 0)
        return None
    current = current or [text for _, text in found]
    stating = [text for text in current if dealer.price(text).value is not None]
    amounts = {dealer.price(text).value for text in stating}
    if len(amounts) > 1:
        # With and without tax, or "was … now …": what the lines say of one another decides.
        whole = " ".join(line for line, text in found if text in stating)
        if dealer.price(whole).value is not None:
            return whole
        document.doubt("several prices", "lines with a price", "exactly 1", len(amounts))
        return None
    return next(iter(stating or current), None)


def _main(document: Document) -> Tag | None:
    heading = item_heading(document)
    for selector in _MAIN.split(", "):
        tag = document.first(selector)
        if tag is None or len(document.text_of(tag)) <= 40:
            continue
        if selector == theme_names.TEXT and heading is not None and tag not in heading.parents:
            continue  # of a tab with the description: pictures and price stand beside it
        return tag
    return document.soup.body


def _images(document: Document, main: Tag | None) -> tuple[str, ...] | None:
    """Return the pictures of the page's own part, each once.

    Raises UnexpectedPageError where most of them lead to other pages: a list, which nothing tells
    from the item's own pictures.
    """
    if main is None:
        return None
    own = photographs_on(document)
    foreign = _leading_away(document, main)
    if len(own) > _MANY and foreign * 2 > len(own):
        raise UnexpectedPageError(
            document.url, "img", "the item's own pictures", len(own), f"{foreign} lead elsewhere"
        )
    return tuple(own) or None


def photographs_on(document: Document) -> list[str]:
    """Return what looks like a photograph on the page's own part, each once."""
    main = _main(document)
    found = [
        picture.url
        for picture in pictures_in(document, [main] if main is not None else [])
        if is_picture_url(picture.url)
        and not is_placeholder(picture.url)
        and not _is_decoration(picture.url)
    ]
    return one_of_each_size(found)


def pictures_described(document: Document, places: str) -> list[Picture]:
    """Return the photographs in the item's description, also in the shop system's own `places`."""
    selector = ", ".join(filter(None, (_DESCRIPTION, places)))
    scopes = document.all(selector)
    inner = {id(each) for scope in scopes for each in scope.select(selector)}
    return [
        picture
        for picture in pictures_in(document, [each for each in scopes if id(each) not in inner])
        if is_picture_url(picture.url)
        and not is_placeholder(picture.url)
        and not _is_decoration(picture.url)
    ]


def _leading_away(document: Document, main: Tag) -> int:
    """Return how many pictures are links to other pages of the site."""
    urls = {str(link["href"]) for link in main.select("a[href]") if link.select_one("img")}
    led = {document.absolute(url) for url in urls} - {None, document.url}
    return sum(1 for url in led if url and not is_picture_url(url))


def _is_decoration(url: str) -> bool:
    return any(pattern.search(url.rsplit("/", 1)[-1]) for pattern in _DECORATION) or (
        _FLAGS.search(url) is not None
    )
