"""The section about the database: the cost of each function that the program calls, at size.

As the service role with the limit of the data API's login, on everything that the functions read:
copies, objects, retired copies, events, runs, history. No data API between.
"""

# ruff: noqa: E501 - a line of SQL reads better unbroken

from __future__ import annotations

import contextlib
from typing import Any

import psycopg
from calls_at_size import all_calls
from growth import DEALERS, IMAGES_A_LISTING, fill
from local_servers import served_on_postgres
from measuring import Row, Scale, Section, cpu_s_of

LIMIT_MS = 1000
TOKEN = "00000000-0000-4000-8000-000000000001"
ALONGSIDE = """
insert into storage.objects (bucket_id, name, metadata)
select 'listing-images', storage_path, '{"size": 9}' from listing_images where storage_path is not null
on conflict do nothing;
insert into retired_copies (storage_path, public_url, listing_id, position, source_url, sha256, retired_at)
select format('d/L%s/%s/00.jpg', lpad(id::text, 5, '0'), left(md5('r' || id), 12)),
  format('https://x.example/d/L%s/%s/00.jpg', lpad(id::text, 5, '0'), left(md5('r' || id), 12)),
  id, 0, 'https://d.example/old/' || id, md5('r' || id) || md5('r' || id), now() - id % 30 * interval '1 day'
from listings
on conflict do nothing;
insert into storage.objects (bucket_id, name, metadata)
select 'listing-images', storage_path, '{"size": 9}' from retired_copies on conflict do nothing;
insert into listing_image_events (listing_id, position, source_url, event, state, storage_path)
select listing_id, position, source_url, 'stored', state, storage_path from listing_images, generate_series(1, 2)
where state = 'stored';
update listing_images set state = 'failed', error_kind = 'http_404', attempts = 7, due_at = null
where state = 'pending' and listing_id % 20 = 9;
insert into coverage_by_day (day, dealer_id, listings, images, stored, pending, failed, gone, rejected)
select current_date - n, d.id, 1, 1, 1, 0, 0, 0, 0 from generate_series(1, 365) n, dealers d
on conflict do nothing;
insert into scrape_runs (run_type, started_at, completed_at, status)
select (array['scrape', 'migrate', 'discovery', 'daily_scrape'])[1 + n % 4], now() - n * interval '1 hour',
  now() - n * interval '1 hour', 'completed' from generate_series(1, 20000) n;
insert into image_exclusions (dealer_id, sha256, reason)
select d.id, md5('x' || n || d.id) || md5('x' || n), 'a test' from dealers d, generate_series(1, 10) n;
"""


def every_function(scale: Scale) -> Section:
    """(h) Every function that the program calls, at 50,000 listings of six images."""
    images = 300_000 if scale.images >= 1000 else 30_000
    section = Section(
        "Every function of the database",
        f"Milliseconds of CPU in PostgreSQL 18 with {images:,} images of {DEALERS} dealers, as the service "
        "role with a limit of 8 s; the second call of a session, rolled back, with generic plans "
        f"and with the server's choice. None may take more than {LIMIT_MS:.0f}.",
    )
    with contextlib.contextmanager(served_on_postgres)() as supabase:
        with psycopg.connect(supabase.home.engine.url, autocommit=True) as session:
            fill(session, images // IMAGES_A_LISTING)
            session.execute(ALONGSIDE.encode())
            session.execute("vacuum analyze")
            told = _told(session)
            session.execute("set role service_role; set statement_timeout = '8s'")
            for name, arguments in all_calls():
                call = f"select public.{name.split()[0]}({arguments.format(**told)})"
                section.rows.append(_measured(session, name, arguments, call))
    slow = [str(row["function"]) for row in section.rows if row["generic"] > LIMIT_MS]
    section.remarks.append(f"above {LIMIT_MS:.0f} ms: {', '.join(slow) or 'none'}")
    return section


def _told(session: psycopg.Connection[Any]) -> dict[str, object]:
    def one(query: str) -> object:
        row = session.execute(query.encode()).fetchone()
        return None if row is None else row[0]

    return {
        "mid": one("select percentile_disc(0.5) within group (order by id) from listings"),
        "late": one("select id from listings order by id desc offset 60 limit 1"),
        "name": one(
            "select name from storage.objects where bucket_id = 'listing-images'"
            ' order by name collate "C" desc offset 110 limit 1'
        ),
        "dealer": one("select min(id) from dealers"),
        "token": TOKEN,
    }


def _measured(session: psycopg.Connection[Any], name: str, arguments: str, call: str) -> Row:
    spent: dict[str, float] = {}
    for mode in ("force_generic_plan", "auto"):
        session.execute(f"set plan_cache_mode = {mode}".encode())
        spent[mode] = 1000 * [_rolled_back(session, call) for _ in range(2)][-1]
    return {
        "function": name,
        "arguments": arguments,
        "generic": spent["force_generic_plan"],
        "the server's choice": spent["auto"],
    }


def _rolled_back(session: psycopg.Connection[Any], call: str) -> float:
    """The seconds of CPU of a call that changes nothing; 8 when it was cut off."""
    session.execute("begin")
    began_s = cpu_s_of(session.info.backend_pid)
    try:
        session.execute(call.encode())
        return cpu_s_of(session.info.backend_pid) - began_s
    except psycopg.errors.QueryCanceled:
        return 8.0
    finally:
        session.execute("rollback")
