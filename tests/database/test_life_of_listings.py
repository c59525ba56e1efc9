"""The life of a listing: its prices, its states, since when, and what came with a catalogue."""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

import json
from typing import Any

import pytest

PIC = ["https://img.example/a.jpg"]


def history(mirror: Any, listing: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = mirror.sql.execute(
        "select change_type, old_price::int, new_price::int, new_currency from price_history"
        " where listing_id = %s order by id",
        (listing,),
    ).fetchall()
    return found


def change(mirror: Any, listing: int, **columns: object) -> None:
    names = ", ".join(f"{name} = %s" for name in columns)
    mirror.sql.execute(
        f"update listings set {names} where id = %s".encode(), (*columns.values(), listing)
    )


@pytest.fixture
def katana(mirror: Any) -> int:
    return int(
        mirror.listing(
            PIC,
            title="Katana, Bizen Osafune Kanemitsu",
            status="available",
            is_available=True,
            is_sold=False,
            price_value=500,
            price_currency="JPY",
        )
    )


SOLD = {"status": "sold", "is_available": False, "is_sold": True}
RESERVED = {"status": "reserved", "is_available": False, "is_sold": False}


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({"price_value": 400}, [("decrease", 500, 400, "JPY")]),
        ({"price_value": 600}, [("increase", 500, 600, "JPY")]),
        ({"price_value": None}, []),  # on inquiry now: neither up nor down
        ({"price_value": 4, "price_currency": "USD"}, []),  # nor is that one comparable
        ({"price_value": 500.00}, []),
        (SOLD, [("sold", 500, 500, "JPY")]),
        (SOLD | {"price_value": None}, [("sold", 500, None, "JPY")]),
        (RESERVED, [("status_change", 500, 500, "JPY")]),
        (
            RESERVED | {"price_value": 400},
            [("decrease", 500, 400, "JPY"), ("status_change", 500, 400, "JPY")],
        ),
        ({"status": "available"}, []),
        ({"description": "Papers.", "title": "Katana, Bizen Osafune Kanemitsu SOLD"}, []),
        (
            {"title": "Tsuba, Goto school", "price_value": 80},
            [("new", 500, 80, "JPY")],  # another item stands on the page
        ),
    ],
)
def test_one_row_a_real_change(
    mirror: Any, katana: int, changes: dict[str, object], rows: list[Any]
) -> None:
    change(mirror, katana, **changes)
    assert history(mirror, katana) == [("new", None, 500, "JPY"), *rows]
    change(mirror, katana, **changes)
    assert len(history(mirror, katana)) == 1 + len(rows)


def test_what_is_learned_for_the_first_time_is_no_change(mirror: Any) -> None:
    listing = mirror.listing(PIC, price_value=None)
    change(mirror, listing, is_available=True, is_sold=False, price_value=300)
    assert history(mirror, listing) == [("new", None, None, None)]


def test_a_change_taken_back_with_its_transaction_leaves_no_row(mirror: Any, katana: int) -> None:
    writer = mirror.session(autocommit=False)
    writer.execute("update listings set price_value = 1")
    writer.rollback()
    assert len(history(mirror, katana)) == 1


def test_a_thousand_prices_in_one_statement(mirror: Any) -> None:
    mirror.sql.execute(
        "insert into listings (url, dealer_id, price_value)"
        " select 'https://aoi.example/' || n, %s, n from generate_series(1, 1000) n",
        (mirror.dealer(),),
    )
    mirror.sql.execute("update listings set price_value = price_value * 0.9")
    assert mirror.rows(
        "select change_type, count(*) from price_history group by change_type order by 1"
    ) == [("decrease", 1000), ("new", 1000)]


def test_a_foreign_history_that_refuses_rows_stops_no_writer(legacy: Any) -> None:
    legacy.sql.execute(
        "create table price_history (id serial primary key, listing_id int, change_type text,"
        " seen_by text not null)"
    )
    legacy.migrate()
    legacy.sql.execute(
        "update listings set price_value = coalesce(price_value, 0) + 1 where id = 1"
    )
    assert legacy.one("select count(*) from price_history") == 0
    legacy.sql.execute("alter table price_history alter seen_by set default 'us'")
    legacy.sql.execute("update listings set price_value = price_value + 1 where id = 1")
    assert legacy.rows("select change_type, new_price - old_price from price_history") == [
        ("increase", 1)
    ]


