"""Copies follow their images, moved, repeated or replaced, with as little traffic as possible."""

from __future__ import annotations

from typing import Any

UPLOADS = "/storage/v1/object/listing-images/"
COPIES = "/storage/v1/object/copy"


def test_a_moved_image_is_copied_inside_the_bucket(world: Any, source: Any, proxy: Any) -> None:
    urls = source.urls("ok", 4)
    (one,) = world.add_listings("Aoi Art", [urls])
    world.run()
    asked = len(source.requests())

    world.set_images(one, [urls[3], urls[0], urls[2]])
    in_between = world.listing(one)["stored_images"]
    assert [url[-6:] for url in in_between] == ["02.jpg"]
    summary = world.run(url=proxy.url)

    assert (summary.stored, summary.reused) == (0, 2)
    assert len(source.requests()) == asked
    assert proxy.count(UPLOADS, "POST") == 0
    assert proxy.count(COPIES) == 2
    world.assert_sound(source)


def test_a_moved_image_whose_copy_is_lost_is_fetched_again(world: Any, source: Any) -> None:
    urls = source.urls("ok", 2)
    (one,) = world.add_listings("Aoi Art", [urls])
    world.run()
    world.set_images(one, urls[::-1])
    world.database.remove(list(world.objects()))

    summary = world.run()

    assert (summary.completed, summary.stored) == (1, 2)
    world.assert_sound(source)


def test_a_repeated_address_is_fetched_and_uploaded_once(
    world: Any, source: Any, proxy: Any
) -> None:
    url = source.url("ok", "a")
    world.add_listings("Aoi Art", [[url, source.url("ok", "b"), url, url]])

    summary = world.run(url=proxy.url)

    assert (summary.completed, summary.stored, summary.reused) == (1, 2, 2)
    assert len(source.requests("/ok/a")) == 1
    assert proxy.count(UPLOADS, "POST") == 2
    assert proxy.count(COPIES) == 2
    world.assert_sound(source)


def test_the_same_bytes_at_two_places_are_uploaded_once(
    world: Any, source: Any, proxy: Any
) -> None:
    world.add_listings("Aoi Art", [source.urls("same", 3)])

    summary = world.run(url=proxy.url)

    assert (summary.stored, summary.reused) == (1, 2)
    assert proxy.count(UPLOADS, "POST") == 1
    assert len({row["sha256"] for row in world.images()}) == 1
    assert len(world.objects()) == 3
    world.assert_sound(source)


def test_only_the_listing_that_changed_is_worked_on(world: Any, source: Any) -> None:
    first, _ = world.add_listings("Aoi Art", [source.urls("ok", 2), [source.url("ok", "z")]])
    world.run()
    asked = len(source.requests())
    new = source.url("ok", "new")

    world.set_images(first, [source.url("ok", "0"), new])
    assert world.listing(first)["images_upload_status"] == "pending"
    summary = world.run()

    assert (summary.claimed, summary.stored) == (1, 1)
    assert [row["path"] for row in source.requests()[asked:]] == ["/ok/new.jpg"]
    world.assert_sound(source)


def test_more_than_a_hundred_images_keep_the_first_hundred(world: Any, source: Any) -> None:
    (one,) = world.add_listings("Aoi Art", [source.urls("ok", 103)])

    summary = world.run()

    assert summary.stored == 100
    assert world.states() == {"stored": 100, "rejected": 3}
    assert world.listing(one)["images_upload_status"] == "partial"
    world.assert_sound(source)


def test_an_excluded_digest_is_not_uploaded(world: Any, source: Any, proxy: Any) -> None:
    world.add_listings("Aoi Art", [[source.url("same", "a")]])
    world.run()
    (row,) = world.images()
    code, _, err = world.command("exclude", row["sha256"], "--dealer", "Aoi Art")
    assert code == 0, err
    world.add_listings("Aoi Art", [[source.url("same", "b"), source.url("ok", "c")]])

    summary = world.run(url=proxy.url)

    assert (summary.stored, summary.rejected) == (1, 1)
    assert proxy.count(UPLOADS, "POST") == 1
    assert world.states() == {"rejected": 2, "stored": 1}
    world.assert_sound(source)


def test_a_copy_of_an_older_program_is_moved_without_asking_the_dealer(
    world: Any, source: Any
) -> None:
    urls = source.urls("ok", 2)
    old = [f"old-shop/L00007/{position:02d}.jpg" for position in range(2)]
    for path, url in zip(old, urls, strict=True):
        world.database.upload(path, source.picture(url), content_type="image/jpeg")
    stored = [world.database.public_url(path) for path in old]
    row = {
        "url": "http://old.example/7",
        "dealer_id": world.add_dealer("Old Shop"),
        "images": urls,
        "stored_images": stored,
    }
    one = world.database.table("listings").insert(row).execute().data[0]["id"]
    assert world.states() == {"stored": 2}

    world.set_images(one, urls[::-1])
    summary = world.run()

    assert (summary.completed, summary.stored, summary.reused) == (1, 0, 2)
    assert source.requests() == []
    world.assert_sound(source)


def test_an_older_copy_that_is_no_image_is_fetched_again(world: Any, source: Any) -> None:
    url, other = source.urls("ok", 2)
    path = "old-shop/L00008/00.jpg"
    world.database.upload(path, b"<html>no</html>", content_type="image/jpeg")
    row = {
        "url": "http://old.example/8",
        "dealer_id": world.add_dealer("Old Shop"),
        "images": [url],
        "stored_images": [world.database.public_url(path)],
    }
    one = world.database.table("listings").insert(row).execute().data[0]["id"]

    world.set_images(one, [other, url])
    summary = world.run()

    assert (summary.completed, summary.stored) == (1, 2)
    world.assert_sound(source)
