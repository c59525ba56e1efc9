"""Which layer of a page is believed for which field; it reads nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scraper.pages.dealer import Dealer
from scraper.pages.readings import Layer, Reading

_ORDER = (
    Layer.API,
    Layer.STRUCTURED,
    Layer.PLATFORM,
    Layer.DEALER,
    Layer.GENERIC,
    Layer.CATALOGUE,
)
# JSON-LD names one picture and a shortened text: the page itself knows better.
PAGE_FIRST = (Layer.API, Layer.PLATFORM, Layer.DEALER, Layer.STRUCTURED, Layer.GENERIC)
# JSON-LD's name may be the one for search engines, with the shop's name behind it.
_TITLE = (Layer.API, Layer.PLATFORM, Layer.STRUCTURED, Layer.DEALER, Layer.GENERIC)
_TEXT_FROM_PAGE = (Layer.PLATFORM, Layer.DEALER, Layer.API, Layer.STRUCTURED, Layer.GENERIC)
_ORDER_OF: Mapping[str, tuple[Layer, ...]] = {
    "images": PAGE_FIRST,
    "title": _TITLE,
    "description": _TEXT_FROM_PAGE,
}


def merge(dealer: Dealer, readings: Mapping[Layer, Reading], layers: dict[str, str]) -> Reading:
    chosen: dict[str, Any] = {}
    for name in Reading.__dataclass_fields__:
        order: tuple[Layer, ...] = _ORDER_OF.get(name, _ORDER)
        if name in dealer.dealer_layer_first | dealer.selected:
            order = (Layer.DEALER, *(layer for layer in order if layer is not Layer.DEALER))
        for layer in order:
            value = getattr(readings.get(layer, Reading()), name)
            if value is not None:
                chosen[name] = value
                layers[name] = layer.value
                break
    return Reading(**chosen)


def stated_currency(readings: Mapping[Layer, Reading]) -> str | None:
    """Return the currency of a layer that names one, for an amount whose own layer does not."""
    prices = (readings[layer].price for layer in _ORDER if layer in readings)
    return next((price.currency for price in prices if price and price.currency), None)
