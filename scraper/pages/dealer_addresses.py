"""Which addresses a dealer calls its own and which of them are items; it knows no page."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from scraper.pages.dealer import Dealer

_FRONT_PAGE = re.compile(r"(?:^|/)(?:(?:index|top|home)(?:[_-](?:ja|en|jp))?\.\w{3,4})?$")


def belongs(dealer: Dealer, canonical: str) -> bool:
    """Say whether an address is on the dealer's own host and not among its excluded pages."""
    netloc, _ = _place(canonical)
    home = urlsplit(dealer.canonical_url(dealer.catalog_url)).netloc
    hosts = {home, dealer.host or home, *dealer.host_aliases, *dealer.archive_hosts}
    return netloc in hosts and not _is_excluded(dealer, canonical)


def item_like(dealer: Dealer, canonical: str, default: str | None = None) -> bool:
    """Say whether an address is an item's: the dealer's word, its pattern, else the platform's
    `default` pattern.
    """
    said = dealer.is_item_url(canonical)
    if said is not None:
        return said
    _, where = _place(canonical)
    pattern = dealer.product_pattern or default
    return pattern is not None and re.search(pattern, where) is not None


def is_other_page(dealer: Dealer, canonical: str) -> bool:
    """Say whether the dealer's own settings say that an address is no item's: False where it
    states nothing about addresses.
    """
    no_item = dealer.states_addresses and not item_like(dealer, canonical)
    return no_item or _is_excluded(dealer, canonical)


def is_another_item(dealer: Dealer, own: str, canonical: str) -> bool:
    """Say whether an address is, by the dealer's own settings, that of another item than `own`."""
    if canonical == own or _is_excluded(dealer, canonical) or not item_like(dealer, canonical):
        return False
    code = dealer.item_code(own)
    return code is None or dealer.item_code(canonical) != code


def is_front_page(dealer: Dealer, canonical: str) -> bool:
    return belongs(dealer, canonical) and _FRONT_PAGE.search(_place(canonical)[1]) is not None


def _is_excluded(dealer: Dealer, canonical: str) -> bool:
    _, where = _place(canonical)
    return any(re.search(pattern, where) for pattern in dealer.excluded_pages)


def _place(canonical: str) -> tuple[str, str]:
    """Return (host and port, "path?query"); nothing for what is no address, such as "http://[x"."""
    try:
        parts = urlsplit(canonical)
    except ValueError:
        return "", ""
    return parts.netloc, parts.path + (f"?{parts.query}" if parts.query else "")
