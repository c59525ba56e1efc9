"""Adopting a project that was there before the mirror, on a real local Supabase."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from migrate.reports.watched_run import upload_images
from migrate.run.options import MigrateOptions
from scraper.base.report_blocks import Format, render
from scraper.database.client import open_database
from workflows import adopt as adoption

OURS = {"stored_images", "images_upload_status", "images_upload_error", "images_stored_at"}
THEIR_RESETS = {
    "focal_x",
    "focal_y",
    "image_width",
    "image_height",
    "thumbnail_url",
    "hero_image_index",
}
PLACE = re.compile(r"/(\d{2})\.[a-z]+$")


def shown(row) -> list[str]:
    """What the frontend shows: by position the copy, else the original."""
    images, stored = row["images"] or [], row["stored_images"] or []
    named = [(PLACE.search(url), url) for url in stored]
    if stored and not any(found for found, _ in named):
        return [*stored, *images]
    copies = {int(found[1]): url for found, url in named if found}
    return [copies.get(place, url) for place, url in enumerate(images)]


def pictured(row, url: str) -> int | None:
    """Which image of the listing a shown address is: an original, or a copy in either layout."""
    if url in row["images"]:
        return row["images"].index(url)
    found = re.search(r"/L(\d{5,})/(?:[0-9a-f]{12}/)?(\d\d)\.[a-z]+$", url)
    return int(found[2]) if found and int(found[1]) == row["id"] else None


def assert_each_image_once(rows) -> None:
    for row in rows:
        if row["source"] == "scraper":
            places = [pictured(row, url) for url in shown(row)]
            assert places == list(range(len(row["images"] or []))), row["id"]


def kind(row) -> int:
    return row["id"] % 10


def test_adoption_from_the_dry_run_to_the_second_time(legacy_project, all_rows):
    """One project for the whole story: making one costs as much as all of these steps."""
    with open_database(legacy_project(200)) as project:
        before = all_rows(project, "listings")
        history = all_rows(project, "price_history")
        the_dry_run_finds_what_is_wrong(project)
        assert all_rows(project, "listings") == before

        first, second, third = adoption.Done(), adoption.Done(), adoption.Done()
        with pytest.raises(KeyboardInterrupt):
            adoption.adopt(project, batch_size=45, done=first, progress=break_off_after(90))
        assert_each_image_once(all_rows(project, "listings"))
        adoption.adopt(project, batch_size=37, done=second)
        after = all_rows(project, "listings")
        assert 90 <= first.adopted < 180 == first.adopted + second.adopted
        assert first.changed + second.changed == changed_as_allowed(before, after)
        assert all_rows(project, "price_history") == history
        assert_each_image_once(after)
        assert_statuses(after)

        adoption.adopt(project, batch_size=200, done=third)
        assert (third.adopted, third.changed) == (0, 0)
        assert all_rows(project, "listings") == after
        assert adoption.examine(project).to_adopt == 0


def the_dry_run_finds_what_is_wrong(project):
    found = adoption.examine(project)
    assert (found.listings, found.to_adopt, found.already_adopted, found.not_ours) == (
        200,
        180,
        0,
        20,
    )
    assert found.problems == {
        "wrong_status": 120,
        "copy_without_image": 20,
        "several_copies": 20,
        "unreadable_copy": 20,
    }
    assert found.statuses == {
        ("completed", "pending"): 20,
        ("partial", "pending"): 20,
        ("pending", "completed"): 20,
        ("failed", "pending"): 20,
        ("failed", "completed"): 20,
        (None, "completed"): 20,
    }
    report = adoption.AdoptionReport(found, None)
    text = render(report, Format.TEXT)
    assert "20 copies without an image at their position" in text
    assert "Dry run: nothing was changed" in text
    as_object = json.loads(render(report, Format.JSON))
    assert as_object["found"]["problems"] == dict(found.problems)
    assert as_object["done"] is None


def break_off_after(listings):
    def look(done):
        if done.adopted >= listings:
            raise KeyboardInterrupt

    return look


def changed_as_allowed(before, after) -> int:
    """How many rows differ; only in columns that are ours, or that their own triggers reset."""
    count = 0
    for old, new in zip(before, after, strict=True):
        changed = {name for name in old if old[name] != new[name]}
        allowed = OURS | {"updated_at"}
        if "stored_images" in changed:
            allowed |= THEIR_RESETS
            assert kind(old) in (7, 9)
        assert changed <= allowed, old["id"]
        assert changed != {"updated_at"}, "a row was written without a change"
        assert not (changed and old["source"] == "dealer")
        count += bool(changed)
    return count


def assert_statuses(rows) -> None:
    statuses = Counter((kind(row), row["images_upload_status"]) for row in rows)
    assert statuses == {
        (0, "completed"): 20,
        (1, "pending"): 20,
        (2, "pending"): 20,
        (3, "pending"): 20,
        (4, "completed"): 20,
        (5, "pending"): 20,
        (6, "completed"): 20,
        (7, "completed"): 20,
        (8, "completed"): 20,
        (9, "completed"): 20,
    }


def test_listings_locked_by_others_are_tried_again_and_then_named():
    class Locked:
        def rpc(self, name, params, *, idempotent):
            images = {"total": 0, "stored": 0, "pending": 0, "rejected": 0}
            return {"adopted": 0, "mended": 0, "changed": 0, "skipped": 3, "images": images,
                    "last_id": 9, "done": True}  # fmt: skip

    pauses: list[float] = []
    with pytest.raises(adoption.AdoptionUnfinishedError, match="3 listings were being changed"):
        adoption.adopt(Locked(), batch_size=5, done=adoption.Done(), sleep=pauses.append)
    assert len(pauses) == adoption.PASSES - 1


def test_a_project_is_adopted_in_steps_and_then_completed(legacy_project, shop, all_rows):
    """Several steps and more than a page of rows; tests/database adopts five thousand."""
    settings = legacy_project(1200, lacking=200)
    columns = "id,source,images,stored_images,images_upload_status"
    with open_database(settings) as database:
        assert_each_image_once(all_rows(database, "listings", columns))
        found = adoption.examine(database)
        assert (found.listings, found.to_adopt) == (1200, 1080)
        done = adoption.Done()
        seen = []

        def look(so_far):
            if len(seen) < 2 and so_far.adopted >= 300 * (len(seen) + 1):
                seen.append(all_rows(database, "listings", columns))

        adoption.adopt(database, batch_size=120, done=done, progress=look)
        assert len(seen) == 2
        assert done.images["stored"] == found.images["stored"] > 1200
        kept = {row["id"]: row["stored_images"] for row in all_rows(database, "listings", columns)}
        assert shop.asked == []

        summary = upload_images(database, settings, MigrateOptions(limit=30))
        seen.append(all_rows(database, "listings", columns))
        assert summary.claimed == 30
        while upload_images(database, settings, MigrateOptions(limit=2000)).claimed:
            pass
        after = all_rows(database, "listings", columns)

    for rows in (*seen, after):
        assert_each_image_once(rows)
    assert {row["images_upload_status"] for row in after} == {"completed"}
    for row in after:
        assert set(kept[row["id"]] or []) <= set(row["stored_images"] or [])
    asked = Counter(shop.pictures_asked())
    assert sum(asked.values()) == len(asked) == found.images["pending"]


def test_the_command_prints_one_object_and_then_has_nothing_left_to_do(run_command, local_supabase):
    dry = run_command(
        "workflows", "adopt", "--dry-run", "--format", "json", env=local_supabase.environment
    )
    assert dry.returncode == 0, dry.stderr
    assert json.loads(dry.stdout)["found"]["to_adopt"] == 0
    done = run_command("workflows", "adopt", env=local_supabase.environment)
    assert done.returncode == 0, done.stderr
    assert "Adopted 0 listings" in done.stdout
