"""`make bench`: how close the migration comes to what latency allows, beside a plain thread pool.

Work: images on eight hosts, a wait of 50 ms for each download and 50 ms for each upload, ten
workers. No pipeline of ten workers can do more than 10 / (0.05 + 0.05) = 100 images a second; the
table says which share of that each contender reaches. The servers run in processes of their own on
this machine and compete for its processors; an answer comes 50 ms after its request began.

`--large` measures memory instead: thousands of images of up to 20 MB.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import math
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
from PIL import Image

HERE = Path(__file__).resolve().parent
SERVERS = HERE.parent / "servers"
HOSTS = 8
IMAGES_A_LISTING = 8
KEY = "sb_secret_bench"


@contextlib.contextmanager
def server(script: str, *arguments: str) -> Iterator[int]:
    """A server in its own process; yields its port."""
    command = [sys.executable, str(SERVERS / script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def make_photos(folder: Path, count: int, *, largest: int) -> list[str]:
    """`count` different whole JPEGs like a dealer's photographs, padded up to `largest`."""
    names = []
    image = Image.linear_gradient("L").resize((1200, 900))
    noise = Image.effect_noise((1200, 900), 30)
    photo = Image.merge("RGB", (image, noise, image.rotate(180)))
    photo.save(folder / "base", "JPEG", quality=50)
    base = (folder / "base").read_bytes()
    for number in range(count):
        note = f"photograph {number} ".encode()
        body = base[:2] + _comment(note)
        size = largest * (number % 10 + 1) // 10
        while len(body) + len(base) < size:
            body += _comment(note * (min(60_000, size - len(body) - len(base)) // len(note) + 1))
        names.append(f"{number}.jpg")
        (folder / names[-1]).write_bytes(body + base[2:])
    return names


def _comment(note: bytes) -> bytes:
    note = note[:65_000]
    return b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note


def listings_of(names: list[str], port: int) -> list[dict[str, Any]]:
    """Claims as the database hands them out, one host a listing in turn."""
    listings = []
    for number, start in enumerate(range(0, len(names), IMAGES_A_LISTING)):
        host = f"127.0.0.{2 + number % HOSTS}:{port}"
        images = [
            {"position": position, "source_url": f"http://{host}/ok/{number}/{name}"}
            for position, name in enumerate(names[start : start + IMAGES_A_LISTING])
        ]
        listings.append(
            {
                "listing_id": number + 1,
                "token": str(uuid.uuid4()),
                "dealer_id": number % HOSTS,
                "dealer": f"Dealer {number % HOSTS}",
                "slug": f"dealer-{number % HOSTS}",
                "page_url": f"http://{host}/{number}",
                "dealer_settings": {},
                "images": images,
                "stored": [],
            }
        )
    return listings


@contextlib.contextmanager
def ours(url: str, workers: int, listings: list[dict[str, Any]]) -> Iterator[Callable[[], object]]:
    """The migration itself, with all its checks."""
    from migrate.copying.migration import run_migration
    from migrate.run.options import MigrateOptions
    from scraper.base.settings import Settings
    from scraper.database.client import open_database
    from scraper.net.session import DealerSession

    environment = {
        "SUPABASE_URL": url,
        "SUPABASE_SECRET_KEY": KEY,
        "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
    }
    settings = Settings.from_environment(environment)
    with open_database(settings) as database, DealerSession(settings) as session:
        options = MigrateOptions(workers=workers, limit=len(listings))
        yield lambda: run_migration(database, session, settings, options)


@contextlib.contextmanager
def plain(url: str, workers: int, listings: list[dict[str, Any]]) -> Iterator[Callable[[], object]]:
    """The script everybody writes first: a thread pool, requests, the vendor's client."""
    from supabase import create_client

    client = create_client(url, KEY)
    bucket = client.storage.from_("listing-images")

    def copy(listing: dict[str, Any], image: dict[str, Any]) -> None:
        body = requests.get(image["source_url"], timeout=30).content
        path = f"{listing['slug']}/L{listing['listing_id']:05d}/{image['position']:02d}.jpg"
        bucket.upload(path, body, {"content-type": "image/jpeg", "upsert": "true"})

    def copy_all() -> None:
        with ThreadPoolExecutor(workers) as pool:
            jobs = [pool.submit(copy, one, image) for one in listings for image in one["images"]]
            for job in jobs:
                job.result()

    yield copy_all


CONTENDERS = {"migrate": ours, "plain pool": plain}


def contend(arguments: argparse.Namespace) -> None:
    """One contender in a process of its own: its memory and processor time are its own."""
    listings = json.load(sys.stdin)
    peak = Peak()
    contender = CONTENDERS[arguments.contender]
    with contender(arguments.url, arguments.workers, listings) as run:
        before = resource.getrusage(resource.RUSAGE_SELF)
        began = time.monotonic()
        run()
        seconds = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu_s": cpu_s,
                "peak_mb": after.ru_maxrss / 1024,
                "memory_mb": peak.samples,
            }
        )
    )


