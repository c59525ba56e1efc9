"""Which listings came with a whole catalogue, and which are really new: rules about dates only."""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Iterable

TOGETHER = dt.timedelta(hours=1)
"""One discovery, however slowly its addresses are written."""
LARGEST_DELIVERY = 20
"""More addresses than this at once are no ordinary day's news…"""
DELIVERY_SHARE = 0.1
"""…unless the dealer had so many before that they are less than this share of them."""


class ListingDates:
    """When a dealer's addresses were discovered."""

    def __init__(self, discovered_at: Iterable[dt.datetime | None]) -> None:
        self._dates = sorted(date for date in discovered_at if date is not None)

    def is_import(self, discovered_at: dt.datetime | None) -> bool:
        """Whether an address came with the dealer's first catalogue or with a bulk discovery.

        A dealer that changes its site, or whose archive is found, has hundreds of addresses that
        nobody saw before and no item that is new; frontends once showed 2,978 such rows as new.
        """
        if discovered_at is None:
            return False
        begins = bisect.bisect_left(self._dates, discovered_at - TOGETHER)
        ends = bisect.bisect_right(self._dates, discovered_at + TOGETHER)
        return begins == 0 or ends - begins > max(LARGEST_DELIVERY, DELIVERY_SHARE * begins)
