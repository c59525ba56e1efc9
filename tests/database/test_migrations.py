"""The migrations apply anywhere, twice, and open nothing that should be closed."""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROLL_BACK = Path(__file__).parents[2] / "supabase" / "roll_back.sql"
FUNCTIONS = [
    "schema_version",
    "start_run",
    "finish_run",
    "hold_host",
    "leave_host_alone",
    "host_answered",
    "claim_listings",
    "extend_claims",
    "release_claims",
    "finish_listing",
    "confirm_listings",
    "move_addresses",
    "forget_retired",
    "preview_exclusion",
    "record_images",
    "record_results",
    "waiting_claims",
    "preview_claims",
    "image_statistics",
    "explain_listing",
    "recorded_copies",
    "bucket_objects",
    "report_missing_copies",
    "unreferenced_copies",
    "recheck_copies",
    "exclude_image",
    "include_image",
    "list_exclusions",
    "adopt_report",
    "adopt_listings",
]
OURS = (
    "dealer_settings",
    "listing_images",
    "image_queue",
    "image_queue_hosts",
    "hosts_left_alone",
    "image_exclusions",
    "listing_image_events",
    "dealer_leases",
    "host_holds",
)
SHARED = ("dealers", "listings", "discovered_urls", "scrape_runs")


def snapshot(mirror: Any) -> list[Any]:
    return [
        mirror.rows(
            "select table_name, column_name, data_type, column_default from information_schema.columns"
            " where table_schema in ('public', 'listing_mirror') order by 1, 2"
        ),
        mirror.rows(
            "select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1"
        ),
        mirror.rows(
            "select tgname, tgrelid::regclass::text from pg_trigger where not tgisinternal order by 1, 2"
        ),
        mirror.rows("select policyname, tablename from pg_policies order by 1"),
        mirror.rows(
            "select oid::regprocedure::text from pg_proc where pronamespace = 'public'::regnamespace order by 1"
        ),
    ]


def test_applying_twice_changes_nothing(mirror: Any) -> None:
    listing = mirror.listing(["https://img.example/a.jpg"])
    mirror.work()
    before = (snapshot(mirror), mirror.image(listing), mirror.stored_images(listing))
    mirror.migrate()
    assert (snapshot(mirror), mirror.image(listing), mirror.stored_images(listing)) == before


def test_an_existing_project_keeps_its_rows_types_and_policies(legacy: Any) -> None:
    columns = (
        "select table_name, column_name, data_type from information_schema.columns"
        " where table_schema = 'public' order by 1, 2"
    )
    rows = "select to_jsonb(l) from listings l order by id"
    columns_before, rows_before = legacy.rows(columns), legacy.rows(rows)
    ours = "('price_history', 'listing_images')"
    policies = f"select policyname from pg_policies where tablename not in {ours}"
    policies_before = legacy.rows(policies)
    legacy.migrate()
    legacy.migrate()
    assert set(columns_before) <= set(legacy.rows(columns))
    assert legacy.rows(policies) == policies_before
    after = legacy.rows(rows)
    assert [
        {key: row[key] for key in old} for old, row in zip(rows_before, after, strict=True)
    ] == rows_before
    assert legacy.one("select count(*) from listing_images") == 0


def test_statuses_may_be_enums_and_counts_bigint(legacy: Any) -> None:
    legacy.sql.execute(
        """
        create type item_status as enum ('available', 'sold', 'HOLD', 'DELISTED', 'unknown');
        create type upload_status as enum ('pending', 'completed', 'partial', 'failed');
        alter table listings
          alter status type item_status using status::item_status,
          alter images_upload_status type upload_status using images_upload_status::upload_status,
          alter consecutive_404_count type bigint;
        """
    )
    legacy.migrate()
    legacy.sql.execute("update listings set status = 'sold' where id = 1")
    problems = legacy.rpc("adopt_report", p_after=0, p_limit=4)["problems"]
    assert problems == {"copy_without_image": 1, "wrong_status": 2}
    assert legacy.rpc("adopt_listings", p_after=0, p_limit=4)["adopted"] == 4
    (claim,) = legacy.claim(p_listing_ids=[1])
    answer = legacy.finish(claim, [legacy.result(1, image, "stored") for image in claim["images"]])
    assert answer["status"] == legacy.status(1) == "completed"


