"""A shop that misbehaves, a proxy that fails, and sentences to say what a run left behind."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import trustme

from migrate.copying.migration import run_migration
from migrate.run.counts import RunSummary
from migrate.run.options import MigrateOptions
from migrate.run.stopping import Stop
from scraper.database.client import Database, open_database
from scraper.net.name_resolution import Resolver
from scraper.net.session import DealerSession

PROJECT = Path(__file__).resolve().parents[2]
SERVERS = PROJECT / "tests" / "servers"
IMPATIENT = {
    "READ_TIMEOUT_S": "1",
    "TOTAL_TIMEOUT_S": "3",
    "LEASE_S": "4",
    "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/16",
}
"""Short times, so that tests are; and a guard open for the shop, not for all of loopback."""


def load(name: str) -> ModuleType:
    """A module of tests/servers; tests are not a package, so it is loaded by its file."""
    spec = importlib.util.spec_from_file_location(f"servers_{name}", SERVERS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_source = load("source")
_proxy = load("proxy")


@dataclass
class Source:
    """The shop's image server, in a process of its own."""

    port: int
    log_file: Path
    scheme: str = "http"
    paint: str = ""

    def url(self, kind: str, name: str, *, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}/{kind}/{name}.jpg"

    def urls(self, kind: str, count: int, *, host: str = "127.0.0.1") -> list[str]:
        return [self.url(kind, str(number), host=host) for number in range(count)]

    def requests(self, where: str = "") -> list[dict[str, Any]]:
        """What the server wrote down, in the order in which the answers ended."""
        lines = self.log_file.read_text().splitlines() if self.log_file.exists() else []
        rows = [json.loads(line) for line in lines]
        return [row for row in rows if where in row["host"] + row["path"]]

    def get_well(self) -> None:
        """From now on every path is answered with its picture."""
        self._control("well")

    def make_all(self, kind: str) -> None:
        """From now on every path meets this fault."""
        self._control(f"all/{kind}")

    def repaint(self) -> None:
        """From now on every path has other bytes."""
        self._control("repaint")
        self.paint += "'"

    def _control(self, what: str) -> None:
        url = f"http://127.0.0.1:{self.port}/_/{what}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST")):
            pass

    def picture(self, url: str) -> bytes:
        """The bytes that a good answer for `url` has now."""
        path = "/" + url.split("/", 3)[3]
        return bytes(_source.picture(_source.name_of(path) + self.paint))


