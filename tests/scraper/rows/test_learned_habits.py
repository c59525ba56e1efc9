# ruff: noqa: E501 - markup in one line reads better than broken markup
"""What is usual on a shop's pages is learned in a run, and what repeats is believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scraper.base.settings import Settings
from scraper.database.client import Database
from scraper.rows.daily import scrape_dealers
from scraper.rows.known_dealers import KnownDealer, build_dealer, dealer_from_row
from scraper.rows.repository import Repository
from scraper.rows.run_context import DealerReport, ScrapeOptions

Run = Callable[..., DealerReport]
DATA = '<script type="application/ld+json">{{"@type":"Product","name":"{name}","offers":{{"price":"{price}","priceCurrency":"AUD"}}}}</script></main>'


@pytest.fixture
def run(database: Database, shop: Any) -> Run:
    return runs_of(database, shop, platform="woocommerce", settings={})


@pytest.fixture
def by_hand(database: Database, shop: Any) -> Run:
    """The same shop as one of pages that are written by hand."""
    return runs_of(
        database,
        shop,
        platform="static",
        settings={"product_pattern": "^/product/", "catalogue_urls": [f"{shop.url}shop/"]},
    )


def runs_of(database: Database, shop: Any, *, platform: str, settings: dict[str, Any]) -> Run:
    repository = Repository(database)
    dealer = build_dealer("Sample", shop.url, platform=platform, currency=None, settings=settings)
    row = repository.dealers.add(dealer, settings)
    environment = {"ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8", "PAGE_DELAY_S": "0"}

    def once(**options: bool) -> DealerReport:
        current = next(entry for entry in repository.dealers.all() if entry.id == row.id)
        known = KnownDealer(dealer_from_row(current), current)
        return scrape_dealers(
            [known], Settings.from_environment(environment), repository, ScrapeOptions(**options)
        )[0]

    return once


def stray(page: str) -> str:
    """Return the page as a theme with a slider has it: only the first picture in an entry."""
    first, *others = page.split('<div class="woocommerce-product-gallery__image">')[1:]
    slides = "".join(f'<div class="slide" data-thumb="x">{slide}' for slide in others)
    before = page.split('<div class="woocommerce-product-gallery__image">')[0]
    return f'{before}<div class="woocommerce-product-gallery__image">{first}{slides}'


def found(database: Database, table: str = "listings") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = database.table(table).select("*").order("id").execute().data
    return rows


def test_a_theme_is_believed_in_its_first_run_and_one_odd_page_after_three(
    run: Run, shop: Any, database: Database
) -> None:
    for slug, item in shop.items.items():
        item.page = stray(shop.product(slug, item))
    report = run()
    assert (report.new, report.errors) == (3, 0)
    assert "3 of 3 pages: slides outside" in report.notes[0]
    assert all(len(row["images"]) == 2 for row in found(database))
    for slug, item in shop.items.items():  # the theme is gone, but for one page
        item.page = shop.product(slug, item) if slug != "sword-3" else item.page
    shop.items["sword-3"].page = stray(shop.product("sword-3", shop.items["sword-3"])).replace(
        "About", "Now about"
    )
    for slug in ("sword-4", "sword-5", "sword-6", "sword-7"):
        shop.items[slug] = type(shop.items["sword-1"])(f"Katana {slug}")
    results = [(run().errors, found(database)[2]["description"][:3]) for _ in range(4)]
    assert results[-2:] == [(0, "Now"), (0, "Now")]
    assert results[0] == (1, "Abo")


def test_a_habit_that_ended_is_believed_no_more(run: Run, shop: Any, database: Database) -> None:
    for slug in ("sword-4", "sword-5"):
        shop.items[slug] = type(shop.items["sword-1"])(f"Katana {slug}")
    for slug, item in shop.items.items():
        item.page = stray(shop.product(slug, item))
    assert run().errors == 0
    for slug, item in shop.items.items():
        item.page = shop.product(slug, item)
    assert run().errors == 0
    shop.items["sword-3"].page = stray(shop.product("sword-3", shop.items["sword-3"]))
    report = run()
    assert (report.errors, "whole entries" in report.problems[0]) == (1, True)


def test_pages_that_were_not_read_today_are_as_they_were(
    run: Run, shop: Any, database: Database
) -> None:
    shop.sends_etag = True
    for slug, item in shop.items.items():
        item.page = stray(shop.product(slug, item))
    assert run().errors == 0
    assert run().unchanged == 3  # none of them was read
    shop.items["sword-3"].page = str(shop.items["sword-3"].page).replace("About", "Now about")
    assert run().errors == 0
    assert found(database)[2]["description"].startswith("Now")


def test_a_habit_is_told_with_the_pages_that_there_are(run: Run, shop: Any) -> None:
    shop.sends_etag = True
    for slug, item in shop.items.items():
        item.page = stray(shop.product(slug, item))
    assert "3 of 3 pages" in run().notes[0]
    assert "3 of 3 pages" in run(reread=True).notes[0]
    shop.items["sword-3"].page = str(shop.items["sword-3"].page).replace("About", "Now about")
    assert "3 of 3 pages" in run().notes[0]  # two of them as they were


def page_by_hand(heading: str, head: str, number: int) -> str:
    body = f'<h1>{heading}</h1><img src="/{number}.jpg"><p>価格 {number}0,000円</p>'
    return f"<html><head>{head}</head><body>{body}</body></html>"


@pytest.mark.parametrize("head", ["<title>北浜刀剣</title>", "", "<title>日本刀の専門店</title>"])
def test_a_slogan_that_stands_alone_makes_no_rows(
    head: str, shop: Any, database: Database, by_hand: Run
) -> None:
    for number in range(4, 8):
        shop.items[f"sword-{number}"] = type(shop.items["sword-1"])("")
    for number, slug in enumerate(shop.items, 1):
        shop.items[slug].page = page_by_hand("日本刀の専門店", head, number)
    shop.items["sword-5"].page = page_by_hand("脇差 兼元", "<title>脇差 兼元</title>", 5)
    report = by_hand()
    assert [row["title"] for row in found(database)] == ["脇差 兼元"]
    assert (report.new, report.errors) == (1, 6)
    assert "its heading (日本刀の専門店) stands on 6 of 7 pages" in report.problems[0]
    assert "title_selector" in report.problems[0]
    for _ in range(3):  # looked at again it is one still
        assert (by_hand().errors, len(found(database))) == (6, 1)
    later = page_by_hand("鐔 透かし", "<title>鐔 透かし</title>", 8)
    shop.items["sword-8"] = type(shop.items["sword-1"])("", page=later)
    assert by_hand().new == 1


@pytest.mark.parametrize("title", ["刀", "Katana"])
def test_items_that_are_called_by_their_kind_alone_are_rows(
    title: str, shop: Any, database: Database, by_hand: Run
) -> None:
    for number, item in enumerate(shop.items.values(), 1):
        item.page = page_by_hand(title, "", number)
    assert (by_hand().new, by_hand().unchanged) == (3, 3)


def test_a_stated_currency_beats_a_sign_of_several(run: Run, shop: Any, database: Database) -> None:
    for slug, item in shop.items.items():
        page = shop.product(slug, item).replace("&yen;", "$")
        item.page = page
    run()
    assert {row["price_currency"] for row in found(database)} == {"USD"}
    assert found(database, "dealers")[0]["currency"] is None  # "$" decides nothing for good
    for item in shop.items.values():
        data = DATA.format(name=item.title, price=item.price)
        item.page = str(item.page).replace("</main>", data)
    run()
    assert {row["price_currency"] for row in found(database)} == {"AUD"}
    assert found(database, "dealers")[0]["currency"] == "AUD"


def test_a_description_that_changes_by_itself_is_told(run: Run, shop: Any) -> None:
    notes = []
    for day in range(3):
        for slug, item in shop.items.items():
            item.page = shop.product(slug, item).replace("<p>About", f"<p>Seen {day} times. About")
        notes.append([note for note in run().notes if "changes by itself" in note])
    assert [bool(told) for told in notes] == [False, False, True]


@pytest.mark.parametrize("is_stated", [True, False])
def test_a_shop_that_hides_its_prices_has_rows_with_what_its_data_state(
    is_stated: bool, run: Run, shop: Any, database: Database
) -> None:
    for slug, item in shop.items.items():
        before, _, after = shop.product(slug, item).partition('<p class="price">')
        data = DATA.format(name=item.title, price=item.price) if is_stated else "</main>"
        bought = '<form class="cart"><button name="add-to-cart" value="1">Ask</button></form>'
        page = before + bought + after.partition("</p>")[2]
        item.page = page.replace("</main>", data)
    report = run()
    assert (report.new, report.errors) == (3, 0)
    stated = {item.price if is_stated else None for item in shop.items.values()}
    assert {row["price_value"] for row in found(database)} == stated
    assert {row["status"] for row in found(database)} == {"available"}
    assert any("no price where it can be bought" in note for note in report.notes) != is_stated
    again = run()
    assert (again.new, again.updated, again.errors) == (0, 0, 0)
