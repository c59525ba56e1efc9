"""Whether a test left its database as it was but for a few rows, and those rows taken out again.

A new copy of the schema costs its files, and a new session loads each function once more: two
thirds of what a test of the database takes. So where a test only wrote rows, they go, and the next
one has the same database and session. Whatever else may have changed (the schema, its rights, what
the planner knows, rows that the migrations put there) makes the database unfit: it is dropped.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, LiteralString

import psycopg
from psycopg import sql

MOST_ROWS = 500
"""More would leave tables that are large although they are empty."""

SCHEMA: LiteralString = """
select string_agg(concat_ws(' ', entry, part, writer), ',' order by entry, part, writer::text)
from (
  select oid, 0, xmin from pg_class where oid >= 16384
  union all select attrelid, attnum, xmin from pg_attribute where attrelid >= 16384
  union all select oid, 0, xmin from pg_attrdef
  union all select oid, 0, xmin from pg_constraint where oid >= 16384
  union all select oid, 0, xmin from pg_proc where oid >= 16384
  union all select oid, 0, xmin from pg_rewrite where oid >= 16384
  union all select oid, 0, xmin from pg_trigger
  union all select oid, 0, xmin from pg_event_trigger
  union all select oid, 0, xmin from pg_policy
  union all select oid, 0, xmin from pg_type where oid >= 16384
  union all select oid, 0, xmin from pg_namespace
  union all select oid, 0, xmin from pg_default_acl
  union all select oid, 0, xmin from pg_extension
  union all select oid, 0, xmin from pg_publication
  union all select starelid, staattnum, xmin from pg_statistic where starelid >= 16384
) as versions (entry, part, writer)
"""
"""Every entry that is ours, with the transaction that wrote it: what is altered has another one."""

TABLES: LiteralString = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.oid >= 16384 and n.nspname !~ '^pg_'
order by 1, 2
"""

SESSION: LiteralString = """
reset session authorization; reset all; close all; unlisten *; select pg_advisory_unlock_all()
"""
COUNTERS: LiteralString = "select setval(seqrelid::regclass, seqstart, false) from pg_sequence"


class AsItWas:
    """What a new copy of the schema holds; read from the first one."""

    def __init__(self, new: psycopg.Connection[Any]) -> None:
        self._schema = new.execute(SCHEMA).fetchone()
        tables = new.execute(TABLES).fetchall()
        self._filled = {table: rows for table in tables if (rows := _rows(new, table)) is not None}
        self._emptied = sql.SQL("; ").join(
            sql.SQL("delete from {}").format(sql.Identifier(*table))
            for table in tables
            if table not in self._filled
        )

    def restore(self, used: psycopg.Connection[Any]) -> bool:
        """Take out what a test wrote; False when that is not all it did, or is too much."""
        if used.closed or used.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
            return False
        with suppress(psycopg.Error):
            used.autocommit = True
            used.execute(SESSION)
            if used.execute(SCHEMA).fetchone() != self._schema:
                return False
            if any(_rows(used, table) != rows for table, rows in self._filled.items()):
                return False
            with used.transaction():
                used.execute("set local session_replication_role = replica")  # no trigger, no check
                used.execute("set local lock_timeout = '1s'")
                cursor = used.execute(self._emptied)
                rows = cursor.rowcount
                while cursor.nextset():
                    rows += cursor.rowcount
                used.execute(COUNTERS)
            return rows <= MOST_ROWS
        return False


def _rows(connection: psycopg.Connection[Any], table: tuple[str, str]) -> Any:
    """What stands in a table, None where nothing does."""
    asked = sql.SQL("select string_agg(t::text, ',' order by t::text) from {} t")
    found = connection.execute(asked.format(sql.Identifier(*table))).fetchone()
    assert found is not None
    return found[0]
