"""The founding incident played again: its database, the alarm, the drain, and the healthy end.

Everything is of its own (a local Supabase, the dealers' servers on loopback), so that nothing of
the user's is touched. The commands are the real ones.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from migrate.reports.coverage import read_statistics
from scraper.base import console
from scraper.base.folders import DATA
from scraper.base.settings import Settings
from scraper.database.client import Database, open_database
from workflows.demo import DemoError, own_supabase, run_step
from workflows.incident_data import (
    DEALERS,
    NEVER_TRIED,
    IncidentDealer,
    IncidentListing,
    listings,
    totals,
)
from workflows.incident_shop import IncidentShop, open_incident_shop, picture

HOME = DATA / "incident"
BATCHES = 3
UNHEALTHY = 3
WAITED = dt.timedelta(days=4)
ROWS = 100


def run_incident(folder: Path, dealers: Sequence[IncidentDealer] = DEALERS) -> None:
    """Play it, and leave two report pages in the folder.

    Raises:
        DemoError: the numbers are not those of the incident, or the end is not calm.
    """
    with (
        own_supabase(HOME, READ_TIMEOUT_S="1") as (local, _),
        open_incident_shop(dealer.slug for dealer in dealers) as shop,
    ):
        with open_database(local) as database:
            console.say()
            console.say("January 2026: the daily scraper saved addresses, and nobody copied.")
            load(database, shop, dealers)
            _assert_the_numbers(database, dealers)
        _play(shop, folder, dealers, local)
        with open_database(local) as database:
            after = read_statistics(database)
    shutil.rmtree(HOME, ignore_errors=True)
    if not after.is_healthy or after.numbers["images"]["missing"]:
        raise DemoError(f"The incident did not end calmly: {after.health.sentence}")
    images, _ = totals(dealers)
    console.show(f"\nThe incident is over: all {images['total']:,} images are stored.")


def _play(
    shop: IncidentShop, folder: Path, dealers: Sequence[IncidentDealer], local: Settings
) -> None:
    before, after = folder / "incident-before.html", folder / "incident-after.html"
    a_third = sum(one.pending for one in dealers) // BATCHES
    run_step("The alarm that was missing then", "migrate", "check", expected=UNHEALTHY)
    run_step("Which dealers, since when, and why", "migrate", "stats")
    run_step("The page to show the boss", "migrate", "report", str(before))
    for batch in range(BATCHES):
        limit = str(a_third) if batch < BATCHES - 1 else "500"
        run_step("Drain what nobody had ever asked for", "migrate", "--limit", limit)
        _show_coverage(local)
        run_step("Still not well", "migrate", "check", expected=UNHEALTHY)
    run_step(
        "What failed then still fails: the dealer refuses, is silent, or lost the file",
        "migrate", "--retry-failed", "--dealer", "Yushindou", "--limit", "3",
    )  # fmt: skip
    console.say()
    console.say("The dealers let us in, answer again, and put their files back.")
    shop.mend()
    run_step("Try again what failed", "migrate", "--retry-failed", "--limit", "1000")
    _show_coverage(local)
    run_step("Calm", "migrate", "check")
    run_step("Every dealer is complete", "migrate", "stats")
    run_step("How it went", "migrate", "history", "--days", "14")
    run_step("The page after it", "migrate", "report", str(after))


def _show_coverage(local: Settings) -> None:
    with open_database(local) as database:
        images = read_statistics(database).numbers["images"]
    percent = float(images["coverage_percent"])
    bar = "█" * round(percent / 4) + "░" * (25 - round(percent / 4))
    console.show(f"\nCoverage {bar} {percent} %, {images['stored']:,} of {images['total']:,}")


def load(database: Database, shop: IncidentShop, dealers: Sequence[IncidentDealer]) -> None:
    """Write the incident's rows and copies, as the older programs had left them."""
    ids = _dealers(database, dealers)
    known = list(listings(dealers))
    console.say(f"Loading {len(known):,} listings ...")
    rows = [_row(database, number, one, ids, shop) for number, one in enumerate(known, start=1)]
    for some in _portions(rows):
        database.table("listings").insert(list(some)).execute()
    _note_what_failed(database, known)
    _make_older(database, len(known))
    _upload(database, known)


