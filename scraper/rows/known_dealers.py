"""Which dealers there are: modules of their own, rows of the database, or both; it fetches
nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from scraper.base.errors import ListingMirrorError
from scraper.base.suggestion import known_ones, suggestion
from scraper.dealers import DEALERS
from scraper.dealers.dealer_site import DealerSite
from scraper.dealers.settings import SETTINGS, DealerSettingError, parse_settings
from scraper.net.guard import host_of
from scraper.pages.dealer import Dealer
from scraper.platforms import PLATFORMS
from scraper.rows.dealer_table import DealerRow


class UnknownDealerError(ListingMirrorError):
    """A name that no dealer has."""

    exit_code = 2


@dataclasses.dataclass(frozen=True)
class KnownDealer:
    """A dealer and its row, None while it has none; `fault` is why its settings cannot be used, and
    with it nothing may be read.
    """

    dealer: Dealer
    row: DealerRow | None
    fault: DealerSettingError | None = None


def known_dealers(rows: Iterable[DealerRow]) -> list[KnownDealer]:
    """Return all dealers: those with a module first, then the other rows by name."""
    by_name = {row.name.casefold(): row for row in rows}
    listed = []
    for dealer in DEALERS:
        row = by_name.pop(dealer.name.casefold(), None)
        listed.append(_known(row, dealer) if row else KnownDealer(dealer, None))
    others = [_known(row) for row in by_name.values() if row.catalog_url or row.domain]
    return listed + sorted(others, key=lambda known: known.dealer.name.casefold())


def choose(known: list[KnownDealer], names: Iterable[str]) -> list[KnownDealer]:
    """Return the named dealers, or all active ones. Raises UnknownDealerError, which names
    the nearest.
    """
    wanted = {name.strip().casefold(): name for name in names}
    if not wanted:
        return [entry for entry in known if entry.row is None or entry.row.is_active]
    by_name = {entry.dealer.name.casefold(): entry for entry in known}
    missing = [name for folded, name in wanted.items() if folded not in by_name]
    if missing:
        names_known = [entry.dealer.name for entry in known]
        raise UnknownDealerError(
            f"there is no dealer named "
            f"{', '.join(repr(name) for name in missing)}."
            f"{suggestion(missing[0], names_known)} "
            f"{known_ones(missing[0], names_known, what='dealers', lists='scrape dealers')} "
            "Add one with `scrape dealers add NAME URL`."
        )
    return [by_name[folded] for folded in wanted]


def dealer_for_url(known: list[KnownDealer], url: str) -> Dealer | None:
    """Return the dealer on whose host `url` is, by exact host; None for what is no address."""
    host = host_of(url)
    for entry in known if host else ():
        dealer = entry.dealer
        if host in {
            host_of(dealer.catalog_url),
            dealer.domain,
            f"www.{dealer.domain}",
            dealer.host,
            *dealer.host_aliases,
            *dealer.archive_hosts,
        }:
            return dealer
    return None


def _known(row: DealerRow, dealer: Dealer | None = None) -> KnownDealer:
    """One dealer's wrong setting, typed into the table by hand, stops that dealer only."""
    try:
        return KnownDealer(_with_row(dealer, row) if dealer else dealer_from_row(row), row)
    except DealerSettingError as error:
        fault = DealerSettingError(
            f"{row.name}: {error} Correct it with `scrape dealers set {row.name!r} KEY=VALUE`."
        )
        plain = dealer or dealer_from_row(dataclasses.replace(row, settings={}))
        return KnownDealer(plain, row, fault)


def dealer_from_row(row: DealerRow) -> Dealer:
    """Return the dealer that a row describes, without code of its own."""
    catalog = row.catalog_url or f"https://{row.domain}/"
    return build_dealer(
        row.name,
        catalog,
        platform=row.platform,
        currency=row.currency,
        country=row.country,
        settings=row.settings,
    )


def build_dealer(
    name: str,
    catalog_url: str,
    *,
    platform: str | None,
    currency: str | None,
    country: str | None = None,
    settings: Mapping[str, Any],
) -> Dealer:
    """Return a dealer made of settings only. Raises DealerSettingError."""
    parts = urlsplit(catalog_url)
    host = (parts.hostname or "").lower()
    bare = host.removeprefix("www.")
    twin = bare if host.startswith("www.") else f"www.{host}"
    aliases = (
        (twin,)
        if parts.port is None and "." in host and not host.replace(".", "").isdigit()
        else ()
    )
    # A name of one English word may be a word of titles as well ("Nihonto").
    is_telling = not name.isascii() or " " in name.strip()
    known = {
        "domain": bare,
        "catalog_url": catalog_url,
        "host": host,
        "host_aliases": aliases,
        "scheme": parts.scheme,
        "shop_names": (name,) if is_telling else (),
    } | parse_settings(settings)
    return DealerSite(
        name=name,
        platform=PLATFORMS.get(platform or ""),
        currency=currency,
        country=country,
        **known,
    )


def _with_row(dealer: Dealer, row: DealerRow) -> Dealer:
    """Let a row's settings override a module's data: an unsure fact can be corrected without
    code.
    """
    changes = {k: v for k, v in row.settings.items() if k in SETTINGS}
    return dataclasses.replace(
        dealer,
        platform=PLATFORMS.get(row.platform or "", dealer.platform),
        currency=row.currency or dealer.currency,
        **(parse_settings(changes) if changes else {}),
    )
