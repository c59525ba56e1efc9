"""Copies that are compared with their source again: what makes them due, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest

A, B = "https://i.example/a.jpg", "https://i.example/b.jpg"
OTHER_BYTES = "cd" * 32


@pytest.fixture
def stored(mirror: Any) -> int:
    """A listing whose two images are stored."""
    listing = int(mirror.listing([A, B], title="Katana, Bizen Osafune Kanemitsu"))
    mirror.work("stored")
    return listing


def recheck(mirror: Any, **given: object) -> tuple[int, int]:
    answer = mirror.rpc("recheck_copies", **given)
    return answer["listings"], answer["copies"]


def rename(mirror: Any, listing: int, title: str | None) -> None:
    mirror.sql.execute("update listings set title = %s where id = %s", (title, listing))


def due(mirror: Any, listing: int) -> list[bool]:
    found: list[bool] = mirror.rows(
        "select due_at is not null from listing_images where listing_id = %s order by position",
        listing,
    )
    return found


def test_an_operator_asks_and_the_listing_stays_completed(mirror: Any, stored: int) -> None:
    shown = mirror.stored_images(stored)
    assert recheck(mirror, p_dry_run=True) == (1, 2)
    assert due(mirror, stored) == [False, False]
    assert recheck(mirror) == (1, 2)
    assert recheck(mirror) == (0, 0)
    assert due(mirror, stored) == [True, True]
    assert mirror.stored_images(stored) == shown
    assert mirror.status(stored) == "completed"
    assert mirror.rpc("image_statistics")["rechecks_due"] == 2
    assert mirror.rpc("image_statistics", p_dealer_ids=[0])["rechecks_due"] == 0
    mirror.check_invariants()


def test_only_the_chosen_listings_are_re_checked(mirror: Any, stored: int) -> None:
    other = mirror.listing([A])
    mirror.work("stored")
    assert recheck(mirror, p_listing_ids=[other]) == (1, 1)
    assert due(mirror, stored) == [False, False]
    assert recheck(mirror, p_dealer_ids=[0]) == (0, 0)


def test_an_unchanged_copy_is_left_as_it_is(mirror: Any, stored: int) -> None:
    before = mirror.image(stored)
    recheck(mirror)
    mirror.work("stored")
    passing = {"settled_by": None}
    assert mirror.image(stored) | passing == before | passing
    assert due(mirror, stored) == [False, False]
    assert mirror.rows("select event from listing_image_events order by id")[-1] == "re-checked"


def test_other_bytes_replace_the_copy(mirror: Any, stored: int) -> None:
    before = mirror.stored_images(stored)
    recheck(mirror)
    mirror.work("stored", digest=OTHER_BYTES)
    after = mirror.stored_images(stored)
    assert len(after) == 2 and not set(after) & set(before)
    assert mirror.image(stored)["sha256"] == OTHER_BYTES
    mirror.check_invariants()


@pytest.mark.parametrize(
    ("outcome", "kind", "is_due", "attempts"),
    [
        ("failed", "timeout", True, 1),
        ("failed", "http_5xx", True, 1),
        ("failed", "http_404", False, 1),
        ("rejected", "not_an_image", False, 1),
        ("failed", "storage_unavailable", True, 0),
    ],
)
def test_a_copy_is_kept_whatever_its_source_says(
    mirror: Any, stored: int, outcome: str, kind: str, is_due: bool, attempts: int
) -> None:
    shown = mirror.stored_images(stored)
    recheck(mirror)
    mirror.work(outcome, error_kind=kind)
    image = mirror.image(stored)
    assert (image["state"], image["attempts"]) == ("stored", attempts)
    assert due(mirror, stored) == [is_due, is_due]
    assert mirror.stored_images(stored) == shown
    assert mirror.status(stored) == "completed"
    mirror.check_invariants()


def test_a_source_that_stays_silent_is_left_alone_in_the_end(mirror: Any, stored: int) -> None:
    recheck(mirror)
    for _ in range(7):
        mirror.work("failed", error_kind="timeout")
        mirror.pass_time(50)
    assert due(mirror, stored) == [False, False]
    assert mirror.images(stored) == [(A, "stored"), (B, "stored")]


def test_a_picture_excluded_meanwhile_is_rejected(mirror: Any, stored: int) -> None:
    mirror.rpc("exclude_image", p_sha256=OTHER_BYTES)
    recheck(mirror)
    mirror.work("stored", digest=OTHER_BYTES)
    assert mirror.images(stored) == [(A, "rejected"), (B, "rejected")]
    assert mirror.stored_images(stored) == []


def test_re_checks_come_last(mirror: Any, stored: int) -> None:
    recheck(mirror)
    sold = mirror.listing([A], status="sold", is_sold=True)
    repeat, new = mirror.listing([A]), mirror.listing([A])
    mirror.work("stored", only=sold)
    recheck(mirror)
    mirror.work("failed", only=repeat, error_kind="timeout")
    mirror.pass_time(1)
    order = [claim["listing_id"] for claim in mirror.claim()]
    assert order == [new, repeat, sold, stored]


def test_a_re_check_asks_the_source_and_not_a_twin(mirror: Any) -> None:
    mirror.listing([A, B, A])
    mirror.work("stored")
    recheck(mirror)
    (claim,) = mirror.claim()
    assert [image["copy_from"] for image in claim["images"]] == [None, None, None]
    assert [image["state"] for image in claim["images"]] == ["stored"] * 3
    assert len(claim["stored"]) == 3


def test_retry_failed_is_not_about_stored_copies(mirror: Any, stored: int) -> None:
    recheck(mirror)
    assert mirror.claim(p_retry_failed=True) == []
    assert mirror.rpc("preview_claims", p_limit=10)["images_total"] == 2


@pytest.mark.parametrize(
    ("title", "is_another"),
    [
        ("Tsuba, signed Goto", True),
        ("Wakizashi: Hizen Tadayoshi", True),
        ("鍔 銘 後藤", True),
        ("Katana, Bizen Osafune Kanemitsu [SOLD]", False),
        ("KATANA BIZEN KANEMITSU", False),
        ("", False),
        (None, False),
        ("!!!", False),
    ],
)
def test_another_item_on_the_same_page_puts_its_copies_in_doubt(
    mirror: Any, stored: int, title: str | None, is_another: bool
) -> None:
    shown = mirror.stored_images(stored)
    rename(mirror, stored, title)
    assert due(mirror, stored) == [is_another, is_another]
    assert mirror.stored_images(stored) == shown
    mirror.check_invariants()


@pytest.mark.parametrize(
    ("title", "is_another"),
    [
        ("Katana, Bizen Osafune Kagemitsu", True),
        ("Katana, Bizen Osafune Kanemitsu, SOLD", False),
        ("Katana, Kanemitsu", False),
    ],
)
def test_a_title_with_other_words_and_another_price_is_another_item(
    mirror: Any, stored: int, title: str, is_another: bool
) -> None:
    rename(mirror, stored, title)
    assert due(mirror, stored) == [False, False]
    rename(mirror, stored, "Katana, Bizen Osafune Kanemitsu")
    mirror.sql.execute(
        "update listings set title = %s, price_value = 5 where id = %s", (title, stored)
    )
    assert due(mirror, stored) == [is_another, is_another]


def test_another_item_gets_no_copy_moved_from_the_old_one(mirror: Any, stored: int) -> None:
    mirror.sql.execute(
        "update listings set title = 'Tsuba, signed Goto', images = %s::jsonb where id = %s",
        (f'["{B}", "{A}"]', stored),
    )
    assert mirror.images(stored) == [(B, "pending"), (A, "pending")]
    (claim,) = mirror.claim()
    assert [image["copy_from"] for image in claim["images"]] == [None, None]
    mirror.check_invariants()


def test_what_was_found_out_about_the_old_item_does_not_bind_the_new_one(mirror: Any) -> None:
    listing = mirror.listing([A, B, "javascript:alert(1)"], title="Katana, Bizen Osafune Kanemitsu")
    mirror.work(lambda url: "rejected" if url == B else "failed", error_kind="not_an_image")
    rename(mirror, listing, "Tsuba, signed Goto")
    assert [state for _, state in mirror.images(listing)] == ["pending", "pending", "rejected"]
    assert [mirror.image(listing, place)["attempts"] for place in range(2)] == [0, 0]
    mirror.check_invariants()


@pytest.mark.parametrize("is_recheck", [False, True])
def test_bytes_fetched_before_the_page_was_reused_are_doubted(
    mirror: Any, is_recheck: bool
) -> None:
    listing = mirror.listing([A], title="Katana, Bizen Osafune Kanemitsu")
    if is_recheck:
        mirror.work("stored")
        recheck(mirror)
    (claim,) = mirror.claim()
    rename(mirror, listing, "Tsuba, signed Goto")
    mirror.finish(claim, [mirror.result(listing, claim["images"][0], "stored")])
    assert due(mirror, listing) == [True]
    mirror.work("stored", digest=OTHER_BYTES)
    assert due(mirror, listing) == [False]
    assert mirror.image(listing)["sha256"] == OTHER_BYTES


def test_what_was_retried_before_its_time_is_stored_for_good(mirror: Any) -> None:
    listing = mirror.listing([A])
    mirror.work("failed", error_kind="timeout")
    mirror.work("stored", retry_failed=True)
    assert due(mirror, listing) == [False]
    assert mirror.claim() == []


def finish_all(mirror: Any, **more: Any) -> list[str | None]:
    """Finish what is due as stored; which copies it was to be made from."""
    sources = []
    for claim in mirror.claim():
        listing = claim["listing_id"]
        results = [mirror.result(listing, image, "stored", **more) for image in claim["images"]]
        assert mirror.finish(claim, results)["accepted"]
        sources += [image["copy_from"] for image in claim["images"]]
    return sources


def test_a_date_does_not_vouch_for_another_item(mirror: Any, stored: int) -> None:
    mirror.sql.execute("update listing_images set etag = 'e', last_modified = 'then' where true")
    rename(mirror, stored, "Tsuba, signed Goto")
    assert mirror.rows("select etag, last_modified from listing_images") == [("e", None)] * 2


def test_a_copy_that_moves_while_it_is_in_doubt_stays_in_doubt(mirror: Any, stored: int) -> None:
    recheck(mirror)
    mirror.set_images(stored, [B, A])
    mirror.set_images(stored, [B, "https://i.example/new.jpg", A])
    assert None not in finish_all(mirror)[::2]
    assert due(mirror, stored) == [True, False, True]
    mirror.check_invariants()
    assert finish_all(mirror) == [None, None]
    assert due(mirror, stored) == [False] * 3
    mirror.check_invariants()


def test_a_copy_that_moves_away_and_back_stays_in_doubt(mirror: Any, stored: int) -> None:
    recheck(mirror)
    shown = mirror.stored_images(stored)
    mirror.set_images(stored, [B, A])
    mirror.set_images(stored, [A, B])
    assert mirror.stored_images(stored) == shown
    assert due(mirror, stored) == [True, True]


def test_an_address_added_again_is_asked_for_with_its_re_check(mirror: Any, stored: int) -> None:
    recheck(mirror)
    mirror.set_images(stored, [A, B, A])
    assert finish_all(mirror, digest=OTHER_BYTES) == [None, None, None]
    assert {mirror.image(stored, place)["sha256"] for place in range(3)} == {OTHER_BYTES}
    mirror.check_invariants()


def test_what_is_lost_for_ever_does_not_make_a_re_check_urgent(mirror: Any, stored: int) -> None:
    mirror.set_images(stored, [A, B, "https://i.example/banner.jpg"])
    mirror.work("rejected", error_kind="not_an_image")
    recheck(mirror)
    assert mirror.one("select priority from image_queue") == 5


def test_a_source_that_asks_for_time_gets_it_for_a_re_check_too(mirror: Any, stored: int) -> None:
    recheck(mirror)
    mirror.work("failed", error_kind="http_429", retry_after_s=7200)
    mirror.pass_time(1.5)
    assert mirror.claim() == []
    mirror.pass_time(1)
    assert len(mirror.claim()) == 1