def _dealers(database: Database, dealers: Sequence[IncidentDealer]) -> dict[str, int]:
    rows = [{"name": one.name, "domain": f"{one.slug}.example"} for one in dealers]
    saved = database.table("dealers").upsert(rows, on_conflict="name").execute().data
    ids = {row["name"]: int(row["id"]) for row in saved}
    return {one.slug: ids[one.name] for one in dealers}


def _row(
    database: Database,
    number: int,
    one: IncidentListing,
    ids: dict[str, int],
    shop: IncidentShop,
) -> dict[str, Any]:
    root = shop.root(one.dealer.slug)
    return {
        "id": number,
        "dealer_id": ids[one.dealer.slug],
        "url": f"https://{one.dealer.slug}.example/item/{one.number}",
        "title": f"{one.dealer.name}, item {one.number}",
        "first_seen_at": one.first_seen_at,
        "images": [f"{root}/{name}" for name in one.image_names()],
        "stored_images": [database.public_url(path) for path, _ in _copies(number, one)],
    }


def _copies(number: int, one: IncidentListing) -> list[tuple[str, str]]:
    """The path in the bucket and the picture's name of each copy that there was."""
    return [
        (f"{one.dealer.slug}/L{number:05d}/{position:02d}.jpg", name)
        for position, name in enumerate(one.image_names()[: one.stored])
    ]


def _note_what_failed(database: Database, known: Sequence[IncidentListing]) -> None:
    """The other causes than "never tried", as a run would have left them."""
    by_cause: dict[str, list[int]] = {}
    for number, one in enumerate(known, start=1):
        if one.cause not in (None, NEVER_TRIED):
            by_cause.setdefault(str(one.cause), []).append(number)
    later = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=12)).isoformat()
    for cause, numbers in by_cause.items():
        failed = {"state": "failed", "error_kind": cause, "attempts": 3, "due_at": later}
        for some in _portions(numbers):
            table = database.table("listing_images")
            table.update(failed).in_("listing_id", list(some)).eq("state", "pending").execute()


def _make_older(database: Database, listings: int) -> None:
    """Nothing of it happened today."""
    then = (dt.datetime.now(dt.UTC) - WAITED).isoformat()
    for first in range(1, listings + 1, ROWS):
        query = database.table("listing_images").update({"created_at": then})
        query.gte("listing_id", first).lt("listing_id", first + ROWS).execute()


def _upload(database: Database, known: Sequence[IncidentListing]) -> None:
    """The copies that there were."""
    copies = [copy for number, one in enumerate(known, start=1) for copy in _copies(number, one)]
    console.say(f"Uploading the {len(copies):,} copies that there were ...")

    def put(copy: tuple[str, str]) -> None:
        path, name = copy
        database.upload(path, picture(name), content_type="image/jpeg")

    with ThreadPoolExecutor(max_workers=8) as pool:
        for done, _ in enumerate(pool.map(put, copies), start=1):
            if done % 500 == 0:
                console.say(f"{done:,} of {len(copies):,} copies")


def _assert_the_numbers(database: Database, dealers: Sequence[IncidentDealer]) -> None:
    """The incident to the digit, or the rest proves nothing."""
    numbers = read_statistics(database).numbers
    images, statuses = totals(dealers)
    found = {name: numbers["images"][name] for name in images}
    if found != images or numbers["listings"]["by_status"] != statuses:
        raise DemoError(f"Not the incident's numbers: {found}, {numbers['listings']}.")


def _portions(rows: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    return (tuple(rows[at : at + ROWS]) for at in range(0, len(rows), ROWS))
