"""What each function reads follows what it answers, also with a plan that knows no parameter.

Counted in blocks, not in seconds: PostgreSQL before 18 plans the SQL functions that way, and other
versions do so after a few calls. `make bench` measures the seconds.
"""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

from typing import Any

import pytest
from calls_at_size import FLAT, LINEAR, PAGES, all_calls, called_by_the_program

FEW, MANY = 500, 2_500


def fill(mirror: Any, count: int) -> None:
    """So many listings of ten dealers in all, most of them stored, some due; a dealer with few."""
    mirror.sql.execute(
        """
        insert into dealers (name) select 'D' || n from generate_series(1, 10) n on conflict do nothing;
        create index if not exists objects_by_name on storage.objects (bucket_id, name collate "C");
        """
    )
    mirror.sql.execute(
        """
        insert into listings (url, dealer_id, images)
        select 'https://size.example/' || n, (select min(id) from dealers) + n %% 10,
          jsonb_build_array('https://d' || n %% 10 || '.example/' || n || '/1.jpg', 'https://d' || n %% 10 || '.example/' || n || '/2.jpg')
        from generate_series((select count(*) from listings) + 1, %s) n
        """,
        (count,),
    )
    mirror.sql.execute(
        """
        insert into dealers (name) values ('Small') on conflict do nothing;
        insert into listings (url, dealer_id, images)
        select 'https://small.example/' || n, (select id from dealers where name = 'Small'),
          jsonb_build_array('https://small.example/' || n || '.jpg')
        from generate_series(1, 20) n
        on conflict do nothing
        """
    )
    mirror.sql.execute(
        """
        update listing_images set state = 'stored', due_at = null, stored_at = now(), sha256 = md5(source_url) || md5(source_url),
          placeholder = encode(substring(sha256(source_url::bytea) for 25), 'base64'), phash = ('x' || left(md5(source_url), 16))::bit(64)::bigint,
          storage_path = 'd/L' || lpad(listing_id::text, 5, '0') || '/' || left(md5(source_url), 12) || '/0' || position || '.jpg',
          public_url = 'https://x/d/L' || lpad(listing_id::text, 5, '0') || '/' || left(md5(source_url), 12) || '/0' || position || '.jpg'
        where state = 'pending' and listing_id % 10 < 8;
        insert into storage.objects (bucket_id, name, metadata)
        select 'listing-images', storage_path, '{"size": 9}' from listing_images where storage_path is not null
        on conflict do nothing;
        """
    )
    mirror.sql.execute("vacuum analyze")


def blocks_of(mirror: Any, name: str, arguments: str) -> int:
    """How many blocks of tables and indexes a call reads, when it is not the first."""
    read = 0
    session = mirror.sql
    session.execute("set plan_cache_mode = force_generic_plan")
    late = mirror.one("select id from listings order by id desc offset 60 limit 1")
    told = {
        "mid": mirror.one("select percentile_disc(0.5) within group (order by id) from listings"),
        "late": late,
        "dealer": 1,
        "token": "00000000-0000-4000-8000-000000000001",
        "name": mirror.one(
            'select name from storage.objects order by name collate "C" desc offset 110 limit 1'
        ),
    }
    call = f"explain (analyze, buffers, timing off, format json) select public.{name.split()[0]}({arguments.format(**told)})"
    for _ in range(2):
        session.execute("begin")
        ((plan,),) = session.execute(call.encode()).fetchall()
        session.execute("rollback")
        read = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    return read


@pytest.fixture(scope="module")
def measured(shared_mirror: Any) -> dict[tuple[str, str], tuple[int, int]]:
    """What each call reads with few listings and with many."""
    calls = all_calls()
    fill(shared_mirror, FEW)
    few = {call: blocks_of(shared_mirror, *call) for call in calls}
    fill(shared_mirror, MANY)
    return {call: (few[call], blocks_of(shared_mirror, *call)) for call in calls}


def test_every_function_that_is_called_is_measured() -> None:
    measured = {name.split()[0] for name, _ in all_calls()}
    assert measured == called_by_the_program()


@pytest.mark.parametrize("name", FLAT)
def test_it_costs_the_same_however_much_there_is(
    measured: dict[tuple[str, str], tuple[int, int]], name: str
) -> None:
    few, many = measured[name, FLAT[name]]
    assert many <= 1.5 * few + 40


@pytest.mark.parametrize("name", LINEAR)
def test_counting_everything_costs_no_more_than_looking_at_everything(
    measured: dict[tuple[str, str], tuple[int, int]], name: str
) -> None:
    few, many = measured[name, LINEAR[name]]
    assert many <= 1.3 * (MANY / FEW) * few + 40


@pytest.mark.parametrize("name", PAGES)
def test_the_last_page_costs_what_the_first_does(
    measured: dict[tuple[str, str], tuple[int, int]], name: str
) -> None:
    first, last = (measured[name, page][1] for page in PAGES[name])
    assert last <= 2 * first + 40
    assert first <= 2 * last + 40
