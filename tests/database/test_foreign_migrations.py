"""After our migrations a project changes its own tables as before, and the mirror works on."""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

from typing import Any

import pytest

URL = "https://img.example/{}.jpg"

CHANGES = [
    "alter table listings add column flag boolean default false",
    "alter table listings add column stars integer not null default 0",
    "alter table listings add column title_lower text generated always as (lower(title)) stored",
    "alter table listings add column seller jsonb default '{}'::jsonb, add column note text",
    "alter table listings add column source text default 'scraper'",
    "alter table listings add column source text; alter table listings drop column source",
    "alter table listings add column source text; alter table listings rename source to origin",
    "alter table listings add column source text; create type origin as enum ('dealer', 'scraper');"
    " alter table listings alter source type origin using source::origin",
    "alter table listings add column extra text; alter table listings drop column extra",
    "alter table listings alter title type varchar(500)",
    "alter table listings alter price_value type numeric(14, 2)",
    "update listings set description = '' where description is null; alter table listings alter description set default '', alter description set not null",
    "alter table listings alter scrape_count type bigint, alter consecutive_404_count type bigint",
    "alter table listings alter status drop default; create type item_status as enum"
    " ('unknown', 'available', 'sold', 'HOLD', 'DELISTED'); alter table listings alter status type item_status"
    " using status::item_status; alter table listings alter status set default 'unknown'",
    "alter table listings alter images_upload_status drop default;"
    " create type upload_status as enum"
    " ('pending', 'completed', 'partial', 'failed'); alter table listings alter"
    " images_upload_status type upload_status using images_upload_status::upload_status; alter table listings alter images_upload_status set default 'pending'",
    "alter table listings alter is_sold type boolean using is_sold, alter is_sold set default false",
    "alter table listings rename column item_type to kind",
    "alter table listings drop column item_type",
    "alter table listings add constraint price_is_not_negative check (price_value >= 0)",
    "create index on listings (title); create unique index on listings (url, dealer_id)",
    "alter table dealers add column rating numeric default 5, alter country type varchar(80)",
    "alter table dealers rename column country to land",
    "alter table scrape_runs alter errors type bigint, alter status type varchar(40),"
    " add column host text default 'x'",
    "alter table scrape_runs drop column updated_listings;"
    " alter table scrape_runs add column updated_listings integer default 0",
    "alter table discovered_urls alter scrape_priority type bigint, add column depth int default 0",
    "create view cheap as select id, title, price_value from listings where price_value < 1000",
    "create function shout() returns trigger language plpgsql as"
    " $$ begin new.title := upper(new.title); return new; end $$;"
    " create trigger shout before insert or update on listings for each row execute function shout()",
]


def use(mirror: Any, on: Any) -> None:
    """A day in the life of a listing, in one session."""

    def run(query: str, *params: object) -> Any:
        return on.execute(query.encode(), params).fetchone()

    dealer = mirror.dealer()
    (listing,) = run(
        "insert into listings (url, dealer_id, title, description, images) values"
        " (gen_random_uuid()::text, %s, 'A sword', '', %s::jsonb) returning id",
        dealer,
        f'["{URL.format(1)}", "{URL.format(2)}"]',
    )
    (claim,) = mirror.rpc(
        "claim_listings", on=on, p_limit=50, p_lease_s=30, p_listing_ids=[listing]
    )["claims"]
    outcomes = [
        mirror.result(listing, image, outcome)
        for image, outcome in zip(claim["images"], ("stored", "failed"), strict=True)
    ]
    assert mirror.finish(claim, outcomes)["accepted"]
    assert mirror.status(listing) == "partial"
    run("update listings set title = 'A bow', price_value = 5 where id = %s returning id", listing)
    run("update listings set status = 'sold', is_sold = true where id = %s returning id", listing)
    run(
        "update listings set images = %s::jsonb where id = %s returning id",
        f'["{URL.format(3)}"]',
        listing,
    )
    assert mirror.images(listing) == [(URL.format(3), "pending")]
    assert run("select count(*) from scrapes") is not None
    mirror.check_invariants()


@pytest.mark.parametrize("change", CHANGES)
def test_a_project_changes_its_own_tables_as_before(mirror: Any, change: str) -> None:
    open_before = mirror.session()
    use(mirror, open_before)
    mirror.sql.execute(change.encode())
    use(mirror, open_before)
    use(mirror, mirror.session())


@pytest.mark.parametrize("change", [change for change in CHANGES if " source " not in change])
def test_so_does_a_project_that_had_them_before_us(migrated_legacy: Any, change: str) -> None:
    if "drop column item_type" in change or "item_type to" in change:
        migrated_legacy.sql.execute("alter table listings add column if not exists item_type text")
    migrated_legacy.sql.execute(change.encode())


def test_a_listing_given_to_a_dealer_leaves_the_mirror_when_the_column_comes_later(
    mirror: Any,
) -> None:
    listing = mirror.listing([URL.format(1)])
    mirror.sql.execute("alter table listings add column source text")
    mirror.sql.execute("update listings set source = 'dealer' where id = %s", (listing,))
    assert mirror.images(listing) == []
    assert mirror.rpc("image_statistics")["listings"]["total"] == 0
    mirror.sql.execute("update listings set source = 'scraper' where id = %s", (listing,))
    assert mirror.images(listing) == [(URL.format(1), "pending")]