def test_a_role_that_policies_bind_is_refused(legacy: Any) -> None:
    legacy.sql.execute(
        """
        do $$ begin execute format('grant create on database %I to plain_owner', current_database()); end $$;
        grant create, usage on schema public to plain_owner;
        alter table dealers owner to plain_owner;
        alter table listings owner to plain_owner;
        alter table listings force row level security;
        set role plain_owner;
        """
    )
    with pytest.raises(psycopg.errors.RaiseException, match="of public.listings is in force"):
        legacy.migrate()


@pytest.mark.parametrize(
    "peculiarity",
    [
        "add check (run_type in ('discovery', 'scrape', 'full', 'daily_scrape'))",
        "add column started_by text not null",
    ],
)
def test_a_table_of_runs_that_would_refuse_ours_is_said_at_once(
    legacy: Any, peculiarity: str
) -> None:
    legacy.sql.execute(f"alter table scrape_runs {peculiarity}")
    with pytest.raises(psycopg.errors.RaiseException, match="scrape_runs takes no run of type"):
        legacy.migrate()


def test_a_projects_own_function_of_the_same_name_is_left_alone(legacy: Any) -> None:
    legacy.sql.execute(
        "create function start_run(what text) returns integer language sql as 'select 1';"
        " grant execute on function start_run(text) to anon"
    )
    legacy.migrate()
    may = "select has_function_privilege('anon', to_regprocedure('start_run(text)'), 'execute')"
    assert legacy.one(may) is True
    legacy.sql.execute(ROLL_BACK.read_bytes())
    assert legacy.one(may) is True


def test_the_bucket_needs_no_right_that_it_does_not_use(legacy: Any) -> None:
    legacy.sql.execute(
        """
        grant create, usage on schema public to plain_owner;
        do $$ begin execute format('grant create on database %I to plain_owner', current_database()); end $$;
        grant usage on schema storage to plain_owner;
        grant select, insert on storage.buckets to plain_owner;
        drop table scrape_runs, discovered_urls, listings, dealers cascade;
        set role plain_owner;
        """
    )
    legacy.migrate()
    legacy.migrate()
    assert legacy.one("select public from storage.buckets where id = 'listing-images'") is True


def test_existing_dealers_get_safe_unique_slugs(legacy: Any) -> None:
    legacy.migrate()
    assert legacy.rows("select name, slug from dealers order by id") == [
        ("Aoi Art", "aoi-art"),
        ("葵美術", "aoi-bijutsu-jp"),
        ("刀剣", "dealer-3"),
        ("Aoi-Art", "aoi-art-4"),
        ("Ginza_Seikodo", "ginza-seikodo"),
    ]


@pytest.mark.parametrize(
    ("name", "domain", "slug"),
    [
        ("World Seiyudo", None, "world-seiyudo"),
        ("  O'Brien & Söhne!! ", None, "o-brien-s-hne"),
        ("葵美術", "www.Aoi.example", "aoi-example"),
        ("A" * 300, None, "a" * 100),
    ],
)
def test_a_new_dealer_gets_its_slug(mirror: Any, name: str, domain: str | None, slug: str) -> None:
    assert mirror.one("select slug from dealers where id = %s", mirror.dealer(name, domain)) == slug


def test_a_dealer_upserted_again_keeps_its_slug(mirror: Any) -> None:
    first = mirror.dealer("Aoi Art")
    other = mirror.dealer("Aoi-Art")
    assert mirror.dealer("Aoi Art") == first
    assert mirror.rows("select slug from dealers order by id") == ["aoi-art", f"aoi-art-{other}"]


def test_the_bucket_is_public_and_keeps_an_operators_limits(mirror: Any) -> None:
    mirror.sql.execute("update storage.buckets set file_size_limit = 5, public = false where true")
    mirror.migrate()
    assert mirror.rows("select id, public, file_size_limit from storage.buckets") == [
        ("listing-images", True, 5)
    ]


