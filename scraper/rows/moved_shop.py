"""A shop that has gone to another domain: seen by its old front page, followed with its rows."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from scraper.base.errors import FetchError, ListingMirrorError, PageError
from scraper.dealers.settings import parse_settings
from scraper.pages.dealer import Dealer
from scraper.pages.document import Document, parse
from scraper.pages.fetcher import Fetcher
from scraper.rows.listing_row import may_move
from scraper.rows.repository import Repository

_KNOWN_PATHS = 3  # as many items linked on another domain are the shop itself
_REFRESH = re.compile(r"^\s*\d*\s*[;,]?\s*url\s*=\s*[\"']?([^\"']+)", re.IGNORECASE)


class MovedShopError(ListingMirrorError):
    """A shop that is at another domain now."""

    def __init__(self, dealer: Dealer, home: str) -> None:
        self.home = home
        super().__init__(
            f"{dealer.name} has moved: {dealer.catalog_url} leads to another domain, {home}. "
            f"No row was changed. Follow it, with its rows: scrape dealers set {dealer.name!r} "
            f"moved_to={home}"
        )


def new_home(dealer: Dealer, fetcher: Fetcher, known: Iterable[str]) -> str | None:
    """Return where the shop is now, None where its old front page says nothing of another domain.

    Args:
        known: canonical addresses of its items: a front page that links their like elsewhere tells.
    """
    try:
        page = fetcher.page(dealer.catalog_url)
        document = parse(page) if page is not None else None
    except (FetchError, PageError):
        return None
    if document is None:
        return None
    for address in (document.url, _refreshed(document), _linked(dealer, document, known)):
        if address is not None and _is_elsewhere(dealer, address):
            return address
    return None


def _refreshed(document: Document) -> str | None:
    """Return where the page sends its visitors by itself."""
    tag = document.first("meta[http-equiv=refresh i][content]")
    found = _REFRESH.match(str(tag["content"])) if tag is not None else None
    return document.absolute(found[1]) if found else None


def _linked(dealer: Dealer, document: Document, known: Iterable[str]) -> str | None:
    """Return the front of the domain on which the page links the items that we know."""
    paths = {_place(url) for url in known}
    urls = {document.absolute(str(tag["href"])) for tag in document.all("a[href]")}
    hosts = Counter(
        urlsplit(url)[:2]
        for url in urls
        if url and _place(url) in paths and _is_elsewhere(dealer, url)
    )
    (place, count), *_ = hosts.most_common(1) or [(("", ""), 0)]
    return urlunsplit((*place, "/", "", "")) if count >= _KNOWN_PATHS else None


def settings_after(dealer: Dealer, settings: Mapping[str, Any], home: str) -> dict[str, Any]:
    """Return what is set for a dealer whose shop is at `home` now: its old hosts stay its own."""
    new = urlsplit(home).netloc.lower()
    bare = new.removeprefix("www.")
    kept = {name: value for name, value in settings.items() if name != "host"}
    lists = settings.get("catalogue_urls") or ()
    lists = [lists] if isinstance(lists, str) else lists
    if lists:
        kept["catalogue_urls"] = [_at(url, home) for url in lists]
    aliases = (_hosts_of(dealer) | {bare, f"www.{bare}"}) - {new}
    return kept | {"moved_to": home, "host_aliases": sorted(aliases)}


def follow_shop(
    dealer: Dealer, dealer_id: int, settings: Mapping[str, Any], home: str, repository: Repository
) -> tuple[int, int]:
    """Take a dealer to its new domain, with its rows and known addresses; returns how many of each
    were moved. Whose new address is taken already stays.

    Raises DealerSettingError.
    """
    wanted = settings_after(dealer, settings, home)
    fields = parse_settings(wanted)
    repository.dealers.update(dealer_id, {name: fields[name] for name in ("domain", "catalog_url")})
    repository.dealers.set_settings(dealer_id, wanted)
    hosts = _hosts_of(dealer) - {urlsplit(home).netloc.lower()}
    there = dataclasses.replace(dealer, **fields)

    def moved(url: str) -> str:
        return there.canonical_url(_at(url, home)) if urlsplit(url).netloc in hosts else url

    rows = repository.listings.of(dealer_id)
    movable = {int(row["id"]): moved(str(row["url"])) for row in rows if may_move(row)}
    known = repository.addresses.of(dealer_id)
    return repository.move_many(
        dealer_id,
        _free(movable, {str(row["url"]) for row in rows}),
        _free({a.id: moved(a.url) for a in known}, {a.url for a in known}),
    )


def _free(moves: Mapping[int, str], taken: set[str]) -> dict[int, str]:
    """Return the moves to addresses that nobody has yet; of several to one the first."""
    first = {url: number for number, url in reversed(list(moves.items())) if url not in taken}
    return {number: url for url, number in first.items()}


def _hosts_of(dealer: Dealer) -> set[str]:
    own = {urlsplit(dealer.catalog_url).netloc.lower(), dealer.host or "", dealer.domain}
    return ({*own, f"www.{dealer.domain}", *dealer.host_aliases} - {""}) - {*dealer.archive_hosts}


def _at(url: str, home: str) -> str:
    """Return an address with the scheme and host of `home`."""
    place = urlsplit(home)
    return urlsplit(url)._replace(scheme=place.scheme, netloc=place.netloc).geturl()


def _is_elsewhere(dealer: Dealer, address: str) -> bool:
    place = urlsplit(address).netloc.lower().removeprefix("www.")
    mine = _hosts_of(dealer) | {*dealer.archive_hosts}
    return place not in {host.removeprefix("www.") for host in mine}


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path.rstrip('/')}?{parts.query}"
