"""Interrupted, killed, out of time or robbed of a claim: what is done stays, the rest is due."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from typing import Any

import pytest

from migrate.queue.claims import Claims, Waiting
from migrate.queue.selection import Selection

KILLS = int(os.environ.get("MIRROR_KILLS", "4"))
"""The full round is MIRROR_KILLS=50."""


def slow_listings(world: Any, source: Any, count: int) -> list[int]:
    """Listings whose last image never comes, so that a run over them does not end by itself."""
    return list(
        world.add_listings(
            "Aoi Art",
            [
                [source.url("ok", f"{one}-a"), source.url("stall", f"{one}-b")]
                for one in range(count)
            ],
        )
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_in_order(
    world: Any, source: Any, eventually: Any, number: signal.Signals
) -> None:
    slow_listings(world, source, 6)
    process = world.start("--format", "json")
    eventually(lambda: len(source.requests("/ok/")) >= 2)

    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert time.monotonic() - began < 12
    assert "Traceback" not in err
    summary = json.loads(out)
    assert summary["images"]["stored"] >= 1
    assert summary["images"]["failed"] == 0
    assert world.open_claims() == 0
    assert {row["state"] for row in world.images()} <= {"stored", "pending"}
    assert all(row["attempts"] == 0 for row in world.images())
    assert world.rows("scrape_runs")[-1]["completed_at"] is not None
    world.assert_sound(source)

    source.get_well()
    code, _, err = world.command()
    assert code == 0, err
    assert set(world.states()) == {"stored"}
    world.assert_sound(source)
    world.assert_no_orphans()


def test_a_second_signal_ends_it_at_once(world: Any, source: Any, eventually: Any) -> None:
    slow_listings(world, source, 4)
    process = world.start()
    eventually(lambda: len(source.requests("/ok/")) >= 2)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 130


def test_what_was_told_to_ignore_ctrl_c_ends_in_order_by_sigterm(
    world: Any, source: Any, eventually: Any
) -> None:
    """As a shell's `&` and nohup start a command."""
    slow_listings(world, source, 4)
    ignoring = ("/bin/sh", "-c", 'trap "" INT HUP; exec "$@"', "sh")
    process = world.start("--format", "json", through=ignoring)
    eventually(lambda: len(source.requests("/ok/")) >= 2)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGINT):
        process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)

    assert process.returncode == 130, err
    assert json.loads(out)["images"]["failed"] == 0
    assert world.open_claims() == 0
    assert all(row["attempts"] == 0 for row in world.images())
    world.assert_sound(source)


def test_a_deadline_ends_the_run_in_order_and_is_no_failure(world: Any, source: Any) -> None:
    urls = [source.url("stall", str(number), host=f"127.0.2.{number + 1}") for number in range(12)]
    world.add_listings("Aoi Art", [[source.url("ok", str(n)), url] for n, url in enumerate(urls)])
    began = time.monotonic()

    code, out, err = world.command("--deadline", "0.1", "--format", "json", "--workers", "2")

    assert code == 0, err
    assert time.monotonic() - began < 20
    assert world.open_claims() == 0
    summary = json.loads(out)
    assert summary["images"]["stored"] >= 1
    assert summary["run"]["claimed"] == sum(summary["run"].values()) - summary["run"]["claimed"]
    assert summary["run"]["claimed"] > 2
    world.assert_sound(source)


def test_two_runners_share_the_work_and_upload_nothing_twice(
    world: Any, source: Any, proxy: Any
) -> None:
    urls = [
        source.url("ok", str(number), host=f"127.0.3.{number % 8 + 1}") for number in range(160)
    ]
    world.add_listings("Aoi Art", [urls[start : start + 4] for start in range(0, 160, 4)])

    runners = [
        world.start("--batch-size", "5", "--format", "json", url=proxy.url) for _ in range(2)
    ]
    ended = [runner.communicate(timeout=120) for runner in runners]

    assert [runner.returncode for runner in runners] == [0, 0], ended
    claimed = [json.loads(out)["run"]["claimed"] for out, _ in ended]
    assert sum(claimed) == 40
    assert min(claimed) > 0
    assert proxy.count("/storage/v1/object/listing-images/", "POST") == 160
    assert len(source.requests()) == 160
    world.assert_sound(source)
    world.assert_no_orphans()


