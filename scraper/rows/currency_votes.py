"""Which currency the prices of a dealer's pages name, and how surely; it counts, no more."""

from __future__ import annotations

from collections import Counter

from scraper.pages.listing import ScrapedListing

PAGES_TO_CORRECT = 3
"""So many pages that state another currency correct what a sign once decided."""


class CurrencyVotes:
    """The currencies of one run's prices: stated (by a code, or a sign of that one alone), or only
    by a sign of several ("$"), which decides nothing for good.
    """

    def __init__(self) -> None:
        self._stated = Counter[str]()
        self._signed = Counter[str]()

    def hear(self, scraped: ScrapedListing) -> str | None:
        """Count one page's price; the currency that it states for good, if it does."""
        price = scraped.price
        if price.currency is None or price.value is None:
            return None
        if not scraped.names_currency:
            self._signed[price.currency] += 1
            return None
        self._stated[price.currency] += 1
        return price.currency

    @property
    def stated(self) -> str | None:
        """What all pages that state one agree on, where there are enough of them."""
        currencies = list(self._stated)
        is_sure = len(currencies) == 1 and self._stated[currencies[0]] >= PAGES_TO_CORRECT
        return currencies[0] if is_sure else None

    @property
    def usual_sign(self) -> str | None:
        """What most signs of several currencies were taken for."""
        return self._signed.most_common(1)[0][0] if self._signed else None
