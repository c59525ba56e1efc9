"""Sections about the queue in a real database: calls, rates, an idle run, several runners."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import serving
from local_servers import LocalSupabase, free_port, served_on_postgres
from measuring import PROJECT, Row, Scale, Section, last_line, make_photos, median, spread, twice

from migrate.copying.migration import run_migration
from migrate.run.options import MigrateOptions
from scraper.database.client import Database, open_database
from scraper.net.session import DealerSession

IMAGES_A_LISTING = 4
PER_HOST = 4


def on_both_servers(scale: Scale) -> Section:
    """(d) The whole way with a real queue: images a second and data-API calls a listing."""
    at_once = 8 * IMAGES_A_LISTING
    images = scale.images // at_once * at_once
    section = Section(
        "A real queue",
        f"{images} images, {IMAGES_A_LISTING} a listing, eight hosts, no waits, 16 workers, "
        f"{MigrateOptions().batch_size} listings a claim; the server, its database and the run "
        f"share this machine; medians of {scale.runs}. {serving.dealers_only()}",
    )
    for name, opened in serving.SUPABASES.items():
        try:
            with opened() as supabase:
                runs = [twice(lambda: _drained(supabase, images)) for _ in range(scale.runs)]
        except Exception as error:
            section.left_out.append(f"{name} ({last_line(error)})")
            continue
        section.rows.append(
            {
                "server": name,
                "images/s": images / median(runs, "seconds"),
                "stored": f"{min(run['stored'] for run in runs)}/{images}",
                "calls a listing": f"{median(runs, 'calls'):.2f}",
                "CPU ms an image": 1000 * median(runs, "cpu_s") / images,
                "dealers' CPU": 1000 * median(runs, "servers_cpu_s") / images,
                "spread": spread(runs),
            }
        )
    return section


def _drained(supabase: LocalSupabase, images: int) -> Row:
    supabase.clean()
    with tempfile.TemporaryDirectory() as folder:
        photos = make_photos(Path(folder), images)
        with serving.dealers(Path(folder)) as dealers:
            fill(supabase, port=dealers.port, photos=photos, dealers=8)
            settings = supabase.settings(LOG_DIR=folder)
            with open_database(settings) as database, DealerSession(settings) as session:
                calls = _counted(database)
                options = MigrateOptions(workers=16, limit=images)
                with serving.beside(dealers) as servers:
                    began, cpu_s = time.monotonic(), time.process_time()
                    summary = run_migration(database, session, settings, options)
                    seconds = time.monotonic() - began
                    cpu_s = time.process_time() - cpu_s
    each = len(calls) / max(1, summary.claimed)
    result = {"seconds": seconds, "cpu_s": cpu_s, "stored": summary.stored, "calls": each}
    return result | servers


def _counted(database: Database) -> list[str]:
    """The addresses of all data-API calls from now on."""
    calls: list[str] = []
    hooks: Any = database.http.event_hooks
    hooks["request"] = [lambda request: calls.append(request.url.path)]
    database.http.event_hooks = hooks
    return calls


def nothing_due(scale: Scale) -> Section:
    """(e) A run over listings that are all done."""
    section = Section(
        "Nothing to do",
        "`migrate` over listings whose images are all stored, on PostgreSQL: its start, its look "
        "at the bucket and at the queue, its end. The dealers' server writes down who asks. "
        f"{serving.dealers_only()}",
    )
    with contextmanager(served_on_postgres)() as supabase:
        for listings in scale.rows:
            with tempfile.TemporaryDirectory() as folder:
                log = Path(folder) / "log"
                with serving.dealers(Path(folder), log=log) as dealers:
                    _settle(supabase, listings, dealers.port)
                    runs = [_idle_run(supabase, folder) for _ in range(scale.runs)]
                asked = len(serving.requests(log))
            section.rows.append(
                {
                    "listings": listings,
                    "seconds": median(runs, "seconds"),
                    "CPU s": median(runs, "cpu_s"),
                    "claimed": max(run["claimed"] for run in runs),
                    "requests to dealers": asked,
                    "spread": spread(runs),
                }
            )
    return section


ALL_STORED = """
insert into dealers (name) values ('Done') on conflict do nothing;
insert into listings (url, dealer_id, images)
select '{base}/items/' || n, (select id from dealers where name = 'Done'),
  jsonb_build_array('{base}/' || n || '.jpg')
from generate_series((select count(*) from listings) + 1, {listings}) n;
update listing_images set state = 'stored', due_at = null, stored_at = now(),
  sha256 = md5(source_url) || md5(source_url),
  storage_path = 'done/L' || lpad(listing_id::text, 5, '0') || '/0123456789ab/00.jpg',
  public_url = 'https://x.example/' || listing_id || '/00.jpg'
