"""A section about our triggers: what a statement on `listings` costs with them and without."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator

import psycopg
from measuring import PROJECT, Scale, Section, cpu_s_of
from postgres import running_postgres

IMAGES = 6
ROWS = 1_000
SUPABASE = """
create role anon nologin; create role authenticated nologin;
create role service_role nologin bypassrls;
create schema storage;
create table storage.buckets (
  id text primary key, name text not null, public boolean, file_size_limit bigint,
  allowed_mime_types text[], created_at timestamptz default now(), updated_at timestamptz);
create table storage.objects (
  id uuid primary key default gen_random_uuid(), bucket_id text, name text, metadata jsonb,
  created_at timestamptz default now(), updated_at timestamptz default now(),
  unique (bucket_id, name));
"""
OURS_OFF = """
do $$
declare
  ours text;
begin
  for ours in
    select t.tgname
    from pg_trigger as t
    join pg_proc as p on p.oid = t.tgfoid
    where t.tgrelid = 'public.listings'::regclass
      and p.pronamespace = 'listing_mirror'::regnamespace
  loop
    execute format('alter table public.listings disable trigger %I', ours);
  end loop;
end $$;
"""
DEALER = "insert into dealers (name) values ('Bench')"
INSERT = f"""
insert into listings (url, dealer_id, title, price_value, price_currency, images)
select
  'https://bench.example/' || n, (select min(id) from dealers), 'Sword ' || n, n, 'JPY',
  (select jsonb_agg('https://bench.example/' || n || '/' || p || '.jpg')
   from generate_series(1, {IMAGES}) as p)
from generate_series(1, {ROWS}) as n
"""
STATEMENTS = {
    "insert": INSERT,
    "images: one added": (
        "update listings set images = images || to_jsonb('https://b.example/' || id || '/n.jpg')"
    ),
    "images: all replaced": (
        "update listings set images = replace(images::text, '.jpg', '.png')::jsonb"
    ),
    "images written as they are": "update listings set images = images",
    "price": "update listings set price_value = price_value * 0.9",
    "status": "update listings set status = 'sold', is_sold = true, is_available = false",
    "title and description": "update listings set title = title || ' ', description = title",
    "last_scraped_at": "update listings set last_scraped_at = now()",
    "delete": "delete from listings",
}


def cost_of_triggers(scale: Scale) -> Section:
    """CPU of the server's process for each statement of 1,000 listings, with and without ours."""
    section = Section(
        "Triggers",
        f"One statement on {ROWS:,} listings of {IMAGES} images; ms of CPU in the database's "
        "process. Without: the same schema and rows, our own triggers off.",
    )
    with _database() as uri:
        costs: dict[tuple[str, bool], list[float]] = {}
        for _ in range(2 * scale.runs + 1):
            for with_ours in (True, False):
                for name, cost in _round(uri, with_ours=with_ours).items():
                    costs.setdefault((name, with_ours), []).append(cost)
    for name in STATEMENTS:
        ours = statistics.median(costs[name, True])
        bare = statistics.median(costs[name, False])
        section.rows.append(
            {
                "statement": name,
                "without, ms": bare,
                "with ours, ms": ours,
                "times": ours / bare if bare else None,
            }
        )
    return section


def _round(uri: str, *, with_ours: bool) -> dict[str, float]:
    """Each statement in turn, in a session of its own, all of it taken back at the end."""
    with psycopg.connect(uri) as session:
        (pid,) = session.execute("select pg_backend_pid()").fetchone() or (0,)
        if not with_ours:
            session.execute(OURS_OFF)
        session.execute(DEALER)
        found = {}
        for name, statement in STATEMENTS.items():
            before_s = cpu_s_of(pid)
            session.execute(statement.encode())
            found[name] = 1000 * (cpu_s_of(pid) - before_s)
        session.rollback()
    return found


@contextlib.contextmanager
def _database() -> Iterator[str]:
    with running_postgres() as postgres:
        with psycopg.connect(postgres.uri, autocommit=True) as admin:
            admin.execute(SUPABASE)
            for migration in sorted((PROJECT / "supabase" / "migrations").glob("*.sql")):
                with admin.transaction():
                    admin.execute(migration.read_bytes())
        yield postgres.uri
