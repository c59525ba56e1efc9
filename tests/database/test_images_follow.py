"""Whoever writes listings.images: the rows, the copies and the status follow in the same statement."""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

URL = "https://img.example/{}.jpg"


def pics(names: str) -> list[str]:
    return [URL.format(name) for name in names]


def copies(mirror: Any, listing: int) -> list[str]:
    return [url.rsplit("/", 1)[1] for url in mirror.stored_images(listing) or []]


MALFORMED = [
    (None, "null"),
    (7, "number"),
    ({"url": "https://img.example/a.jpg"}, "object"),
    (["https://img.example/a.jpg"], "array"),
    (True, "boolean"),
    ("", "empty"),
    ("   ", "empty"),
    ("#top", "absolute"),
    ("data:image/png;base64,AAAA", "absolute"),
    ("ftp://img.example/a.jpg", "absolute"),
    ("javascript:alert(1)", "absolute"),
    ("https://", "host"),
    ("http:///a.jpg", "host"),
    ("https://img.example/a\nb.jpg", "control"),
    ("https://img.example/" + "a" * 2048, "2048"),
]


@pytest.mark.parametrize(("entry", "word"), MALFORMED)
def test_a_malformed_entry_is_rejected_and_harms_nobody(
    mirror: Any, entry: object, word: str
) -> None:
    listing = mirror.listing([URL.format("a"), entry, URL.format("b")])
    assert [state for _, state in mirror.images(listing)] == ["pending", "rejected", "pending"]
    row = mirror.image(listing, 1)
    assert row["error_kind"] == "bad_url"
    assert word in row["error_detail"]
    mirror.work()
    assert copies(mirror, listing) == ["00.jpg", "02.jpg"]
    assert mirror.status(listing) == "partial"


RELATIVE = [
    ("/img/a.jpg", "https://shop.example/img/a.jpg"),
    ("a b.jpg?w=1#x", "https://shop.example/items/a b.jpg?w=1#x"),
    ("./a.jpg", "https://shop.example/items/a.jpg"),
    ("../a.jpg", "https://shop.example/a.jpg"),
    ("../../../img/../a.jpg", "https://shop.example/a.jpg"),
    ("..\\img\\a.jpg", "https://shop.example/img/a.jpg"),
    ("//img.example/a.jpg", "https://img.example/a.jpg"),
    ("?a.jpg", "https://shop.example/items/1?a.jpg"),
    ("img.example/a.jpg", "https://shop.example/items/img.example/a.jpg"),
    ("刀/表.jpg", "https://shop.example/items/刀/表.jpg"),
]


@pytest.mark.parametrize(("entry", "address"), RELATIVE)
def test_a_relative_entry_means_what_the_listings_page_means(
    mirror: Any, entry: str, address: str
) -> None:
    row = mirror.rows(
        "select * from listing_mirror.image_entries(%s, 'https://shop.example/items/1?p=2#b')",
        json.dumps([entry]),
    )
    assert row == [(0, address, None)]
    listing = mirror.listing([URL.format("a"), entry])
    assert [state for _, state in mirror.images(listing)] == ["pending", "pending"]
    mirror.work()
    assert copies(mirror, listing) == ["00.jpg", "01.jpg"]


@pytest.mark.parametrize("page", ["", "listing 5", "ftp://shop.example/"])
def test_a_relative_entry_of_a_page_without_an_address_is_rejected(mirror: Any, page: str) -> None:
    rows = mirror.rows("select problem from listing_mirror.image_entries('[\"/a.jpg\"]', %s)", page)
    assert "absolute" in str(rows)


@pytest.mark.parametrize("images", [None, [], {}, "https://img.example/a.jpg", 5, {"0": "x"}])
def test_no_list_of_images_means_nothing_to_do(mirror: Any, images: object) -> None:
    listing = mirror.listing(images)
    assert mirror.images(listing) == []
    assert mirror.status(listing) == "completed"
    mirror.set_images(listing, pics("a"))
    assert mirror.status(listing) == "pending"
    mirror.set_images(listing, images)
    assert (mirror.images(listing), mirror.status(listing)) == ([], "completed")
    mirror.check_invariants()


def test_images_of_sql_null_are_no_images(mirror: Any) -> None:
    listing = mirror.listing(pics("a"))
    mirror.work()
    mirror.sql.execute("update listings set images = null where true")
    assert (mirror.images(listing), mirror.stored_images(listing)) == ([], [])


def test_blanks_around_an_address_do_not_count(mirror: Any) -> None:
    listing = mirror.listing(["  https://img.example/a b.jpg\n"])
    assert mirror.images(listing) == [("https://img.example/a b.jpg", "pending")]


def test_a_hundred_images_are_kept_and_the_rest_said(mirror: Any) -> None:
    listing = mirror.listing([URL.format(n) for n in range(103)])
    mirror.work()
    assert [state for _, state in mirror.images(listing)] == ["stored"] * 100 + ["rejected"] * 3
    assert "100" in mirror.image(listing, 101)["error_detail"]
    # One image fewer before them: one of them has room now.
    mirror.set_images(listing, [URL.format(n) for n in range(1, 103)])
    assert mirror.image(listing, 99)["state"] == "pending"
    assert mirror.image(listing, 99)["copy_from"] is None
    mirror.check_invariants()