def test_killed_runners_lose_nothing(world: Any, source: Any) -> None:
    dice = random.Random(7)
    for turn in range(KILLS):
        urls = source.urls(f"ok/{turn}", 60, host=f"127.0.4.{turn % 8 + 1}")
        world.add_listings("Aoi Art", [urls[start : start + 3] for start in range(0, 60, 3)])
        runners = [world.start("--batch-size", "5") for _ in range(2)]
        for runner in runners:
            time.sleep(dice.uniform(0.3, 1.3))
            runner.kill()
            runner.communicate()

    code, _, err = world.command("--limit", "5000")

    assert code == 0, err
    assert world.states() == {"stored": 60 * KILLS}
    assert world.open_claims() == 0
    world.assert_sound(source)
    stored = {row["storage_path"] for row in world.images()}
    assert len(stored) == 60 * KILLS
    assert set(world.objects()) - stored == world.unreferenced()


def test_a_rerun_takes_over_from_a_dead_runner_within_a_lease(
    world: Any, source: Any, eventually: Any
) -> None:
    slow_listings(world, source, 5)
    process = world.start()
    eventually(lambda: world.open_claims() == 5)
    process.kill()
    process.communicate()
    source.get_well()

    said: list[str] = []
    began = time.monotonic()
    world.run(say=said.append)  # in this process: a command may take a whole lease to load

    assert any("claimed by another run" in line for line in said)
    assert time.monotonic() - began < 30
    assert set(world.states()) == {"stored"}


def test_what_lapses_between_two_looks_is_taken_over(
    world: Any, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 3)])
    dead = Claims(
        world.database,
        run_id=world.database.rpc(
            "start_run",
            {"p_run_type": "migrate", "p_dealer_id": None, "p_runner": "dead"},
            idempotent=True,
        )["run_id"],
        selection=Selection(),
        retry_failed=False,
        lease_s=600,
    )
    assert len(dead.claim(3)) == 3
    waiting = Claims.waiting

    def lapse(claims: Claims) -> Waiting:
        rows = world.database.table("image_queue").update({"leased_until": "2020-01-01T00:00:00Z"})
        rows.not_.is_("claim_token", "null").execute()
        return waiting(claims)

    monkeypatch.setattr(Claims, "waiting", lapse)
    world.run()
    assert world.states() == {"stored": 3}


def test_it_does_not_wait_for_a_runner_that_lives(world: Any, source: Any, eventually: Any) -> None:
    urls = [source.url("stall", str(number)) for number in range(3)]
    world.add_listings("Aoi Art", [[url] for url in urls])
    living = world.start("--workers", "1", "--dealer", "Aoi Art")
    try:
        eventually(lambda: world.open_claims() == 3)
        world.add_listings("Sanmei", [[url] for url in source.urls("ok", 2)])
        began = time.monotonic()
        code, _, err = world.command("--dealer", "Sanmei")
        assert code == 0, err
        assert "another run" not in err
        assert time.monotonic() - began < 20
    finally:
        living.kill()
        living.communicate()


def test_results_of_a_stolen_claim_are_refused_without_harm(
    world: Any, source: Any, eventually: Any
) -> None:
    import threading

    (one,) = world.add_listings("Aoi Art", [[source.url("ok", "a"), source.url("stall~1", "b")]])
    summaries: list[Any] = []
    runner = threading.Thread(
        target=lambda: summaries.append(world.run(variables={"READ_TIMEOUT_S": "3"}))
    )
    runner.start()
    # What comes before the theft is recorded as it comes; what comes after is refused.
    eventually(lambda: world.states() == {"stored": 1, "pending": 1})
    thief = {
        "claim_token": "00000000-0000-0000-0000-000000000001",
        "leased_until": "2100-01-01T00:00:00Z",
    }
    world.database.table("image_queue").update(thief).eq("listing_id", one).execute()
    runner.join(timeout=30)

    assert (summaries[0].completed, summaries[0].skipped) == (0, 1)
    assert world.states() == {"stored": 1, "pending": 1}
    assert len(world.listing(one)["stored_images"]) == 1
