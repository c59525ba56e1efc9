"""Real local Supabase servers for tests, on PGlite or on a real Postgres, on free ports."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
from in_memory import ON_DISK
from postgres import free_port, running_postgres

from scraper.base.settings import Settings
from scraper.database.client import embedded
from scraper.database.embedded.home import Engine, Home
from scraper.database.embedded.locks import hold

BUCKET = "listing-images"
OUR_TABLES = {
    "image_exclusions": "id",
    "host_holds": "host",
    "listings": "id",  # takes its images, queue row and events along
    "discovered_urls": "id",
    "scrape_runs": "id",
    "dealers": "id",
}


@dataclass(frozen=True)
class LocalSupabase:
    """A running server for tests: where it is, and how a command is told to use it."""

    home: Home
    url: str
    secret_key: str
    publishable_key: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables for a command: it talks to this server as to a hosted one."""
        return {
            "SUPABASE_URL": self.url,
            "SUPABASE_SECRET_KEY": self.secret_key,
            "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        }

    def settings(self, **variables: str) -> Settings:
        """Settings for code under test; `variables` by their environment names."""
        return Settings.from_environment(self.environment | variables)

    def clean(self) -> None:
        """Empty all our tables and the bucket."""
        headers = {"apikey": self.secret_key, "Authorization": f"Bearer {self.secret_key}"}
        nobodys = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading all authorities takes longer
        with httpx.Client(
            base_url=self.url, headers=headers, trust_env=False, verify=nobodys, timeout=30
        ) as server:
            for reply in self._cleaned(server):
                assert reply.status_code < 300, (reply.url, reply.text)

    def _cleaned(self, server: httpx.Client) -> Iterator[httpx.Response]:
        if self.home.engine.driver == "postgres":
            names = _cleaned_by_sql(self.home.engine.url)
        else:
            every = {"p_bucket": BUCKET, "p_prefix": "", "p_after": "", "p_limit": 1000}
            held = server.post("/rest/v1/rpc/bucket_objects", json=every)
            names = [one["name"] for one in held.raise_for_status().json()]
            for table, column in OUR_TABLES.items():
                yield server.delete(f"/rest/v1/{table}?{column}=not.is.null")
        if names:
            objects = f"/storage/v1/object/{BUCKET}"
            yield server.request("DELETE", objects, json={"prefixes": names})


@functools.cache
def _session(url: str) -> psycopg.Connection:
    """One for all tests of this process: a new one would load the catalogue each time."""
    return psycopg.connect(url, autocommit=True)


def _cleaned_by_sql(url: str) -> list[str]:
    """Empty our tables in one go; the names of the objects, which only the server can remove."""
    deleted = "".join(f"delete from public.{table};" for table in OUR_TABLES)
    statements = f"{deleted} select name from storage.objects".encode()
    try:
        cursor = _session(url).execute(statements)
    except psycopg.OperationalError:  # a test has ended all sessions
        _session.cache_clear()
        cursor = _session(url).execute(statements)
    while cursor.nextset():
        pass
    return [name for (name,) in cursor.fetchall()]


def migrated(home: Home) -> Home:
    """The home, new, with the data that our migrations make of an empty database.

    They are applied once a machine and version, in a home of its own whose data are then copied:
    26 files take PGlite some seconds, a copy of what they made a tenth of one.
    """
    if home.engine.driver != "pglite":
        return home
    wanted = hashlib.sha256(home._wanted().encode()).hexdigest()[:20]
    models = ON_DISK / f"listing-mirror-tests-{os.getuid()}"
    models.mkdir(mode=0o700, exist_ok=True)
    model = Home(models / wanted, free_port())
    with (models / f"{wanted}.lock").open("a") as lock:
        hold(lock)
        if not (model.folder / "whole").exists():
            shutil.rmtree(model.folder, ignore_errors=True)
            with embedded.using_home(model):
                pass
            (model.folder / "whole").touch()
    home.create()
    for name in ("data", "migrated"):
        copy = shutil.copytree if (model.folder / name).is_dir() else shutil.copy
        copy(model.folder / name, home.folder / name)
    return home


def served(home: Home) -> Iterator[LocalSupabase]:
    migrated(home)
    with embedded.using_home(home) as endpoint:
        yield LocalSupabase(home, endpoint.url, endpoint.secret_key, endpoint.publishable_key)


def served_on_postgres() -> Iterator[LocalSupabase]:
    """The same server on a real Postgres of its own, where several sessions run at once."""
    with running_postgres() as postgres, tempfile.TemporaryDirectory() as folder:
        yield from served(Home(Path(folder), free_port(), Engine("postgres", postgres.url)))
