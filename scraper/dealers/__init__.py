"""The dealers that have a module of their own: a new one is a line here.

Each is a module of this room whose DEALER is its difference; any other shop on a known shop
system needs none.
"""

from __future__ import annotations

from importlib import import_module

from scraper.pages.dealer import Dealer

_MODULES = (
    "world_seiyudo",
    "aoi_art",
    "yushindou",
    "nihonto_art",
    "touken_komachi",
)


def _dealer_of(module: str) -> Dealer:
    dealer: Dealer = import_module(f"{__name__}.{module}").DEALER
    return dealer


DEALERS = tuple(_dealer_of(module) for module in _MODULES)


def dealer_named(name: str) -> Dealer | None:
    """Return the dealer with a module of its own under that name, None when there is none."""
    return next((dealer for dealer in DEALERS if dealer.name.casefold() == name.casefold()), None)
