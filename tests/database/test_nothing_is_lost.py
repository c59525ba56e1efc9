"""A copy that left stored_images is retired and serves again; one whose host changed stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

URL = "https://img.example/{}.jpg"
DAY_S = 86_400.0


def pics(names: str) -> list[str]:
    return [URL.format(name) for name in names]


def retired(mirror: Any) -> list[str]:
    return mirror.rows("select source_url from retired_copies order by storage_path")  # type: ignore[no-any-return]


def put_all(mirror: Any) -> None:
    """The bucket holds what was ever recorded, and has for a month."""
    mirror.sql.execute(
        """
        insert into storage.objects (bucket_id, name, created_at, updated_at)
        select 'listing-images', c.path, now() - interval '40 days', now() - interval '40 days'
        from (
          select storage_path as path from listing_images where storage_path is not null
          union select storage_path from retired_copies
        ) as c
        on conflict do nothing
        """
    )


def prunable(mirror: Any, keep_days: float = 30) -> list[str]:
    page = mirror.rpc(
        "unreferenced_copies",
        p_bucket="listing-images",
        p_after="",
        p_limit=5000,
        p_min_age_s=DAY_S,
        p_keep_s=keep_days * DAY_S,
    )
    return [copy["name"] for copy in page["copies"]]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("http://shop.example/up/a.jpg", "https://shop.example/up/a.jpg"),
        ("https://shop.example/up/a.jpg", "https://www.shop.example/up/a.jpg"),
        ("https://shop.example/up/a.jpg", "https://cdn.example/up/a.jpg"),
        ("https://shop.example/up/a.jpg", "https://SHOP.example:8443/up/a.jpg"),
        ("https://shop.example/show.php?n=7", "https://moved.example/show.php?n=7"),
        ("https://shop.example/up/a.jpg", "https://i0.wp.com/shop.example/up/a.jpg?ssl=1"),
        ("https://i2.wp.com/shop.example/up/a.jpg?fit=9", "http://shop.example/up/a.jpg"),
    ],
)
def test_another_scheme_or_host_keeps_the_copy_and_compares_it(
    mirror: Any, before: str, after: str
) -> None:
    listing = mirror.listing([before])
    mirror.work()
    shown = mirror.stored_images(listing)
    mirror.sql.execute("update listing_images set etag = '\"1\"'")
    mirror.set_images(listing, [after])
    assert mirror.stored_images(listing) == shown
    assert (mirror.status(listing), retired(mirror)) == ("completed", [])
    (claim,) = mirror.claim()
    (image,) = claim["images"]
    # No name that another server gave its file is asked the new one about.
    assert (image["source_url"], image["state"], image["etag"]) == (after, "stored", None)
    mirror.finish(claim, [mirror.result(listing, image, "failed", error_kind="http_404")])
    assert mirror.stored_images(listing) == shown
    assert mirror.claim() == []
    mirror.check_invariants()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https://shop.example/", "https://other.example/"),
        ("https://shop.example", "https://other.example"),
        ("https://shop.example/up/a.jpg", "https://cdn.example/a.jpg"),
        ("https://shop.example/show.php?n=7", "https://shop.example/show.php?n=8"),
    ],
)
def test_another_path_is_another_picture(mirror: Any, before: str, after: str) -> None:
    listing = mirror.listing([before])
    mirror.work()
    mirror.set_images(listing, [after])
    assert (mirror.stored_images(listing), mirror.status(listing)) == ([], "pending")


def test_other_bytes_at_the_new_host_replace_the_copy(mirror: Any) -> None:
    listing = mirror.listing(["https://a.example/1.jpg"])
    mirror.work()
    before = mirror.stored_images(listing)
    mirror.set_images(listing, ["https://b.example/1.jpg"])
    mirror.work(digest="cd" * 32)
    assert mirror.stored_images(listing) != before
    assert mirror.image(listing)["sha256"] == "cd" * 32
    mirror.check_invariants()


def test_a_shop_that_moves_and_reorders_copies_inside_and_compares_then(mirror: Any) -> None:
    listing = mirror.listing(["https://a.example/1.jpg", "https://a.example/2.jpg"])
    mirror.work()
    mirror.set_images(listing, ["https://b.example/2.jpg", "https://b.example/1.jpg"])
    (claim,) = mirror.claim()
    assert [image["copy_from"][-6:] for image in claim["images"]] == ["01.jpg", "00.jpg"]
    mirror.finish(claim, [mirror.result(listing, one, "stored") for one in claim["images"]])
    assert mirror.status(listing) == "completed"
    (again,) = mirror.claim()
    assert [(image["state"], image["copy_from"]) for image in again["images"]] == [
        ("stored", None)
    ] * 2


def test_a_verdict_about_one_host_says_nothing_about_another(mirror: Any) -> None:
    listing = mirror.listing(["https://a.example/1.jpg"])
    mirror.work("rejected", error_kind="not_an_image")
    mirror.set_images(listing, ["https://b.example/1.jpg"])
    assert (mirror.image(listing)["state"], mirror.image(listing)["error_kind"]) == (
        "pending",
        None,
    )


def test_an_address_that_returns_serves_its_copy_without_a_request(mirror: Any) -> None:
    listing = mirror.listing(pics("ab"))
    mirror.work()
    shown, row = mirror.stored_images(listing), mirror.image(listing)
    mirror.set_images(listing, pics("xy"))
    mirror.work(digest="ee" * 32)
    assert retired(mirror) == pics("ab")
    mirror.set_images(listing, pics("ab"))
    assert mirror.stored_images(listing) == shown
    assert mirror.claim() == []
    passing = {"created_at": "", "settled_by": ""}
    assert mirror.image(listing) | passing == row | passing
    assert retired(mirror) == pics("xy")
    mirror.check_invariants()


def test_an_address_that_returns_elsewhere_is_copied_inside_the_bucket(mirror: Any) -> None:
    listing = mirror.listing(pics("a"))
    mirror.work()
    path = mirror.image(listing)["storage_path"]
    mirror.set_images(listing, [])
    mirror.set_images(listing, pics("xa"))
    assert mirror.image(listing, 1)["copy_from"] == path
    put_all(mirror)
    mirror.sql.execute("update retired_copies set retired_at = now() - interval '31 days'")
    assert prunable(mirror) == []  # still needed
    assert mirror.rpc("forget_retired", p_names=[path], p_keep_s=0) == []


def test_a_listing_deleted_and_scraped_anew_finds_its_copies(mirror: Any) -> None:
    listing = mirror.listing(pics("a"))
    mirror.work()
    path = mirror.image(listing)["storage_path"]
    mirror.sql.execute("delete from listings where id = %s", (listing,))
    again = mirror.listing(pics("a"))
    assert mirror.image(again)["state"] == "pending"
    mirror.set_images(again, [])
    mirror.set_images(again, pics("a"))
    assert mirror.image(again)["copy_from"] == path
    other = mirror.listing([], dealer=mirror.dealer("Other"))
    mirror.set_images(other, pics("a"))
    assert mirror.image(other)["copy_from"] is None


def test_of_two_retired_copies_the_last_one_serves(mirror: Any) -> None:
    listing = mirror.listing(pics("a"))
    mirror.work()
    mirror.rpc("recheck_copies")
    mirror.work(digest="cd" * 32)
    shown = mirror.stored_images(listing)
    assert retired(mirror) == pics("a")  # the replaced one
    mirror.sql.execute("update retired_copies set retired_at = now() - interval '1 day'")
    mirror.set_images(listing, [])
    mirror.set_images(listing, pics("a"))
    assert mirror.stored_images(listing) == shown


def test_a_retired_copy_outlives_prune_for_its_time_only(mirror: Any) -> None:
    listing = mirror.listing(pics("ab"))
    mirror.work()
    paths = [mirror.image(listing, place)["storage_path"] for place in (0, 1)]
    put_all(mirror)
    mirror.set_images(listing, pics("b"))
    mirror.set_images(listing, [])
    assert prunable(mirror) == []
    mirror.sql.execute(
        "update retired_copies set retired_at = now() - interval '31 days' where storage_path = %s",
        (paths[0],),
    )
    assert prunable(mirror) == [paths[0]]
    assert prunable(mirror, keep_days=40) == []
    assert prunable(mirror, keep_days=0) == paths
    keep_s = 30 * DAY_S
    assert mirror.rpc("forget_retired", p_names=paths, p_keep_s=keep_s) == [paths[0]]
    mirror.set_images(listing, pics("a"))
    assert mirror.image(listing)["state"] == "pending"


def test_prune_and_a_writer_that_brings_a_copy_back_do_not_meet(mirror: Any) -> None:
    listing = mirror.listing(pics("a"))
    mirror.work()
    path = mirror.image(listing)["storage_path"]
    mirror.set_images(listing, [])
    writer = mirror.session(autocommit=False)
    writer.execute(
        "update listings set images = %s::jsonb where id = %s", (json.dumps(pics("a")), listing)
    )
    mirror.sql.execute("set lock_timeout = '1s'")
    assert mirror.rpc("forget_retired", p_names=[path], p_keep_s=0) == []
    writer.commit()
    assert mirror.rpc("forget_retired", p_names=[path], p_keep_s=0) == []
    assert mirror.image(listing)["storage_path"] == path


def test_a_copy_found_missing_does_not_serve_again(mirror: Any) -> None:
    listing = mirror.listing(pics("a"))
    mirror.work()
    path = mirror.image(listing)["storage_path"]
    items = [{"listing_id": listing, "position": 0, "storage_path": path}]
    mirror.rpc("report_missing_copies", p_items=json.dumps(items))
    assert retired(mirror) == []


def test_an_exclusion_taken_back_brings_every_copy_back(mirror: Any) -> None:
    listing = mirror.listing(pics("abc"))
    mirror.work()
    rows = mirror.rows("select to_jsonb(i) from listing_images i order by position")
    shown = mirror.stored_images(listing)
    mirror.rpc("exclude_image", p_dealer_id=mirror.dealer(), p_url_pattern="img.example")
    assert (mirror.stored_images(listing), retired(mirror)) == ([], pics("abc"))
    told = mirror.rpc("include_image", p_dealer_id=mirror.dealer(), p_url_pattern="img.example")
    assert told == {"listings": 1, "images": 3, "restored": 3, "remaining": 0}
    assert mirror.stored_images(listing) == shown
    assert mirror.claim() == []
    assert mirror.rows("select to_jsonb(i) from listing_images i order by position") == rows


def test_an_excluded_picture_does_not_return_with_its_address(mirror: Any) -> None:
    listing = mirror.listing(pics("a"))
    mirror.work(digest="cd" * 32)
    mirror.set_images(listing, [])
    mirror.rpc("exclude_image", p_dealer_id=mirror.dealer(), p_sha256="cd" * 32)
    mirror.set_images(listing, pics("a"))
    assert mirror.stored_images(listing) == []


def test_pictures_moved_while_excluded_are_copied_inside_the_bucket(mirror: Any) -> None:
    listing = mirror.listing(pics("ab"))
    mirror.work()
    mirror.rpc("exclude_image", p_dealer_id=mirror.dealer(), p_sha256="ab" * 32)
    mirror.set_images(listing, pics("ba"))
    told = mirror.rpc("include_image", p_dealer_id=mirror.dealer(), p_sha256="ab" * 32)
    assert (told["images"], told["restored"]) == (2, 0)
    (claim,) = mirror.claim()
    assert [image["copy_from"][-6:] for image in claim["images"]] == ["01.jpg", "00.jpg"]


def test_what_an_exclusion_would_take_is_shown_first(mirror: Any) -> None:
    first = mirror.listing(pics("ab"))
    mirror.work()
    mirror.listing(["https://cdn.example/a.jpg", *pics("b")])
    mirror.listing(pics("a"), dealer=mirror.dealer("Other"))
    seen = mirror.rpc("preview_exclusion", p_dealer_id=mirror.dealer(), p_url_pattern="/a.jpg")
    assert {key: seen[key] for key in ("images", "listings", "stored", "dealer_images")} == {
        "images": 2,
        "listings": 2,
        "stored": 1,
        "dealer_images": 4,
    }
    assert seen["examples"][0] == {
        "listing_id": first,
        "position": 0,
        "source_url": URL.format("a"),
        "copy": mirror.image(first)["public_url"],
    }
    assert mirror.rpc("list_exclusions") == []
    assert "error" in mirror.rpc("preview_exclusion", p_url_pattern="*")


def test_a_source_that_is_gone_leaves_the_copy_that_somebody_cleared(mirror: Any) -> None:
    listing = mirror.listing(pics("a"))
    mirror.work()
    shown = mirror.stored_images(listing)
    mirror.sql.execute("update listings set stored_images = null where id = %s", (listing,))
    assert mirror.status(listing) == "pending"
    for _ in range(3):
        mirror.work("failed", error_kind="http_404", http_status=404)
        mirror.pass_time(60)
    assert mirror.stored_images(listing) == shown
    assert mirror.rpc("image_statistics")["images"]["lost_for_ever"] == 0
    mirror.check_invariants()


def test_adopting_keeps_old_words_and_dates(legacy: Any) -> None:
    legacy.sql.execute(
        "update listings set images_upload_error = 'HTTPSConnectionPool: Read timed out',"
        " images_upload_status = 'failed', stored_images = null, first_seen_at = '2026-03-01Z'"
        " where id = 3"
    )
    legacy.migrate()
    legacy.rpc("adopt_listings", p_after=0, p_limit=4)
    row = legacy.image(3)
    assert (row["state"], row["error_detail"]) == ("pending", "HTTPSConnectionPool: Read timed out")
    assert row["created_at"].startswith("2026-03-01")
    events = "select event || ': ' || error_detail from listing_image_events where listing_id = 3"
    assert set(legacy.rows(events)) == {
        "failed before the mirror: HTTPSConnectionPool: Read timed out"
    }


def test_adopting_an_excluded_picture_loses_no_copy(migrated_legacy: Any) -> None:
    shown = migrated_legacy.stored_images(4)
    source = migrated_legacy.one("select images ->> 0 from listings where id = 4")
    migrated_legacy.rpc("exclude_image", p_url_pattern=source)
    migrated_legacy.rpc("adopt_listings", p_after=0, p_limit=4)
    assert migrated_legacy.stored_images(4) == shown[1:]
    migrated_legacy.rpc("include_image", p_url_pattern=source)
    assert migrated_legacy.stored_images(4) == shown
