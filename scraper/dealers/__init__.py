"""The dealers that have a module of their own; any other shop on a known platform needs none."""

from __future__ import annotations

from scraper.dealers import aoi_art, nihonto_art, touken_komachi, world_seiyudo, yushindou
from scraper.pages.dealer import Dealer

DEALERS: tuple[Dealer, ...] = (
    world_seiyudo.DEALER,
    aoi_art.DEALER,
    yushindou.DEALER,
    nihonto_art.DEALER,
    touken_komachi.DEALER,
)


def dealer_named(name: str) -> Dealer | None:
    """Return the dealer with a module of its own under that name, None when there is none."""
    return next((dealer for dealer in DEALERS if dealer.name.casefold() == name.casefold()), None)
