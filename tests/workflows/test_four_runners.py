"""Several runners, each a process of its own, on one queue in a Postgres with real sessions."""

from __future__ import annotations

import itertools
import signal
import time
from collections import Counter

import pytest

from migrate.reports.coverage import read_statistics
from scraper.database.client import open_database

LISTINGS = 120
IMAGES = 2
WORKERS = 4


@pytest.fixture
def database(multi_session_supabase):
    with open_database(multi_session_supabase.settings()) as opened:
        yield opened


@pytest.fixture
def fill(database, shop):
    """fill(dealers): listings of so many dealers, each on an address of its own so hosts differ."""
    shop.latency_s = 0.05

    def fill(dealers):
        for number in range(dealers):
            address = f"127.0.0.{number + 2}"
            dealer = {"name": f"Dealer {number}", "domain": address}
            row = database.table("dealers").insert(dealer).execute().data[0]
            base = f"{shop.listen(address)}/{number}"
            database.table("listings").insert(
                [
                    {
                        "url": f"{base}/items/{n}",
                        "dealer_id": row["id"],
                        "images": [f"{base}/pictures/{n}-{k}.jpg" for k in range(IMAGES)],
                    }
                    for n in range(LISTINGS // dealers)
                ]
            ).execute()

    return fill


@pytest.fixture
def start_runner(start_command, multi_session_supabase):
    """Starts `migrate` as a process; every runner is gone at the end of the test."""
    numbers = itertools.count()

    def start(*options: str):
        variables = multi_session_supabase.environment | {
            "LEASE_S": "5",
            "USER_AGENT": f"runner/{next(numbers)}",
            "READ_TIMEOUT_S": "90",
            "TOTAL_TIMEOUT_S": "120",
        }
        return start_command("migrate", "--batch-size", "5", *options, env=variables)

    return start


def finish(runners):
    for runner in runners:
        _, stderr = runner.communicate(timeout=150)
        assert runner.returncode == 0, stderr


def claims_by_run(database):
    rows = (
        database.table("scrape_runs").select("urls_processed").eq("run_type", "migrate").execute()
    )
    return [row["urls_processed"] for row in rows.data]


def assert_drained(database):
    statistics = read_statistics(database).as_json()
    assert statistics["images"]["stored"] == statistics["images"]["total"] == LISTINGS * IMAGES
    assert statistics["listings"]["by_status"]["completed"] == LISTINGS
    queue = database.table("image_queue").select("listing_id").not_.is_("claim_token", "null")
    assert queue.execute().data == []


def test_four_runners_share_the_queue_and_take_no_listing_twice(database, shop, fill, start_runner):
    """The shop answers nobody before all threads of all four asked it at the same moment."""
    fill(dealers=6)
    shop.crowd.until = 4 * WORKERS
    finish([start_runner("--workers", str(WORKERS)) for _ in range(4)])
    assert_drained(database)
    asked = Counter(shop.pictures_asked())
    assert len(asked) == LISTINGS * IMAGES
    assert set(asked.values()) == {1}
    assert shop.crowd.most == 4 * WORKERS
    assert len(shop.crowd.agents) == 4
    claimed = claims_by_run(database)
    assert len(claimed) == 4 and all(claimed) and sum(claimed) == LISTINGS, claimed


def test_four_runners_with_their_share_each_ask_one_dealer_for_no_more(
    database, shop, fill, start_runner
):
    fill(dealers=1)
    shop.crowd.until = 4
    options = ("--workers", str(WORKERS), "--per-host", "1")
    finish([start_runner(*options) for _ in range(4)])
    assert_drained(database)
    assert shop.crowd.most == 4
    assert len(shop.crowd.agents) == 4


def test_a_runner_killed_in_the_middle_changes_nothing_but_the_time(
    database, shop, fill, start_runner
):
    fill(dealers=6)
    runners = [start_runner("--workers", str(WORKERS)) for _ in range(4)]
    deadline = time.monotonic() + 60
    while len(shop.asked) < LISTINGS // 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    held = database.table("image_queue").select("claimed_by_run").not_.is_("claim_token", "null")
    assert held.execute().data, "nobody was at work any more"
    runners[0].send_signal(signal.SIGKILL)
    runners[0].wait()
    finish(runners[1:])
    # The others wait for the dead one's lease and take its listings over; if it died with claims
    # nobody saw lapse, the next run finds them.
    finish([start_runner("--workers", str(WORKERS))])
    assert_drained(database)
    asked = Counter(shop.pictures_asked())
    assert len(asked) == LISTINGS * IMAGES
    again = sum(count - 1 for count in asked.values())
    assert again <= 5 * 4 * IMAGES, "more was downloaded again than one dead runner could hold"