def test_the_date_of_the_status_moves_with_the_status_only(mirror: Any, katana: int) -> None:
    old = "2026-03-01 00:00:00+00"
    change(mirror, katana, status_changed_at=old)
    change(mirror, katana, price_value=1, title="Katana", description="x")
    is_old = "select status_changed_at = %s::timestamptz from listings where id = %s"
    assert mirror.one(is_old, old, katana)
    change(mirror, katana, **SOLD)
    assert mirror.one("select now() - status_changed_at < '1 minute' from listings")
    change(mirror, katana, status="available", status_changed_at=old)  # who dates it himself
    assert mirror.one(is_old, old, katana)


def test_a_dealers_first_day_is_an_import_and_what_comes_later_is_new(mirror: Any) -> None:
    def is_import(listing: int) -> bool:
        return bool(mirror.one("select is_initial_import from listings where id = %s", listing))

    first, second = mirror.listing(PIC), mirror.listing(PIC)
    assert (is_import(first), is_import(second)) == (True, True)
    mirror.sql.execute("update listings set first_seen_at = now() - interval '25 hours'")
    later = mirror.listing(PIC)
    assert is_import(later) is False
    assert is_import(mirror.listing(PIC, is_initial_import=True)) is True  # found in bulk
    assert is_import(mirror.listing(PIC, dealer=mirror.dealer("Other"))) is True


def test_rows_move_to_a_new_domain_many_at_a_time_and_only_the_dealers_own(mirror: Any) -> None:
    mine = [mirror.listing(PIC) for _ in range(3)]
    other = mirror.listing(PIC, dealer=mirror.dealer("Other"))
    (dealer,) = mirror.rows(f"select dealer_id from listings where id = {mine[0]}")
    moves = [{"id": number, "url": f"https://new.example/{number}"} for number in (*mine, other)]
    moved = mirror.rpc(
        "move_addresses",
        p_dealer_id=dealer,
        p_listings=json.dumps(moves),
        p_addresses="[]",
    )
    assert moved == {"listings": 3, "addresses": 0}
    at_new = "select id from listings where url like 'https://new.example/%' order by id"
    assert mirror.rows(at_new) == mine


def test_a_dealer_who_reuses_his_oldest_page_has_no_first_day_again(mirror: Any) -> None:
    oldest, _ = mirror.listing(PIC), mirror.listing(PIC)
    mirror.sql.execute("update listings set first_seen_at = now() - interval '90 days'")
    change(mirror, oldest, title="Another item", first_seen_at="now")
    news = mirror.listing(PIC)
    assert mirror.one("select is_initial_import from listings where id = %s", news) is False


def test_listings_of_unknown_age_are_old(migrated_legacy: Any) -> None:
    migrated_legacy.sql.execute("update listings set first_seen_at = null where dealer_id = 1")
    migrated_legacy.sql.execute(
        "insert into listings (url, dealer_id) values ('https://a.example/new', 1)"
    )
    assert (
        migrated_legacy.one("select is_initial_import from listings order by id desc limit 1")
        is False
    )


def test_a_price_that_hides_and_comes_back_is_no_drop(mirror: Any, katana: int) -> None:
    """Nobody knows what it was in between; the same holds for another currency and back."""
    for changes in (
        {"price_value": None},
        {"price_value": 500},
        {"price_value": None},
        {"price_value": 400},
        {"price_value": 4, "price_currency": "USD"},
        {"price_value": 380, "price_currency": "JPY"},
    ):
        change(mirror, katana, **changes)
    assert history(mirror, katana) == [("new", None, 500, "JPY")]


def test_what_is_sold_and_listed_again_is_back(mirror: Any, katana: int) -> None:
    change(mirror, katana, **SOLD)
    change(mirror, katana, status="available", is_available=True, is_sold=False, price_value=450)
    assert [row[0] for row in history(mirror, katana)] == [
        "new",
        "sold",
        "decrease",
        "status_change",
    ]
    change(mirror, katana, **SOLD)
    assert [row[0] for row in history(mirror, katana)][-1] == "sold"


