"""Whatever is dead, each image on a living address is stored within a bounded number of runs."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.queue.outcome import ImageResult, Outcome
from migrate.run.counts import RunSummary
from migrate.run.listing_work import ImageTask
from migrate.run.options import MigrateOptions
from migrate.run.retries import MAX_TRIES, Fault, Retry
from migrate.run.runner import drain_queue
from migrate.run.workers import Leave, Settled
from scraper.base.errors import ErrorKind, FetchError, TransientFetchError

FATES = {
    "500": (ErrorKind.HTTP_5XX, 500),
    "403": (ErrorKind.HTTP_403, 403),
    "429": (ErrorKind.HTTP_429, 429),
    "404": (ErrorKind.HTTP_404, 404),
    "timeout": (ErrorKind.TIMEOUT, None),
    "tls": (ErrorKind.TLS, None),
}


class OnPostgres:
    """The database as a run sees it, on the tests' own Postgres; one connection for all threads."""

    def __init__(self, mirror: Any) -> None:
        self._mirror = mirror
        self._connection = mirror.session()
        self._lock = threading.Lock()

    def rpc(self, name: str, params: dict[str, Any], *, idempotent: bool) -> Any:
        with self._lock:
            return self._mirror.rpc(name, on=self._connection, **params)


@dataclass
class Internet:
    """Answers each address by its fate, which stands in its path, or its host's in the name."""

    dead_hosts: frozenset[str]

    def error_of(self, task: ImageTask) -> FetchError | None:
        fate = "timeout" if task.host in self.dead_hosts else task.url.split("/")[3]
        if fate == "fine":
            return None
        kind, status = FATES[fate]
        return TransientFetchError(task.url, kind, f"it is {fate}", status=status, host=task.host)

    def settle(self, task: ImageTask, leave: Leave) -> Settled | Retry:
        task.tries += 1
        error = self.error_of(task)
        leave(error)
        if error is not None:
            fault = Fault(error.kind, error.detail, error.status)
            return Retry(0.0, fault) if task.tries < MAX_TRIES else task.ended_by(fault)
        return [
            ImageResult(
                image.position,
                image.source_url,
                Outcome.STORED,
                storage_path=f"x/L00001/abababababab/{image.position:02}.jpg",
                public_url=f"https://x/{task.work.claim.listing_id}/{image.position:02}.jpg",
                sha256="ab" * 32,
            )
            for image in task.images
        ]


def run(mirror: Any, internet: Internet, **options: Any) -> RunSummary:
    session: Any = SimpleNamespace(abort=lambda: None)
    database: Any = OnPostgres(mirror)
    return drain_queue(
        database,
        session,
        SimpleNamespace(lease_s=30.0),  # type: ignore[arg-type]
        MigrateOptions(**options),
        settler=lambda counter, limits, wire, stop: internet,
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[tuple[str, list[str]]], frozenset[str]]:
    """Listings as (dealer, addresses) in some order, and the hosts that are dead."""
    hosts = [f"host{number}.example" for number in range(draw(st.integers(1, 3)))]
    dead_hosts = frozenset(draw(st.lists(st.sampled_from(hosts), max_size=2)))
    listings: list[tuple[str, list[str]]] = []
    for block in range(draw(st.integers(1, 5))):
        dealer = draw(st.sampled_from(["One", "Two", "Three"]))
        host = draw(st.sampled_from(hosts))
        fate = draw(st.sampled_from(["fine", "fine", *FATES]))
        each = draw(st.integers(1, 3))
        for number in range(draw(st.integers(1, 15))):
            listings.append(
                (
                    dealer,
                    [f"http://{host}/{fate}/{block}-{number}-{one}.jpg" for one in range(each)],
                )
            )
    if draw(st.booleans()):
        random.Random(draw(st.integers(0, 99))).shuffle(listings)
    return listings, dead_hosts


@given(worlds(), st.sampled_from([3, 10, 500]))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_each_image_on_a_living_address_is_stored_within_a_bounded_number_of_runs(
    shared_mirror: Any,
    world: tuple[list[tuple[str, list[str]]], frozenset[str]],
    limit: int,
) -> None:
    mirror = shared_mirror
    listings, dead_hosts = world
    mirror.sql.execute("truncate dealers, hosts_left_alone, host_holds cascade")
    for dealer, images in listings:
        mirror.listing(images, dealer=mirror.dealer(dealer))
    internet = Internet(dead_hosts)
    living = {
        url
        for _, images in listings
        for url in images
        if "/fine/" in url and url.split("/")[2] not in dead_hosts
    }
    everything = sum(len(images) for _, images in listings)
    bound = 3 + (everything - len(living)) // 4 + len(listings) // limit

    runs = 0
    while living - {url for url in stored(mirror)}:
        assert runs < bound, f"{len(living - set(stored(mirror)))} of {len(living)} still wait"
        run(mirror, internet, limit=limit, workers=4)
        mirror.pass_time(24.1)
        runs += 1

    mirror.check_invariants()
    silent = mirror.rows(
        "select source_url from listing_images where state <> 'stored' and"
        " case when state = 'pending' then attempts > 0 else error_kind is null or attempts = 0 end"
    )
    assert silent == [], "what was tried says so"


def stored(mirror: Any) -> list[str]:
    return list(mirror.rows("select source_url from listing_images where state = 'stored'"))


@pytest.mark.parametrize("count", [2, 25])
def test_a_run_after_the_other_reaches_what_stands_behind(mirror: Any, count: int) -> None:
    """The founding case: no time passes between the runs."""
    for number in range(count):
        mirror.listing([f"http://shop.example/500/{number}.jpg"])
    fine = [
        mirror.listing([f"http://shop.example/fine/{n}-{k}.jpg" for k in range(3)])
        for n in range(20)
    ]
    internet = Internet(frozenset())
    run(mirror, internet)
    run(mirror, internet)
    assert {mirror.status(listing) for listing in fine} == {"completed"}
    failed = mirror.rows(
        "select error_kind::text, http_status, attempts, due_at is not null from listing_images"
        " where state <> 'stored'"
    )
    assert failed == [("http_5xx", 500, 1, True)] * count
