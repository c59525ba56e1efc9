# ruff: noqa: E501 - markup in one line reads better than broken markup
"""A whole run against a real local Supabase: what becomes rows, what is left alone, what is refused."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scraper.base.report_blocks import Format, render
from scraper.base.settings import Settings
from scraper.cli.reports import ScrapeReport
from scraper.database.client import Database
from scraper.net.session import DealerSession
from scraper.pages.listing import Page
from scraper.rows.daily import scrape_dealers
from scraper.rows.fetching import PageFetcher
from scraper.rows.known_dealers import KnownDealer, build_dealer, dealer_from_row, known_dealers
from scraper.rows.moved_shop import follow_shop
from scraper.rows.one_page import save_url
from scraper.rows.repository import Repository
from scraper.rows.run_context import DealerReport, ScrapeOptions, make_context

Run = Callable[..., DealerReport]


@pytest.fixture
def run(database: Database, shop: Any) -> Run:
    """Scrape the shop once: `run()`, `run(limit=1)`, `run(accept_shrink=True)`."""
    repository = Repository(database)
    dealer = build_dealer("Sample", shop.url, platform="woocommerce", currency=None, settings={})
    row = repository.dealers.add(dealer, {})

    def once(delay_s: float = 0.0, **options: Any) -> DealerReport:
        settings = Settings.from_environment(
            {"ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8", "PAGE_DELAY_S": str(delay_s)}
        )
        current = next(entry for entry in repository.dealers.all() if entry.id == row.id)
        known = KnownDealer(dealer_from_row(current), current)
        return scrape_dealers([known], settings, repository, ScrapeOptions(**options))[0]

    return once


def rows(database: Database, table: str = "listings") -> list[dict[str, Any]]:
    """All rows; of listings without the date that moves with every look at them."""
    found: list[dict[str, Any]] = database.table(table).select("*").order("id").execute().data
    passing = ("last_scraped_at",) if table == "listings" else ()
    return [{k: v for k, v in row.items() if k not in passing} for row in found]


def long_ago(database: Database) -> None:
    old = {"last_scraped_at": "2026-03-01T00:00:00Z"}
    database.table("listings").update(old).gt("id", 0).execute()


def not_confirmed(database: Database) -> list[str]:
    """The items that nobody has seen since long ago."""
    query = database.table("listings").select("url").lt("last_scraped_at", "2026-03-02T00:00:00Z")
    return sorted(str(row["url"]).rsplit("/", 1)[-1] for row in query.execute().data)


def by_slug(database: Database) -> dict[str, dict[str, Any]]:
    return {str(row["url"]).rsplit("/", 1)[-1]: row for row in rows(database)}


def test_a_shop_becomes_rows_with_images_in_order(run: Run, shop: Any, database: Database) -> None:
    report = run()
    assert (report.new, report.errors, report.failed) == (3, 0, None)
    row = by_slug(database)["sword-2"]
    assert (row["title"], row["price_value"], row["price_currency"]) == (
        "Katana number 2",
        200_000,
        "JPY",
    )
    assert row["images"] == [shop.image("sword-2", "a"), shop.image("sword-2", "b")]
    assert (row["status"], row["is_available"], row["is_sold"], row["page_exists"]) == (
        "available",
        True,
        False,
        True,
    )
    assert sorted(report.listing_ids) == sorted(row["id"] for row in rows(database))


def test_a_second_run_of_an_unchanged_shop_changes_no_row(
    run: Run, shop: Any, database: Database
) -> None:
    run()
    before = rows(database), rows(database, "discovered_urls"), rows(database, "dealers")
    report = run(reread=True)
    assert (report.new, report.updated, report.unchanged) == (0, 0, 3)
    assert (rows(database), rows(database, "discovered_urls"), rows(database, "dealers")) == before


def test_every_row_that_was_seen_is_confirmed(run: Run, shop: Any, database: Database) -> None:
    run()
    for reread in (True, False):  # pages read again, and pages that the shop says are unchanged
        long_ago(database)
        assert len(not_confirmed(database)) == 3
        run(reread=reread)
        assert not_confirmed(database) == []


def test_only_the_changed_row_is_written(run: Run, shop: Any, database: Database) -> None:
    run()
    before = by_slug(database)
    shop.items["sword-1"].price, shop.items["sword-1"].in_stock = None, False
    assert run().updated == 1
    after = by_slug(database)
    assert (after["sword-1"]["price_value"], after["sword-1"]["status"]) == (None, "sold")
    assert {k: v for k, v in after.items() if k != "sword-1"} == {
        k: v for k, v in before.items() if k != "sword-1"
    }


def test_a_reused_address_takes_the_new_item_and_its_date(
    run: Run, shop: Any, database: Database
) -> None:
    run()
    before = by_slug(database)["sword-1"]
    shop.items["sword-1"].title, shop.items["sword-1"].images = "Iron helmet with crest", ("x", "y")
    run()
    after = by_slug(database)["sword-1"]
    assert (after["id"], after["title"]) == (before["id"], "Iron helmet with crest")
    assert after["images"] == [shop.image("sword-1", "x"), shop.image("sword-1", "y")]
    assert after["first_seen_at"] > before["first_seen_at"]


def test_one_404_changes_nothing_but_a_count_and_coming_back_undoes_it(
    run: Run, shop: Any, database: Database
) -> None:
    run()
    shop.items["sword-1"].status = 404
    report = run()
    row = by_slug(database)["sword-1"]
    assert (report.missing, row["status"], row["consecutive_404_count"]) == (1, "available", 1)
    assert shop.paths().count("/product/sword-1/") == 3  # first run, second run, second look
    shop.items["sword-1"].status = 200
    run()
    row = by_slug(database)["sword-1"]
    assert (row["status"], row["consecutive_404_count"], row["first_404_at"]) == (
        "available",
        0,
        None,
    )


def test_three_404s_over_two_days_are_presumed_sold_and_undone(
    run: Run, shop: Any, database: Database
) -> None:
    run()
    shop.items["sword-1"].status = 404
    for _ in range(3):
        run()
    assert by_slug(database)["sword-1"]["status"] == "available"  # three, but within minutes
    database.table("listings").update({"first_404_at": "2020-01-01T00:00:00Z"}).eq(
        "id", by_slug(database)["sword-1"]["id"]
    ).execute()
    run()
    row = by_slug(database)["sword-1"]
    assert (row["status"], row["is_available"], row["is_sold"], row["page_exists"]) == (
        "presumed_sold",
        False,
        True,
        False,
    )
    shop.items["sword-1"].status = 200
    run()
    row = by_slug(database)["sword-1"]
    assert (row["status"], row["is_available"], row["is_sold"], row["page_exists"]) == (
        "available",
        True,
        False,
        True,
    )


def test_a_new_item_that_is_404_already_is_no_row(run: Run, shop: Any, database: Database) -> None:
    shop.items["sword-1"].status = 404
    shop.items[
        "sword-2"
    ].page = "<title>ページが見つかりません</title><h1>ページが見つかりません</h1>"
    assert run().missing == 2
    assert set(by_slug(database)) == {"sword-3"}


@pytest.mark.parametrize("change", ["nothing listed", "half of it", "new addresses only"])
def test_a_catalogue_that_lost_half_at_once_changes_no_row(
    change: str, run: Run, shop: Any, database: Database
) -> None:
    shop.items |= {f"tsuba-{n}": replace(shop.items["sword-1"]) for n in (1, 2, 3)}
    run()
    before = rows(database), rows(database, "discovered_urls")
    if change == "new addresses only":
        shop.items = {f"item-{n}": item for n, item in enumerate(shop.items.values())}
    else:
        for item in list(shop.items.values())[0 if change == "nothing listed" else 3 :]:
            item.listed = False
            item.status = 404
    report = run()
    assert "no row was changed" in (report.failed or "")
    assert (rows(database), rows(database, "discovered_urls")) == before
    if change != "nothing listed":
        assert run(accept_shrink=True).failed is None


def test_a_small_shop_may_sell_two_of_three(run: Run, shop: Any, database: Database) -> None:
    run()
    for slug in ("sword-1", "sword-2"):
        shop.items[slug].listed, shop.items[slug].status = False, 404
    assert (run().missing, len(rows(database))) == (2, 3)


def test_an_item_under_a_new_address_keeps_its_row(run: Run, shop: Any, database: Database) -> None:
    run()
    before = by_slug(database)["sword-1"]
    shop.items["renamed"] = replace(shop.items["sword-1"], images=())
    picture = shop.image("sword-1", "a")
    shop.items["renamed"].page = shop.product("sword-1", shop.items["sword-1"])
    shop.items["sword-1"].leads_to, shop.items["sword-1"].listed = "/product/renamed/", False
    report = run()
    assert picture in by_slug(database)["renamed"]["images"]
    assert counts(report) == {"listed": 3, "updated": 1, "unchanged": 2, "moved": 1}
    row = by_slug(database)["renamed"]
    kept = {k: v for k, v in row.items() if k not in ("url", "last_scraped_at", "scrape_count")}
    assert kept == {k: v for k, v in before.items() if k in kept}
    settled = rows(database), rows(database, "discovered_urls")
    assert counts(run()) == {"listed": 3, "unchanged": 3}
    assert (rows(database), rows(database, "discovered_urls")) == settled


def counts(report: DealerReport) -> dict[str, int]:
    """What a visit counts as; without the addresses that are listed no more, as many as listed."""
    names = ("new", "updated", "unchanged", "missing", "moved", "not_ours", "errors")
    found = {name: getattr(report, name) for name in ("listed", *names)}
    assert report.visited == sum(found[name] for name in names)
    return {name: number for name, number in found.items() if number}


def rename(shop: Any, slug: str, name: str) -> None:
    """Give an item another slug, with its pictures where they are."""
    item = shop.items.pop(slug)
    shop.items[name] = replace(item, page=shop.product(slug, item))


def kept(row: dict[str, Any]) -> dict[str, Any]:
    passing = ("url", "last_scraped_at", "scrape_count")
    return {name: value for name, value in row.items() if name not in passing}


@pytest.mark.parametrize("status", ["sold", "presumed_sold"])
@pytest.mark.parametrize("is_led", [True, False])
def test_a_sold_item_that_comes_back_elsewhere_keeps_its_row(
    is_led: bool, status: str, run: Run, shop: Any, database: Database
) -> None:
    shop.items["sword-1"].in_stock = False
    run()
    before = by_slug(database)["sword-1"]
    state = {"status": status, "is_sold": True, "is_available": False}
    database.table("listings").update(state).eq("id", before["id"]).execute()
    rename(shop, "sword-1", "archive")
    if is_led:
        shop.items["sword-1"] = replace(
            shop.items["archive"], leads_to="/product/archive/", listed=False, page=None
        )
    assert (run().new, set(by_slug(database))) == (0, {"archive", "sword-2", "sword-3"})
    assert by_slug(database)["archive"]["id"] == before["id"]


def test_one_page_scraped_by_hand_keeps_its_row_too(
    run: Run, shop: Any, database: Database
) -> None:
    run()
    before = by_slug(database)["sword-1"]
    rename(shop, "sword-1", "named-anew")
    shop.items["sword-1"] = replace(
        shop.items["named-anew"], leads_to="/product/named-anew/", listed=False, page=None
    )
    repository = Repository(database)
    settings = Settings.from_environment(
        {"ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8", "PAGE_DELAY_S": "0"}
    )
    with DealerSession(settings) as session:
        context = make_context(settings, repository, session)
        save_url(f"{shop.url}product/named-anew/", known_dealers(repository.dealers.all()), context)
    assert by_slug(database)["named-anew"]["id"] == before["id"]
    assert len(rows(database)) == 3


def test_another_item_with_that_title_or_a_shared_picture_gets_its_own_row(
    run: Run, shop: Any, database: Database
) -> None:
    notice = f"{shop.url}notice.jpg"
    for slug in ("sword-1", "sword-2", "sword-3"):
        page = shop.product(slug, replace(shop.items[slug], title="Tsuba, mumei", images=("a",)))
        shop.items[slug].page = page.replace(shop.image(slug, "a"), notice)
    run()
    rename(shop, "sword-1", "other")
    alike = replace(shop.items["other"], title="Tsuba, mumei", images=("a", "b"))
    shop.items["alike"] = replace(alike, page=shop.product("alike", alike))
    shop.items["other"].page = shop.items["sword-2"].page
    assert run().new == 2


def test_a_rebuilt_shop_keeps_all_its_rows(run: Run, shop: Any, database: Database) -> None:
    shop.items |= {
        f"old-{n}": replace(shop.items["sword-1"], title=f"Tanto number {n}") for n in range(4, 9)
    }
    run()
    before = [kept(row) for row in rows(database)]
    for slug in list(shop.items):
        rename(shop, slug, f"{slug}-2026")
        page = shop.items[f"{slug}-2026"].page
        shop.items[f"{slug}-2026"].page = page.replace("uploads/2026/01/", "uploads/2027/09/")
    report = run()
    assert (report.new, report.failed, report.errors, report.missing) == (0, None, 0, 0)
    assert report.notes == (
        "all items stand at other addresses than before: their rows move with them",
    )
    moved = rows(database)
    assert [(row["id"], row["title"]) for row in moved] == [
        (row["id"], row["title"]) for row in before
    ]
    assert all(str(row["url"]).endswith("-2026") for row in moved)
    assert (run().new, run().missing) == (0, 0)


def test_a_rebuilt_shop_with_new_pictures_keeps_the_rows_whose_addresses_lead_on(
    run: Run, shop: Any, database: Database
) -> None:
    run()
    before = [row["id"] for row in rows(database)]
    for slug in list(shop.items):
        rename(shop, slug, f"{slug}-2026")
        new = shop.items[f"{slug}-2026"]
        new.page = new.page.replace("-a.jpg", "-x.jpg").replace("-b.jpg", "-y.jpg")
        shop.items[slug] = replace(new, leads_to=f"/product/{slug}-2026/", listed=False, page=None)
    assert counts(run()) == {"listed": 3, "updated": 3, "moved": 3}
    moved = rows(database)
    assert [row["id"] for row in moved] == before
    assert all(str(row["url"]).endswith("-2026") for row in moved)
    assert all(str(row["images"][0]).endswith("-x.jpg") for row in moved)


def test_a_shop_with_quite_other_items_is_not_taken_for_a_rebuilt_one(
    run: Run, shop: Any, database: Database
) -> None:
    run()
    before = rows(database)
    shop.items = {f"new-{n}": replace(shop.items["sword-1"], title=f"Helmet {n}") for n in range(3)}
    failed = run().failed
    assert failed is not None
    assert "only 0 of them under addresses that it had before" in failed
    assert rows(database) == before


@pytest.mark.pglite  # on a real Postgres the local server passes jsonb as a string
@pytest.mark.parametrize("way", ["redirect", "refresh", "links"])
def test_a_shop_that_left_its_domain_is_named_and_followed(
    way: str, run: Run, shop: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    before = [kept(row) for row in rows(database)]
    new = shop.url.replace("127.0.0.1", "localhost")
    shown = shop.catalogue
    links = "".join(f'<a href="{new}product/{slug}/">x</a>' for slug in shop.items)
    refresh = f'<meta http-equiv="Refresh" content="0; URL={new}">'
    left = {"redirect": "", "refresh": refresh, "links": links}[way]
    shop.front_leads_to = new if way == "redirect" else None
    shop.catalogue = lambda path: f"<html><body><h1>We have moved</h1><p>{left}</p></body></html>"
    failed = run().failed
    assert failed is not None
    assert f"scrape dealers set 'Sample' moved_to={new}" in failed
    assert [kept(row) for row in rows(database)] == before

    shop.catalogue, shop.front_leads_to = shown, None
    repository = Repository(database)
    (entry,) = (e for e in known_dealers(repository.dealers.all()) if e.dealer.name == "Sample")
    assert entry.row is not None
    assert follow_shop(entry.dealer, entry.row.id, {}, new, repository) == (3, 3)
    moved = rows(database)
    assert [kept(row) for row in moved] == before
    assert all(str(row["url"]).startswith(new) for row in moved)
    monkeypatch.setattr(type(shop), "url", new)
    report = run(reread=True)
    assert (report.new, report.failed, report.visited, len(rows(database))) == (0, None, 3, 3)
    (dealer,) = (row for row in rows(database, "dealers") if row["name"] == "Sample")
    assert (dealer["domain"], dealer["catalog_url"]) == ("localhost", new)


def test_a_listing_that_somebody_else_inserted_is_visited_too(
    run: Run, shop: Any, database: Database
) -> None:
    shop.items["sword-1"].listed = shop.items["sword-2"].listed = False
    dealer_id = rows(database, "dealers")[0]["id"]
    for slug in ("sword-1", "lost"):
        database.table("listings").upsert(
            {"url": f"{shop.url}product/{slug}/", "dealer_id": dealer_id, "title": "?"}
        ).execute()
    run()
    found = {row["url"].rstrip("/").rsplit("/", 1)[-1]: row for row in rows(database)}
    assert (found["sword-1"]["title"], found["lost"]["consecutive_404_count"]) == (
        "Katana number 1",
        1,
    )
    assert len(found) == len(rows(database)) == 3


def test_two_addresses_of_one_item_are_one_row(run: Run, shop: Any, database: Database) -> None:
    alias = replace(shop.items["sword-2"], leads_to="/product/sword-2/")
    shop.items = {"alias": alias, **shop.items}
    report = run()
    assert (report.new, report.missing, report.errors) == (3, 0, 0)
    assert set(by_slug(database)) == {"sword-1", "sword-2", "sword-3"}
    shop.items["sword-2"].listed = False  # only the alias is, from now on
    shop.items["sword-2"].price = 5
    run()
    assert (len(rows(database)), by_slug(database)["sword-2"]["price_value"]) == (3, 5)


def test_an_item_shown_under_two_addresses_is_one_row(
    run: Run, shop: Any, database: Database
) -> None:
    whole = shop.product("sword-2", shop.items["sword-2"])
    own = f'<head><link href="{shop.url}product/sword-2/" rel="canonical">'
    shop.items = {"second": replace(shop.items["sword-2"]), **shop.items}
    shop.items["second"].page = whole.replace("<head>", own)
    for slug in ("sword-1", "sword-3"):  # a theme that gives all pages the shop's own address
        page = shop.product(slug, shop.items[slug])
        shop.items[slug].page = page.replace(
            "<head>", f'<head><link rel=canonical href="{shop.url}">'
        )
    assert (run().new, set(by_slug(database))) == (3, {"sword-1", "sword-2", "sword-3"})
    before = rows(database), rows(database, "discovered_urls")
    assert run().unchanged == 4
    assert (rows(database), rows(database, "discovered_urls")) == before


@pytest.mark.parametrize("target", ["/", "/shop/", "/product/sword-3/"])
def test_an_address_that_leads_away_from_its_item_counts_as_missing(
    target: str, run: Run, shop: Any, database: Database
) -> None:
    run()
    shop.items["sword-1"].leads_to, shop.items["sword-1"].listed = target, False
    report = run()
    assert (report.missing, report.errors, report.updated) == (1, 0, 1)
    assert by_slug(database)["sword-1"]["consecutive_404_count"] == 1


def test_a_stale_page_does_not_hide_what_the_api_knows(
    run: Run, shop: Any, database: Database
) -> None:
    shop.answers_api, shop.sends_etag, shop.stale_etag = True, True, "same"
    run()
    before = rows(database), rows(database, "discovered_urls")
    assert (run().unchanged, rows(database), rows(database, "discovered_urls")) == (3, *before)
    shop.items["sword-1"].in_stock = False
    assert (run().updated, by_slug(database)["sword-1"]["status"]) == (1, "sold")


def test_half_a_character_in_the_api_costs_that_item_only(
    run: Run, shop: Any, database: Database
) -> None:
    shop.answers_api = True
    shop.items["sword-1"].page = shop.product("sword-1", shop.items["sword-1"])
    shop.items["sword-1"].title += " \ud83d"
    report = run()
    assert (report.new, report.errors, report.failed) == (2, 1, None)


def test_a_page_that_has_not_changed_forgets_its_last_fault(
    run: Run, shop: Any, database: Database
) -> None:
    shop.sends_etag = True
    run()
    shop.items["sword-1"].status = 403
    assert run().errors == 1
    shop.items["sword-1"].status = 200
    run()
    noted = {
        (r["consecutive_failures"], r["last_error"]) for r in rows(database, "discovered_urls")
    }
    assert noted == {(0, None)}


def test_a_long_retry_after_ends_the_run_without_blaming_the_rest(
    run: Run, shop: Any, database: Database
) -> None:
    run()
    for item in shop.items.values():
        item.status, item.retry_after = 429, "900"
    shop.asked.clear()
    report = run()
    assert "held back for another" in (report.failed or "")
    asked = [path for path in shop.paths() if path.startswith("/product/")]
    assert len(asked) in (1, 2)  # the second may be on its way when the first is answered
    failures = [r["consecutive_failures"] for r in rows(database, "discovered_urls")]
    assert (report.errors, report.visited, sum(failures)) == (len(asked),) * 3


def test_what_a_later_page_was_answered_is_counted_though_an_earlier_one_ends_the_run(
    run: Run, shop: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    shop.items["sword-2"].status, shop.items["sword-2"].retry_after = 429, "900"
    second_is_answered = threading.Event()
    fetch = PageFetcher.page

    def in_this_order(fetcher: PageFetcher, url: str, **how: Any) -> Page | None:
        if url.endswith("/sword-1/"):
            assert second_is_answered.wait(10)
        try:
            return fetch(fetcher, url, **how)
        finally:
            if url.endswith("/sword-2/"):
                second_is_answered.set()

    monkeypatch.setattr(PageFetcher, "page", in_this_order)
    shop.asked.clear()
    report = run()
    assert "held back for another" in (report.failed or "")
    assert [path for path in shop.paths() if path.startswith("/product/")] == ["/product/sword-2/"]
    assert (report.errors, report.visited) == (1, 1)
    noted = {
        str(row["url"]).rsplit("/", 1)[-1]: row["consecutive_failures"]
        for row in rows(database, "discovered_urls")
    }
    assert noted == {"sword-1": 0, "sword-2": 1, "sword-3": 0}


def test_pages_that_are_no_items_write_nothing(run: Run, shop: Any, database: Database) -> None:
    run()
    before = rows(database)
    whole = shop.product("sword-3", shop.items["sword-3"])
    shop.items["sword-1"].page = "<title>Just a moment...</title><div class='cf-challenge'></div>"
    shop.items["sword-2"].page = ""
    shop.items["sword-3"].page = whole[: len(whole) * 4 // 10] + whole[len(whole) * 7 // 10 :]
    report = run()
    assert (report.errors, report.updated) == (3, 0)
    assert rows(database) == before


@pytest.mark.parametrize(("begin", "end"), [(4, 8), (3, 9), (5, 9), (2, 6)])
def test_a_shop_whose_pages_all_have_a_hole_gets_no_wrong_row(
    begin: int, end: int, run: Run, shop: Any, database: Database
) -> None:
    for slug, item in shop.items.items():
        whole = shop.product(slug, item)
        item.page = whole[: len(whole) * begin // 12] + whole[len(whole) * end // 12 :]
    run()
    for slug, row in by_slug(database).items():
        item = shop.items[slug]
        assert (row["title"], row["price_value"]) == (item.title, item.price)
        assert row["images"] == [shop.image(slug, name) for name in item.images]


def test_a_carelessly_written_description_is_no_damage(
    run: Run, shop: Any, database: Database
) -> None:
    whole = shop.product("sword-1", shop.items["sword-1"])
    shop.items["sword-1"].page = whole.replace("<p>About", "<div><ul><p>About")
    assert (run().new, set(by_slug(database))) == (3, {"sword-1", "sword-2", "sword-3"})


def test_robots_txt_is_obeyed(run: Run, shop: Any, database: Database) -> None:
    shop.robots = "User-agent: *\nDisallow: /product/sword-2/\n"
    report = run()
    assert (report.new, report.errors) == (2, 1)
    assert "/product/sword-2/" not in shop.paths()
    assert any("robots.txt" in problem for problem in report.problems)
    before = rows(database, "discovered_urls")
    assert run().errors == 1
    assert rows(database, "discovered_urls") == before


def test_the_promised_delay_and_concurrency_are_kept(run: Run, shop: Any) -> None:
    shop.latency_s = 0.02
    run(delay_s=0.2)
    times = [at for at, path in shop.asked if path != "/robots.txt"]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) > 0.15
    assert shop.most_running == 1


def test_a_limited_run_goes_on_where_the_last_one_stopped(
    run: Run, shop: Any, database: Database
) -> None:
    assert run(limit=2).new == 2
    assert run(limit=2).new == 1
    shop.asked.clear()
    run(limit=1)
    run(discover_only=True)
    shop.robots = "User-agent: *\nDisallow: /\n"
    assert run(limit=1).failed
    shop.robots = ""
    run(limit=1)
    run(limit=1)
    visited = [path for path in shop.paths() if path.startswith("/product/")]
    assert sorted(visited) == [f"/product/sword-{n}/" for n in (1, 2, 3)]


def test_a_discovery_says_what_is_new_and_what_vanished(
    run: Run, shop: Any, database: Database
) -> None:
    first = run(discover_only=True)
    assert (first.listed, first.discovered, first.vanished, rows(database)) == (3, 3, 0, [])
    told = render(ScrapeReport([first], is_discovery=True), Format.TEXT, terminal=False)
    assert [line.split() for line in told.splitlines()] == [
        ["dealer", "listed", "new", "vanished", "ended"],
        ["Sample", "3", "3", "0", "done"],
    ]
    run()
    shop.items["sword-1"].listed = False
    again = run(discover_only=True)
    assert (again.listed, again.discovered, again.vanished) == (2, 0, 1)


def test_the_run_is_recorded(run: Run, shop: Any, database: Database) -> None:
    run()
    recorded = rows(database, "scrape_runs")[-1]
    assert (
        recorded["run_type"],
        recorded["status"],
        recorded["urls_processed"],
        recorded["new_listings"],
    ) == ("daily_scrape", "completed", 3, 3)
    assert recorded["counts"]["listed"] == 3


def test_one_dealers_failure_is_contained(database: Database, shop: Any) -> None:
    repository = Repository(database)
    settings = Settings.from_environment(
        {"ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8", "PAGE_DELAY_S": "0"}
    )
    good = build_dealer("Good", shop.url, platform=None, currency=None, settings={})
    bad = build_dealer(
        "Bad", "http://127.0.0.1:9/", platform="woocommerce", currency=None, settings={}
    )
    reports = scrape_dealers(
        [KnownDealer(bad, None), KnownDealer(good, None)], settings, repository, ScrapeOptions()
    )
    assert [(report.dealer, bool(report.failed), report.new) for report in reports] == [
        ("Bad", True, 0),
        ("Good", False, 3),
    ]


def test_a_page_that_lost_its_pictures_without_a_word_keeps_the_row(
    run: Run, shop: Any, database: Database
) -> None:
    run()
    item = shop.items["sword-1"]
    item.page = re.sub(
        '<div class="woocommerce-product-gallery">.*?(?=<div class="summary)',
        "",
        shop.product("sword-1", item),
    )
    kept = [shop.image("sword-1", "a"), shop.image("sword-1", "b")]
    for _ in range(2):
        report = run()
        assert (report.errors, by_slug(database)["sword-1"]["images"]) == (1, kept)
        assert "its pictures (2)" in report.problems[0]
    assert run().errors == 0  # the third look in a row finds the same: so it is
    assert by_slug(database)["sword-1"]["images"] == []
