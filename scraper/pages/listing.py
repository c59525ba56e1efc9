"""The values that a dealer's page becomes; they know neither the network nor the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

BY_DEFAULT = "nothing says otherwise"  # the layer of a state that no word on the page states


class MissingField(StrEnum):
    """What a page did not say, so that it is as a rule has it, or missing."""

    STATUS = "status by default"
    PRICE = "no price"
    NO_PICTURE = "no picture"
    ONE_PICTURE = "1 picture where the page shows more"
    CUT_PICTURES = "pictures beyond the cap left out"


class Status(StrEnum):
    """Whether the item can be bought; `is_available` and `is_sold` are always derived from it."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    SOLD = "sold"
    PRESUMED_SOLD = "presumed_sold"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"

    @property
    def is_available(self) -> bool:
        return self is Status.AVAILABLE

    @property
    def is_sold(self) -> bool:
        return self in (Status.SOLD, Status.PRESUMED_SOLD)


@dataclass(frozen=True)
class Price:
    """An amount as the dealer states it; a value of None means "on inquiry" and is never written
    as 0.
    """

    value: Decimal | None
    currency: str | None
    raw: str | None


@dataclass(frozen=True)
class Measurements:
    """Sizes in the unit that each name ends in; None where the page does not say."""

    nagasa_cm: Decimal | None = None
    sori_cm: Decimal | None = None
    motohaba_cm: Decimal | None = None
    sakihaba_cm: Decimal | None = None
    kasane_cm: Decimal | None = None
    nakago_cm: Decimal | None = None
    weight_g: Decimal | None = None
    mekugi_ana: int | None = None
    height_cm: Decimal | None = None
    width_cm: Decimal | None = None
    thickness_mm: Decimal | None = None


@dataclass(frozen=True)
class ScrapedListing:
    """One item as its page shows it; `layers` says for each field where it was read."""

    url: str
    title: str
    description: str | None
    item_type: str | None
    price: Price
    status: Status
    images: tuple[str, ...]
    measurements: Measurements = Measurements()
    layers: Mapping[str, str] = field(default_factory=dict)
    missing_fields: tuple[MissingField, ...] = ()
    names_currency: bool = False  # by a code, not by a sign of several


@dataclass(frozen=True)
class Page:
    """One fetched answer: `url` is where it finally came from, `text` its body decoded."""

    url: str
    requested_url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    text: str = ""
    etag: str | None = None
    last_modified: str | None = None
