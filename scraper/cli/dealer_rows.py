"""What `scrape dealers` does once its options are read: dealers' rows, and what is set for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import typer

from scraper.base import console
from scraper.base.report_blocks import Format
from scraper.cli.options import command_settings, open_repository, show
from scraper.cli.reports import AddedDealer, DealerList, DealerSettings
from scraper.dealers.settings import SETTINGS, parse_settings
from scraper.net.session import DealerSession
from scraper.pages.dealer import Dealer, Platform
from scraper.rows.dealer_table import slug_of
from scraper.rows.discovery import NoShopError, detect_platform
from scraper.rows.known_dealers import (
    KnownDealer,
    build_dealer,
    choose,
    dealer_for_url,
    known_dealers,
)
from scraper.rows.moved_shop import follow_shop, settings_after
from scraper.rows.run_context import fetcher_for, make_context


def show_dealers(output: Format) -> None:
    """Print the dealers that are known, without or with a row."""
    with open_repository(command_settings()) as repository:
        known = known_dealers(repository.dealers.all())
    show(DealerList(known), output)


def add(
    name: str,
    address: str,
    *,
    platform: Platform | None,
    currency: str | None,
    pairs: Sequence[str],
    output: Format,
) -> None:
    """Give a new dealer its row, its shop system detected where it is not said."""
    settings = command_settings()
    extra = _parse_pairs(pairs, hint="--setting")
    parse_settings(extra)
    _check_new_dealer(name, address, currency)

    def described(url: str) -> Dealer:
        return build_dealer(
            name.strip(),
            url,
            platform=platform.name if platform else None,
            currency=(currency or "").upper() or None,
            settings=extra,
        )

    dealer = described(address)
    with open_repository(settings) as repository, DealerSession(settings) as session:
        known = known_dealers(repository.dealers.all())
        _refuse_taken(known, dealer)
        reason = None
        if dealer.platform is None:
            found = detect_platform(
                dealer, fetcher_for(dealer, make_context(settings, repository, session))
            )
            if found.platform is None or not found.platform.is_shop:
                raise NoShopError(
                    f"{address} is no shop that we know: {found.reason}. If it sells items all "
                    f"the same, add it with "
                    "--platform wordpress or --platform static and --setting product_pattern=REGEX."
                )
            if urlsplit(found.url)[:2] != urlsplit(address)[:2]:  # another scheme or host
                console.warn(f"{address} leads to {found.url}: that is kept as the shop's address")
                dealer = described(found.url)
                _refuse_taken(known, dealer)
            dealer, reason = dataclasses.replace(dealer, platform=found.platform), found.reason
        repository.dealers.add(dealer, extra)
    assert dealer.platform is not None
    show(AddedDealer(dealer.name, dealer.platform.name, reason), output, of_work=True)
    if dealer.platform.unverified:
        console.warn(
            f"what could not be checked of {dealer.platform.name}: {dealer.platform.unverified}. "
            "Look at some items with `scrape url URL --dry-run` before you rely on it."
        )


def change(
    name: str,
    *,
    platform: Platform | None,
    currency: str | None,
    active: bool | None,
    pairs: Sequence[str],
    output: Format,
) -> None:
    """Set what is special about a dealer, and print what is set."""
    changes = _parse_pairs(pairs, hint="KEY=VALUE")
    _check_currency(currency)
    columns = {
        "platform": platform.name if platform else None,
        "currency": currency.upper() if currency else None,
        "is_active": active,
    }
    with open_repository(command_settings()) as repository:
        known = known_dealers(repository.dealers.all())
        (entry,) = choose(known, [name])
        before = entry.row.settings if entry.row else {}
        wanted = {key: value for key, value in {**before, **changes}.items() if value != ""}
        parse_settings(wanted)
        if changes or any(value is not None for value in columns.values()):
            row = entry.row or repository.dealers.add(entry.dealer, {})
            repository.dealers.update(
                row.id, {key: value for key, value in columns.items() if value is not None}
            )
            if home := changes.get("moved_to"):
                _refuse_others_home(known, entry.dealer, str(home))
                moved, addresses = follow_shop(entry.dealer, row.id, wanted, str(home), repository)
                console.say(f"moved to {home}: {moved} rows, {addresses} known addresses")
                wanted = settings_after(entry.dealer, wanted, str(home))
            elif wanted != dict(before):
                repository.dealers.set_settings(row.id, wanted)
            if changes or platform or currency:  # they change what is read of the same pages
                repository.addresses.forget_pages(row.id)
    if not wanted:
        console.say(f"What can be set: {_keys()}.")
    show(DealerSettings(entry.dealer.name, wanted), output, of_work=True)


def _keys() -> str:
    return ", ".join(sorted(SETTINGS))


def _refuse_others_home(known: list[KnownDealer], dealer: Dealer, home: str) -> None:
    other = dealer_for_url(known, home)
    if other is not None and other.name != dealer.name:
        raise typer.BadParameter(
            f"{home} belongs to the dealer {other.name!r} already", param_hint="moved_to"
        )


def _parse_pairs(pairs: Sequence[str], *, hint: str) -> dict[str, Any]:
    """Return the settings as typed; a key given twice is a list."""
    found: dict[str, Any] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        key = key.strip()
        if not separator or key not in SETTINGS:
            raise typer.BadParameter(
                f"{pair!r} is not KEY=VALUE with a known key: {_keys()}",
                param_hint=hint,
            )
        if key in found:
            found[key] = [*(found[key] if isinstance(found[key], list) else [found[key]]), value]
        else:
            found[key] = value
    return found


def _check_new_dealer(name: str, address: str, currency: str | None) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise typer.BadParameter(f"{address!r} is no http(s) address", param_hint="URL")
    if not name.strip():
        raise typer.BadParameter("a dealer needs a name", param_hint="NAME")
    _check_currency(currency)


def _check_currency(currency: str | None) -> None:
    if currency is not None and not (
        len(currency) == 3 and currency.isalpha() and currency.isascii()
    ):
        raise typer.BadParameter(
            f"{currency!r} is no currency code such as JPY", param_hint="--currency"
        )


def _refuse_taken(known: list[KnownDealer], dealer: Dealer) -> None:
    for entry in known:
        if entry.dealer.name.casefold() == dealer.name.casefold():
            raise typer.BadParameter(
                f"a dealer named {entry.dealer.name!r} is known already "
                f"({entry.dealer.catalog_url}); `scrape dealers set` changes it",
                param_hint="NAME",
            )
        if slug_of(dealer.name) and slug_of(entry.dealer.name) == slug_of(dealer.name):
            raise typer.BadParameter(
                f"it gives the same folder name {slug_of(dealer.name)!r} as the dealer "
                f"{entry.dealer.name!r}; choose another one",
                param_hint="NAME",
            )
    other = dealer_for_url(known, dealer.catalog_url)
    if other is not None:
        raise typer.BadParameter(
            f"{dealer.catalog_url} belongs to the dealer {other.name!r} already", param_hint="URL"
        )
