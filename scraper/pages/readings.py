"""What the layers of a page say of its item: values only, which of them is believed is decided
elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from scraper.pages.listing import Measurements, Price, Status


class Layer(StrEnum):
    """Where a field was read, most trusted first."""

    API = "api"
    STRUCTURED = "structured"  # JSON-LD, microdata, Open Graph
    PLATFORM = "platform"
    DEALER = "dealer"
    GENERIC = "generic"
    CATALOGUE = "catalogue"  # the item's tile in the shop's list


@dataclass(frozen=True)
class Reading:
    """What one layer says about the item; None means that it says nothing.

    `price` with a value of None is a statement ("on inquiry"), `price` None is silence;
    likewise `images` () and None.
    """

    title: str | None = None
    description: str | None = None
    price: Price | None = None
    status: Status | None = None
    images: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    sku: str | None = None
    out_of_stock: bool | None = None  # the shop's stock flag, before anybody decides what it means
    item_type: str | None = None
    measurements: Measurements | None = None
    specification: str | None = (
        None  # text to read measurements from, where it is not the description
    )


@dataclass(frozen=True)
class Picture:
    """One picture of a page: its best address and whether the page itself calls that the full
    size.
    """

    url: str
    stated: bool


@dataclass(frozen=True)
class Markup:
    """What a shop system's own markup says, and the pictures of its gallery in page order (None:
    the page has no gallery).
    """

    reading: Reading
    gallery: tuple[Picture, ...] | None = None
