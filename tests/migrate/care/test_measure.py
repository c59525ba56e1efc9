"""Adopted copies get what a new copy has, from the bucket alone."""

from __future__ import annotations

from typing import Any

MEASURES = ("width", "height", "placeholder", "average_color", "phash", "sha256", "bytes")


def test_copies_are_measured_from_the_bucket_and_nobody_else(world: Any, source: Any) -> None:
    world.add_listings("Aoi Art", [source.urls("ok", 2)])
    world.command()
    before = [{name: row[name] for name in MEASURES} for row in world.images()]
    assert all(None not in row.values() for row in before)
    asked = len(source.requests())
    query = world.database.table("listing_images").update(dict.fromkeys(MEASURES))
    query.gte("position", 0).execute()

    code, out, err = world.command("measure", "--dry-run")
    assert (code, "2 copies would be measured" in out) == (0, True), err
    code, out, err = world.command("measure")
    assert (code, "2 copies measured" in out) == (0, True), err

    assert [{name: row[name] for name in MEASURES} for row in world.images()] == before
    assert len(source.requests()) == asked
    assert "0 copies measured" in world.command("measure")[1]
