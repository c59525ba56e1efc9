"""Records against the bucket, copies nothing needs, and images an operator does not want."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

URL = "https://img.example/{}.jpg"


def put(mirror: Any, *names: str, hours_old: int = 48) -> None:
    for name in names:
        mirror.sql.execute(
            "insert into storage.objects (bucket_id, name, metadata, created_at, updated_at)"
            " select 'listing-images', %s, '{\"size\": 10}', at, at"
            " from (select now() - make_interval(hours => %s) as at) as put",
            (name, hours_old),
        )


def unreferenced(mirror: Any, *, p_keep_s: float = 0, **given: object) -> list[str]:
    names: list[str] = []
    after: str | None = ""
    while True:
        page = mirror.rpc(
            "unreferenced_copies",
            p_bucket="listing-images",
            p_after=after,
            p_limit=2,
            p_min_age_s=86400,
            p_keep_s=p_keep_s,
            **given,
        )
        names += [copy["name"] for copy in page["copies"]]
        if page["done"]:
            return names
        after = page["after"]


def test_recorded_copies_come_in_pages(mirror: Any) -> None:
    first = mirror.listing([URL.format("a"), URL.format("b")])
    second = mirror.listing([URL.format("c")])
    mirror.work()
    page = mirror.rpc("recorded_copies", p_after_listing=0, p_after_position=-1, p_limit=2)
    assert [(copy["listing_id"], copy["position"]) for copy in page] == [(first, 0), (first, 1)]
    rest = mirror.rpc("recorded_copies", p_after_listing=first, p_after_position=1, p_limit=2)
    assert [(copy["listing_id"], copy["bytes"]) for copy in rest] == [(second, 10)]


def test_bucket_objects_come_in_pages(mirror: Any) -> None:
    put(mirror, "a/1.jpg", "a/2.jpg", "b/1.jpg")
    page = mirror.rpc(
        "bucket_objects", p_bucket="listing-images", p_prefix="a/", p_after="a/1.jpg", p_limit=10
    )
    assert [(item["name"], item["bytes"]) for item in page] == [("a/2.jpg", 10)]


def test_a_server_without_the_table_is_said(mirror: Any) -> None:
    mirror.sql.execute("drop table storage.objects")
    assert mirror.rpc("bucket_objects", p_bucket="listing-images") == {"available": False}
    assert mirror.rpc("unreferenced_copies", p_bucket="listing-images") == {"available": False}


def test_objects_hidden_by_a_policy_are_not_taken_for_missing(mirror: Any) -> None:
    put(mirror, "aoi-art/L00001/" + "ab" * 6 + "/00.jpg")
    mirror.sql.execute(
        """
        grant usage on schema storage, listing_mirror to plain_owner;
        grant select on storage.objects to plain_owner;
        alter table storage.objects enable row level security;
        alter function listing_mirror.sees_objects() owner to plain_owner;
        """
    )
    assert mirror.rpc("bucket_objects", p_bucket="listing-images") == {"available": False}
    assert mirror.rpc("unreferenced_copies", p_bucket="listing-images") == {"available": False}


def test_a_missing_copy_is_due_now_and_nobody_is_blamed(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b")])
    mirror.work()
    path = mirror.image(listing, 0)["storage_path"]
    items = [
        {"listing_id": listing, "position": 0, "storage_path": path, "reason": "missing"},
        {"listing_id": listing, "position": 1, "storage_path": "another/name/01.jpg"},
    ]
    assert mirror.rpc("report_missing_copies", p_items=json.dumps(items)) == {
        "images": 1,
        "listings": 1,
        "forgotten": 0,
    }
    row = mirror.image(listing, 0)
    assert (row["state"], row["attempts"], mirror.status(listing)) == ("failed", 0, "partial")
    (claim,) = mirror.claim()
    assert [image["position"] for image in claim["images"]] == [0]
    mirror.check_invariants()


def test_only_our_old_unneeded_copies_are_unreferenced(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b")])
    mirror.work()
    used = mirror.image(listing, 0)["storage_path"]
    moved = mirror.image(listing, 1)["storage_path"]
    folder = f"aoi-art/L{listing:05}"
    orphan = f"{folder}/cdcdcdcdcdcd/00.jpg"
    deleted = "aoi-art/L99999/cdcdcdcdcdcd/00.jpg"
    put(
        mirror,
        used,
        moved,
        orphan,
        deleted,
        f"{folder}/composite.jpg",
        f"{folder}/00.jpg",
        "notes/readme.txt",
    )
    put(mirror, f"{folder}/efefefefefef/00.jpg", hours_old=1)
    mirror.set_images(listing, [URL.format("a"), URL.format("x"), URL.format("b")])
    assert unreferenced(mirror) == [orphan, deleted]
    assert unreferenced(mirror, p_listing_ids=[listing]) == [orphan]
    assert unreferenced(mirror, p_dealer_ids=[mirror.dealer("Nobody")]) == []
    assert unreferenced(mirror, p_dealer_ids=[mirror.dealer()]) == [orphan, deleted]


def test_an_old_layouts_copy_is_ours_once_we_recorded_it(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    old = f"aoi-art/L{listing:05}/00.jpg"
    put(mirror, old)
    assert unreferenced(mirror) == []
    mirror.sql.execute(
        "update listings set stored_images = jsonb_build_array(%s::text)", (mirror.public + old,)
    )
    assert mirror.image(listing)["state"] == "stored"
    assert unreferenced(mirror) == []
    mirror.set_images(listing, [URL.format("b")])
    assert unreferenced(mirror) == [old]


def test_an_excluded_digest_is_rejected_past_and_future(mirror: Any) -> None:
    past = mirror.listing([URL.format("a"), URL.format("b")])
    mirror.work(digest="cd" * 32)
    told = mirror.rpc(
        "exclude_image", p_dealer_id=mirror.dealer(), p_sha256="CD" * 32, p_reason="a banner"
    )
    assert (told["listings"], told["images"], told["remaining"]) == (1, 2, 0)
    assert (mirror.stored_images(past), mirror.status(past)) == ([], "failed")
    future = mirror.listing([URL.format("c")])
    (claim,) = mirror.claim()
    assert claim["excluded_sha256"] == ["cd" * 32]
    mirror.finish(claim, [mirror.result(future, claim["images"][0], "stored", digest="cd" * 32)])
    row = mirror.image(future)
    assert (row["state"], row["storage_path"], "a banner" in row["error_detail"]) == (
        "rejected",
        None,
        True,
    )
    assert mirror.claim(p_retry_failed=True) == []
    (listed,) = mirror.rpc("list_exclusions")
    assert (listed["sha256"], listed["images"], listed["dealer"]) == ("cd" * 32, 3, "Aoi Art")
    mirror.check_invariants()


def test_an_excluded_pattern_is_one_dealers_only(mirror: Any) -> None:
    one, other = mirror.dealer("One"), mirror.dealer("Other")
    banner = "https://img.example/wp/banner_50%.gif?x=1"
    past = mirror.listing([banner, URL.format("a")], dealer=one)
    elsewhere = mirror.listing([banner], dealer=other)
    told = mirror.rpc("exclude_image", p_dealer_id=one, p_url_pattern="/wp/banner_*.gif")
    assert (told["listings"], told["images"]) == (1, 1)
    future = mirror.listing([URL.format("b"), banner], dealer=one)
    assert [state for _, state in mirror.images(past)] == ["rejected", "pending"]
    assert [state for _, state in mirror.images(future)] == ["pending", "rejected"]
    assert [state for _, state in mirror.images(elsewhere)] == ["pending"]
    assert (
        mirror.rpc("exclude_image", p_dealer_id=one, p_url_pattern="/wp/banner_*.gif")["images"]
        == 0
    )
    # The exclusion is dropped: the images may be asked for again.
    mirror.sql.execute("delete from image_exclusions")
    mirror.work()
    assert sorted(claim["listing_id"] for claim in mirror.claim(p_retry_failed=True)) == [
        past,
        future,
    ]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"p_sha256": "abc"},
        {"p_url_pattern": "*"},
        {"p_url_pattern": "https://"},
        {"p_url_pattern": "  "},
    ],
)
def test_an_exclusion_of_nearly_everything_is_refused(mirror: Any, given: dict[str, str]) -> None:
    assert "error" in mirror.rpc("exclude_image", **given)
    assert mirror.rpc("list_exclusions") == []


def test_an_excluded_digest_moves_with_its_image(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b")])
    mirror.work()
    excluded = mirror.rpc("exclude_image", p_sha256="ab" * 32, p_reason="banner")
    mirror.set_images(listing, [URL.format("b"), URL.format("a")])
    image = mirror.image(listing, 1)
    assert (image["exclusion_id"], image["error_detail"]) == (
        excluded["exclusion_id"],
        "excluded by an operator: banner",
    )
    assert mirror.claim(p_retry_failed=True) == []
    assert mirror.rpc("include_image", p_sha256="ab" * 32)["images"] == 2
    mirror.check_invariants()


def test_an_exclusion_that_a_writer_is_using_waits_for_the_next_call(mirror: Any) -> None:
    mirror.rpc("exclude_image", p_url_pattern="/banner")
    first = mirror.listing(["https://i.example/banner.jpg"])
    writer = mirror.session(autocommit=False)
    writer.execute(
        "insert into listings (url, dealer_id, images)"
        " select 'https://aoi.example/new', dealer_id, images from listings where id = %s",
        (first,),
    )
    mirror.sql.execute("set lock_timeout = '1s'")
    assert mirror.rpc("include_image", p_url_pattern="/banner")["remaining"] == 1
    writer.commit()
    assert mirror.rpc("include_image", p_url_pattern="/banner") == {
        "listings": 1,
        "images": 1,
        "restored": 0,
        "remaining": 0,
    }
    mirror.check_invariants()


@pytest.mark.parametrize("writes", ["insert", "update", "finish"])
def test_an_exclusion_taken_back_under_a_writers_hands_is_none(mirror: Any, writes: str) -> None:
    banner = ["https://i.example/banner.jpg"]
    listing = mirror.listing(banner if writes == "finish" else [])
    claims = mirror.claim()
    mirror.sql.execute("insert into image_exclusions (url_pattern) values ('/banner')")
    operator = mirror.session(autocommit=False)
    operator.execute("delete from image_exclusions")

    def write() -> None:
        session = mirror.session()
        if writes == "insert":
            session.execute(
                "insert into listings (url, dealer_id, images)"
                " select 'https://aoi.example/new', dealer_id, %s from listings",
                (json.dumps(banner),),
            )
        elif writes == "update":
            session.execute("update listings set images = %s", (json.dumps(banner),))
        else:
            result = mirror.result(listing, claims[0]["images"][0], "stored")
            mirror.rpc(
                "finish_listing",
                on=session,
                p_listing_id=listing,
                p_token=claims[0]["token"],
                p_results=json.dumps([result]),
            )

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not mirror.one("select exists (select 1 from pg_locks where not granted)"):
            assert not writing.done(), "the writer did not wait"
        operator.commit()
        writing.result(timeout=30)
    states = mirror.rows("select state::text from listing_images")
    assert states == ["stored" if writes == "finish" else "pending"]
    mirror.check_invariants()


def test_a_pattern_excluded_while_its_image_was_fetched_counts(mirror: Any) -> None:
    listing = mirror.listing(["https://i.example/banner.jpg"])
    (claim,) = mirror.claim()
    # The exclusion did not wait for the listing, which somebody was writing just then.
    mirror.sql.execute("insert into image_exclusions (url_pattern) values ('/banner')")
    mirror.finish(claim, [mirror.result(listing, claim["images"][0], "stored")])
    assert [state for _, state in mirror.images(listing)] == ["rejected"]


def test_an_exclusion_taken_back_makes_its_images_due(mirror: Any) -> None:
    dealer = mirror.dealer()
    listing = mirror.listing(["https://i.example/banner.jpg", "https://i.example/banner-b.jpg"])
    mirror.rpc("exclude_image", p_dealer_id=dealer, p_url_pattern="/banner")
    mirror.rpc("exclude_image", p_url_pattern="/banner-b")
    assert mirror.status(listing) == "failed"

    answer = mirror.rpc("include_image", p_dealer_id=dealer, p_url_pattern="/banner")

    assert answer == {"listings": 1, "images": 1, "restored": 0, "remaining": 0}
    states = [state for _, state in mirror.images(listing)]
    assert states == ["pending", "rejected"]  # the second falls under the other exclusion
    mirror.work("stored")
    assert mirror.status(listing) == "partial"
    mirror.check_invariants()
    again = mirror.rpc("include_image", p_dealer_id=dealer, p_url_pattern="/banner")
    assert again == {"error": "there is no such exclusion"}
    assert mirror.rpc("include_image", p_url_pattern="/banner-b")["images"] == 1
