"""A real Postgres for the database's tests: one server a session, our schema as new for each test."""

# ruff: noqa: E501 - statements are put together from this file's own words only

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from postgres import Postgres
from psycopg.conninfo import conninfo_to_dict
from used_again import AsItWas

HERE = Path(__file__).parent
MIGRATIONS = sorted((HERE.parents[1] / "supabase" / "migrations").glob("*.sql"))
_NUMBERS = itertools.count(1)

# What Supabase itself brings: roles, and the two tables of its storage that we read.
ENVIRONMENT = """
create schema storage;
create table storage.buckets (
  id text primary key, name text not null unique, public boolean default false,
  file_size_limit bigint, allowed_mime_types text[],
  created_at timestamptz default now(), updated_at timestamptz default now());
create table storage.objects (
  id uuid primary key default gen_random_uuid(), bucket_id text references storage.buckets (id),
  name text, metadata jsonb, created_at timestamptz default now(),
  updated_at timestamptz default now(), unique (bucket_id, name));
grant usage on schema public to anon, authenticated, service_role;
"""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken
ROLES = """
do $$ begin
  if to_regrole('anon') is null then -- a local Supabase on the same server may have been quicker
    create role anon nologin;
    create role authenticated nologin;
    create role service_role nologin bypassrls;
  end if;
  create role plain_owner nologin;
end $$;
"""


def apply_migrations(connection: psycopg.Connection[Any]) -> None:
    """Apply every migration in order, each as one transaction, as the usual tools do."""
    for migration in MIGRATIONS:
        with connection.transaction():
            connection.execute(migration.read_bytes())