where state = 'pending';
"""


def _settle(supabase: LocalSupabase, listings: int, port: int) -> None:
    """So many listings whose one image is stored."""
    statement = ALL_STORED.format(base=f"http://127.0.0.2:{port}/ok", listings=listings)
    with psycopg.connect(supabase.home.engine.url, autocommit=True) as session:
        session.execute(statement.encode())
        session.execute("vacuum analyze")


def _idle_run(supabase: LocalSupabase, folder: str) -> Row:
    environment = os.environ | supabase.environment | {"LOG_DIR": folder}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    command = [sys.executable, "-m", "migrate", "--format", "json"]
    ended = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True
    )
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": seconds,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "claimed": json.loads(ended.stdout)["run"]["claimed"],
    }


STARTED = ("migrate --help", "migrate --version", "migrate stats")


def starting(scale: Scale) -> Section:
    """What a command costs before it does anything; the statistics of a few listings."""
    section = Section("Starting", "CPU of a whole process; the database is PostgreSQL's own.")
    with contextmanager(served_on_postgres)() as supabase, tempfile.TemporaryDirectory() as folder:
        _settle(supabase, 100, free_port())
        environment = os.environ | supabase.environment | {"LOG_DIR": folder}
        for command in STARTED:
            words = command.split()[1:]
            each = sorted(_cpu_s_of(words, environment) for _ in range(2 * scale.runs + 1))
            section.rows.append({"command": command, "CPU s": each[scale.runs]})
    return section


def _cpu_s_of(words: list[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "migrate", *words],
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def several_runners(scale: Scale) -> Section:
    """(i) One queue with one, two and four runners."""
    images, workers, latency_ms = max(64, scale.images // 64 * 16), 2, 200.0
    section = Section(
        "Several runners",
        f"{images} images, {latency_ms:.0f} ms a download, {workers} workers a runner, --per-host "
        f"{PER_HOST} shared by the runners. With eight dealers the threads are the bound, with one "
        "dealer its host is. From the first request in the dealers' record to the last one; one "
        "run each. "
        f"{serving.dealers_only()}",
    )
    with contextmanager(served_on_postgres)() as supabase:
        for dealers in (8, 1):
            alone = None
            for runners in (1, 2, 4):
                rate = _rate_of(
                    supabase,
                    images=images,
                    dealers=dealers,
                    runners=runners,
                    workers=workers,
                    latency_ms=latency_ms,
                )
                alone = alone or rate
                section.rows.append(
                    {
                        "dealers": dealers,
                        "runners": runners,
                        "images/s": rate,
                        "against one": f"{rate / alone:.2f}x",
                    }
                )
    return section


def fill(
    supabase: LocalSupabase, *, port: int, photos: list[str], dealers: int, kind: str = "ok"
) -> None:
    """Listings of so many images that are all due, on as many hosts as there are dealers."""
    each = len(photos) // dealers
    with open_database(supabase.settings()) as database:
        for number in range(dealers):
            host = f"127.0.0.{2 + number}"
            dealer = {"name": f"Dealer {number}", "domain": host}
            row = database.table("dealers").insert(dealer).execute().data[0]
            base = f"http://{host}:{port}/{kind}"
            own = photos[number * each : (number + 1) * each]
            listings: list[dict[str, Any]] = [
                {
                    "url": f"{base}/items/{first}",
                    "dealer_id": row["id"],
                    "images": [f"{base}/{name}" for name in own[first:][:IMAGES_A_LISTING]],
                }
                for first in range(0, each - each % IMAGES_A_LISTING, IMAGES_A_LISTING)
            ]
            database.table("listings").insert(listings).execute()


def _rate_of(
    supabase: LocalSupabase,
    *,
    images: int,
    dealers: int,
    runners: int,
    workers: int,
    latency_ms: float,
) -> float:
    """Images a second of so many runners on one queue, by the record of the dealers' server."""
    supabase.clean()
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log"
        photos = make_photos(Path(name), images)
        with serving.dealers(Path(name), log=log) as shop:
            kind = f"wait-{latency_ms / 1000:.3f}"
            fill(supabase, port=shop.port, photos=photos, dealers=dealers, kind=kind)
            command = [sys.executable, "-m", "migrate", "--batch-size", "5"]
            command += ["--workers", str(workers), "--per-host", str(max(1, PER_HOST // runners))]
            environment = os.environ | supabase.environment | {"LOG_DIR": name}
            with ExitStack() as stack:
                started = [
                    stack.enter_context(_running(command, environment)) for _ in range(runners)
                ]
                for runner in started:
                    _, stderr = runner.communicate()
                    if runner.returncode:
                        raise RuntimeError(stderr)
        asked = serving.requests(log)
    if len({one["path"] for one in asked}) != len(asked):
        raise RuntimeError(f"{len(asked)} requests for {images} images")
    took_s = max(one["until"] for one in asked) - min(one["at"] for one in asked)
    return float(len(asked) / took_s)


@contextmanager
def _running(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A runner, ended with us where it has not ended by itself."""
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as runner:
        try:
            yield runner
        finally:
            runner.kill()
