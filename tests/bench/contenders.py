"""Those who do the bench's work, each in a process of its own: its memory and CPU time are its own.

`contenders.py NAME` reads a task as JSON from stdin, does it, and prints seconds, CPU seconds and
peak memory as JSON. What a peer does less than the migration stands beside its name.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import page_contenders

KEY = "sb_secret_bench"
Work = Callable[[], object]


@dataclass(frozen=True)
class Task:
    """`urls` to fetch into `folder`, or `listings` to copy into the Supabase at `supabase`."""

    urls: list[str]
    folder: str
    workers: int
    supabase: str = ""
    listings: tuple[dict[str, Any], ...] = ()
    per_host: int = 4


@contextlib.contextmanager
def migrate(task: Task) -> Iterator[Work]:
    """The migration itself, with all its checks."""
    from migrate.copying.migration import run_migration
    from migrate.run.options import MigrateOptions
    from scraper.base.settings import Settings
    from scraper.database.client import open_database
    from scraper.net.session import DealerSession

    environment = {
        "SUPABASE_URL": task.supabase,
        "SUPABASE_SECRET_KEY": KEY,
        "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
    }
    settings = Settings.from_environment(environment)
    with open_database(settings) as database, DealerSession(settings) as session:
        options = MigrateOptions(
            workers=task.workers, limit=max(1, len(task.listings)), per_host=task.per_host
        )
        yield lambda: run_migration(database, session, settings, options)


@contextlib.contextmanager
def migrate_unchecked(task: Task) -> Iterator[Work]:
    """The same with the look at the picture taken out: what the check itself costs."""
    import hashlib

    from migrate.copying import image_copier
    from migrate.pictures.check import CheckedImage

    def unchecked(file: Any, *_: object, sha256: str | None = None, **__: object) -> CheckedImage:
        file.seek(0)
        whole = file.read()
        file.seek(0)
        known = {
            "content_type": "image/jpeg",
            "extension": "jpg",
            "width": 1200,
            "height": 900,
            "bytes": len(whole),
            "sha256": sha256 or hashlib.sha256(whole).hexdigest(),
            "file": file,
        }
        return CheckedImage(**known)

    image_copier.check_image = unchecked
    with migrate(task) as work:
        yield work


@contextlib.contextmanager
def _downloaded(task: Task, look: Callable[[Any, Any], object]) -> Iterator[Work]:
    """Our own session in a plain pool, each image in the buffer that a worker has for it."""
    from migrate.copying.download import spool
    from scraper.base.settings import Settings
    from scraper.net.session import DealerSession

    settings = Settings.from_environment({"ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8"})
    with DealerSession(settings) as session:

        def fetch(url: str) -> None:
            with spool() as file:
                answer = session.fetch_file(url, file)
                look(file, answer)
                file.seek(0)
                Path(task.folder, url.rsplit("/", 1)[-1]).write_bytes(file.read())

        def fetch_all() -> None:
            with ThreadPoolExecutor(task.workers) as pool:
                list(pool.map(fetch, task.urls))

        yield fetch_all


def migrates_download(task: Task) -> contextlib.AbstractContextManager[Work]:
    """The way of an image up to its bytes."""
    return _downloaded(task, lambda file, answer: None)


def migrates_download_and_check(task: Task) -> contextlib.AbstractContextManager[Work]:
    """The way of an image up to the verdict on it."""
    from migrate.pictures.check import check_image
    from migrate.pictures.limits import Limits

    limits = Limits(bytes=50_000_000, pixels=120_000_000, costly_pixels=50_000_000)
    return _downloaded(task, lambda file, answer: check_image(file, limits, sha256=answer.sha256))


@contextlib.contextmanager
def plain_two_legs(task: Task) -> Iterator[Work]:
    """The script everybody writes first: a thread pool, requests, the vendor's client."""
    import requests
    from supabase import create_client

    bucket = create_client(task.supabase, KEY).storage.from_("listing-images")

    def copy(listing: dict[str, Any], image: dict[str, Any]) -> None:
        body = requests.get(image["source_url"], timeout=30).content
        path = f"{listing['slug']}/L{listing['listing_id']:05d}/{image['position']:02d}.jpg"
        bucket.upload(path, body, {"content-type": "image/jpeg", "upsert": "true"})

    def copy_all() -> None:
        with ThreadPoolExecutor(task.workers) as pool:
            pairs = [(one, image) for one in task.listings for image in one["images"]]
            for job in [pool.submit(copy, *pair) for pair in pairs]:
                job.result()

    yield copy_all


@contextlib.contextmanager
def requests_pool(task: Task) -> Iterator[Work]:
    """A thread pool with a requests session a thread; files on disk."""
    import requests

    own = threading.local()

    def fetch(url: str) -> None:
        session = getattr(own, "session", None) or requests.Session()
        own.session = session
        Path(task.folder, url.rsplit("/", 1)[-1]).write_bytes(session.get(url, timeout=30).content)

    def fetch_all() -> None:
        with ThreadPoolExecutor(task.workers) as pool:
            list(pool.map(fetch, task.urls))

    yield fetch_all


@contextlib.contextmanager
def aiohttp_loop(task: Task) -> Iterator[Work]:
    """One aiohttp session, a semaphore; files on disk."""
    import aiohttp

    async def fetch_all() -> None:
        slots = asyncio.Semaphore(task.workers)
        connector = aiohttp.TCPConnector(limit=task.workers)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def fetch(url: str) -> None:
                async with slots, session.get(url) as answer:
                    body = await answer.read()
                Path(task.folder, url.rsplit("/", 1)[-1]).write_bytes(body)

            await asyncio.gather(*(fetch(url) for url in task.urls))

    yield lambda: asyncio.run(fetch_all())


