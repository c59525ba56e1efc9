"""`make bench-runners`: how much sooner several runners drain one queue than one does.

Two queues, on Supabase's own server over a Postgres with real sessions: listings of eight dealers,
each on a host of its own, where the threads of the runners are the bound; and listings of one
dealer, where what its host may be asked at once is the bound, however many runners there are. Time
runs from the first request in the record of the dealers' server to the last one, so the starting
of processes does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
sys.path += [str(HERE), str(HERE.parent / "servers")]

from local_servers import LocalSupabase, served_on_postgres  # noqa: E402
from throughput import server  # noqa: E402

from scraper.database.client import open_database  # noqa: E402

IMAGES_A_LISTING = 4
PER_HOST = 4


def fill(supabase: LocalSupabase, *, port: int, images: int, dealers: int) -> None:
    """So many images of listings that are all due, on as many hosts as there are dealers."""
    with open_database(supabase.settings()) as database:
        for number in range(dealers):
            host = f"127.0.0.{2 + number}"
            dealer = {"name": f"Dealer {number}", "domain": host}
            row = database.table("dealers").insert(dealer).execute().data[0]
            base = f"http://{host}:{port}/ok/{number}"
            listings: list[dict[str, Any]] = [
                {
                    "url": f"{base}/items/{n}",
                    "dealer_id": row["id"],
                    "images": [f"{base}/{n}/{k}.jpg" for k in range(IMAGES_A_LISTING)],
                }
                for n in range(images // IMAGES_A_LISTING // dealers)
            ]
            database.table("listings").insert(listings).execute()


def drain(
    supabase: LocalSupabase, arguments: argparse.Namespace, *, runners: int, dealers: int
) -> float:
    """Images a second of so many runners on one queue, by the record of the dealers' server."""
    supabase.clean()
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log"
        latency = f"--latency-ms={arguments.latency_ms}"
        with server("source.py", latency, f"--log={log}") as port:
            fill(supabase, port=port, images=arguments.images, dealers=dealers)
            command = [sys.executable, "-m", "migrate", "--batch-size", "5"]
            command += ["--workers", str(arguments.workers)]
            command += ["--per-host", str(max(1, PER_HOST // runners))]
            environment = os.environ | supabase.environment | {"LOG_DIR": name}
            started = [
                subprocess.Popen(
                    command,
                    cwd=PROJECT,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                for _ in range(runners)
            ]
            for runner in started:
                _, stderr = runner.communicate()
                if runner.returncode:
                    sys.exit(stderr)
        asked = [json.loads(line) for line in log.read_text().splitlines()]
    if len({one["path"] for one in asked}) != len(asked) or len(asked) != arguments.images:
        sys.exit(f"{len(asked)} requests for {arguments.images} images")
    return float(
        len(asked) / (max(one["until"] for one in asked) - min(one["at"] for one in asked))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--latency-ms", type=float, default=400)
    arguments = parser.parse_args()
    print(
        f"{arguments.images} images, {arguments.latency_ms:.0f} ms a download, "
        f"{arguments.workers} workers a runner, --per-host {PER_HOST} shared by the runners\n"
    )
    print("| dealers | runners | images/s | against one runner |")
    print("| ---: | ---: | ---: | ---: |")
    with contextmanager(served_on_postgres)() as supabase:
        for dealers in (8, 1):
            alone = None
            for runners in (1, 2, 4):
                rate = drain(supabase, arguments, runners=runners, dealers=dealers)
                alone = alone or rate
                print(f"| {dealers} | {runners} | {rate:.1f} | {rate / alone:.2f}x |", flush=True)


if __name__ == "__main__":
    main()
