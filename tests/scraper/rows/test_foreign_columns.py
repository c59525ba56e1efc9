# ruff: noqa: E501 - a row of a table on one line reads better than a broken one
"""A project with columns of its own: whose row it is, and what an admin has locked, is heeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from scraper.base.settings import Settings
from scraper.database.client import Database, open_database
from scraper.rows.daily import scrape_dealers
from scraper.rows.known_dealers import KnownDealer, build_dealer
from scraper.rows.listing_row import is_ours, locked_columns
from scraper.rows.repository import Repository
from scraper.rows.run_context import DealerReport, ScrapeOptions

COLUMNS = {
    "source": "text default 'scraper'",
    "status_admin_locked": "boolean default false",
    "admin_locked_fields": "jsonb",
}
WRITTEN = ("title", "price_value", "price_currency", "status", "is_available", "is_sold", "images")


@pytest.fixture
def sql(multi_session_supabase: Any) -> Iterator[psycopg.Connection[Any]]:
    """The database behind the server, with the columns of such a project."""
    with psycopg.connect(multi_session_supabase.home.engine.url, autocommit=True) as connection:
        for name, kind in COLUMNS.items():
            connection.execute(f"alter table public.listings add column {name} {kind}")
        try:
            yield connection
        finally:
            for name in COLUMNS:
                connection.execute(f"alter table public.listings drop column {name}")


@pytest.fixture
def database(multi_session_supabase: Any, sql: Any) -> Iterator[Database]:
    with open_database(multi_session_supabase.settings()) as opened:
        yield opened


@pytest.fixture
def run(database: Database, shop: Any) -> Callable[[], DealerReport]:
    """Scrape the shop once."""
    repository = Repository(database)
    dealer = build_dealer("Sample", shop.url, platform="woocommerce", currency="JPY", settings={})
    row = repository.dealers.add(dealer, {})
    settings = Settings.from_environment(
        {"ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8", "PAGE_DELAY_S": "0"}
    )
    return lambda: scrape_dealers(
        [KnownDealer(dealer, row)], settings, Repository(database), ScrapeOptions()
    )[0]


def rows(database: Database) -> dict[str, dict[str, Any]]:
    found = database.table("listings").select("*").order("id").execute().data
    return {str(row["url"]).rsplit("/", 1)[-1]: row for row in found}


def change_everything(shop: Any) -> None:
    for item in shop.items.values():
        item.title, item.price, item.in_stock = f"New {item.title}", 999_000, False
        item.images = ("c",)


def test_a_dealers_own_row_and_locked_fields_stay_as_they_are(
    run: Callable[[], DealerReport], shop: Any, database: Database, sql: psycopg.Connection[Any]
) -> None:
    assert run().new == 3
    sql.execute("update listings set source = 'dealer' where url like '%sword-1'")
    sql.execute("update listings set status_admin_locked = true where url like '%sword-2'")
    locked = '["price", "images"]'
    sql.execute(
        "update listings set admin_locked_fields = %s where url like '%%sword-3'", (locked,)
    )
    before = rows(database)
    change_everything(shop)
    report = run()
    assert (report.updated, report.not_ours, report.errors) == (2, 1, 0)
    after = rows(database)
    assert after["sword-1"] == before["sword-1"]
    changed = {
        slug: {name for name in WRITTEN if after[slug][name] != before[slug][name]}
        for slug in ("sword-2", "sword-3")
    }
    assert changed == {
        "sword-2": {"title", "price_value", "images"},
        "sword-3": {"title", "status", "is_available", "is_sold"},
    }


def test_a_missing_page_presumes_nothing_of_such_rows(
    run: Callable[[], DealerReport], shop: Any, database: Database, sql: psycopg.Connection[Any]
) -> None:
    run()
    sql.execute("update listings set source = 'dealer' where url like '%sword-1'")
    sql.execute("update listings set status_admin_locked = true where url like '%sword-2'")
    sql.execute(
        "update listings set consecutive_404_count = 2, first_404_at = now() - interval '3 days'"
    )
    before = rows(database)
    for item in shop.items.values():
        item.status = 404
    run()
    after = rows(database)
    assert after["sword-1"] == before["sword-1"]
    assert (after["sword-2"]["status"], after["sword-2"]["page_exists"]) == ("available", True)
    assert after["sword-2"]["consecutive_404_count"] == 3
    assert (after["sword-3"]["status"], after["sword-3"]["page_exists"]) == ("presumed_sold", False)


@pytest.mark.parametrize(
    ("row", "locked"),
    [
        ({}, set()),
        ({"status_admin_locked": True}, {"status", "is_available", "is_sold", "page_exists"}),
        ({"admin_locked_fields": ["title"]}, {"title"}),
        ({"admin_locked_fields": '{"images": true, "title": false}'}, {"images"}),
        ({"admin_locked_fields": "{status,title}", "source": "scraper"}, {"status", "is_available", "is_sold", "page_exists", "title"}),
    ],
)  # fmt: skip
def test_locks_are_read_in_every_form_that_projects_keep_them(
    row: dict[str, Any], locked: set[str]
) -> None:
    assert locked_columns(row) == locked


def test_a_row_is_ours_unless_somebody_else_is_named() -> None:
    assert [is_ours({"source": s}) for s in (None, "scraper", "dealer")] == [True, True, False]


def test_a_row_that_the_database_refuses_costs_that_row_only(
    run: Callable[[], DealerReport], shop: Any, database: Database, sql: psycopg.Connection[Any]
) -> None:
    sql.execute("alter table listings add constraint theirs check (price_value <> 200000)")
    try:
        report = run()
        assert (report.new, report.errors, report.failed) == (2, 1, None)
        assert "sword-2 was not saved" in report.problems[0]
        sql.execute("delete from listings")
        sql.execute("alter table listings drop constraint theirs")
        sql.execute("alter table listings add constraint theirs check (price_value < 0)")
        assert (report := run()).our_side
        assert "theirs" in str(report.failed)
    finally:
        sql.execute("alter table listings drop constraint theirs")
