"""Two runners are killed again and again while the images change: what a kill may cost at most.

ENDURANCE_KILLS sets how often (`make endurance`: 40).
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

KILLS = int(os.environ.get("ENDURANCE_KILLS", "4"))
WORKERS = 6
IMAGES_A_LISTING = 4
LISTINGS_A_KILL = 12
SLOW = "wait-120"
"""So that a kill finds images in flight."""


@pytest.fixture
def runners(world: Any) -> Iterator[list[Any]]:
    begun: list[Any] = []
    yield begun
    for runner in begun:
        runner.kill()
        runner.communicate()


@pytest.mark.timeout(240 + 30 * KILLS)
def test_a_kill_costs_what_was_in_flight_and_nothing_else(
    world: Any, source: Any, runners: list[Any], eventually: Any
) -> None:
    dice = random.Random(11)
    dealers = [f"Dealer {number}" for number in range(3)]
    ids = [
        listing
        for number, dealer in enumerate(dealers)
        for listing in world.add_listings(
            dealer, listings_of(source, number, max(2, KILLS * LISTINGS_A_KILL // len(dealers)))
        )
    ]
    runners += [start(world) for _ in range(2)]
    ended_by_themselves = 0
    for _ in range(KILLS):
        at = dice.randrange(2)
        before = len(source.requests())
        wait_for_work(source, before + dice.randrange(5, 40), runners)
        for _ in range(3):
            change(world, source, dice.choice(ids), dice)
        ended_by_themselves += runners[at].poll() is not None
        runners[at].kill()
        runners[at].communicate()
        runners[at] = start(world)
    for runner in runners:
        runner.communicate(timeout=240)
    code, _, err = world.command("--limit", "5000")
    assert code == 0, err

    kills = KILLS - ended_by_themselves
    assert kills > KILLS // 2
    assert set(world.states()) == {"stored"}
    # A dead runner may have had a listing whose last image was removed meanwhile: nobody takes it.
    eventually(lambda: world.leased_claims() == 0)
    world.assert_sound(source)
    asked = Counter(one["host"] + one["path"] for one in source.requests())
    repeated = sum(count - 1 for count in asked.values())
    assert repeated <= WORKERS * kills, asked.most_common(5)
    stored = {row["storage_path"] for row in world.images()}
    assert len(stored) == len(world.images())
    retired = {row["storage_path"] for row in world.rows("retired_copies", order="storage_path")}
    orphans = set(world.objects()) - stored - retired
    print(f"\n{kills} kills: {repeated} requests repeated, {len(orphans)} orphans.", flush=True)
    assert len(orphans) <= WORKERS * kills
    assert orphans <= world.unreferenced()
    assert not stored & world.unreferenced()


def start(world: Any) -> Any:
    return world.start("--workers", str(WORKERS), "--per-host", "4", "--limit", "5000")


def listings_of(source: Any, dealer: int, count: int) -> list[list[str]]:
    return [
        [
            source.url(
                SLOW, f"{dealer}-{listing}-{image}", host=f"127.0.5.{dealer * 3 + image % 3}"
            )
            for image in range(IMAGES_A_LISTING)
        ]
        for listing in range(count)
    ]


def wait_for_work(source: Any, requests: int, runners: list[Any]) -> None:
    """Until so many requests came, or nobody has anything to do any more."""
    until = time.monotonic() + 60
    while len(source.requests()) < requests and time.monotonic() < until:
        if all(runner.poll() is not None for runner in runners):
            return
        time.sleep(0.02)


def change(world: Any, source: Any, listing: int, dice: random.Random) -> None:
    """What a dealer does: reorder, remove, add, replace, put back."""
    images = list(world.listing(listing)["images"])
    kind = dice.choice(["reorder", "remove", "add", "replace"])
    if kind == "reorder":
        dice.shuffle(images)
    elif kind == "remove" and len(images) > 1:
        images.pop(dice.randrange(len(images)))
    elif kind == "add":
        images.insert(dice.randrange(len(images) + 1), fresh(source, dice))
    else:
        images[dice.randrange(len(images))] = fresh(source, dice)
    world.set_images(listing, images)


def fresh(source: Any, dice: random.Random) -> str:
    return str(source.url(SLOW, f"new-{dice.getrandbits(40)}", host="127.0.5.9"))
