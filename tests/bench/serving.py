"""The servers beside what is measured: which, on which port, what they take of the machine.

nginx where it can be had, else the project's own; each section says which. It measures nothing.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import nginx
from local_servers import LocalSupabase, free_port, served, served_on_postgres
from measuring import cpu_s_of
from uploads import digest_of_file

from scraper.database.embedded.home import Home

SERVERS = Path(__file__).resolve().parents[1] / "servers"
OWN = "the project's own server"
START_S = 10.0
BODIES_BYTES = 1 << 30
"""Uploads up to that size are held in memory, if the system has so much to spare."""


@contextlib.contextmanager
def _on_pglite() -> Iterator[LocalSupabase]:
    with tempfile.TemporaryDirectory(prefix="mirror-bench-") as folder:
        yield from served(Home(Path(folder), free_port()))


SUPABASES: dict[str, Callable[[], contextlib.AbstractContextManager[LocalSupabase]]] = {
    "local Supabase (PGlite)": _on_pglite,
    "on PostgreSQL": contextlib.contextmanager(served_on_postgres),
}
"""The real ones: the local Supabase as it comes, and the same server on a real Postgres."""


@dataclass
class Served:
    """A running server."""

    port: int
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def cpu_s(self) -> float:
        """What its processes have spent so far, to the nanosecond that the system counts."""
        return sum(cpu_s_of(process.pid) for process in self.processes)


@dataclass
class Storage(Served):
    """A Supabase that only pretends."""

    folder: Path = Path()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def expect(self, listings: Sequence[dict[str, Any]]) -> None:
        """The listings to hand out."""
        self._post("todo", json.dumps(listings).encode())

    def report(self) -> tuple[dict[str, str], int]:
        """The digest of each object that arrived, by its path, and how many were recorded."""
        told = self._post("report")
        named: dict[str, str] = told["named"]
        for one in nginx.uploads(self.folder):
            body = Path(one["body"]).read_bytes()
            named[one["path"]] = digest_of_file(body, one["content_type"])
        return named, told["stored"]

    def _post(self, name: str, body: bytes = b"") -> Any:
        request = urllib.request.Request(f"{self.url}/_/{name}", data=body, method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def name() -> str:
    """Who serves the images, where nothing more is to be said."""
    return nginx.name() or OWN


def who() -> str:
    """The sentence in which a section names the servers beside it."""
    if nginx.name() is None:
        return f"Dealers and storage: {OWN} (with nginx it takes less: {nginx.TO_HAVE})."
    return f"Dealers and storage: {nginx.name()}."


def dealers_only() -> str:
    """The same where the storage is a real one."""
    return who().replace("Dealers and storage", "Dealers")


@contextlib.contextmanager
def dealers(files: Path, *, log: Path | None = None) -> Iterator[Served]:
    """Serves the files on every loopback address: `/wait-0.050/any/name.jpg` after 50 ms."""
    with tempfile.TemporaryDirectory(prefix="mirror-bench-") as name:
        if nginx.name() is None:
            written = [] if log is None else [f"--log={log}"]
            opened = _own("file_server.py", str(files), *written)
        else:
            opened = _nginx(lambda port: nginx.dealers(Path(name), port=port, files=files, log=log))
        with opened as (port, process):
            yield Served(port, [process])


@contextlib.contextmanager
def storage(*, latency_s: float = 0.0, is_small: bool = True) -> Iterator[Storage]:
    """Takes uploads as late as it is told. With images that do not fit into memory together
    (`is_small` false) it is the project's own.
    """
    with _own("stub_supabase.py", f"--latency-ms={latency_s * 1000}") as (stub, process):
        if nginx.name() is None or not is_small:
            yield Storage(stub, [process])
            return
        with tempfile.TemporaryDirectory(prefix="mirror-bench-", dir=_in_memory()) as name:
            folder = Path(name)
            opened = _nginx(
                lambda port: nginx.storage(folder, port=port, stub=stub, latency_s=latency_s)
            )
            with opened as (port, before_it):
                yield Storage(port, [before_it, process], folder)


@contextlib.contextmanager
def beside(*servers: Served) -> Iterator[dict[str, Any]]:
    """What the servers spend meanwhile."""
    spent: dict[str, Any] = {}
    before_s = sum(server.cpu_s for server in servers)
    yield spent
    spent["servers_cpu_s"] = sum(server.cpu_s for server in servers) - before_s


def requests(log: Path) -> list[dict[str, Any]]:
    """What a dealers' server wrote down: `at`, `until`, `path`, `status` of each request."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line | {"at": line["until"] - line["took"]} for line in lines]


def _in_memory() -> str | None:
    with contextlib.suppress(OSError):
        if shutil.disk_usage("/dev/shm").free > BODIES_BYTES:
            return "/dev/shm"
    return None


@contextlib.contextmanager
def _own(script: str, *arguments: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    command = [sys.executable, str(SERVERS / script), *arguments]
    with _started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process


@contextlib.contextmanager
def _nginx(
    command_on: Callable[[int], list[str]],
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    port = free_port()
    with _started(command_on(port), stdout=None) as process:
        until = time.monotonic() + START_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"nginx did not start on port {port}")
            time.sleep(0.01)
        yield port, process


def _answers(port: int) -> bool:
    import socket

    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def _started(command: list[str], *, stdout: IO[str] | int | None) -> Iterator[Any]:
    with subprocess.Popen(command, stdout=stdout, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