class Peak:
    """Memory in use every second, to see whether it stays flat."""

    def __init__(self) -> None:
        self.samples: list[int] = []
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.samples.append(round(pages * resource.getpagesize() / 1_000_000))
            time.sleep(1)


def measure(arguments: argparse.Namespace, contender: str, folder: Path) -> dict[str, Any]:
    latency = f"--latency-ms={arguments.latency_ms}"
    names = sorted(path.name for path in folder.glob("*.jpg"))
    names = [names[number % len(names)] for number in range(arguments.images)]
    files = (f"--files={folder}", f"--log={folder / 'log'}", "--address=0.0.0.0")
    with (
        server("source.py", latency, *files) as source,
        server("stub_supabase.py", latency, f"--rpc-latency-ms={arguments.rpc_ms}") as stub,
    ):
        listings = json.dumps(listings_of(names, source))
        url = f"http://127.0.0.1:{stub}"
        post(f"{url}/_/todo", listings.encode())
        command = [sys.executable, __file__, "--contender", contender, "--url", url]
        command += ["--workers", str(arguments.workers)]
        ended = subprocess.run(command, input=listings, capture_output=True, text=True, check=False)
        if ended.returncode:
            sys.exit(ended.stderr)
        result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        report = post(f"{url}/_/report", b"")
    wanted = {hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in set(names)}
    result["right"] = report["objects"] == arguments.images and set(report["digests"]) == wanted
    return result


def post(url: str, body: bytes) -> Any:
    request = urllib.request.Request(url, data=body, method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def show(arguments: argparse.Namespace, results: dict[str, dict[str, Any]]) -> None:
    wait_s = 2 * arguments.latency_ms / 1000
    bound = arguments.workers / wait_s if wait_s else math.inf
    print(
        f"{arguments.images} images, {arguments.workers} workers, {arguments.latency_ms:.0f} ms a "
        f"download and {arguments.latency_ms:.0f} ms an upload: at most {bound:.0f} images/s\n"
    )
    print("| contender | images/s | of the bound | CPU ms/image | peak MB | all stored right |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for name, result in results.items():
        rate = arguments.images / result["seconds"]
        print(
            f"| {name} | {rate:.1f} | {rate / bound:.0%} | "
            f"{result['cpu_s'] * 1000 / arguments.images:.1f} | {result['peak_mb']:.0f} | "
            f"{'yes' if result['right'] else 'NO'} |"
        )


def show_memory(result: dict[str, Any]) -> None:
    samples = result["memory_mb"]
    print(f"peak {result['peak_mb']:.0f} MB in {result['seconds']:.0f} s; by tenths of the run:")
    step = max(1, len(samples) // 10)
    tenths = [max(samples[start : start + step]) for start in range(0, len(samples), step)]
    print("  ".join(f"{size} MB" for size in tenths))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--rpc-ms", type=float, default=5)
    parser.add_argument("--large", action="store_true", help="memory over images of up to 20 MB")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        contend(arguments)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.large:
            arguments.latency_ms = 0
            make_photos(folder, 40, largest=20_000_000)
            show_memory(measure(arguments, "migrate", folder))
            return
        make_photos(folder, 200, largest=0)
        show(arguments, {one: measure(arguments, one, folder) for one in CONTENDERS})


if __name__ == "__main__":
    main()
