"""Sections about the way of an image: other programs, the bound, memory."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import page_contenders
import serving
from contenders import DOES_LESS
from measuring import (
    HERE,
    MEGABYTE,
    PROJECT,
    Row,
    Scale,
    Section,
    digest,
    interleaved,
    make_photos,
    median,
    spread,
)
from serving import Storage

IMAGES_A_LISTING = 8
LATENCY_S = 0.05
LONGEST_S = 180.0
"""A contender that needs longer for its work hangs."""
PHOTO_KB = 190
PLAIN = "plain pool, two legs"
OURS = ("migrate", "migrate, pictures unchecked", PLAIN)
PARTS = ("migrate's download and check", "migrate's download")
PEERS = ("requests pool", "aiohttp", "Scrapy Files", "Scrapy Images", "img2dataset")
PROGRAMS = ("curl", "wget2", "aria2c")
PEERS_PYTHON = PROJECT / ".venv-bench" / "bin" / "python"
MODULES = {
    "Scrapy Files": "scrapy",
    "Scrapy Images": "scrapy",
    page_contenders.SCRAPY: "scrapy",
    page_contenders.SCRAPY_8: "scrapy",
}


def against_peers(scale: Scale) -> Section:
    """(a) The same images beside what people use, 16 at once, 50 ms a download."""
    workers = 16
    section = Section(
        "Images beside other programs",
        f"{scale.images} unique JPEGs of {PHOTO_KB} KB of one host, {LATENCY_S * 1000:.0f} ms a "
        f"download, {workers} at once: at most {workers / LATENCY_S:.0f} images/s. The two-leg "
        f"contenders also upload each image (no wait there); medians. {serving.who()}",
    )
    present = [name for name in (*OURS, *PARTS, *PEERS, *PROGRAMS) if is_here(name, section)]
    with tempfile.TemporaryDirectory() as name:
        photos = Path(name)
        make_photos(photos, scale.images)
        wanted = {path.name: digest(path) for path in photos.iterdir()}

        def measure(contender: str) -> Row:
            with serving.dealers(photos) as dealers, serving.storage() as storage:
                base = f"http://127.0.0.1:{dealers.port}/wait-{LATENCY_S:.3f}"
                urls = [f"{base}/{image}" for image in sorted(wanted)]
                with serving.beside(dealers, storage) as servers:
                    result = _measure_one(contender, urls, wanted, workers, storage)
                return result | servers

        for contender, results in interleaved(present, scale.runs, measure, section).items():
            rate = scale.images / median(results, "seconds")
            section.rows.append(
                {
                    "contender": contender,
                    "images/s": rate,
                    "of the bound": f"{100 * rate * LATENCY_S / workers:.0f} %",
                    "CPU ms an image": 1000 * median(results, "cpu_s") / scale.images,
                    "servers' CPU": 1000 * median(results, "servers_cpu_s") / scale.images,
                    "peak MB": median(results, "peak_mb"),
                    "right": f"{min(result['right'] for result in results)}/{scale.images}",
                    "spread": f"{spread(results)}",
                    "does less": DOES_LESS[contender] or "-",
                }
            )
    section.rows.sort(key=lambda row: -row["images/s"])
    return section


def two_legs(scale: Scale) -> Section:
    """(b) 50 ms a download and 50 ms an upload with 4 to 64 workers, and no waits at all."""
    section = Section(
        "Two legs against the bound",
        "50 ms a download and 50 ms an upload on eight hosts: no pipeline of N workers can do more "
        "than N / 0.1 s; the last rows are without any wait. JPEGs of "
        f"{PHOTO_KB} KB; medians. {serving.who()}",
    )
    for workers, latency_s in (
        (4, 0.05),
        (10, 0.05),
        (16, 0.05),
        (32, 0.05),
        (64, 0.05),
        (16, 0.0),
    ):
        images = min(scale.images, 100 * workers) if latency_s else scale.images

        def measure(
            contender: str,
            workers: int = workers,
            latency_s: float = latency_s,
            images: int = images,
        ) -> Row:
            return copy_images(contender, images, workers=workers, latency_s=latency_s)

        contenders = ("migrate", PLAIN) if latency_s else OURS
        work = f" with {workers} workers and waits of {latency_s * 1000:.0f} ms"
        measured = interleaved(contenders, scale.runs, measure, section, work)
        for contender, results in measured.items():
            rate = images / median(results, "seconds")
            bound = workers / (2 * latency_s) if latency_s else None
            section.rows.append(
                {
                    "workers": workers,
                    "wait ms": f"2 x {latency_s * 1000:.0f}",
                    "contender": contender,
                    "images/s": rate,
                    "of the bound": f"{100 * rate / bound:.0f} %" if bound else "-",
                    "CPU ms an image": 1000 * median(results, "cpu_s") / images,
                    "servers' CPU": 1000 * median(results, "servers_cpu_s") / images,
                    "spread": spread(results),
                    "all right": "yes" if all(result["right"] for result in results) else "NO",
                }
            )
    return section


def memory(scale: Scale) -> Section:
    """(f) Peak memory with 16 workers."""
    section = Section(
        "Memory",
        "16 workers, no waits, photographs with as many pixels as such files have; peak of the "
        f"process, and whether it grows. Dealers: {serving.name()}; storage: {serving.OWN}.",
    )
    for megabytes, images in ((3, min(scale.images, 300)), (20, min(scale.images, 60))):
        result = copy_images(
            "migrate", images, workers=16, latency_s=0, bytes_each=megabytes * MEGABYTE
        )
        samples = result["memory_mb"] or [0]
        half = len(samples) // 2
        section.rows.append(
            {
                "images": f"{images} of {megabytes} MB",
                "images/s": images / result["seconds"],
                "peak MB": result["peak_mb"],
                "first half MB": max(samples[:half] or samples),
                "second half MB": max(samples[half:]),
                "all right": "yes" if result["right"] else "NO",
            }
        )
    return section


def copy_images(
    contender: str, images: int, *, workers: int, latency_s: float, bytes_each: int = 0
) -> Row:
    """So many images on eight hosts, eight a listing, through both legs."""
    with tempfile.TemporaryDirectory() as name:
        photos = Path(name)
        names = make_photos(photos, min(images, 40 if bytes_each else 200), bytes_each=bytes_each)
        with (
            serving.dealers(photos) as dealers,
            serving.storage(latency_s=latency_s, is_small=not bytes_each) as storage,
        ):
            kind = f"wait-{latency_s:.3f}" if latency_s else "ok"
            listings = [
                _listing(
                    first,
                    f"127.0.0.{2 + first // IMAGES_A_LISTING % 8}:{dealers.port}",
                    [
                        f"/{kind}/{first}/{names[number % len(names)]}"
                        for number in range(first, min(images, first + IMAGES_A_LISTING))
                    ],
                )
                for first in range(0, images, IMAGES_A_LISTING)
            ]
            with serving.beside(dealers, storage) as servers:
                result = _copied(
                    contender, listings, workers=workers, per_host=workers, storage=storage
                )
            wanted = {digest(photos / name) for name in names}
            objects, recorded = storage.report()
            result["right"] = (
                len(objects) == images
                and _are_named_right(objects, wanted)
                and recorded in (images, 0 if contender == PLAIN else images)
            )
    return result | servers


def _are_named_right(objects: dict[str, str], wanted: set[str]) -> bool:
    """Every object is one of the photographs, and its name carries its own digest, if any."""
    for path, sha256 in objects.items():
        named = re.search(r"/L\d+/([0-9a-f]{12})/\d\d\.jpg$", path)
        if sha256 not in wanted or (named and not sha256.startswith(named[1])):
            return False
    return True


def _measure_one(
    contender: str, urls: list[str], wanted: dict[str, str], workers: int, storage: Storage
) -> Row:
    if contender in OURS:
        host = urls[0].split("/")[2]
        listings = [
            _listing(first, host, [url.partition(host)[2] for url in urls[first : first + 8]])
            for first in range(0, len(urls), 8)
        ]
        result = _copied(contender, listings, workers=workers, per_host=workers, storage=storage)
        stored = list(storage.report()[0].values())
    else:
        with tempfile.TemporaryDirectory() as folder:
            task = {"urls": urls, "folder": folder, "workers": workers}
            result = run_contender(contender, task)
            stored = [digest(path) for path in Path(folder).rglob("*") if path.is_file()]
    result["right"] = len(set(stored) & set(wanted.values()))
    return result


def _copied(
    contender: str,
    listings: list[dict[str, Any]],
    *,
    workers: int,
    per_host: int,
    storage: Storage,
) -> Row:
    storage.expect(listings)
    task = {"urls": [], "folder": "", "workers": workers, "listings": listings}
    return run_contender(contender, task | {"supabase": storage.url, "per_host": per_host})


def run_contender(contender: str, task: dict[str, Any]) -> Row:
    command = [_python_of(contender), str(HERE / "contenders.py"), contender]
    ended = subprocess.run(
        command,
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},  # the code that stands beside this file
        timeout=LONGEST_S,
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr or f"it ended with {ended.returncode}")
    result: Row = json.loads(ended.stdout.splitlines()[-1])
    return result


def _python_of(contender: str) -> str:
    """Peers live in an environment of their own, so that they change nothing of ours."""
    is_peer = contender in MODULES or (contender in PEERS and contender != "requests pool")
    return str(PEERS_PYTHON) if is_peer and PEERS_PYTHON.exists() else sys.executable


def is_here(contender: str, section: Section) -> bool:
    if contender in (*OURS, *PARTS, page_contenders.OURS, page_contenders.BS4):
        return True
    if contender in PROGRAMS:
        found = shutil.which(contender) is not None
        why = f"is not installed (Debian: apt-get install {contender})"
    else:
        module = MODULES.get(contender, contender.partition(" ")[0])
        probe = [_python_of(contender), "-c", f"import {module}"]
        found = subprocess.run(probe, capture_output=True, check=False).returncode == 0
        why = "is not installed (from PyPI, by `make bench`)"
    if not found:
        section.left_out.append(f"{contender}, which {why}")
    return found


def _listing(number: int, host: str, paths: list[str]) -> dict[str, Any]:
    """A claim as the database hands it out."""
    return {
        "listing_id": number + 1,
        "token": str(uuid.uuid4()),
        "dealer_id": 1,
        "dealer": "Dealer",
        "slug": f"dealer-{host.split(':')[0].rpartition('.')[2]}",
        "page_url": f"http://{host}/{number}",
        "dealer_settings": {},
        "images": [
            {"position": position, "source_url": f"http://{host}{path}"}
            for position, path in enumerate(paths)
        ],
        "stored": [],
    }
