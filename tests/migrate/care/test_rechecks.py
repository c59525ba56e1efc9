"""Copies are compared with their source again: asked politely, replaced if other, never lost."""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.fixture
def stored(world: Any, source: Any) -> int:
    """A listing with three images, all stored; the third stands at two positions."""
    urls = source.urls("ok", 3)
    (listing_id,) = world.add_listings("Aoi Art", [[*urls, urls[2]]])
    assert world.run().completed == 1
    return int(listing_id)


def recheck(world: Any, *arguments: str) -> Any:
    code, out, err = world.command("recheck", "--format", "json", *arguments)
    assert code == 0, err
    return json.loads(out)


def asked_since(source: Any, before: int) -> list[Any]:
    return list(source.requests("/ok/"))[before:]


def test_unchanged_pictures_cost_a_question_each_and_nothing_else(
    world: Any, source: Any, stored: int
) -> None:
    before, objects, shown = len(source.requests()), world.objects(), world.listing(stored)
    assert recheck(world, "--dry-run")["copies"] == 4
    assert world.run().claimed == 0
    assert recheck(world)["copies"] == 4

    summary = world.run()

    assert (summary.completed, summary.reused, summary.stored) == (1, 4, 0)
    assert summary.bytes_downloaded == summary.bytes_uploaded == 0
    asked = asked_since(source, before)
    assert [row["status"] for row in asked] == [304, 304, 304]
    assert (world.objects(), world.listing(stored)) == (objects, shown)
    assert world.run().claimed == 0
    world.assert_sound(source)


def test_other_bytes_at_the_same_address_replace_the_copy(
    world: Any, source: Any, stored: int
) -> None:
    before = world.listing(stored)["stored_images"]
    source.repaint()
    recheck(world, "--dealer", "Aoi Art")
    assert world.listing(stored)["stored_images"] == before

    summary = world.run()

    assert (summary.completed, summary.stored, summary.reused) == (1, 3, 1)
    after = world.listing(stored)["stored_images"]
    assert len(after) == 4 and not set(after) & set(before)
    world.assert_sound(source)
    orphans = set(world.objects()) - {row["storage_path"] for row in world.images()}
    assert len(orphans) == 4  # retired: nobody shows them, and prune leaves them for 30 days
    assert world.unreferenced() == set()


@pytest.mark.parametrize("kind", ["404", "500", "html", "truncate", "stall"])
def test_a_source_that_fails_costs_no_copy(world: Any, source: Any, stored: int, kind: str) -> None:
    shown = world.listing(stored)
    source.make_all(kind)
    recheck(world)

    summary = world.run()

    assert (summary.images_failed, summary.rejected, summary.gone) == (0, 0, 0)
    assert world.states() == {"stored": 4}
    assert world.listing(stored) == shown
    world.assert_sound()


def test_a_page_reused_for_another_item_is_looked_at_again(
    world: Any, source: Any, stored: int
) -> None:
    source.repaint()
    listings = world.database.table("listings")
    listings.update({"title": "Tsuba, signed Goto"}).eq("id", stored).execute()
    code, out, _ = world.command("explain", str(stored))
    assert code == 0 and "compared with its source by the next run" in out

    assert world.run().completed == 1

    world.assert_sound(source)
    code, out, _ = world.command("explain", str(stored))
    assert "nothing: the copy is" in out


def test_a_copy_under_an_older_name_keeps_it_while_its_bytes_are_the_same(
    world: Any, source: Any, proxy: Any
) -> None:
    url, changed = source.urls("ok", 2)
    old = ["old-shop/L00007/00.jpg", "old-shop/L00007/01.jpg"]
    world.database.upload(old[0], source.picture(url), content_type="image/jpeg")
    world.database.upload(old[1], source.picture(url), content_type="image/jpeg")
    row = {
        "url": "http://old.example/7",
        "dealer_id": world.add_dealer("Old Shop"),
        "images": [url, changed],
        "stored_images": [world.database.public_url(path) for path in old],
    }
    listing_id = world.database.table("listings").insert(row).execute().data[0]["id"]
    recheck(world)

    summary = world.run(url=proxy.url)

    assert (summary.stored, summary.reused) == (1, 1)
    kept, replaced = world.listing(listing_id)["stored_images"]
    assert (kept, replaced == row["stored_images"][1]) == (row["stored_images"][0], False)
    world.assert_sound(source)

    recheck(world)
    dealers = world.database.table("dealers")
    dealers.update({"slug": "new-name"}).eq("name", "Old Shop").execute()
    assert world.run().reused == 2
    assert world.listing(listing_id)["stored_images"] == [kept, replaced]
    assert [row["status"] for row in source.requests()[2:]] == [304, 304]
    world.assert_sound(source)


def test_a_copy_in_doubt_that_moves_is_copied_and_then_compared(
    world: Any, source: Any, stored: int
) -> None:
    images = world.listing(stored)["images"]
    source.repaint()
    recheck(world)
    world.set_images(stored, images[::-1])
    before = len(source.requests())
    world.run()
    assert all(row["state"] == "stored" for row in world.images())

    world.run()

    assert len(asked_since(source, before)) == 3
    assert world.run().claimed == 0
    world.assert_sound(source)


def test_new_images_come_before_re_checks(world: Any, source: Any, stored: int) -> None:
    recheck(world)
    world.add_listings("Sanmei", [source.urls("ok/new", 1)])
    assert world.run(limit=1).stored == 1
    assert world.run(limit=1).reused == 4


def test_an_exclusion_can_be_taken_back(world: Any, source: Any, stored: int) -> None:
    for option, states in (("exclude", {"stored": 3, "rejected": 1}), ("include", None)):
        code, out, err = world.command(
            option, "/ok/0.jpg", "--dealer", "Aoi Art", "--format", "json"
        )
        assert code == 0, err
        assert json.loads(out)["images"] == 1
        assert states is None or world.states() == states
    assert world.states() == {"stored": 4}  # the retired copy serves again, without a request
    assert world.run().claimed == 0
    world.assert_sound(source)
    code, _, err = world.command("include", "/ok/0.jpg", "--dealer", "Aoi Art")
    assert (code, "there is no such exclusion" in err) == (2, True)
