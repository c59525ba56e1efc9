"""The section about hosts of different speed and size, on a real queue; it knows no picture."""

from __future__ import annotations

import functools
import heapq
import itertools
import tempfile
import time
from pathlib import Path
from typing import Any

import serving
from local_servers import LocalSupabase
from measuring import Row, Scale, Section, last_line, make_photos, median, spread, twice

from migrate.copying.migration import run_migration
from migrate.run.options import MigrateOptions
from scraper.database.client import open_database
from scraper.net.session import DealerSession

HOSTS = 20
PER_HOST = 4
FIRST_SLOTS = 2
WORKERS = 40
IMAGES_A_LISTING = 5
STALLED_IMAGES = 8
READ_TIMEOUT_S = 2.0
"""Shorter than usual: five time-outs one after the other are what a verdict costs."""
TIME_OUTS_TO_A_VERDICT = 5
"""Four addresses, the first two at once, and two more tries of one of them."""
PLAN = tuple((20 + 45 * number, 18 + (37 * number) % 60) for number in range(HOSTS))
"""The wait of each host in milliseconds, and how many images it has."""


def unequal_hosts(scale: Scale) -> Section:
    """(c) Twenty hosts of very different speed and size, and one that never answers."""
    slowest_s = max(own_bound_s(wait, images) for wait, images in PLAN)
    verdict_s = READ_TIMEOUT_S * TIME_OUTS_TO_A_VERDICT
    section = Section(
        "Twenty unequal hosts, and one that stalls",
        f"{sum(images for _, images in PLAN)} images of {HOSTS} dealers, each with a host of its "
        f"own that waits {PLAN[0][0]} to {PLAN[-1][0]} ms; {WORKERS} workers, --per-host "
        f"{PER_HOST}, a real queue. No order of work can end before the slowest host "
        f"alone would: {slowest_s:.1f} s with the slots that it is given (two, and one more when "
        f"each has served). One that never answers is left alone after {TIME_OUTS_TO_A_VERDICT} "
        f"time-outs in a row, here {verdict_s:.0f} s: that is its own bound. "
        f"Medians of {scale.runs}. {serving.dealers_only()}",
    )
    for name, opened in serving.SUPABASES.items():
        try:
            with opened() as supabase:
                runs = [
                    {
                        stalls: twice(functools.partial(_measured, supabase, is_stalling=stalls))
                        for stalls in (False, True)
                    }
                    for _ in range(scale.runs)
                ]
        except Exception as error:
            section.left_out.append(f"{name} ({last_line(error)})")
            continue
        for is_stalling in (False, True):
            ran = [run[is_stalling] for run in runs]
            answered_s, ended_s = median(ran, "answered_s"), median(ran, "ended_s")
            bound_s = max(slowest_s, verdict_s) if is_stalling else slowest_s
            section.rows.append(
                {
                    "server": name,
                    "one that never answers": "with" if is_stalling else "without",
                    "last image after s": answered_s,
                    "over the slowest host's own bound": _over(answered_s, slowest_s),
                    "end after s": ended_s,
                    "over the run's bound": _over(ended_s, bound_s),
                    "spread": spread(ran, "ended_s"),
                    "stored": min(run["stored"] for run in ran),
                }
            )
    return section


def own_bound_s(wait_ms: float, images: int) -> float:
    """How long a host needs for its images when nothing but its own limits holds them up."""
    slots, good, now_ms = FIRST_SLOTS, 0, 0.0
    running: list[float] = []
    for _ in range(images):
        while len(running) >= slots:
            now_ms = heapq.heappop(running)
            good += 1
            if good >= slots and slots < PER_HOST:
                slots, good = slots + 1, 0
        heapq.heappush(running, now_ms + wait_ms)
    return max(running) / 1000


def _over(seconds: float, bound_s: float) -> str:
    return f"{100 * (seconds / bound_s - 1):.0f} %"


def _measured(supabase: LocalSupabase, *, is_stalling: bool) -> Row:
    supabase.clean()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        photos = make_photos(Path(folder), sum(images for _, images in PLAN))
        with serving.dealers(Path(folder), log=log) as dealers:
            _fill(supabase, dealers.port, photos, is_stalling=is_stalling)
            settings = supabase.settings(LOG_DIR=folder, READ_TIMEOUT_S=str(READ_TIMEOUT_S))
            with open_database(settings) as database, DealerSession(settings) as session:
                began, at = time.monotonic(), time.time()
                options = MigrateOptions(workers=WORKERS, per_host=PER_HOST, limit=1000)
                summary = run_migration(database, session, settings, options)
                ended_s = time.monotonic() - began
        asked = serving.requests(log)
    answered = [one["until"] for one in asked if one["status"] == 200]
    return {"answered_s": max(answered) - at, "ended_s": ended_s, "stored": summary.stored}


def _fill(supabase: LocalSupabase, port: int, photos: list[str], *, is_stalling: bool) -> None:
    left = iter(photos)
    paths = [
        [f"/wait-{wait / 1000:.3f}/{number}/{name}" for name in itertools.islice(left, images)]
        for number, (wait, images) in enumerate(PLAN)
    ]
    if is_stalling:
        paths.insert(0, [f"/stall/{image}.jpg" for image in range(STALLED_IMAGES)])
    with open_database(supabase.settings()) as database:
        for number, images in enumerate(paths):
            host = f"127.0.0.{2 + number}"
            dealer = {"name": f"Dealer {number}", "domain": host}
            row = database.table("dealers").insert(dealer).execute().data[0]
            base = f"http://{host}:{port}"
            listings: list[dict[str, Any]] = [
                {
                    "url": f"{base}/items/{first}",
                    "dealer_id": row["id"],
                    "images": [f"{base}{path}" for path in images[first:][:IMAGES_A_LISTING]],
                }
                for first in range(0, len(images), IMAGES_A_LISTING)
            ]
            database.table("listings").insert(listings).execute()