@pytest.mark.parametrize(
    ("after", "states", "stored", "from_copies"),
    [
        ("abc", ["stored"] * 3, ["00.jpg", "01.jpg", "02.jpg"], [None] * 3),
        ("abcd", ["stored"] * 3 + ["pending"], ["00.jpg", "01.jpg", "02.jpg"], [None] * 4),
        ("ab", ["stored"] * 2, ["00.jpg", "01.jpg"], [None] * 2),
        ("axc", ["stored", "pending", "stored"], ["00.jpg", "02.jpg"], [None] * 3),
        ("bc", ["pending"] * 2, [], ["01.jpg", "02.jpg"]),
        ("cba", ["pending", "stored", "pending"], ["01.jpg"], ["02.jpg", None, "00.jpg"]),
        ("xabc", ["pending"] * 4, [], [None, "00.jpg", "01.jpg", "02.jpg"]),
        (
            "abca",
            ["stored"] * 3 + ["pending"],
            ["00.jpg", "01.jpg", "02.jpg"],
            [None] * 3 + ["00.jpg"],
        ),
        ("aaa", ["stored", "pending", "pending"], ["00.jpg"], [None, "00.jpg", "00.jpg"]),
        ("", [], [], []),
    ],
)
def test_copies_follow_their_images(
    mirror: Any, after: str, states: list[str], stored: list[str], from_copies: list[str | None]
) -> None:
    listing = mirror.listing(pics("abc"))
    mirror.work()
    mirror.set_images(listing, pics(after))
    assert mirror.images(listing) == list(zip(pics(after), states, strict=True))
    assert copies(mirror, listing) == stored
    sources = mirror.rows(
        "select copy_from from listing_images where listing_id = %s order by position", listing
    )
    assert [path and path.rsplit("/", 1)[1] for path in sources] == from_copies
    mirror.check_invariants()
    mirror.work()
    assert mirror.status(listing) == "completed"
    assert copies(mirror, listing) == [f"{n:02}.jpg" for n in range(len(after))]


def test_a_change_taken_back_brings_the_copies_back_at_once(mirror: Any) -> None:
    listing = mirror.listing(pics("abc"))
    mirror.work()
    before = mirror.stored_images(listing)
    mirror.set_images(listing, pics("cab"))
    assert mirror.stored_images(listing) == []
    mirror.set_images(listing, pics("abc"))
    assert mirror.stored_images(listing) == before
    assert mirror.status(listing) == "completed"
    assert mirror.claim() == []


def test_a_moved_address_keeps_its_attempts_and_verdict(mirror: Any) -> None:
    listing = mirror.listing(pics("ab"))
    mirror.work(lambda url: "failed" if "/a" in url else "rejected", error_kind="timeout")
    mirror.set_images(listing, pics("xba"))
    assert [state for _, state in mirror.images(listing)] == ["pending", "rejected", "failed"]
    moved = mirror.image(listing, 2)
    assert (moved["attempts"], moved["error_kind"]) == (1, "timeout")
    mirror.check_invariants()


def test_the_same_images_again_touch_nothing(mirror: Any) -> None:
    listing = mirror.listing(pics("ab"))
    mirror.work()
    before = mirror.one("select xmin from listings where id = %s", listing), mirror.image(listing)
    mirror.sql.execute("update listings set images = images where false")
    row = mirror.one("select ctid::text from listing_images where position = 0")
    mirror.sql.execute("update listings set title = 'x', images = images where id = %s", (listing,))
    assert mirror.one("select ctid::text from listing_images where position = 0") == row
    assert mirror.image(listing) == before[1]


def test_an_upsert_that_ends_as_an_update_follows_too(mirror: Any) -> None:
    listing = mirror.listing(pics("a"), url="https://aoi.example/same")
    mirror.work()
    mirror.sql.execute(
        "insert into listings (url, dealer_id, images) select url, dealer_id, %s::jsonb from listings"
        " on conflict (url) do update set images = excluded.images",
        ('["https://img.example/b.jpg"]',),
    )
    assert mirror.images(listing) == [(URL.format("b"), "pending")]
    assert mirror.stored_images(listing) == []


def test_a_thousand_listings_in_one_statement(mirror: Any) -> None:
    dealer = mirror.dealer()
    mirror.sql.execute(
        "insert into listings (url, dealer_id, images)"
        " select 'https://aoi.example/' || n, %s, jsonb_build_array('https://img.example/' || n || '.jpg')"
        " from generate_series(1, 1200) n",
        (dealer,),
    )
    assert mirror.one("select count(*) from image_queue where next_due_at is not null") == 1200
    mirror.sql.execute(
        "update listings set images = images || '[\"https://img.example/more.jpg\"]' where true"
    )
    assert mirror.one("select count(*) from listing_images where state = 'pending'") == 2400
    mirror.check_invariants()


