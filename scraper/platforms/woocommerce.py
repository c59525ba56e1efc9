"""How a WooCommerce shop lists its items: its catalogue pages decide, its Store API describes.

The Store API of some versions also lists products that are hidden from the catalogue, and the
sitemap does always;
so an item is listed when the shop's own catalogue shows it. Where no catalogue can be walked the
API decides, and
where that does not answer either, the sitemap.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from bs4 import Tag

from scraper.base.errors import FetchError
from scraper.pages.dealer import Dealer, PlatformName
from scraper.pages.dealer_addresses import item_like
from scraper.pages.document import Document
from scraper.pages.errors import NotAnItemPageError, PageError
from scraper.pages.fetcher import Fetcher
from scraper.platforms.catalogue import (
    MAX_PAGES,
    Catalogue,
    Collected,
    fetch_optional,
    fetch_page,
    links,
    walk,
)
from scraper.platforms.sitemaps import sitemap_urls
from scraper.reading.woocommerce_amounts import amounts_in

log = logging.getLogger(__name__)

_TILES = (
    "li.product, .products .product, .products .type-product, .product-grid-item, "
    ".wc-block-product, .wc-block-grid__product, "
    ".wp-block-woocommerce-product-template > li, .wc-block-product-template > li, "
    "li.wp-block-post.type-product, "
    "li.wp-block-post.product, .product-small, .elementor-loop-container .type-product"
)
_MAIN = "main, #main, #primary, #content, .site-content, .wp-site-blocks"
_NEXT = (
    "a.next.page-numbers, a.wp-block-query-pagination-next, link[rel=next], a[rel=next], "
    ".woocommerce-pagination a.next"
)
_NUMBERED = (
    ".woocommerce-pagination a, .wp-block-query-pagination-numbers a, nav.pagination a.page-numbers"
)
_CURRENT = ".page-numbers.current, [aria-current=page].page-numbers"
_SAME_LISTS = 3  # a small category may show what its parent shows
_API_PATHS = ("wc/store/v1/products", "wc/store/products")
_API_SIZES = (100, 20, 10)
_PRODUCT = (
    r"/(?:product|shop|item|products|produkt|produit|producto|"
    r"prodotto)/[^/?]+|[?&]product="
)


@dataclass(frozen=True)
class _Api:
    """What the Store API listed; `total` is its own count."""

    products: tuple[Mapping[str, Any], ...]
    path: str


class WooCommerce:
    """WordPress with WooCommerce, any version and theme."""

    name = PlatformName.WOOCOMMERCE

    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        home = fetch_optional(fetcher, dealer.catalog_url)
        api = self._api(dealer, fetcher, home) if dealer.uses_api else None
        described = (
            {dealer.canonical_url(str(p.get("permalink"))): p for p in api.products} if api else {}
        )
        collected, walked = self._walk(dealer, fetcher, home)
        if collected.items:
            return self._from_pages(collected, described, api, walked)
        if api is not None and api.products:
            notes = (
                "no catalogue page could be read; products hidden from the catalogue may be among "
                "these",
            )
            listed = _visible(dealer, fetcher, api, home)
            for product in listed:
                collected.add(str(product.get("permalink")), product)
            return Catalogue(collected.result(), api.path, notes, _api_currency(api))
        return self._from_sitemap(dealer, fetcher, collected)

    def _from_pages(
        self,
        collected: Collected,
        described: Mapping[str, Mapping[str, Any]],
        api: _Api | None,
        walked: _Walk,
    ) -> Catalogue:
        items = tuple(
            replace(item, api=described.get(item.canonical)) for item in collected.result()
        )
        notes = []
        if walked.announced and walked.announced > len(items):
            notes.append(
                f"the catalogue announces {walked.announced} products and shows {len(items)}"
            )
        if walked.repeats:
            notes.append("further pages show the same list again; are there items on none of them?")
        hidden = len(set(described) - set(collected.items))
        if hidden:
            notes.append(f"{hidden} products of the API are not in the catalogue and were left out")
        source = "catalogue pages" + (
            f", described by {api.path}" if api else ", the Store API did not answer"
        )
        return Catalogue(
            items, source, tuple(notes), (_api_currency(api) if api else None) or walked.currency
        )

    def _from_sitemap(self, dealer: Dealer, fetcher: Fetcher, collected: Collected) -> Catalogue:
        for url in sitemap_urls(
            fetcher,
            dealer.catalog_url,
            lambda u: item_like(dealer, dealer.canonical_url(u), _PRODUCT),
        ):
            collected.add(url)
        if not collected.items:
            fetch_page(fetcher, dealer.catalog_url)  # raises where that is the reason
        return Catalogue(
            collected.result(), "sitemap", ("neither catalogue nor API could be read",)
        )

    def _api(self, dealer: Dealer, fetcher: Fetcher, home: Document | None) -> _Api | None:
        for endpoint in _endpoints(dealer, home):
            for size in _API_SIZES:
                try:
                    return _Api(tuple(_api_pages(fetcher, endpoint, size)), endpoint)
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

    def _walk(
        self, dealer: Dealer, fetcher: Fetcher, home: Document | None
    ) -> tuple[Collected, _Walk]:
        """Walk the whole catalogue; where one way in breaks off, try the next from its start."""
        broken: FetchError | None = None
        for start in _starts(dealer, fetcher, home):
            collected = Collected(dealer)
            walked = _Walk(dealer, collected)
            try:
                walk(
                    fetcher,
                    start,
                    collect=walked.collect,
                    next_pages=walked.following,
                    ready=start,
                )
                if not walked.is_led_on:
                    _turn_pages(fetcher, start.values(), walked)
            except FetchError as error:
                if error.status not in (404, 410):
                    raise
                log.info("%s: the catalogue breaks off: %s", dealer.name, error)
                broken = error
                continue
            if collected.items:
                return collected, walked
        if broken is not None:
            raise broken
        empty = Collected(dealer)
        return empty, _Walk(dealer, empty)


def _starts(
    dealer: Dealer, fetcher: Fetcher, home: Document | None
) -> Iterator[Mapping[str, Document]]:
    """Yield the ways into the catalogue, the likeliest first, with what is fetched already."""
    if dealer.catalogue_urls:
        found = {url: fetch_optional(fetcher, url) for url in dealer.catalogue_urls}
        yield {url: document for url, document in found.items() if document is not None}
        return
    if home is not None and _is_archive(home):
        yield {home.url: home}
    root = urljoin(dealer.catalog_url, "/") if home is None else _home_of(home, dealer)
    tried: set[str] = set()
    for candidate in (
        urljoin(root, "shop/"),
        *_shop_links(home),
        urljoin(root, "?post_type=product"),
    ):
        if candidate in tried:
            continue
        tried.add(candidate)
        document = fetch_optional(fetcher, candidate)
        if (
            document is not None
            and _is_archive(document)
            and document.url not in tried - {candidate}
        ):
            tried.add(document.url)
            yield {document.url: document}
    if home is not None and _tiles(home):
        yield {home.url: home}


class _Walk:
    """Collects tiles and finds further pages while the catalogue is walked."""

    def __init__(self, dealer: Dealer, collected: Collected) -> None:
        self.dealer = dealer
        self.collected = collected
        self.announced: int | None = None
        self.is_led_on = False  # some page linked to a further one
        self.currency: str | None = None
        self.repeats = False
        self._shown = Counter[tuple[str, ...]]()

    def collect(self, document: Document) -> bool:
        count = document.first(
            ".woocommerce-result-count, .wp-block-woocommerce-product-results-count"
        )
        numbers = [
            int(n.replace(",", ""))
            for n in re.findall(r"\d[\d,]*", count.get_text() if count is not None else "")
        ]
        if numbers:
            self.announced = max(self.announced or 0, max(numbers))
        shown = []
        for tile in _tiles(document):
            url = _tile_link(document, tile)
            if url:
                self.collected.add(url, out_of_stock=_tile_stock(tile))
                shown.append(url)
            if self.currency is None and (amounts := amounts_in(tile, self.dealer.currency)):
                self.currency = amounts[0][1]
        self._shown[tuple(shown)] += 1
        if shown and self._shown[tuple(shown)] > _SAME_LISTS:
            self.repeats = True
            return False
        return bool(shown or _category_tiles(document))

    def following(self, document: Document) -> Iterator[str]:
        host = urlsplit(document.url).netloc
        onward = links(document, _NEXT)
        if not onward and document.first(_CURRENT) is None:  # a theme with numbers only
            onward = [url for url in links(document, _NUMBERED) if "/page/1/" not in url]
        self.is_led_on |= bool(onward)
        for url in (*onward, *_category_tiles(document)):
            if urlsplit(url).netloc == host:
                yield url


def _turn_pages(fetcher: Fetcher, first: Iterable[Document], walked: _Walk) -> None:
    """Ask for further pages by WordPress' own addresses, where the theme loads them by a script
    ("load more", endless scrolling) and links to none.
    """
    items = walked.collected.items
    for document in first:
        for number in range(2, MAX_PAGES):
            seen = len(items)
            if not seen or (walked.announced is not None and walked.announced <= seen):
                return
            parts = urlsplit(document.url)
            path = f"{parts.path.rstrip('/')}/page/{number}/"
            page = fetch_optional(fetcher, parts._replace(path=path).geturl())
            if page is None or not walked.collect(page) or len(items) == seen:
                break


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


def _visible(
    dealer: Dealer, fetcher: Fetcher, api: _Api, home: Document | None
) -> tuple[Mapping[str, Any], ...]:
    """Return the products the API itself calls catalogue-visible; versions without that filter
    return all.
    """
    joiner = "&" if "?" in api.path else "?"
    try:
        visible = list(_api_pages(fetcher, f"{api.path}{joiner}catalog_visibility=catalog", 100))
    except (FetchError, PageError, ValueError):
        return api.products
    return tuple(visible) or api.products


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


def _api_currency(api: _Api) -> str | None:
    for product in api.products:
        code = (product.get("prices") or {}).get("currency_code")
        if code:
            return str(code).upper()
    return None


def _is_archive(document: Document) -> bool:
    """Say whether a page is the shop's whole catalogue (WordPress says so in the body's class)."""
    body = document.soup.body
    classes = set(body.get("class") or []) if body is not None else set()
    if classes & {"post-type-archive-product", "woocommerce-shop"}:
        return True
    return (
        document.first(".woocommerce-result-count") is not None
        and bool(_tiles(document))
        and "single-product" not in classes
    )


def _tiles(document: Document) -> list[Tag]:
    tiles = [t for t in document.all(_TILES) if "product-category" not in (t.get("class") or [])]
    return [t for t in tiles if not any(_is_aside(parent) for parent in t.parents)]


def _is_aside(tag: Tag) -> bool:
    classes = set(tag.get("class") or []) if isinstance(tag, Tag) else set()
    return bool(
        tag.name in ("aside", "footer")
        or classes
        & {"related", "upsells", "cross-sells", "widget", "sidebar", "wc-block-mini-cart"}
    )


def _tile_link(document: Document, tile: Tag) -> str | None:
    link = tile.select_one(
        "a.woocommerce-LoopProduct-link[href], a.woocommerce-loop-product__link[href], "
        ".wp-block-post-title a[href], "
        ".wc-block-components-product-name[href], .wc-block-grid__product-link[href], "
        ".woocommerce-loop-product__title a[href], "
        "h2 a[href], h3 a[href], .product-title a[href], "
        "a[href]:not(.add_to_cart_button):not([href*='add-to-cart'])"
    )
    url = document.absolute(str(link["href"])) if link is not None else None
    return url if url and "add-to-cart=" not in url else None


def _tile_stock(tile: Tag) -> bool | None:
    """Return what WordPress marks a tile with: the page of an item without a price may say nothing
    of its stock.
    """
    classes = set(tile.get("class") or [])
    if "outofstock" in classes:
        return True
    return False if classes & {"instock", "onbackorder"} else None


def _category_tiles(document: Document) -> list[str]:
    return links(
        document,
        "li.product-category a[href], .product-category > a[href], "
        ".wc-block-product-categories-list-item a[href]",
    )


def _home_of(home: Document, dealer: Dealer) -> str:
    link = home.first('a[rel="home"][href], link[rel="https://api.w.org/"]')
    url = home.absolute(str(link["href"])) if link is not None else None
    if url and "wp-json" in url:
        url = url.split("wp-json")[0]
    return (
        url
        if url and "rest_route" not in url and urlsplit(url).netloc == urlsplit(home.url).netloc
        else urljoin(dealer.catalog_url, "/")
    )


def _shop_links(home: Document | None) -> list[str]:
    """Return links that may lead to the shop under another name (translated slugs)."""
    if home is None:
        return []
    body_links = [
        tag
        for tag in home.all("a[href]")
        if re.search(
            r"shop|store|catalog|all "
            r"(?:items|products)|ショップ|商品|販売|在庫|一覧|お店|boutique|tienda|laden|negozio",
            f"{tag.get('href')} {tag.get_text(' ', strip=True)}",
            re.IGNORECASE,
        )
    ]
    found = [home.absolute(str(tag["href"])) for tag in body_links]
    host = urlsplit(home.url).netloc
    kept = [
        u
        for u in dict.fromkeys(found)
        if u
        and urlsplit(u).netloc == host
        and not re.search(r"cart|checkout|account|add-to-cart|/product/", u)
    ]
    return kept[:8]


def refuse_no_products(dealer: Dealer, catalogue: Catalogue) -> None:
    """Raise when a shop lists nothing at all: that is never a state of the stock."""
    if not catalogue.items:
        raise NotAnItemPageError(
            dealer.catalog_url, f"no item was found on it ({catalogue.source})"
        )
