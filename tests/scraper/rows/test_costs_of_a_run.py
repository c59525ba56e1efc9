"""What a run asks of an unchanged shop on its second day, and how often a page is parsed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from scraper.base.settings import Settings
from scraper.database.client import Database
from scraper.net.session import DealerSession
from scraper.pages import document
from scraper.rows.daily import scrape_dealers
from scraper.rows.dealer_check import check_dealer
from scraper.rows.known_dealers import KnownDealer, build_dealer, dealer_from_row
from scraper.rows.one_page import listing_as_json, read_url, save_url
from scraper.rows.repository import Repository
from scraper.rows.run_context import DealerReport, ScrapeOptions, make_context

Run = Callable[[], DealerReport]
SETTINGS = Settings.from_environment({"ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8", "PAGE_DELAY_S": "0"})


def known(database: Database, shop: Any, platform: str) -> KnownDealer:
    repository = Repository(database)
    if not repository.dealers.all():
        dealer = build_dealer("Sample", shop.url, platform=platform, currency="JPY", settings={})
        repository.dealers.add(dealer, {})
    (row,) = repository.dealers.all()
    return KnownDealer(dealer_from_row(row), row)


def day(database: Database, shop: Any, platform: str) -> tuple[DealerReport, list[str]]:
    """Scrape once; the report and the paths that were asked for."""
    before = len(shop.asked)
    entry = known(database, shop, platform)
    (report,) = scrape_dealers([entry], SETTINGS, Repository(database), ScrapeOptions())
    return report, [path.split("?")[0] for path in shop.paths()[before:]]


def sells_like_shopify(shop: Any, changed: dict[str, str]) -> None:
    """Let the shop answer as one of Shopify's; `changed` says when each of its items changed."""

    def product(handle: str) -> dict[str, Any]:
        variants = [{"price": "50000.00", "available": True}]
        return {
            "handle": handle,
            "title": f"Tsuba {handle}",
            "updated_at": changed[handle],
            "variants": variants,
            "images": [{"src": f"https://cdn.shopify.com/s/files/1/1/files/{handle}.jpg"}],
        }

    def answer(path: str) -> tuple[int, str]:
        if path == "/products.json":
            return 200, json.dumps({"products": [product(handle) for handle in changed]})
        handle = path.removeprefix("/products/")
        if handle in changed:
            return 200, f"<title>Tsuba {handle}</title><h1>Tsuba {handle}</h1>"
        return 404, "<title>404</title>"

    shop.answer = answer


def test_what_shopify_says_is_unchanged_is_not_asked_for(database: Database, shop: Any) -> None:
    changed = dict.fromkeys(("a", "b", "c"), "2026-11-01T10:00:00+09:00")
    sells_like_shopify(shop, changed)
    first, _ = day(database, shop, "shopify")
    assert (first.new, first.errors) == (3, 0)
    addresses = database.table("discovered_urls").select("id,url").execute().data
    today = dt.datetime.now(dt.UTC).toordinal()
    looked_at = {str(a["url"])[-1] for a in addresses if (int(a["id"]) + today) % 7 == 0}
    second, asked = day(database, shop, "shopify")
    assert (second.unchanged, second.errors) == (3, 0)
    assert {path[-1] for path in asked if path.startswith("/products/")} == looked_at
    changed["b"] = "2026-11-02T09:00:00+09:00"
    third, asked = day(database, shop, "shopify")
    assert (third.unchanged, third.errors) == (3, 0)
    assert {path[-1] for path in asked if path.startswith("/products/")} == looked_at | {"b"}


def test_woocommerces_api_costs_one_page_an_item_at_most(database: Database, shop: Any) -> None:
    shop.answers_api = shop.sends_etag = True
    day(database, shop, "woocommerce")
    report, asked = day(database, shop, "woocommerce")
    assert report.unchanged == 3
    assert sorted(path for path in asked if path.startswith("/product/")) == [
        f"/product/sword-{n}/" for n in (1, 2, 3)
    ]
    assert len(asked) <= 3 + 5, "and its lists, its robots.txt"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that were parsed, as often as they were."""
    pages: list[str] = []
    parse = document.Tree.__init__

    def counting(self: Any, markup: str, **how: Any) -> None:
        pages.append(markup)
        parse(self, markup, **how)

    monkeypatch.setattr(document.Tree, "__init__", counting)
    return pages


def test_a_single_page_is_parsed_once(database: Database, shop: Any, parsed: list[str]) -> None:
    address = f"{shop.url}product/sword-1/"
    entry = known(database, shop, "woocommerce")
    with DealerSession(SETTINGS) as session:
        context = make_context(SETTINGS, Repository(database), session)
        for known_dealers in ([], [entry]):  # a stranger's page, and a known dealer's
            parsed.clear()
            assert listing_as_json(read_url(address, known_dealers, context))["platform"]
            assert len(parsed) == 1
        parsed.clear()
        save_url(address, [entry], context)
        assert len(parsed) == 1
        parsed.clear()
        assert check_dealer(entry, context, pages=1).healthy
        assert len(parsed) == 1


def test_a_page_costs_few_calls_of_the_data_api(database: Database, shop: Any) -> None:
    calls: list[str] = []
    hooks: Any = database.http.event_hooks
    database.http.event_hooks = hooks | {"request": [lambda one: calls.append(one.url.path)]}

    def cost_of(pages: int) -> int:
        """Calls for a day on which so many items are new, all others being read again."""
        item = next(iter(shop.items.values()))
        for _ in range(pages):
            shop.items[f"another-{len(shop.items)}"] = dataclasses.replace(item)
        before = len(calls)
        report, _ = day(database, shop, "woocommerce")
        assert (report.new, report.errors) == (pages, 0)
        return len(calls) - before

    day(database, shop, "woocommerce")
    few = cost_of(2)
    many = cost_of(12)
    assert many - few <= 2 * 10, "its row and its address"
    assert cost_of(0) <= few - 2 * 2, "a page that did not change costs none of its own"
    assert few <= 30