class Sources:
    """The process that serves each test's shop, on a port of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SERVERS / "source.py"), "--on-request"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def served(self, log: Path, certificate: Path | None = None) -> Iterator[Source]:
        self._ask([str(log), certificate and str(certificate)])
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        try:
            yield Source(port, log)
        finally:
            self._ask(port)

    def _ask(self, what: object) -> None:
        assert self._process.stdin is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="session")
def sources() -> Iterator[Sources]:
    running = Sources()
    yield running
    running.close()


@pytest.fixture
def source(sources: Sources, tmp_path: Path) -> Iterator[Source]:
    with sources.served(tmp_path / "requests.jsonl") as running:
        yield running


@pytest.fixture
def tls_source(sources: Sources, tmp_path: Path) -> Iterator[Source]:
    """The same over TLS, with a certificate for `shop.test` that nobody trusts."""
    pem = tmp_path / "shop.pem"
    trustme.CA().issue_cert("shop.test").private_key_and_cert_chain_pem.write_to_path(str(pem))
    with sources.served(tmp_path / "tls-requests.jsonl", pem) as running:
        yield replace(running, scheme="https")


@pytest.fixture
def proxy(local_supabase: Any) -> Iterator[Any]:
    """A proxy before the local Supabase; `proxy.faults.append(fault(…))` makes it fail."""
    running = _proxy.Proxy(local_supabase.url)
    yield running
    running.close()


@pytest.fixture
def fault() -> Any:
    return _proxy.Fault


@dataclass
class World:
    """The database, the bucket and the commands, said in the words of the tests."""

    database: Database
    supabase: Any
    tmp_path: Path
    run_command: Any
    start_command: Any
    urls: dict[str, int] = field(default_factory=dict)

    def add_dealer(self, name: str) -> int:
        rows = self.database.table("dealers").select("id").eq("name", name).execute().data
        if not rows:
            new = {"name": name, "domain": f"{name.lower().replace(' ', '-')}.example"}
            rows = self.database.table("dealers").insert(new).execute().data
        return int(rows[0]["id"])

    def add_listings(self, dealer: str, listings: list[list[str]]) -> list[int]:
        """One listing for each list of image addresses; their ids."""
        dealer_id = self.add_dealer(dealer)
        start = len(self.urls)
        rows = [
            {
                "url": f"http://{dealer_id}.example/{start + number}",
                "dealer_id": dealer_id,
                "title": f"{dealer} {number}",
                "images": images,
            }
            for number, images in enumerate(listings)
        ]
        ids: list[int] = []
        for first in range(0, len(rows), 200):
            saved = self.database.table("listings").insert(rows[first : first + 200]).execute().data
            ids += [row["id"] for row in sorted(saved, key=lambda row: row["id"])]
        self.urls.update({str(one): one for one in ids})
        return ids

    def set_images(self, listing_id: int, images: list[str]) -> None:
        self.database.table("listings").update({"images": images}).eq("id", listing_id).execute()

    def listing(self, listing_id: int) -> dict[str, Any]:
        query = self.database.table("listings").select("*").eq("id", listing_id)
        return dict(query.execute().data[0])

    def rows(self, table: str, columns: str = "*", order: str = "id") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            query = self.database.table(table).select(columns)
            for column in order.split(","):
                query = query.order(column)
            page = query.range(len(found), len(found) + 999).execute().data
            found += page
            if len(page) < 1000:
                return found

    def images(self) -> list[dict[str, Any]]:
        return self.rows("listing_images", order="listing_id,position")

    def by_url(self) -> dict[str, dict[str, Any]]:
        return {row["source_url"]: row for row in self.images()}

    def states(self) -> Counter[str]:
        return Counter(row["state"] for row in self.images())

    def make_due(self) -> None:
        """As if the time of every failed image had come."""
        query = self.database.table("listing_images").update({"due_at": "2020-01-01T00:00:00Z"})
        query.eq("state", "failed").execute()

    def open_claims(self) -> int:
        rows = self.rows("image_queue", "listing_id,claim_token", order="listing_id")
        return sum(row["claim_token"] is not None for row in rows)

    def leased_claims(self) -> int:
        """Those whose lease has not ended; one that has ended holds nothing up."""
        now = dt.datetime.now(dt.UTC)
        rows = self.rows("image_queue", "listing_id,leased_until", order="listing_id")
        ends = [
            dt.datetime.fromisoformat(row["leased_until"]) for row in rows if row["leased_until"]
        ]
        return sum(end > now for end in ends)

    def objects(self) -> dict[str, int]:
        """Names and sizes of everything in the bucket."""
        found: dict[str, int] = {}
        after = ""
        while True:
            page = self.database.rpc(
                "bucket_objects",
                {
                    "p_bucket": self.database.bucket_name,
                    "p_prefix": "",
                    "p_after": after,
                    "p_limit": 500,
                },
                idempotent=True,
            )
            found.update({one["name"]: one["bytes"] for one in page})
            if len(page) < 500:
                return found
            after = page[-1]["name"]

    def unreferenced(self) -> set[str]:
        """What a prune of copies of any age would remove; those retired lately it would not."""
        found = self.database.rpc(
            "unreferenced_copies",
            {
                "p_bucket": self.database.bucket_name,
                "p_after": "",
                "p_limit": 5000,
                "p_min_age_s": 0,
                "p_keep_s": 30 * 86_400,
                "p_dealer_ids": None,
                "p_listing_ids": None,
            },
            idempotent=True,
        )
        return {one["name"] for one in found["copies"]}

    def run(
        self,
        *,
        url: str | None = None,
        stop: Stop | None = None,
        variables: dict[str, str] | None = None,
        resolver: Resolver | None = None,
        say: Callable[[str], None] = lambda text: None,
        **options: Any,
    ) -> RunSummary:
        """A run inside this process; `url` goes round by the proxy."""
        changed = IMPATIENT | (variables or {}) | ({"SUPABASE_URL": url} if url else {})
        settings = self.supabase.settings(**changed)
        session = DealerSession(settings, resolver=resolver)
        with open_database(settings) as database, session:
            return run_migration(
                database, session, settings, MigrateOptions(**options), stop=stop, say=say
            )

    def environment(self, url: str | None = None) -> dict[str, str]:
        return dict(os.environ) | self.variables(url)

    def variables(self, url: str | None = None) -> dict[str, str]:
        known = {"LOG_DIR": str(self.tmp_path / "logs")}
        changed = {"SUPABASE_URL": url} if url else {}
        return dict(self.supabase.environment) | IMPATIENT | known | changed

    def start(self, *arguments: str, url: str | None = None, through: tuple[str, ...] = ()) -> Any:
        """The command as a process of its own; `through` is what a user writes before it."""
        if not through:
            return self.start_command("migrate", *arguments, env=self.variables(url))
        return subprocess.Popen(
            [*through, sys.executable, "-m", "migrate", *arguments],
            cwd=PROJECT,
            env=self.environment(url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *arguments: str, url: str | None = None) -> tuple[int, str, str]:
        """Exit code, stdout, stderr of the command."""
        ended = self.run_command("migrate", *arguments, env=self.variables(url))
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.returncode, ended.stdout, ended.stderr

    def assert_sound(self, source: Source | None = None) -> None:
        """What must be true whatever happened: see the invariants in each line."""
        images = self.images()
        objects = self.objects()
        by_listing: dict[int, list[dict[str, Any]]] = {}
        for row in images:
            by_listing.setdefault(row["listing_id"], []).append(row)
        for listing in self.rows("listings"):
            mine = sorted(by_listing.get(listing["id"], []), key=lambda row: row["position"])
            stored = [row for row in mine if row["state"] == "stored"]
            assert [row["source_url"] for row in mine] == (listing["images"] or [])
            assert listing["stored_images"] == [row["public_url"] for row in stored]
            assert listing["images_upload_status"] == _status_of(mine)
        for row in images:
            if row["state"] != "stored":
                continue
            assert row["storage_path"] in objects, row
            assert f"/{row['position']:02d}." in row["storage_path"]
            body = self.database.download(row["storage_path"])
            assert hashlib.sha256(body).hexdigest() == row["sha256"]
            assert len(body) == row["bytes"]
            if source is not None:
                assert body == source.picture(row["source_url"]), row["source_url"]

    def assert_no_orphans(self) -> None:
        """Nothing is in the bucket that no image refers to."""
        known = {row["storage_path"] for row in self.images() if row["storage_path"]}
        assert set(self.objects()) == known


def _status_of(images: list[dict[str, Any]]) -> str:
    states = [row["state"] for row in images]
    if "pending" in states:
        return "pending"
    stored = states.count("stored")
    if stored == len(states):
        return "completed"
    return "partial" if stored else "failed"


@pytest.fixture
def world(
    database: Database,
    local_supabase: Any,
    tmp_path: Path,
    run_command: Any,
    start_command: Any,
) -> World:
    return World(database, local_supabase, tmp_path, run_command, start_command)


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 20.0) -> None:
    """Look until `condition` holds; fails when it does not in time."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def eventually() -> Callable[..., None]:
    return wait_until


@pytest.fixture
def private_bucket(database: Database) -> Iterator[None]:
    """The bucket is private until the test ends."""
    storage = database._storage
    for is_public in (False, True):
        reply = database.http.put(
            f"{storage._api}/bucket/{database.bucket_name}",
            json={"public": is_public},
            headers={**storage._headers},
        )
        assert reply.status_code < 300, reply.text
        if not is_public:
            yield
