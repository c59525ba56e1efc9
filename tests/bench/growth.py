"""The section about growth: what the database's functions take with few and with very many images.

A real Postgres, our own schema, no data API between: what is measured is the database.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg
from local_servers import served_on_postgres
from measuring import Row, Scale, Section

IMAGES_A_LISTING = 6
DEALERS = 100
AT_ONCE = 5_000
"""Listings in one statement; a larger one only needs more memory."""
CALLS = 5
LISTINGS_WRITTEN = 100
MANY_ROWS = 5_000

Session = psycopg.Connection[Any]

FILL = """
insert into listings (url, dealer_id, images)
select
  'https://d' || n % {dealers} || '.example/' || n,
  (select min(id) from dealers) + n % {dealers},
  (select jsonb_agg('https://d' || n % {dealers} || '.example/' || n || '/' || k || '.jpg')
   from generate_series(1, {images}) k)
from generate_series({first}, {last}) n
"""
STORE = """
update listing_images as i
set state = 'stored', due_at = null, stored_at = now(), sha256 = md5(source_url) || md5(source_url),
  storage_path = format('d/L%s/%s/%s.jpg', lpad(listing_id::text, 5, '0'),
    left(md5(source_url), 12), lpad(position::text, 2, '0')),
  public_url = format('https://x.example/d/L%s/%s/%s.jpg', lpad(listing_id::text, 5, '0'),
    left(md5(source_url), 12), lpad(position::text, 2, '0'))
from listings as l
where l.id = i.listing_id and l.id > {after} and l.id % 10 < 9
"""
WRITE = """
insert into listings (url, dealer_id, images)
select 'https://new.example/' || n, (select min(id) from dealers) + n % {dealers},
  (select jsonb_agg('https://new.example/' || n || '/' || k || '.jpg')
   from generate_series(1, {images}) k)
from generate_series(1, {count}) n
"""
MOVE = """
update listings
set images = (select jsonb_agg(value order by at desc) from jsonb_array_elements(images)
  with ordinality as e (value, at))
where id in (select id from listings order by id desc limit {count})
"""
ROWS_READ = """
select relname, seq_tup_read, coalesce(idx_tup_fetch, 0)
from pg_stat_xact_user_tables
order by relname
"""
CALLED: dict[str, str] = {
    "a claim of 50 listings": (
        "select public.claim_listings(null, 50, 30, null, null, false, null)"
    ),
    "the same, 20 hosts to skip": (
        "select public.claim_listings(null, 50, 30, null, null, false, array(select"
        " 'd' || n || '.example' from generate_series(0, 19) n))"
    ),
    "statistics of everything": "select public.image_statistics(null, null)",
    "statistics of one dealer": (
        "select public.image_statistics(array[(select min(id) from dealers)], null)"
    ),
    "verify: the first page of 500": "select public.recorded_copies(0, -1, 500, null, null)",
    "verify: a page in the middle": (
        "select public.recorded_copies((select max(id) / 2 from listings), -1, 500, null, null)"
    ),
    "verify: the last page": (
        "select public.recorded_copies((select max(id) - 84 from listings), -1, 500, null, null)"
    ),
    f"{LISTINGS_WRITTEN} new listings (triggers)": WRITE.format(
        dealers=DEALERS, images=IMAGES_A_LISTING, count=LISTINGS_WRITTEN
    ),
    f"{LISTINGS_WRITTEN} listings reordered (triggers)": MOVE.format(count=LISTINGS_WRITTEN),
}


def growth(scale: Scale) -> Section:
    """(h) Claims, statistics, pages of verify and triggers, from 10,000 to 1,000,000 images."""
    section = Section(
        "Growth",
        f"Milliseconds in PostgreSQL 18, no data API between; {DEALERS} dealers, "
        f"{IMAGES_A_LISTING} images a listing, nine of ten stored; median of {CALLS} calls with "
        "generic plans, each rolled back; the last column is what it reads with the most images.",
    )
    rows: dict[str, Row] = {name: {"what": name} for name in CALLED}
    whole: dict[str, list[str]] = {}
    rows_read: dict[str, int] = {}
    with contextlib.contextmanager(served_on_postgres)() as supabase:
        with psycopg.connect(supabase.home.engine.url, autocommit=True) as session:
            session.execute("set plan_cache_mode = force_generic_plan")
            for images in scale.images_held:
                print(f"  {images:,} images ...", file=sys.stderr, flush=True)
                fill(session, images // IMAGES_A_LISTING)
                for name, call in CALLED.items():
                    rows[name][f"{images:,} images"] = _milliseconds(session, call)
                    rows_read[name], whole[name] = _read(session, call)
    section.rows = [row | {"rows read": rows_read[name]} for name, row in rows.items()]
    for name, tables in whole.items():
        if tables:
            section.remarks.append(f"{name} reads {', '.join(tables)} from end to end")
    return section


def fill(session: Session, listings: int) -> None:
    names = "insert into dealers (name) select 'D' || n from generate_series(1, %s) n"
    session.execute(f"{names} on conflict do nothing", (DEALERS,))
    newest = "select count(*), coalesce(max(id), 0) from listings"
    ((there, _),) = session.execute(newest).fetchall()
    for first in range(there + 1, listings + 1, AT_ONCE):
        last = min(listings, first + AT_ONCE - 1)
        ((_, after),) = session.execute(newest).fetchall()
        fill = FILL.format(dealers=DEALERS, images=IMAGES_A_LISTING, first=first, last=last)
        session.execute(fill.encode())
        session.execute(STORE.format(after=after).encode())
    session.execute("vacuum analyze")


def _rolled_back(session: Session, act: Callable[[], Any]) -> Any:
    session.execute("begin")
    try:
        return act()
    finally:
        session.execute("rollback")


def _milliseconds(session: Session, call: str) -> float:
    def timed() -> float:
        began = time.monotonic()
        session.execute(call.encode())
        return 1000 * (time.monotonic() - began)

    return statistics.median([_rolled_back(session, timed) for _ in range(CALLS)])


def _read(session: Session, call: str) -> tuple[int, list[str]]:
    """How many rows a call reads, and which of our tables it reads from end to end."""

    def counts() -> dict[str, tuple[int, int]]:
        rows = session.execute(ROWS_READ.encode()).fetchall()
        return {table: (scanned, found) for table, scanned, found in rows}

    def read() -> tuple[int, list[str]]:
        before = counts()
        session.execute(call.encode())
        total, whole = 0, []
        for table, (scanned, found) in counts().items():
            scanned_before, found_before = before.get(table, (0, 0))
            total += scanned - scanned_before + found - found_before
            if scanned - scanned_before >= MANY_ROWS:
                whole.append(f"{table} ({scanned - scanned_before:,} rows)")
        return total, whole

    result: tuple[int, list[str]] = _rolled_back(session, read)
    return result
