"""A picture that a browser shows is kept though damaged, once it is known not to come better."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest


def stored_bytes(world: Any, row: dict[str, Any]) -> int:
    size: int = world.objects()[row["storage_path"]]
    return size


def as_if_first_seen(world: Any, hours: float) -> None:
    """Move the first sight of damaged bytes into the past, and make their images due."""
    seen = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    query = world.database.table("listing_images").update({"damaged_at": seen})
    query.eq("state", "failed").execute()
    world.make_due()


@pytest.mark.pglite  # on a real Postgres the local server loses the sizes of objects
def test_what_lacks_only_its_end_is_kept_at_once_and_a_small_part_at_the_second_request(
    world: Any, source: Any
) -> None:
    noend, nearly = source.url("noend", "a"), source.url("nearly", "a", host="127.0.0.2")
    (listing, _) = world.add_listings("Aoi Art", [[noend], [nearly]])

    code, _, err = world.command()

    assert code == 0, err
    found = world.by_url()
    assert [found[url]["state"] for url in (noend, nearly)] == ["stored", "stored"]
    assert found[noend]["defect"] == "the JPEG lacks its end marker"
    assert "rows are missing" in found[nearly]["defect"]
    assert [len(source.requests(one)) for one in ("/noend/", "/nearly/")] == [1, 2]
    assert stored_bytes(world, found[noend]) == found[noend]["bytes"]
    due = datetime.fromisoformat(found[noend]["due_at"]) - datetime.now(UTC)
    assert timedelta(days=13) < due < timedelta(days=15)
    _, out, _ = world.command("explain", str(listing))
    assert "kept though damaged" in out
    _, out, _ = world.command("stats")
    assert "2 copies kept though damaged" in out


def test_what_lacks_a_large_part_is_kept_when_it_comes_on_another_day_too(
    world: Any, source: Any
) -> None:
    url = source.url("half", "a")
    world.add_listings("Aoi Art", [[url]])
    world.command()
    first = world.by_url()[url]
    assert (first["state"], first["error_kind"], first["attempts"]) == ("failed", "truncated", 1)
    assert "on another day" in first["error_detail"]

    as_if_first_seen(world, hours=3)
    world.command()
    again = world.by_url()[url]
    assert (again["state"], again["damaged_sha256"]) == ("failed", first["damaged_sha256"])

    as_if_first_seen(world, hours=21)
    world.command()
    kept = world.by_url()[url]
    assert (kept["state"], kept["sha256"]) == ("stored", first["damaged_sha256"])
    assert "rows are missing" in kept["defect"]


def test_what_the_dealer_has_mended_replaces_the_damaged_copy(world: Any, source: Any) -> None:
    url = source.url("noend", "a")
    world.add_listings("Aoi Art", [[url]])
    world.command()
    damaged = world.by_url()[url]
    source.get_well()
    query = world.database.table("listing_images").update({"due_at": "2020-01-01T00:00:00Z"})
    query.eq("state", "stored").execute()
    world.command()
    mended = world.by_url()[url]
    assert mended["state"] == "stored"
    assert (mended["defect"], mended["due_at"]) == (None, None)
    assert mended["sha256"] != damaged["sha256"]


def test_an_operator_may_keep_it_sooner(world: Any, source: Any) -> None:
    half, page = source.url("half", "a"), source.url("html", "a", host="127.0.0.2")
    (listing,) = world.add_listings("Aoi Art", [[half, page]])
    world.command()
    _, out, _ = world.command("explain", str(listing))
    assert f"migrate keep {listing}/0" in out

    code, out, err = world.command("keep", f"{listing}/0", f"{listing}/1", "99999/0")
    assert code == 0, err
    assert "2 images will be kept" in out + err
    assert "There is no image 99999/0" in out + err
    world.command()
    found = world.by_url()
    assert found[half]["state"] == "stored"
    assert found[page]["error_kind"] == "not_an_image"  # no word makes a page a picture
    assert world.command("keep", "a sword")[0] == 2


def test_an_operator_may_name_damaged_pictures_by_what_came(world: Any, source: Any) -> None:
    half, other = source.url("half", "a"), source.url("half", "b", host="127.0.0.2")
    world.add_listings("Aoi Art", [[half], [other]])
    world.command()
    found = world.by_url()
    digest = found[half]["damaged_sha256"]
    assert digest != found[other]["damaged_sha256"]
    _, out, _ = world.command("explain", str(found[half]["listing_id"]))
    assert digest[:12] in out

    for name in (digest[:7], "no digest", f"{digest}0"):
        assert world.command("keep", name)[0] == 2
    code, out, err = world.command("keep", "0" * 8)
    assert (code, "There is no image 00000000" in out + err) == (0, True)
    code, out, err = world.command("keep", digest[:8].upper())
    assert (code, "1 image will be kept" in out) == (0, True), err
    world.command()
    found = world.by_url()
    assert (found[half]["state"], found[half]["sha256"]) == ("stored", digest)
    assert found[other]["state"] == "failed"