@pytest.mark.parametrize("project", ["mirror", "legacy"])
def test_only_the_service_role_may_call_and_write(
    project: str, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue(project)
    database.migrate()
    for name in FUNCTIONS:
        found = database.rows(
            "select has_function_privilege(r, p.oid, 'execute') from pg_proc p,"
            " unnest(array['service_role', 'anon', 'authenticated']) with ordinality r (r, n)"
            " where p.proname = %s and p.pronamespace = 'public'::regnamespace order by n",
            name,
        )
        assert found == [True, False, False], name
    for table in OURS + SHARED:
        for right in ("select", "insert", "update", "delete"):
            assert database.one(
                "select has_table_privilege('service_role', %s, %s)", table, right
            ), table
    for table in OURS:
        assert not database.one("select has_table_privilege('anon', %s, 'select')", table)
        assert database.one("select relrowsecurity from pg_class where oid = %s::regclass", table)


def as_anon(mirror: Any, query: str) -> list[Any]:
    session = mirror.session(autocommit=False)
    session.execute("set local role anon")
    found: list[Any] = session.execute(query).fetchall()
    session.rollback()
    return found


def test_a_public_reader_sees_listings_of_active_dealers_and_nothing_else(mirror: Any) -> None:
    shown, hidden = mirror.dealer("Shown"), mirror.dealer("Hidden")
    mirror.sql.execute("update dealers set is_active = false where id = %s", (hidden,))
    listing = mirror.listing(["https://img.example/a.jpg"], dealer=shown)
    mirror.listing(["https://img.example/b.jpg"], dealer=hidden)
    assert as_anon(mirror, "select id, images from listings") == [
        (listing, ["https://img.example/a.jpg"])
    ]
    assert len(as_anon(mirror, "select * from listings")) == 1
    assert len(as_anon(mirror, "select * from dealers")) == 1
    assert as_anon(mirror, "select name from dealers") == [("Shown",)]
    for closed in (
        "select * from listing_images",
        "select * from image_queue",
        "select * from dealer_settings",
        "select * from scrape_runs",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_anon(mirror, closed)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_anon(mirror, "update listings set title = 'mine'")


def test_the_service_role_can_do_the_scrapers_and_the_migrations_work(mirror: Any) -> None:
    session = mirror.session(autocommit=False)
    session.execute("set local role service_role")
    session.execute("insert into dealers (name) values ('By service')")
    session.execute(
        "insert into listings (url, dealer_id, images)"
        " select 'https://s.example/1', id, '[\"https://s.example/1.jpg\"]' from dealers"
    )
    claims = mirror.rpc("claim_listings", on=session, p_limit=5, p_lease_s=30)["claims"]
    session.rollback()
    assert [claim["slug"] for claim in claims] == ["by-service"]


def test_the_schema_says_its_version(mirror: Any) -> None:
    assert mirror.rpc("schema_version") == {"version": 1}


def test_no_function_is_bound_to_the_row_of_a_table(legacy: Any) -> None:
    # PostgreSQL 15 refuses to change such a table: "function … uses its row type".
    legacy.migrate()
    parsed = "select proname from pg_proc where prosqlbody is not null and pronamespace in (select oid from pg_namespace where nspname in ('public', 'listing_mirror'))"
    assert legacy.rows(parsed) == []


def test_every_function_is_under_a_heading_that_says_who_calls_it() -> None:
    for file in (ROLL_BACK.parent / "migrations").glob("*.sql"):
        text = file.read_text("utf-8")
        made = re.findall(r"create or replace function (?:public|listing_mirror)\.(\w+)", text)
        said = re.findall(r"^-- -{3,} (\w+)\n-- (?:Called|Fired) by: ", text, re.MULTILINE)
        assert made == said, file.name


def test_no_function_is_compiled_just_in_time(mirror: Any) -> None:
    # It costs half a second a statement where jit is on, as PostgreSQL is by default, and saves nothing.
    without = "select proname from pg_proc where pronamespace in (select oid from pg_namespace where nspname in ('public', 'listing_mirror')) and 'search_path=\"\"' = any (proconfig) and 'jit=off' <> all (proconfig)"
    assert mirror.rows(without) == []
