"""What a run costs, in counts: a slow change is seen on any machine, however fast or busy."""

from __future__ import annotations

import io
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from proxy import Fault

from migrate.copying import image_copier

IMAGES = 3
BATCH = 10
WORKERS = 8
READS = 3
"""Times that an image's bytes leave its buffer: twice for its check, once for the bucket."""
HEAD_BYTES = 1024


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0


def most_of(act: Callable[[], Any]) -> tuple[int, int]:
    """The most threads that were alive and files that were open at once while it acted."""
    threads, files = [0], [0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            threads.append(threading.active_count() - 1)  # this one watches
            files.append(open_files())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        act()
    finally:
        done.set()
        watcher.join()
    return max(threads), max(files)


def data_calls(proxy: Any) -> int:
    return int(proxy.count("/rest/v1/"))


def run_over(world: Any, source: Any, proxy: Any, *, listings: int, first: int) -> int:
    """Migrate so many new listings; the calls of the data API that it took."""
    names = range(first, first + listings)
    world.add_listings("Shop", [source.urls(f"ok/{n}", IMAGES) for n in names])
    before = data_calls(proxy)
    summary = world.run(
        url=proxy.url,
        batch_size=BATCH,
        workers=WORKERS,
        per_host=WORKERS,
        variables={"LEASE_S": "600"},  # what renews a lease goes by the clock
    )
    assert summary.completed == listings
    return data_calls(proxy) - before


def test_a_call_a_listing_and_one_a_batch_and_a_handful_a_run(
    world: Any, source: Any, proxy: Any
) -> None:
    proxy.faults.append(Fault("record_results", delay_s=0.03))  # as far away as most databases
    few = run_over(world, source, proxy, listings=BATCH, first=0)
    many = run_over(world, source, proxy, listings=4 * BATCH, first=100)
    calls = Counter(path.partition("?")[0] for _, _, path in proxy.requests if "/rest/" in path)
    assert not {"/rest/v1/rpc/finish_listing", "/rest/v1/rpc/record_images"} & calls.keys()
    assert many - few <= 3 * BATCH + 3
    assert few <= BATCH + 1 + 12


def test_an_image_is_sent_once_and_as_it_is(world: Any, source: Any, proxy: Any) -> None:
    (listing,) = world.add_listings("Shop", [source.urls("ok", IMAGES)])
    world.run(url=proxy.url)
    sent = sum(length for path, length in proxy.received if "/storage/v1/object/" in path)
    copies = [row for row in world.images() if row["listing_id"] == listing]
    assert [row["state"] for row in copies] == ["stored"] * IMAGES
    assert sent == sum(row["bytes"] for row in copies)
    assert len(source.requests()) == IMAGES


class CountingBuffer(io.BytesIO):
    """A worker's buffer that counts the bytes which go into it and come out of it."""

    def __init__(self, moved: Counter[str]) -> None:
        super().__init__()
        self.moved = moved

    def write(self, data: Any, /) -> int:
        self.moved["written"] += len(data)
        return super().write(data)

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.moved["read"] += len(data)
        return data

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(size)

    def readinto(self, into: Any, /) -> int:
        count = super().readinto(into)
        self.moved["read"] += count
        return count

    def getvalue(self) -> bytes:
        self.moved["read"] += len(super().getvalue())
        return super().getvalue()


def test_an_images_bytes_are_written_once_and_read_a_few_times(
    world: Any, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: Counter[str] = Counter()

    @contextmanager
    def counting_spool() -> Iterator[CountingBuffer]:
        with CountingBuffer(moved) as buffer:
            yield buffer

    monkeypatch.setattr(image_copier, "spool", counting_spool)
    world.add_listings("Shop", [source.urls("ok", IMAGES)])
    world.run()
    size = sum(row["bytes"] for row in world.images())
    assert moved["written"] == size
    assert size <= moved["read"] <= READS * size + HEAD_BYTES * IMAGES


def test_nothing_is_left_open_and_nothing_grows_with_the_work(
    world: Any, source: Any, proxy: Any
) -> None:
    run_over(world, source, proxy, listings=2, first=0)  # what is opened once for good
    threads, files = threading.active_count(), open_files()

    world.add_listings("Shop", [source.urls(f"ok/{n}", IMAGES) for n in range(100, 130)])
    most_threads, most_files = most_of(lambda: world.run(workers=4, batch_size=BATCH))
    assert most_threads <= threads + 4 + 12, "the workers, and a handful whatever there is to do"
    assert most_files <= files + 3 * 4 + 12, "what each worker holds, and a handful"
    assert threading.active_count() <= threads + 2
    assert open_files() <= files + 4
