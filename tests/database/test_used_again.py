"""A database is used for another test when rows are all that the one before left in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest

ROWS = """
select (select count(*) from listings) + (select count(*) from listing_images)
  + (select count(*) from image_queue) + (select count(*) from dealers)
"""
SESSION = "select current_user, current_setting('statement_timeout')"


@contextmanager
def lent(mirrors: Any) -> Iterator[Any]:
    lending = mirrors.lend()
    yield next(lending)
    next(lending, None)


def test_rows_are_taken_out_and_numbers_begin_anew(mirrors: Any) -> None:
    with lent(mirrors) as before:
        listing = before.listing(["https://a.example/1.jpg"])
        before.work()
        before.sql.execute("set role service_role; set statement_timeout = '7s'")
    with lent(mirrors) as after:
        assert after.uri == before.uri
        assert after.one(ROWS) == 0
        assert after.one(SESSION) == ("postgres", "0")
        assert after.listing(["https://a.example/1.jpg"]) == listing
        assert len(after.images(listing)) == 1  # the triggers are at work again


@pytest.mark.parametrize(
    "change",
    [
        "alter table listings disable trigger all",
        "alter table listings add column mine text",
        "create index on listings (title)",
        "create table mine (id int)",
        "create temporary table mine (id int)",
        "create function mine() returns int language sql as 'select 1'",
        "create policy mine on listings for select using (true)",
        "create type mine as enum ('a')",
        "create view mine as select 1 as one",
        "grant select on image_queue to anon",
        "grant create on schema public to anon",
        "alter default privileges grant select on tables to anon",
        "insert into dealers (name) values ('a'); analyze dealers",
        "insert into storage.buckets (id, name) values ('mine', 'mine')",
        "update storage.buckets set public = not public",
        "insert into dealers (name) select 'Shop ' || n from generate_series(1, 501) n",
        "begin",
        "begin; select 1 / 0",
        "select pg_terminate_backend(pg_backend_pid())",
    ],
)
def test_whatever_else_was_done_makes_it_unfit(mirrors: Any, change: str) -> None:
    with lent(mirrors) as before, suppress(psycopg.Error):
        before.sql.execute(change)
    with lent(mirrors) as after:
        assert after.uri != before.uri
        assert after.one(ROWS) == 0
