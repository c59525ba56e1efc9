"""The numbers add up, over any number of rows, and say what they do not know."""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

from typing import Any

URL = "https://img.example/{}.jpg"


def test_an_empty_database(mirror: Any) -> None:
    found = mirror.rpc("image_statistics")
    assert {name: value for name, value in found["images"].items() if value} == {}
    assert found["images"]["coverage_percent"] is None
    assert found["listings"] == {
        "total": 0,
        "without_images": 0,
        "by_status": {"pending": 0, "completed": 0, "partial": 0, "failed": 0},
    }
    for name in ("dealers", "errors", "months", "suspects", "host_holds", "hosts_left_alone"):
        assert found[name] == []
    assert (found["last_runs"], found["oldest_pending_seconds"]) == ({}, None)


def test_every_state_is_counted_where_it_belongs(mirror: Any) -> None:
    good, bad = mirror.dealer("Good"), mirror.dealer("Bad")
    mirror.listing([URL.format("a")], dealer=good, first_seen_at="2026-03-05")
    mirror.listing([], dealer=good)
    mirror.work()
    mirror.listing([URL.format("b"), None], dealer=bad, first_seen_at="2026-03-31T23:30:00Z")
    mirror.work("failed", error_kind="timeout")
    mirror.listing([URL.format("c")], dealer=bad, first_seen_at="2026-04-01")
    found = mirror.rpc("image_statistics")
    assert found["images"] == {
        "total": 4,
        "stored": 1,
        "pending": 1,
        "failed": 1,
        "gone": 0,
        "rejected": 1,
        "missing": 3,
        "lost_for_ever": 0,
        "given_up": 0,
        "excluded": 0,
        "coverage_percent": 25.0,
    }
    assert found["listings"] == {
        "total": 4,
        "without_images": 1,
        "by_status": {"pending": 1, "completed": 2, "partial": 0, "failed": 1},
    }
    assert [
        (d["dealer"], d["listings"], d["images"], d["stored"], d["missing"])
        for d in found["dealers"]
    ] == [
        ("Bad", 2, 3, 0, 3),
        ("Good", 2, 1, 1, 0),
    ]
    assert found["errors"] == [
        {"kind": "bad_url", "images": 1, "dealers": 1},
        {"kind": "pending", "images": 1, "dealers": 1},
        {"kind": "timeout", "images": 1, "dealers": 1},
    ]
    assert found["months"] == [
        {"month": "2026-03", "listings_missing": 1, "images_missing": 2},
        {"month": "2026-04", "listings_missing": 1, "images_missing": 1},
    ]
    assert sum(one["images"] for one in found["errors"]) == found["images"]["missing"]
    assert mirror.rpc("image_statistics", p_dealer_ids=[good])["images"]["coverage_percent"] == 100
    mirror.check_invariants()


def test_coverage_is_never_rounded_up_to_everything(mirror: Any) -> None:
    listing = mirror.listing([URL.format(n) for n in range(100)])
    for other in range(20):
        mirror.listing([URL.format(f"{other}-{n}") for n in range(100)])
    mirror.work()
    mirror.sql.execute(
        "update listing_images set state = 'failed', storage_path = null where listing_id = %s and position = 0",
        (listing,),
    )
    assert mirror.rpc("image_statistics")["images"]["coverage_percent"] == 99.9


def test_one_digest_on_many_listings_is_suspect(mirror: Any) -> None:
    for n in range(5):
        mirror.listing([URL.format(n)])
    mirror.work(digest="cd" * 32)
    (suspect,) = mirror.rpc("image_statistics")["suspects"]
    assert suspect == {
        "dealer": "Aoi Art",
        "sha256": "cd" * 32,
        "listings": 5,
        "images": 5,
        "sample_url": URL.format(0),
        "sample_copy": suspect["sample_copy"],
    }


def test_twenty_thousand_listings_are_all_counted_in_time(mirror: Any) -> None:
    dealer = mirror.dealer()
    mirror.sql.execute("alter table listings disable trigger user")
    mirror.sql.execute("alter table listing_images disable trigger user")
    mirror.sql.execute(
        "insert into listings (url, dealer_id, images, images_upload_status)"
        " select 'https://big.example/' || n, %s, '[]', 'completed' from generate_series(1, 20000) n",
        (dealer,),
    )
    mirror.sql.execute(
        "insert into image_queue (listing_id, dealer_id) select id, dealer_id from listings"
    )
    mirror.sql.execute(
        "insert into listing_images (listing_id, position, source_url, state, due_at, storage_path, public_url)"
        " select l.id, p, 'https://big.example/' || p, 'stored', null, 'x/' || p,"
        " 'https://s.example/0' || p || '.jpg' from listings l, generate_series(0, 4) p"
    )
    mirror.sql.execute("analyze")
    mirror.sql.execute("set statement_timeout = '8s'")  # as hosted projects have it
    found = mirror.rpc("image_statistics")
    assert (found["images"]["total"], found["images"]["stored"]) == (100_000, 100_000)
    assert found["listings"]["by_status"]["completed"] == 20_000


def test_explaining_a_listing_tells_its_history(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    mirror.work("failed", error_kind="http_429", retry_after_s=5000)
    mirror.rpc("hold_host", p_host="img.example", p_seconds=100.0, p_reason="429")
    told = mirror.rpc("explain_listing", p_listing_id=listing)
    assert told["listing"]["dealer"] == "Aoi Art"
    assert told["queue"]["is_claimed"] is False
    (image,) = told["images"]
    assert image["attempts"] == 1
    assert 4900 < image["due_in_s"] <= 5000
    assert 90 < image["held_for_s"] <= 100
    assert [event["event"] for event in told["events"]] == ["failed"]
    assert mirror.rpc("explain_listing", p_listing_id=10**9) == {"listing": None}
