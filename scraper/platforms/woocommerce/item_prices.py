"""Which of a page's prices is the item's own; it reads no amount.

A neighbour's box (previous and next, quick view, a theme's own list) has a price as well, and where
the item itself has none, on inquiry, theirs is the only amount on the page.
"""

from __future__ import annotations

from collections.abc import Iterable

from bs4 import Tag

from scraper.pages.document import Document
from scraper.platforms.woocommerce.part_selectors import PRICES, TITLE
from scraper.reading.images import is_picture_url

_LEADS_AWAY = (
    "a[href] img, :is(h2, h3, h4, [class*=title]) a[href], "
    "a[href] :is(h2, h3, h4, [class*=title]), a[href][class*=title]"
)


def item_prices(document: Document, root: Tag | None, title: Tag | None) -> list[Tag]:
    """Return the item's price elements, the surest first; none where the page has no place for one.

    Args:
        root: what WordPress marks as the product; its elements come before others.
        title: the item's heading: a box that names another item does not hold it.
    """
    for selector in PRICES:
        tags = [tag for tag in document.all(selector) if not _is_in_a_form(tag)]
        own = [tag for tag in tags if not _is_anothers(document, tag, title)]
        inside = [tag for tag in own if root is not None and root in tag.parents]
        if own:
            return inside or own
    return []


def _is_in_a_form(tag: Tag) -> bool:
    return tag.find_parent("table") is not None or tag.find_parent("form") is not None


def _is_anothers(document: Document, price: Tag, title: Tag | None) -> bool:
    """Say whether a box around the price, but not around the title, shows another item."""
    if title is None:
        return False
    around = {id(parent) for parent in title.parents}
    for box in price.parents:
        if id(box) in around:
            return False
        if _names_another(box, title) or _leads_away(document, box.select(_LEADS_AWAY)):
            return True
        if box.name == "a" and _leads_away(document, [box]):
            return True
    return False


def _names_another(box: Tag, title: Tag) -> bool:
    words = title.get_text(" ", strip=True)
    return any(name.get_text(" ", strip=True) != words for name in box.select(TITLE))


def _leads_away(document: Document, tags: Iterable[Tag]) -> bool:
    """Say whether a picture or a name links to another page than this one."""
    links = (tag if tag.name == "a" else tag.find_parent("a", href=True) for tag in tags)
    urls = (document.absolute(str(link.get("href") or "")) for link in links if link is not None)
    here = document.url.split("#")[0].rstrip("/")
    return any(
        url.split("#")[0].rstrip("/") != here and not is_picture_url(url) for url in urls if url
    )
