"""Which dealers there are: modules of their own, rows of the database, or both; it fetches
nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from scraper.dealers import DEALERS
from scraper.dealers.protocol import Dealer, PlatformName
from scraper.errors import ListingMirrorError
from scraper.repository import DealerRow

_TUPLES = (
    "host_aliases",
    "archive_hosts",
    "catalogue_urls",
    "excluded_pages",
    "identity_parameters",
    "image_selectors",
    "cut_selectors",
    "excluded_images",
    "required",
)
_TEXTS = (
    "product_pattern",
    "title_selector",
    "price_selector",
    "description_selector",
    "specification_selector",
    "status_selector",
    "encoding",
    "image_pattern",
    "host",
    "scheme",
)
_FLAGS = ("decimal_comma", "uses_api", "verify_tls", "zero_is_inquiry")
SETTINGS = (
    *_TUPLES,
    *_TEXTS,
    *_FLAGS,
    "max_images",
    "delay_s",
    "trailing_slash",
    "catalogue_pattern",
    "referer",  # the migration's: nothing here sends one
)


class UnknownDealerError(ListingMirrorError):
    """A name that no dealer has."""

    exit_code = 2


class DealerSettingError(ListingMirrorError):
    """A setting that no dealer has, or with a value that makes no sense."""

    exit_code = 2


@dataclasses.dataclass(frozen=True)
class Known:
    """A dealer and its row, None while it has none."""

    dealer: Dealer
    row: DealerRow | None


def known_dealers(rows: Iterable[DealerRow]) -> list[Known]:
    """Return all dealers: those with a module first, then the other rows by name."""
    by_name = {row.name.casefold(): row for row in rows}
    listed = []
    for dealer in DEALERS:
        row = by_name.pop(dealer.name.casefold(), None)
        listed.append(Known(_with_row(dealer, row) if row else dealer, row))
    others = [
        Known(dealer_from_row(row), row)
        for row in by_name.values()
        if row.catalog_url or row.domain
    ]
    return listed + sorted(others, key=lambda known: known.dealer.name.casefold())


def choose(known: list[Known], names: Iterable[str]) -> list[Known]:
    """Return the named dealers, or all active ones. Raises UnknownDealerError, which lists the
    known ones.
    """
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return [entry for entry in known if entry.row is None or entry.row.is_active]
    by_name = {entry.dealer.name.casefold(): entry for entry in known}
    missing = [name for name in wanted if name.casefold() not in by_name]
    if missing:
        listed = ", ".join(entry.dealer.name for entry in known) or "none yet"
        raise UnknownDealerError(
            f"there is no dealer named "
            f"{', '.join(repr(name) for name in missing)}. Known dealers: {listed}. "
            "Add one with `scrape dealers add NAME URL`."
        )
    return [by_name[name.casefold()] for name in wanted]


def dealer_for_url(known: list[Known], url: str) -> Dealer | None:
    """Return the dealer on whose host `url` is, by exact host."""
    host = (urlsplit(url).netloc or "").lower()
    for entry in known:
        dealer = entry.dealer
        own = urlsplit(dealer.catalog_url).netloc.lower()
        if host in {
            own,
            dealer.domain,
            f"www.{dealer.domain}",
            dealer.host,
            *dealer.host_aliases,
            *dealer.archive_hosts,
        }:
            return dealer
    return None


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
    known = {"host": host, "host_aliases": aliases, "scheme": parts.scheme} | parse_settings(
        settings
    )
    names = {member.value for member in PlatformName}
    return Dealer(
        name=name,
        domain=bare,
        catalog_url=catalog_url,
        platform=PlatformName(platform) if platform in names else None,
        currency=currency,
        country=country,
        **known,
    )


def parse_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored or typed settings as a dealer's fields. Raises DealerSettingError."""
    fields: dict[str, Any] = {}
    for name, value in settings.items():
        if name == "catalogue_pattern":
            fields["extra"] = {"catalogue_pattern": str(value)}
        elif name in _TUPLES:
            fields[name] = tuple(value) if isinstance(value, (list, tuple)) else (str(value),)
        elif name in _TEXTS:
            fields[name] = str(value)
        elif name in _FLAGS or name == "trailing_slash":
            fields[name] = (
                value
                if isinstance(value, bool)
                else str(value).lower() in ("1", "true", "yes", "on")
            )
        elif name in ("max_images", "delay_s"):
            try:
                fields[name] = int(value) if name == "max_images" else float(value)
            except (TypeError, ValueError):
                raise DealerSettingError(
                    f"the setting {name} needs a number, not {value!r}"
                ) from None
        elif name in SETTINGS:
            continue
        else:
            raise DealerSettingError(
                f"there is no dealer setting named {name!r}. Known settings: "
                f"{', '.join(sorted(SETTINGS))}."
            )
    return fields


def _with_row(dealer: Dealer, row: DealerRow) -> Dealer:
    """Let a row's settings override a module's data: an unsure fact can be corrected without
    code.
    """
    changes = {k: v for k, v in row.settings.items() if k in SETTINGS}
    return dataclasses.replace(
        dealer,
        platform=PlatformName(row.platform)
        if row.platform in {m.value for m in PlatformName}
        else dealer.platform,
        currency=row.currency or dealer.currency,
        **(parse_settings(changes) if changes else {}),
    )