def test_rows_that_were_seen_are_confirmed_and_nothing_else_is_written(mirror: Any) -> None:
    listings = [mirror.listing(PIC) for _ in range(3)]
    mirror.sql.execute("update listings set last_scraped_at = now() - interval '8 days'")
    before = mirror.rows("select to_jsonb(l) - 'last_scraped_at' from listings l order by id")
    fired = (
        "create table fired (n int); create function noted() returns trigger language plpgsql as"
    )
    mirror.sql.execute(
        f"{fired} $$ begin insert into fired values (1); return new; end $$;"
        " create trigger noted before update of images, title, status on listings"
        " for each row execute function noted()".encode()
    )
    assert mirror.rpc("confirm_listings", p_listing_ids=listings[:2]) == {"confirmed": 2}
    stale = "select id from listings where last_scraped_at < now() - interval '7 days'"
    assert mirror.rows(stale) == listings[2:]
    assert (
        mirror.rows("select to_jsonb(l) - 'last_scraped_at' from listings l order by id") == before
    )
    assert mirror.one("select count(*) from fired") == 0


def test_a_month_of_scrapes_answers_what_a_frontend_asks(mirror: Any) -> None:
    """Thirty days of a shop: prices fall, items are reserved, sold, free again, come and go."""
    dealer = mirror.dealer("Month")
    stock = [
        mirror.listing(
            PIC, dealer=dealer, title=f"Sword {n}", status="available", is_available=True,
            is_sold=False, price_value=1000 + n, price_currency="JPY",
        )
        for n in range(20)
    ]  # fmt: skip
    archive = mirror.listing(PIC, dealer=dealer, **SOLD)
    came: list[int] = []
    for day in range(1, 31):
        mirror.sql.execute(
            "update listings set first_seen_at = first_seen_at - interval '1 day',"
            " last_scraped_at = last_scraped_at - interval '1 day',"
            " status_changed_at = status_changed_at - interval '1 day'"
        )
        mirror.sql.execute("update price_history set detected_at = detected_at - interval '1 day'")
        seen = [one for one in [*stock, *came] if one != stock[19] or day < 20]
        if day == 10:
            change(mirror, stock[0], price_value=900)
            change(mirror, stock[1], **RESERVED)
        if day == 15:
            change(mirror, stock[2], **SOLD, price_value=None)
        if day == 29:
            change(mirror, stock[1], status="available", is_available=True)
            came.append(mirror.listing(PIC, dealer=dealer, title="News", status="available"))
        if day == 30:
            change(mirror, stock[3], price_value=950)
            change(mirror, stock[4], price_value=2000)
            change(mirror, stock[5], **SOLD)
        mirror.rpc("confirm_listings", p_listing_ids=seen)

    drops = (
        "select listing_id from price_history where change_type = 'decrease'"
        " and detected_at > now() - interval '{}' order by detected_at desc"
    )
    assert mirror.rows(drops.format("2 days")) == [stock[3]]
    assert mirror.rows(drops.format("40 days")) == [stock[3], stock[0]]
    back = (
        "select h.listing_id from price_history h join listings l on l.id = h.listing_id"
        " where h.change_type = 'status_change' and h.detected_at > now() - interval '3 days'"
        " and l.is_available"
    )
    assert mirror.rows(back) == [stock[1]]
    sold_tab = "select id from listings where is_sold order by status_changed_at desc"
    assert mirror.rows(sold_tab) == [stock[5], stock[2], archive]
    ago = "select round(extract(epoch from now() - status_changed_at) / 86400) from listings where id = %s"
    assert (mirror.one(ago, stock[5]), mirror.one(ago, stock[2])) == (0, 15)
    assert mirror.rows("select id from listings where not is_initial_import") == came
    stale = "select id from listings where last_scraped_at < now() - interval '7 days' order by id"
    assert mirror.rows(stale) == [stock[19]]
