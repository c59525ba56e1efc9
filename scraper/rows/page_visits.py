"""The pages of one dealer's run, fetched side by side and handed over in order; it reads none."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from scraper.base.errors import FetchError
from scraper.net.host_limits import HostHeldError, HostTrippedError
from scraper.pages.dealer import Platform
from scraper.pages.errors import PageError
from scraper.pages.listing import Page
from scraper.rows.discovery import Target
from scraper.rows.fetching import PageFetcher
from scraper.rows.rows_by_address import RowsByAddress

Answer = Page | FetchError | PageError | None
NOT_ASKED = (HostHeldError, HostTrippedError)
"""Answers of pages whose host was left alone before anybody asked it for them."""
MOST_FAILURES = 5
_DAYS_BETWEEN_LOOKS = 7  # at a page of which the shop's API says that nothing has changed


class PageVisits:
    """Fetches targets; `leave_rest` ends it after what is on its way."""

    def __init__(
        self,
        fetcher: PageFetcher,
        rows: RowsByAddress,
        *,
        platform: Platform | None,
        digest: Callable[[Target], str | None],
        now: Callable[[], dt.datetime],
        at_once: int,
        reread: bool,
    ) -> None:
        """`digest` is what the catalogue says of an item: a page is asked for conditionally only
        where that has not changed.
        """
        self._fetcher = fetcher
        self._rows = rows
        self._platform = platform
        self._digest = digest
        self._now = now
        self._at_once = at_once
        self._reread = reread
        self._is_left = False

    def leave_rest(self) -> None:
        self._is_left = True

    def fetched(
        self, targets: Iterable[Target], *, again: bool = False
    ) -> Generator[tuple[Target, Answer], None, None]:
        """Fetch the pages side by side, as far as the host's limits let them, and yield them in
        order. Once the rest is to be left no further one is asked for; what is on its way still
        comes, because it was asked and will be answered.
        """
        at_once = self._at_once
        waiting: deque[tuple[Target, Future[Answer]]] = deque()
        with ThreadPoolExecutor(max_workers=at_once) as pool:
            try:
                for target in targets:
                    if self._is_left:
                        break
                    waiting.append((target, pool.submit(self._fetch, target, again)))
                    if len(waiting) == at_once:
                        first, future = waiting.popleft()
                        yield first, future.result()
                for target, future in waiting:
                    yield target, future.result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _fetch(self, target: Target, again: bool) -> Answer:
        """Return the page, None when it has not changed, or why there is none."""
        known = self._rows.at(target.row.url)
        conditional = (
            known is not None
            and not self._reread
            and not known.get("consecutive_404_count")
            and not again
            and target.row.catalogue_digest == self._digest(target)
        )
        if conditional and self._is_unchanged_by_api(target):
            return None
        address = target.fetch_url
        bare = "?" not in address and not address.endswith(("/", ".html", ".htm", ".php"))
        if again and target.item is None and bare:  # stored without the slash that some want
            address += "/"
        try:
            return self._fetcher.page(
                address,
                etag=target.row.etag if conditional else None,
                last_modified=target.row.last_modified if conditional else None,
            )
        except (FetchError, PageError) as error:
            return error

    def _is_unchanged_by_api(self, target: Target) -> bool:
        """Say whether the shop's API, of which nothing has changed, states when it last changed the
        item: then its page need not be asked for, but for one look a week.
        """
        api, row = target.item.api if target.item else None, target.row
        if api is None or row.catalogue_digest is None or row.failures or not row.is_scraped:
            return False
        is_its_day = (row.id + self._now().toordinal()) % _DAYS_BETWEEN_LOOKS == 0
        platform = self._platform
        return platform is not None and platform.changed_at(api) is not None and not is_its_day


def in_order(targets: Iterable[Target], rows: RowsByAddress, *, after: object) -> list[Target]:
    """The targets worth a visit: new items first, then the rest from where the last run stopped."""
    wanted = [target for target in targets if is_worth_a_visit(target, rows)]
    last = after if isinstance(after, int) else 0
    wanted.sort(key=lambda t: (t.row.is_scraped, -t.row.priority, t.row.id <= last, t.row.id))
    return wanted


def is_worth_a_visit(target: Target, rows: RowsByAddress) -> bool:
    """A vanished item is looked at until it is known to be sold or gone."""
    if target.item is not None:
        return True
    listing = rows.at(target.row.url)
    if listing is None:  # never saved, unless its row has moved or was deleted
        return not target.row.is_scraped and target.row.failures < MOST_FAILURES
    return listing.get("page_exists") is not False and not listing.get("is_sold")


def stable_date(page: Page) -> str | None:
    """Return Last-Modified unless there is an ETag, or the page only claims to have been made
    this moment.
    """
    if page.etag or not page.last_modified:
        return None
    date = next((value for name, value in page.headers.items() if name.lower() == "date"), None)
    return None if date is not None and date[:22] == page.last_modified[:22] else page.last_modified
