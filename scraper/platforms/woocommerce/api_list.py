"""What WooCommerce's Store API lists, in every version of it; which of it is for sale is decided
elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin

from scraper.base.errors import FetchError
from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.errors import PageError
from scraper.pages.fetcher import Fetcher
from scraper.platforms.pagination import MAX_PAGES

log = logging.getLogger(__name__)

_API_PATHS = ("wc/store/v1/products", "wc/store/products")
_API_SIZES = (100, 20, 10)


@dataclass(frozen=True)
class ApiList:
    """What the Store API listed, and at which address."""

    products: tuple[Mapping[str, Any], ...]
    path: str


def read_api_list(dealer: Dealer, fetcher: Fetcher, home: Document | None) -> ApiList | None:
    """Return all products, None where the API does not answer."""
    for endpoint in _endpoints(dealer, home):
        for size in _API_SIZES:
            try:
                return ApiList(tuple(_api_pages(fetcher, endpoint, size)), endpoint)
            except (FetchError, PageError, ValueError) as error:
                log.info(
                    "%s: the Store API did not answer with pages of %d: %s",
                    dealer.name,
                    size,
                    error,
                )
                if isinstance(error, FetchError) and error.status not in (400, 404):
                    return None
                if not isinstance(error, FetchError) or error.status == 404:
                    break  # there is none at this address, whatever the size
    return None


def visible_products(fetcher: Fetcher, api: ApiList) -> tuple[Mapping[str, Any], ...]:
    """Return the products the API itself calls catalogue-visible; versions without that filter
    return all.
    """
    joiner = "&" if "?" in api.path else "?"
    try:
        visible = list(_api_pages(fetcher, f"{api.path}{joiner}catalog_visibility=catalog", 100))
    except (FetchError, PageError, ValueError):
        return api.products
    return tuple(visible) or api.products


def currency_of(api: ApiList) -> str | None:
    for product in api.products:
        code = (product.get("prices") or {}).get("currency_code")
        if code:
            return str(code).upper()
    return None


def _api_pages(fetcher: Fetcher, endpoint: str, size: int) -> Iterator[Mapping[str, Any]]:
    """Yield all products; the page count comes from X-WP-TotalPages, never from the Link header
    (it is broken).
    """
    seen: set[str] = set()
    page_number, pages = 1, 1
    is_counted = False
    while page_number <= min(pages, MAX_PAGES):
        joiner = "&" if "?" in endpoint else "?"
        try:
            products, page = fetcher.json(
                f"{endpoint}{joiner}{urlencode({'per_page': size, 'page': page_number})}"
            )
        except FetchError as error:
            if page_number > 1 and not is_counted and error.status in (400, 404):
                return
            raise
        if not isinstance(products, list) or not all(
            isinstance(p, dict) and p.get("permalink") for p in products
        ):
            raise ValueError(f"{page.url} is no list of products")
        new = [p for p in products if str(p["permalink"]) not in seen]
        seen |= {str(p["permalink"]) for p in new}
        yield from new
        headers = {name.lower(): value for name, value in page.headers.items()}
        stated = headers.get("x-wp-totalpages", "")
        if stated.isdigit():
            pages, is_counted = int(stated), True
        elif not is_counted:
            # On, as long as pages bring something new: a server may ignore the size, or the page.
            pages = page_number + bool(new)
        page_number += 1


def _endpoints(dealer: Dealer, home: Document | None) -> list[str]:
    """Return the API's possible addresses; the page itself says where the REST root is."""
    link = home.first('link[rel="https://api.w.org/"]') if home is not None else None
    root = (
        home.absolute(str(link.get("href") or ""))
        if home is not None and link is not None
        else None
    ) or urljoin(dealer.catalog_url, "/wp-json/")
    roots = [root] if link is not None else [root, urljoin(dealer.catalog_url, "/?rest_route=/")]
    return [base + path for base in roots for path in _API_PATHS]