@dataclass
class Mirror:
    """One test's database: sessions, RPCs as the data API calls them, and rows in short."""

    uri: str
    kept: psycopg.Connection[Any] | None = None
    _open: list[psycopg.Connection[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sql = self.kept or self.session()
        self.signatures: dict[str, dict[str, str]] = {}
        self.public = "http://127.0.0.1:54321/storage/v1/object/public/listing-images/"

    def session(self, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self.uri, autocommit=autocommit)
        self._open.append(connection)
        return connection

    def close(self) -> None:
        for connection in self._open:
            connection.close()

    def one(self, query: str, *params: object) -> Any:
        row = self.sql.execute(query.encode(), params or None).fetchone()
        return None if row is None else (row[0] if len(row) == 1 else row)

    def rows(self, query: str, *params: object) -> list[Any]:
        found = self.sql.execute(query.encode(), params or None).fetchall()
        return [row[0] if len(row) == 1 else row for row in found]

    def rpc(self, name: str, *, on: psycopg.Connection[Any] | None = None, **given: object) -> Any:
        """Call a function by argument name; an argument not given is null."""
        if name not in self.signatures:
            names, types = self.one(
                "select proargnames, array(select format_type(t, null) from unnest(proargtypes) t)"
                " from pg_proc where pronamespace = 'public'::regnamespace and proname = %s",
                name,
            )
            self.signatures[name] = dict(zip(names or [], types, strict=True))
        signature = self.signatures[name]
        assert set(given) <= set(signature), (name, set(given) - set(signature))
        arguments = ", ".join(f"{key} => %({key})s::{kind}" for key, kind in signature.items())
        row = (
            (on or self.sql)
            .execute(
                f"select public.{name}({arguments})".encode(), {**dict.fromkeys(signature), **given}
            )
            .fetchone()
        )
        assert row is not None
        return row[0]

    def migrate(self) -> None:
        apply_migrations(self.sql)

    # ------------------------------------------------------------------ rows

    def dealer(self, name: str = "Aoi Art", domain: str | None = None) -> int:
        return int(
            self.one(
                "insert into dealers (name, domain) values (%s, %s)"
                " on conflict (name) do update set name = excluded.name returning id",
                name,
                domain,
            )
        )

    def listing(self, images: object, *, dealer: int | None = None, **columns: object) -> int:
        dealer = dealer or self.dealer()
        columns = {"url": f"https://aoi.example/{next(_NUMBERS)}", **columns}
        names = ", ".join(columns)
        places = ", ".join(["%s"] * len(columns))
        return int(
            self.one(
                f"insert into listings (dealer_id, images, {names})"
                f" values (%s, %s::jsonb, {places}) returning id",
                dealer,
                json.dumps(images),
                *columns.values(),
            )
        )

    def set_images(self, listing: int, images: object) -> None:
        self.sql.execute(
            "update listings set images = %s::jsonb where id = %s", (json.dumps(images), listing)
        )

    def images(self, listing: int) -> list[tuple[str, str]]:
        return self.rows(
            "select source_url, state::text from listing_images where listing_id = %s"
            " order by position",
            listing,
        )

    def image(self, listing: int, position: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = self.one(
            "select to_jsonb(i) from listing_images i where listing_id = %s and position = %s",
            listing,
            position,
        )
        return found

    def stored_images(self, listing: int) -> Any:
        return self.one("select stored_images from listings where id = %s", listing)

    def status(self, listing: int) -> str:
        return str(self.one("select images_upload_status from listings where id = %s", listing))

    def pass_time(self, hours: float) -> None:
        """Let the database's clock seem to go on: every date in our tables moves back."""
        span = f"interval '{hours} hours'"
        self.sql.execute(
            f"update listing_images set due_at = due_at - {span},"
            f" first_absent_at = first_absent_at - {span}".encode()
        )
        self.sql.execute(
            f"update image_queue set leased_until = leased_until - {span},"
            f" last_claimed_at = last_claimed_at - {span}".encode()
        )
        self.sql.execute(
            f"update image_queue_hosts set place_at = place_at - {span},"
            f" next_due_at = next_due_at - {span}".encode()
        )
        self.sql.execute(
            f"update hosts_left_alone set next_look_at = next_look_at - {span},"
            f" since = since - {span}, last_look_at = last_look_at - {span}".encode()
        )
        self.sql.execute(f"update host_holds set held_until = held_until - {span}".encode())

    # ---------------------------------------------------------------- claims

    def run(self) -> int:
        return int(self.rpc("start_run", p_run_type="migrate", p_runner="test")["run_id"])

    def claim(
        self,
        *,
        run: int | None = None,
        limit: int = 50,
        on: psycopg.Connection[Any] | None = None,
        **given: object,
    ) -> list[Any]:
        run = self.run() if run is None else run
        answer = self.rpc(
            "claim_listings", on=on, p_run_id=run, p_limit=limit, p_lease_s=30, **given
        )
        claims: list[Any] = answer["claims"]
        return claims

    def copy_of(self, listing: int, position: int, digest: str = "ab" * 32) -> dict[str, Any]:
        path = f"aoi-art/L{listing:05}/{digest[:12]}/{position:02}.jpg"
        return {
            "storage_path": path,
            "public_url": self.public + path,
            "content_type": "image/jpeg",
            "bytes": 10,
            "width": 4,
            "height": 3,
            "sha256": digest,
        }

    def result(
        self, listing: int, image: dict[str, Any], outcome: str, **more: Any
    ) -> dict[str, Any]:
        found = {
            "position": image["position"],
            "source_url": image["source_url"],
            "outcome": outcome,
        }
        if outcome == "stored":
            found |= self.copy_of(listing, image["position"], more.pop("digest", "ab" * 32))
        return found | more

    def finish(self, claim: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
        answer: dict[str, Any] = self.rpc(
            "finish_listing",
            p_listing_id=claim["listing_id"],
            p_token=claim["token"],
            p_results=json.dumps(results),
        )
        return answer

    def work(
        self,
        outcome: str | Callable[[str], str] = "stored",
        *,
        only: int | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Claim what is due and finish it alike; the last answer."""
        answer: dict[str, Any] = {}
        retry = bool(more.pop("retry_failed", False))
        ids = None if only is None else [only]
        for claim in self.claim(p_listing_ids=ids, p_retry_failed=retry, limit=1000):
            results = [
                self.result(
                    claim["listing_id"],
                    image,
                    outcome if isinstance(outcome, str) else outcome(image["source_url"]),
                    **more,
                )
                for image in claim["images"]
            ]
            answer = self.finish(claim, results)
            assert answer["accepted"], answer
        return answer

    def check_invariants(self) -> None:
        """Whatever was done to it, the derived columns follow from the rows and the rows from images."""
        wrong = self.rows(
            """
            select l.id from listings l
            left join image_queue q on q.listing_id = l.id
            where coalesce(l.stored_images, '[]') is distinct from coalesce((
                select jsonb_agg(i.public_url order by i.position) from listing_images i
                where i.listing_id = l.id and i.state = 'stored'), '[]')
              or (select count(*) from listing_images i where i.listing_id = l.id)
                <> case when jsonb_typeof(l.images) = 'array' then jsonb_array_length(l.images) else 0 end
              or exists (select 1 from jsonb_array_elements_text(
                    case when jsonb_typeof(l.images) = 'array' then l.images else '[]' end)
                    with ordinality e (url, n)
                  left join listing_images i on i.listing_id = l.id and i.position = e.n - 1
                  where i.source_url is null
                    or (i.error_kind is distinct from 'bad_url' and i.source_url <> listing_mirror.resolved(e.url, l.url)))
              or q.listing_id is null
              or q.next_due_at is distinct from (
                select min(due_at) from listing_images i where i.listing_id = l.id)
              or l.images_upload_status::text is distinct from (
                select case
                  when count(*) filter (where state = 'pending') > 0 then 'pending'
                  when count(*) = count(*) filter (where state = 'stored') then 'completed'
                  when count(*) filter (where state = 'stored') > 0 then 'partial'
                  else 'failed' end
                from listing_images i where i.listing_id = l.id)
            """
        )
        assert wrong == []
        images = self.rpc("image_statistics")["images"]
        states = ("stored", "pending", "failed", "gone", "rejected")
        assert images["total"] == sum(images[state] for state in states)
        assert images["missing"] == images["total"] - images["stored"]


@pytest.fixture(scope="session")
def server_uri(postgres_server: Postgres) -> str:
    with psycopg.connect(postgres_server.uri, autocommit=True) as admin:
        admin.execute(ROLES)
    return postgres_server.uri


def database_uri(server_uri: str, name: str) -> str:
    return re.sub(r"/postgres\?", f"/{name}?", server_uri)


def create_database(server_uri: str, name: str, template: str = "template1") -> str:
    """Copy the template's files, which is a third of the work of writing them to the log first."""
    with psycopg.connect(server_uri, autocommit=True) as admin:
        admin.execute(f'create database "{name}" template "{template}" strategy file_copy'.encode())
    return database_uri(server_uri, name)


@pytest.fixture(scope="session")
def migrated_template(server_uri: str) -> str:
    with psycopg.connect(create_database(server_uri, "migrated"), autocommit=True) as connection:
        connection.execute(ENVIRONMENT)
        apply_migrations(connection)
    return "migrated"


@pytest.fixture(scope="session")
def legacy_template(server_uri: str) -> str:
    """A project that has its own tables and 1,200 listings, before our migrations."""
    with psycopg.connect(create_database(server_uri, "legacy"), autocommit=True) as connection:
        connection.execute(ENVIRONMENT)
        connection.execute((HERE / "legacy_project.sql").read_bytes())
    return "legacy"


@pytest.fixture(scope="session")
def migrated_legacy_template(server_uri: str, legacy_template: str) -> str:
    """The same project after our migrations."""
    uri = create_database(server_uri, "migrated_legacy", legacy_template)
    with psycopg.connect(uri, autocommit=True) as connection:
        apply_migrations(connection)
    return "migrated_legacy"


def _fresh(server_uri: str, template: str) -> Iterator[Mirror]:
    mirror = Mirror(create_database(server_uri, f"test_{next(_NUMBERS)}", template))
    yield mirror
    mirror.close()
    _drop(server_uri, mirror.uri)


def _drop(server_uri: str, uri: str) -> None:
    name = conninfo_to_dict(uri)["dbname"]
    with psycopg.connect(server_uri, autocommit=True) as admin:
        admin.execute(f'drop database "{name}" with (force)'.encode())


class Mirrors:
    """New copies of our schema, or one that was used before and is as it was."""

    def __init__(self, server_uri: str, template: str) -> None:
        self._server_uri = server_uri
        self._template = template
        self._as_it_was: AsItWas | None = None
        self._kept: psycopg.Connection[Any] | None = None
        self._uri = ""

    def lend(self) -> Iterator[Mirror]:
        if self._kept is None:
            self._uri = create_database(self._server_uri, f"test_{next(_NUMBERS)}", self._template)
            self._kept = psycopg.connect(self._uri, autocommit=True)
        as_it_was = self._as_it_was = self._as_it_was or AsItWas(self._kept)
        mirror = Mirror(self._uri, self._kept)
        yield mirror
        mirror.close()
        if mirror.sql is not self._kept or not as_it_was.restore(self._kept):
            self.end()

    def end(self) -> None:
        if self._kept is not None:
            self._kept.close()
            _drop(self._server_uri, self._uri)
            self._kept = None


@pytest.fixture(scope="session")
def mirrors(server_uri: str, migrated_template: str) -> Iterator[Mirrors]:
    lent = Mirrors(server_uri, migrated_template)
    yield lent
    lent.end()


@pytest.fixture
def mirror(mirrors: Mirrors) -> Iterator[Mirror]:
    """A database with our schema and nothing in it."""
    yield from mirrors.lend()


@pytest.fixture
def unmigrated(server_uri: str) -> Iterator[Mirror]:
    """A database with what Supabase brings and nothing of ours."""
    for mirror in _fresh(server_uri, "template1"):
        mirror.sql.execute(ENVIRONMENT)
        yield mirror


@pytest.fixture
def legacy(server_uri: str, legacy_template: str) -> Iterator[Mirror]:
    yield from _fresh(server_uri, legacy_template)


@pytest.fixture
def migrated_legacy(server_uri: str, migrated_legacy_template: str) -> Iterator[Mirror]:
    yield from _fresh(server_uri, migrated_legacy_template)


@pytest.fixture(scope="module")
def shared_mirror(server_uri: str, migrated_template: str) -> Iterator[Mirror]:
    """One database for a module whose tests clean up after themselves."""
    yield from _fresh(server_uri, migrated_template)
