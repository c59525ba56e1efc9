"""The workflows' commands as processes that are stopped or killed in the middle of their work."""

from __future__ import annotations

import signal
import time

import pytest

from migrate.reports.coverage import read_statistics
from scraper.database.client import open_database
from workflows import adopt as adoption
from workflows.sample_shop import PRODUCTS

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
PHOTOS = sum(product.photos for product in PRODUCTS)


@pytest.fixture
def start(start_command):
    """`workflows …` as a process: `start("daily", environment=…)`."""
    return lambda *arguments, environment: start_command("workflows", *arguments, env=environment)


def stop(command, number: signal.Signals) -> int:
    """Send a signal to a command that is still at work; how it ended."""
    assert command.poll() is None, f"it had ended already: {command.said}"
    command.send_signal(number)
    return end(command)


def end(command) -> int:
    code = command.wait(timeout=60)
    assert "Traceback" not in command.said
    return code


def eventually(is_true) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.03)


# ------------------------------------------------------------------------------------------- adopt


def test_an_adoption_stopped_and_killed_again_and_again_ends_as_one_that_was_not(
    legacy_project, start, all_rows
):
    """Each time it begins where it was, and the rows are what one whole adoption makes of them."""
    settings = [legacy_project(400) for _ in range(2)]
    ended = []
    with open_database(settings[0]) as project:
        adoption.adopt(project, batch_size=200, done=adoption.Done())
        ended.append(state_of(project, all_rows))
    environment = {
        "SUPABASE_URL": settings[1].supabase_url,
        "SUPABASE_SECRET_KEY": settings[1].supabase_key,
    }
    with open_database(settings[1]) as project:
        all_to_adopt = to_adopt = adoption.examine(project).to_adopt
        for number in SIGNALS:
            command = start("adopt", "--batch-size", "1", environment=environment)
            enough = all_to_adopt - to_adopt + 10
            eventually(lambda: adopted(project) >= enough)  # noqa: B023
            code = stop(command, number)
            if number is signal.SIGKILL:
                assert code == -number
            else:
                assert code == 130
                assert "run it again to go on" in command.said
            left = adoption.examine(project).to_adopt
            assert 0 < left <= to_adopt - 10
            to_adopt = left
        assert end(start("adopt", environment=environment)) == 0
        ended.append(state_of(project, all_rows))
    assert ended[0] == ended[1]


def adopted(project) -> int:
    query = project.table("image_queue").select("listing_id", count="exact").limit(1)
    return query.execute().count


def state_of(project, all_rows):
    """Everything but when it was."""
    listings = [
        {name: value for name, value in row.items() if not name.endswith("_at")}
        for row in all_rows(project, "listings")
    ]
    columns = "listing_id,position,source_url,state,storage_path,error_kind"
    query = project.table("listing_images").select(columns).order("listing_id").order("position")
    images = []
    while len(page := query.range(len(images), len(images) + 999).execute().data) == 1000:
        images += page
    return listings, images + page


# --------------------------------------------------------------------------------- the daily chain


@pytest.fixture
def opened(shop, database):
    row = {"name": "Sample Shop", "domain": "127.0.0.1", "catalog_url": f"{shop.url}/"}
    database.table("dealers").insert(row | {"platform": "woocommerce", "currency": "JPY"}).execute()
    return shop


def open_runs(database):
    return (
        database.table("scrape_runs").select("id,run_type").eq("status", "running").execute().data
    )


def claimed(database):
    queue = database.table("image_queue").select("listing_id").not_.is_("claim_token", "null")
    return queue.execute().data


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        ("scrape", signal.SIGTERM),
        ("scrape", signal.SIGKILL),
        ("migrate", signal.SIGINT),
        ("migrate", signal.SIGKILL),
    ],
)
def test_the_daily_chain_stopped_or_killed_loses_nothing(
    database, local_supabase, opened, start, stage, number
):
    environment = local_supabase.environment | {"PAGE_DELAY_S": "0", "LEASE_S": "3"}
    opened.latency_s = 0.3
    command = start("daily", "--dealer", "Sample Shop", "--workers", "2", environment=environment)
    enough = (lambda: len(opened.asked) >= 5) if stage == "scrape" else opened.pictures_asked
    eventually(enough)
    code = stop(command, number)
    if number is signal.SIGKILL:
        assert code == -number
    else:
        assert code == 130
        assert claimed(database) == []
        assert open_runs(database) == []
    opened.latency_s = 0.0
    again = start("daily", "--dealer", "Sample Shop", "--retry-failed", environment=environment)
    assert end(again) == 0, again.said
    statistics = read_statistics(database).as_json()
    assert statistics["images"]["stored"] == statistics["images"]["total"] == PHOTOS
    assert claimed(database) == []
    asked = opened.pictures_asked()
    assert len(asked) - len(set(asked)) <= 2, "more came twice than two workers had in hand"