def _scrapy(task: Task, pipeline: str, store: str) -> Work:
    from scrapy import Spider
    from scrapy.crawler import CrawlerProcess

    kind = "image_urls" if "Images" in pipeline else "file_urls"

    class Pictures(Spider):
        name = "pictures"

        async def start(self) -> Any:
            yield {kind: task.urls}

    def crawl() -> None:
        process = CrawlerProcess(
            {
                "ITEM_PIPELINES": {pipeline: 1},
                store: task.folder,
                "CONCURRENT_REQUESTS": task.workers,
                "CONCURRENT_REQUESTS_PER_DOMAIN": task.workers,
                "DOWNLOAD_DELAY": 0,
                "LOG_ENABLED": False,
                "TELNETCONSOLE_ENABLED": False,
            }
        )
        process.crawl(Pictures)
        process.start()

    return crawl


@contextlib.contextmanager
def scrapy_files(task: Task) -> Iterator[Work]:
    """Scrapy's FilesPipeline: bytes kept, nothing checked."""
    yield _scrapy(task, "scrapy.pipelines.files.FilesPipeline", "FILES_STORE")


@contextlib.contextmanager
def scrapy_images(task: Task) -> Iterator[Work]:
    """Scrapy's ImagesPipeline: every picture is decoded and written anew."""
    yield _scrapy(task, "scrapy.pipelines.images.ImagesPipeline", "IMAGES_STORE")


@contextlib.contextmanager
def img2dataset(task: Task) -> Iterator[Work]:
    """img2dataset, bytes kept, one process."""
    from img2dataset import download

    addresses = _listed(task)

    def run() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            download(
                url_list=addresses,
                output_folder=str(Path(task.folder, "out")),
                processes_count=1,
                thread_count=task.workers,
                resize_mode="no",
                skip_reencode=True,
                number_sample_per_shard=len(task.urls),
            )

    yield run


@contextlib.contextmanager
def _program(task: Task, *command: str) -> Iterator[Work]:
    """A command-line program: its start-up counts, too, a few milliseconds."""
    yield lambda: subprocess.run(command, cwd=task.folder, check=False, capture_output=True)


def curl(task: Task) -> contextlib.AbstractContextManager[Work]:
    """curl's own parallel transfers."""
    words = ("curl", "-s", "-Z", "--parallel-max", str(task.workers), "--remote-name-all")
    return _program(task, *words, *task.urls)


def wget2(task: Task) -> contextlib.AbstractContextManager[Work]:
    """wget2's own threads."""
    words = ("wget2", "-q", f"--max-threads={task.workers}", "--no-robots", "-i", _listed(task))
    return _program(task, *words)


def aria2c(task: Task) -> contextlib.AbstractContextManager[Work]:
    """aria2c's own parallel downloads."""
    return _program(task, "aria2c", "-q", f"-j{task.workers}", "-i", _listed(task))


def _listed(task: Task) -> str:
    """A file of all addresses."""
    listed = Path(task.folder, "urls.txt")
    listed.write_text("\n".join(task.urls) + "\n")
    return str(listed)


CONTENDERS: dict[str, Callable[[Task], contextlib.AbstractContextManager[Work]]] = {
    **page_contenders.CONTENDERS,
    "migrate": migrate,
    "migrate, pictures unchecked": migrate_unchecked,
    "migrate's download": migrates_download,
    "migrate's download and check": migrates_download_and_check,
    "plain pool, two legs": plain_two_legs,
    "requests pool": requests_pool,
    "aiohttp": aiohttp_loop,
    "Scrapy Files": scrapy_files,
    "Scrapy Images": scrapy_images,
    "img2dataset": img2dataset,
    "curl": curl,
    "wget2": wget2,
    "aria2c": aria2c,
}

DOES_LESS = {
    "migrate": "",
    "migrate, pictures unchecked": "no look at the picture",
    "migrate's download": "download only; guard, limits and digest, no check",
    "migrate's download and check": "download and check only",
    "plain pool, two legs": "no check, no record, no limits, no retry",
    "requests pool": "download only, no check",
    "aiohttp": "download only, no check",
    "Scrapy Files": "download only, no check",
    "Scrapy Images": "download only; decodes, writes JPEG anew",
    "img2dataset": "download only, no check",
    "curl": "download only, no check",
    "wget2": "download only, no check",
    "aria2c": "download only, no check",
}


class Memory:
    """Memory in use every half second, to see whether it stays flat."""

    def __init__(self) -> None:
        self.samples: list[int] = []
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                self.samples.append(round(pages * resource.getpagesize() / 1_000_000))
            time.sleep(0.5)


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak_mb() -> float:
    """The most memory that this process or a program that it started has had.

    Not ru_maxrss of this process: that one begins with what its parent had.
    """
    own = 0
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text()
        own = int(re.search(r"VmHWM:\s*(\d+) kB", status)[1])  # type: ignore[index]
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024 / 1_000_000


def main() -> None:
    logging.disable(logging.CRITICAL)
    given = json.load(sys.stdin)
    task = Task(**{**given, "listings": tuple(given.get("listings", ()))})
    memory = Memory()
    with CONTENDERS[sys.argv[1]](task) as work:
        before_s, began = _cpu_s(), time.monotonic()
        work()
        seconds, cpu_s = time.monotonic() - began, _cpu_s() - before_s
    result = {
        "seconds": seconds,
        "cpu_s": cpu_s,
        "peak_mb": _peak_mb(),
        "memory_mb": memory.samples,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
