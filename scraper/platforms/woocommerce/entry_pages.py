"""Where a WooCommerce shop's whole list begins, the likeliest way first; it walks none of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin, urlsplit

from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.platforms.pagination import fetch_optional
from scraper.platforms.woocommerce.tiles import is_archive, tiles_on


def entry_pages(
    dealer: Dealer, fetcher: Fetcher, home: Document | None
) -> Iterator[Mapping[str, Document]]:
    """Yield the ways into the catalogue, the likeliest first, with what is fetched already."""
    if dealer.catalogue_urls:
        found = {url: fetch_optional(fetcher, url) for url in dealer.catalogue_urls}
        yield {url: document for url, document in found.items() if document is not None}
        return
    if home is not None and is_archive(home):
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
            and is_archive(document)
            and document.url not in tried - {candidate}
        ):
            tried.add(document.url)
            yield {document.url: document}
    if home is not None and tiles_on(home):
        yield {home.url: home}


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
