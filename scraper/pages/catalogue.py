"""What a shop lists: its items and how sure we are of the list; it knows no markup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Item:
    """One listed item: `url` as the shop links it, `canonical` as we store it, `api` as its API
    describes it, `out_of_stock` as its tile in the catalogue says (None: nothing).
    """

    url: str
    canonical: str
    api: Mapping[str, Any] | None = None
    out_of_stock: bool | None = None


@dataclass(frozen=True)
class Catalogue:
    """All items a shop lists; `source` says where the list came from, `notes` what an operator
    should know.
    """

    items: tuple[Item, ...]
    source: str
    notes: tuple[str, ...] = ()
    currency: str | None = None
