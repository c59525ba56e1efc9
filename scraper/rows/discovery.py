"""What a dealer lists today against what we know: new, known, vanished; it writes addresses,
never listings.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace

from scraper.base.errors import ListingMirrorError
from scraper.pages.catalogue import Catalogue, Item
from scraper.pages.dealer import Dealer
from scraper.pages.dealer_addresses import belongs
from scraper.pages.document import parse
from scraper.pages.errors import SoftNotFoundError
from scraper.pages.fetcher import Fetcher
from scraper.platforms import Detection, detect
from scraper.reading.error_pages import refuse_walls
from scraper.rows.address_table import DiscoveredRow
from scraper.rows.moved_shop import MovedShopError, new_home
from scraper.rows.repository import Repository

NEW_PRIORITY = 10  # higher is sooner; new items go first
_SALES_BELIEVED = 2  # between two runs, even where that is half of a very small shop
_PAGES_COMPARED = 6  # of a shop whose items all have new addresses


class NoShopError(ListingMirrorError):
    """An address that answers, but not as a shop we can read."""


class ShrunkCatalogueError(ListingMirrorError):
    """A dealer that lists nothing, or half of what it had, or only other addresses: believed only
    when confirmed.
    """


@dataclass(frozen=True)
class Target:
    """One address to visit: the item as listed today (None: vanished) and what we know of it."""

    item: Item | None
    row: DiscoveredRow

    @property
    def fetch_url(self) -> str:
        return self.item.url if self.item is not None else self.row.url


@dataclass(frozen=True)
class Discovery:
    """The dealer's catalogue and how it differs from what was known."""

    catalogue: Catalogue
    targets: tuple[Target, ...]
    new: int


def detect_platform(dealer: Dealer, fetcher: Fetcher) -> Detection:
    """Fetch the dealer's page and say which shop system it is, and where it was found. Raises
    FetchError and PageError.
    """
    page = fetcher.page(dealer.catalog_url)
    if page is None:
        return Detection(None, "it did not answer")
    document = parse(page)
    found = replace(detect(document), url=page.url)
    try:
        refuse_walls(document)
    except SoftNotFoundError:  # an empty blog as the front page of a shop says "nothing found"
        if found.platform is None:
            raise
    return found


def discover(
    dealer: Dealer,
    dealer_id: int,
    fetcher: Fetcher,
    repository: Repository,
    *,
    listed_before: int | None,
    saved: Iterable[str] = (),
    accept_shrink: bool = False,
    is_known_item: Callable[[Item], bool] = lambda item: False,
) -> Discovery:
    """Read the dealer's catalogue and record new addresses.

    Args:
        saved: canonical addresses of the dealer's listings: one that somebody else has inserted is
            visited like the others.
        listed_before: how many items the last good run saw; None when there was none.
        accept_shrink: believe a catalogue that has lost half of its items or more.
        is_known_item: says of a new address whether its page shows an item that we have: a shop
            that was rebuilt lists all it had under other addresses.

    Raises:
        ShrunkCatalogueError: before anything was written.
    """
    if dealer.platform is None:
        raise NoShopError(
            f"{dealer.name}: its shop system is not known; run `scrape dealers add` again with "
            f"--platform."
        )
    catalogue = dealer.platform.catalogue(dealer, fetcher)
    known = _index(dealer, repository.addresses.of(dealer_id))
    catalogue = replace(catalogue, items=one_page_each(dealer, catalogue.items, known))
    if not catalogue.items:
        _refuse_empty(dealer, catalogue, fetcher, known)
    if listed_before is not None and not accept_shrink:
        if _is_rebuilt(catalogue, known, listed_before, is_known_item):
            note = "all items stand at other addresses than before: their rows move with them"
            catalogue = replace(catalogue, notes=(*catalogue.notes, note))
        else:
            _refuse_shrunk(dealer, catalogue, known, listed_before)
    fresh = [item.canonical for item in catalogue.items if item.canonical not in known]
    by_url = {item.canonical: item for item in catalogue.items}
    unheard = [u for u in saved if u not in known and u not in by_url and belongs(dealer, u)]
    if fresh or unheard:
        repository.addresses.add(dealer_id, fresh, priority=NEW_PRIORITY)
        repository.addresses.add(dealer_id, unheard, priority=0)
        known = _index(dealer, repository.addresses.of(dealer_id))
    targets = tuple(Target(by_url.get(url), row) for url, row in known.items())
    return Discovery(catalogue, targets, len(fresh))


def one_page_each(dealer: Dealer, items: Iterable[Item], known: Container[str]) -> tuple[Item, ...]:
    """Return the items without the further pages that some of them have (another language)."""
    chosen: dict[str, Item] = {}
    for item in items:
        code = dealer.item_code(item.canonical) or item.canonical
        rival = chosen.get(code)
        if rival is None or _worth(dealer, item, known) > _worth(dealer, rival, known):
            chosen[code] = item
    return tuple(chosen.values())


def _worth(dealer: Dealer, item: Item, known: Container[str]) -> tuple[bool, bool]:
    return item.canonical in known, dealer.is_main_page(item.canonical)


def _index(dealer: Dealer, rows: list[DiscoveredRow]) -> Mapping[str, DiscoveredRow]:
    """Return rows by canonical address; an older spelling of a known item is that item, not
    another one.
    """
    indexed: dict[str, DiscoveredRow] = {}
    for row in rows:
        indexed.setdefault(dealer.canonical_url(row.url), row)
    return indexed


def _refuse_empty(
    dealer: Dealer, catalogue: Catalogue, fetcher: Fetcher, known: Iterable[str]
) -> None:
    if (found := new_home(dealer, fetcher, known)) is not None:
        raise MovedShopError(dealer, found)
    raise ShrunkCatalogueError(
        f"{dealer.name} lists nothing at {dealer.catalog_url} ({catalogue.source}); that is "
        f"no state of a shop, so no row was changed. "
        "Look at the page, or correct the dealer's catalogue_urls or product_pattern."
    )


def _is_rebuilt(
    catalogue: Catalogue,
    known: Container[str],
    before: int,
    is_known_item: Callable[[Item], bool],
) -> bool:
    """Say whether as many items as before are listed, most at new addresses, and most of some of
    these show items that we have.
    """
    fresh = [item for item in catalogue.items if item.canonical not in known]
    if len(catalogue.items) * 2 <= before or len(fresh) * 2 < len(catalogue.items):
        return False
    sample = fresh[:: max(1, len(fresh) // _PAGES_COMPARED)][:_PAGES_COMPARED]
    return sum(is_known_item(item) for item in sample) * 2 > len(sample)


def _refuse_shrunk(
    dealer: Dealer, catalogue: Catalogue, known: Container[str], before: int
) -> None:
    """Raise when half of the items or more are gone at once, or all stand at new addresses.

    A shop that moves would have its listings presumed sold and entered a second time.
    """
    listed = len(catalogue.items)
    stayed = sum(item.canonical in known for item in catalogue.items)
    if stayed * 2 > before or before - stayed <= _SALES_BELIEVED:
        return
    found = (
        f"lists {listed} items and had {before}"
        if listed * 2 <= before
        else f"lists {listed} items, but only {stayed} of them under addresses that it had before"
    )
    raise ShrunkCatalogueError(
        f"{dealer.name} {found} ({catalogue.source}); losing half at once is not believed, so no "
        f"row was changed. If it is true, run again with --accept-shrink."
    )