def test_a_written_listing_costs_one_refresh_and_one_look_at_the_exclusions_an_image(
    mirror: Any,
) -> None:
    listing = mirror.listing(pics("a"))
    mirror.rpc("exclude_image", p_dealer_id=mirror.dealer("Other"), p_url_pattern="banner")
    with mirror.session(autocommit=False) as writer:
        writer.execute("set track_functions = 'all'")
        calls = "select funcname, calls from pg_stat_xact_user_functions where funcname = any (%s)"
        writer.execute(
            "insert into listings (url, dealer_id, images)"
            " select 'https://aoi.example/new', dealer_id, %s from listings where id = %s",
            (json.dumps(pics("abcd")), listing),
        )
        names = ["refresh", "url_exclusion"]
        assert dict(writer.execute(calls, (names,)).fetchall()) == {
            "refresh": 1,
            "url_exclusion": 4,
        }
        writer.execute(
            "update listings set images = %s where id = %s", (json.dumps(pics("abc")), listing)
        )
        assert dict(writer.execute(calls, (names,)).fetchall()) == {
            "refresh": 2,
            "url_exclusion": 4 + 2,
        }


def test_a_deleted_listing_leaves_nothing(mirror: Any) -> None:
    listing = mirror.listing(pics("ab"))
    mirror.work()
    mirror.sql.execute("delete from listings where id = %s", (listing,))
    assert mirror.one("select count(*) from listing_images") == 0
    assert mirror.one("select count(*) from image_queue") == 0


def test_a_listing_given_to_another_dealer_is_claimed_as_his(mirror: Any) -> None:
    listing = mirror.listing(pics("a"))
    other = mirror.dealer("Other")
    mirror.sql.execute("update listings set dealer_id = %s where id = %s", (other, listing))
    assert [claim["slug"] for claim in mirror.claim(p_dealer_ids=[other])] == ["other"]


def test_cleared_copies_become_due_again(mirror: Any) -> None:
    listing = mirror.listing(pics("ab"))
    mirror.work()
    mirror.sql.execute("update listings set stored_images = null where id = %s", (listing,))
    assert [state for _, state in mirror.images(listing)] == ["pending", "pending"]
    mirror.check_invariants()


def test_an_older_uploaders_copy_is_taken_over(mirror: Any) -> None:
    listing = mirror.listing(pics("ab"))
    old = [mirror.public + f"aoi-art/L{listing:05}/01.webp"]
    mirror.sql.execute(
        "update listings set stored_images = to_jsonb(%s::text[]) where id = %s", (old, listing)
    )
    assert [state for _, state in mirror.images(listing)] == ["pending", "stored"]
    assert mirror.image(listing, 1)["storage_path"] == f"aoi-art/L{listing:05}/01.webp"
    assert mirror.stored_images(listing) == old
    mirror.check_invariants()


def test_no_image_is_copied_from_a_name_an_older_uploader_gave_to_another(mirror: Any) -> None:
    listing = mirror.listing(pics("ab"))
    old = [mirror.public + f"aoi-art/L{listing:05}/00.jpg"]
    uploads = "update listings set stored_images = to_jsonb(%s::text[]) where id = %s"
    mirror.sql.execute(uploads, (old, listing))
    mirror.set_images(listing, pics("ca"))
    assert mirror.image(listing, 1)["copy_from"] == f"aoi-art/L{listing:05}/00.jpg"
    mirror.sql.execute(uploads, (old, listing))
    assert mirror.image(listing, 1)["copy_from"] is None
    assert [state for _, state in mirror.images(listing)] == ["stored", "pending"]


def test_an_overlong_name_of_a_copy_harms_nobody(mirror: Any) -> None:
    name = "".join(
        secrets.token_hex(8) for _ in range(200)
    )  # too varied to be packed into an index
    listing = mirror.listing(pics("a"))
    mirror.sql.execute(
        "update listings set stored_images = jsonb_build_array(%s::text) where id = %s",
        (mirror.public + name + "/00.jpg", listing),
    )
    assert mirror.images(listing) == [(*pics("a"), "pending")]
    assert mirror.stored_images(listing) == []


def test_a_wrong_status_written_by_hand_is_put_right(mirror: Any) -> None:
    listing = mirror.listing(pics("a"))
    mirror.sql.execute(
        "update listings set images_upload_status = 'completed' where id = %s", (listing,)
    )
    assert mirror.status(listing) == "pending"


def test_an_operators_sql_on_the_rows_keeps_everything_true(mirror: Any) -> None:
    listing = mirror.listing(pics("ab"))
    mirror.work()
    mirror.sql.execute(
        "update listing_images set state = 'pending', storage_path = null, due_at = now() where position = 0"
    )
    assert mirror.status(listing) == "pending"
    assert copies(mirror, listing) == ["01.jpg"]
    mirror.check_invariants()
