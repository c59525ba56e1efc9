"""Recording results: fenced, fair to the source, and right when the listing changes underneath."""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

URL = "https://img.example/{}.jpg"


def due_in_s(mirror: Any, listing: int, position: int = 0) -> float | None:
    seconds = mirror.one(
        "select extract(epoch from due_at - now()) from listing_images where listing_id = %s and position = %s",
        listing,
        position,
    )
    return None if seconds is None else float(seconds)


def test_results_are_recorded_in_one_call(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b"), URL.format("c")])
    run = mirror.run()
    (claim,) = mirror.claim(run=run)
    a, b, _ = claim["images"]
    answer = mirror.finish(
        claim,
        [
            mirror.result(listing, a, "stored", etag='"e"', last_modified="yesterday"),
            mirror.result(
                listing, b, "failed", error_kind="http_5xx", http_status=503, error_detail="busy"
            ),
        ],
    )
    assert answer == {
        "accepted": True,
        "status": "pending",
        "images": {"pending": 1, "stored": 1, "failed": 1, "gone": 0, "rejected": 0},
        "gone": 0,
        "holds": [],
    }
    stored = mirror.image(listing, 0)
    assert {
        key: stored[key]
        for key in ("state", "bytes", "width", "height", "etag", "last_modified", "attempts")
    } == {
        "state": "stored",
        "bytes": 10,
        "width": 4,
        "height": 3,
        "etag": '"e"',
        "last_modified": "yesterday",
        "attempts": 0,
    }
    failed = mirror.image(listing, 1)
    assert (failed["state"], failed["attempts"], failed["error_kind"], failed["http_status"]) == (
        "failed",
        1,
        "http_5xx",
        503,
    )
    assert mirror.one("select images_upload_error from listings") == "http_5xx: 1"
    assert mirror.rows("select event, run_id from listing_image_events order by position") == [
        ("stored", run),
        ("failed", run),
    ]
    mirror.check_invariants()


def test_a_finish_answered_into_the_void_can_be_repeated(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    (claim,) = mirror.claim()
    results = [mirror.result(listing, claim["images"][0], "failed", error_kind="timeout")]
    first = mirror.finish(claim, results)
    assert mirror.finish(claim, results) == first | {"repeated": True}
    assert mirror.image(listing)["attempts"] == 1


@pytest.mark.parametrize("token", [None, "00000000-0000-0000-0000-000000000000"])
def test_a_wrong_token_changes_nothing(mirror: Any, token: str | None) -> None:
    listing = mirror.listing([URL.format("a")])
    (claim,) = mirror.claim()
    answer = mirror.finish(
        claim | {"token": token}, [mirror.result(listing, claim["images"][0], "stored")]
    )
    assert answer == {"accepted": False, "reason": "the claim was lost"}
    assert mirror.image(listing)["state"] == "pending"


def test_no_token_is_no_claim(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    answer = mirror.finish({"listing_id": listing, "token": None}, [])
    assert answer == {"accepted": False, "reason": "the claim was lost"}


def test_a_deleted_listing_is_said(mirror: Any) -> None:
    mirror.listing([URL.format("a")])
    (claim,) = mirror.claim()
    mirror.sql.execute("delete from listings")
    assert mirror.finish(claim, [])["reason"] == "the listing does not exist any more"


@pytest.mark.parametrize(
    "results", ["", "[]", "null", "{}", "nonsense", '[{"position": "x"}]', '"[]"', "[1]"]
)
def test_results_that_say_nothing_or_nonsense_never_raise(mirror: Any, results: str) -> None:
    listing = mirror.listing([URL.format("a")])
    (claim,) = mirror.claim()
    answer = mirror.rpc(
        "finish_listing", p_listing_id=listing, p_token=claim["token"], p_results=results
    )
    assert answer["accepted"] is (results in ("", "[]")), answer
    assert mirror.image(listing)["state"] == "pending"


@pytest.mark.parametrize(
    "wrong",
    [
        {"public_url": None},
        {"storage_path": None},
        {"storage_path": "aoi-art/L00001/abababababab/07.jpg"},
        {"public_url": "https://x.example/aoi-art/L00001/abababababab/00.jpg?v=1"},
    ],
)
def test_a_copy_the_frontend_could_not_place_is_refused(mirror: Any, wrong: dict[str, Any]) -> None:
    listing = mirror.listing([URL.format("a")])
    (claim,) = mirror.claim()
    answer = mirror.finish(claim, [mirror.result(listing, claim["images"][0], "stored") | wrong])
    assert answer["accepted"] is False
    assert mirror.finish(claim, [mirror.result(listing, claim["images"][0], "stored")])["accepted"]


def test_an_unknown_error_kind_is_other(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    mirror.work("failed", error_kind="gremlins")
    assert mirror.image(listing)["error_kind"] == "other"


def test_faults_wait_longer_each_time_and_then_stop(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    for hours in (0.25, 1, 4, 12, 24, 48):
        mirror.work("failed", error_kind="timeout")
        assert due_in_s(mirror, listing) == pytest.approx(hours * 3600, abs=60)
        mirror.pass_time(hours)
    mirror.work("failed", error_kind="timeout")
    assert due_in_s(mirror, listing) is None
    mirror.pass_time(1000)
    assert mirror.claim() == []
    mirror.work(retry_failed=True)
    assert mirror.status(listing) == "completed"


@pytest.mark.parametrize(("asked", "waits"), [(60, 900), (7200, 7200), (1e9, 604800), (-5, 900)])
def test_a_source_may_ask_for_more_time_within_reason(
    mirror: Any, asked: float, waits: float
) -> None:
    listing = mirror.listing([URL.format("a")])
    mirror.work("failed", error_kind="http_429", http_status=429, retry_after_s=asked)
    assert due_in_s(mirror, listing) == pytest.approx(waits, abs=60)


@pytest.mark.parametrize("kind", ["storage_unavailable", "storage_rejected", "interrupted"])
def test_our_own_faults_count_against_nobody(mirror: Any, kind: str) -> None:
    fresh = mirror.listing([URL.format("a")])
    mirror.work("failed", error_kind=kind)
    row = mirror.image(fresh)
    assert (row["state"], row["attempts"], mirror.status(fresh)) == ("pending", 0, "pending")
    mirror.work("failed", error_kind="timeout")
    mirror.pass_time(1)
    mirror.work("failed", error_kind=kind)
    row = mirror.image(fresh)
    assert (row["state"], row["attempts"]) == ("failed", 1)
    assert len(mirror.claim()) == 1


def test_an_absence_is_final_after_three_tries_over_two_days(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    tries = 0
    while mirror.image(listing)["state"] != "gone":
        assert tries < 12
        mirror.work("failed", error_kind="http_404", http_status=404)
        tries += 1
        if mirror.image(listing)["state"] == "failed":
            assert due_in_s(mirror, listing) is not None
            mirror.pass_time(24)
    assert tries == 3
    assert mirror.status(listing) == "failed"
    assert mirror.rpc("image_statistics")["images"]["lost_for_ever"] == 1
    mirror.pass_time(1000)
    assert mirror.claim() == []


def test_many_absences_within_a_day_are_not_final(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    for turn in range(5):
        mirror.work("failed", error_kind="http_410", retry_failed=turn > 0)
    assert (mirror.image(listing)["state"], mirror.image(listing)["absences"]) == ("failed", 5)


def test_a_returned_image_forgets_its_absence(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    mirror.work("failed", error_kind="http_404")
    mirror.pass_time(1)
    mirror.work()
    row = mirror.image(listing)
    assert (row["state"], row["absences"], row["first_absent_at"], row["error_kind"]) == (
        "stored",
        0,
        None,
        None,
    )


def test_results_for_an_image_that_was_replaced_meanwhile_are_dropped(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b")])
    (claim,) = mirror.claim()
    mirror.set_images(listing, [URL.format("x"), URL.format("b")])
    answer = mirror.finish(
        claim, [mirror.result(listing, image, "stored") for image in claim["images"]]
    )
    assert (answer["accepted"], answer["status"]) == (True, "pending")
    assert [state for _, state in mirror.images(listing)] == ["pending", "stored"]
    mirror.check_invariants()


def test_a_copy_made_for_an_image_that_moved_meanwhile_is_used(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b")])
    (claim,) = mirror.claim()
    mirror.set_images(listing, [URL.format("b"), URL.format("a")])
    mirror.finish(
        claim,
        [
            mirror.result(listing, image, "stored", digest=name * 64)
            for image, name in zip(claim["images"], "12", strict=True)
        ],
    )
    (again,) = mirror.claim()
    assert [
        (image["position"], image["copy_from"][-6:], image["sha256"]) for image in again["images"]
    ] == [
        (0, "01.jpg", "2" * 64),
        (1, "00.jpg", "1" * 64),
    ]
    mirror.check_invariants()


def test_a_failure_does_not_undo_a_copy_restored_meanwhile(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b")])
    mirror.work()
    mirror.set_images(listing, [URL.format("b"), URL.format("a")])
    (claim,) = mirror.claim()
    mirror.set_images(listing, [URL.format("a"), URL.format("b")])
    mirror.finish(
        claim,
        [
            mirror.result(listing, image, "failed", error_kind="timeout")
            for image in claim["images"]
        ],
    )
    assert mirror.status(listing) == "completed"


def test_untouched_images_stay_as_they_are(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    mirror.work("untouched")
    assert (mirror.image(listing)["state"], mirror.image(listing)["attempts"]) == ("pending", 0)
    assert len(mirror.claim()) == 1


def test_the_same_address_twice_is_copied_from_the_first(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("a")])
    (claim,) = mirror.claim()
    mirror.finish(claim, [mirror.result(listing, claim["images"][0], "stored")])
    (again,) = mirror.claim()
    (image,) = again["images"]
    assert (image["position"], image["copy_from"]) == (1, mirror.image(listing, 0)["storage_path"])


def test_listings_are_not_written_when_nothing_changes(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b")])
    mirror.work(lambda url: "stored" if "/a" in url else "failed", error_kind="timeout")
    row = mirror.one("select ctid::text from listings where id = %s", listing)
    mirror.pass_time(1)
    mirror.work("failed", error_kind="timeout")
    assert mirror.one("select ctid::text from listings where id = %s", listing) == row


def test_a_finish_waits_for_a_writer_and_then_sees_his_images(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b")])
    (claim,) = mirror.claim()
    writer = mirror.session(autocommit=False)
    writer.execute(
        "update listings set images = '[\"https://img.example/b.jpg\"]' where id = %s", (listing,)
    )
    answers: list[Any] = []
    results = [mirror.result(listing, image, "stored") for image in claim["images"]]
    thread = threading.Thread(target=lambda: answers.append(mirror.finish(claim, results)))
    thread.start()
    watcher = mirror.session()
    while not watcher.execute("select 1 from pg_locks where not granted").fetchone():
        assert thread.is_alive()
    writer.commit()
    thread.join()
    assert answers[0]["accepted"]
    (row,) = mirror.rows("select to_jsonb(i) from listing_images i")
    assert (row["source_url"], row["state"]) == (URL.format("b"), "pending")
    assert row["copy_from"].endswith("/01.jpg")
    mirror.check_invariants()


def test_a_writer_waits_for_a_finish_and_then_moves_its_copies(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b")])
    (claim,) = mirror.claim()
    runner = mirror.session(autocommit=False)
    mirror.rpc(
        "finish_listing",
        on=runner,
        p_listing_id=listing,
        p_token=claim["token"],
        p_results=json.dumps(
            [mirror.result(listing, image, "stored") for image in claim["images"]]
        ),
    )
    thread = threading.Thread(
        target=lambda: mirror.set_images(listing, [URL.format("b"), URL.format("a")])
    )
    thread.start()
    watcher = mirror.session()
    while not watcher.execute("select 1 from pg_locks where not granted").fetchone():
        assert thread.is_alive()
    runner.commit()
    thread.join()
    assert mirror.stored_images(listing) == []
    assert [
        path[-6:] for path in mirror.rows("select copy_from from listing_images order by position")
    ] == [
        "01.jpg",
        "00.jpg",
    ]
    mirror.check_invariants()


def all_stored(mirror: Any, claim: Any) -> dict[str, Any]:
    """What a runner tells of a claim whose images it has stored."""
    return {
        "listing_id": claim["listing_id"],
        "token": claim["token"],
        "is_last": True,
        "results": [
            mirror.result(claim["listing_id"], image, "stored") for image in claim["images"]
        ],
    }


def test_runners_and_writers_at_once_never_deadlock(mirror: Any) -> None:
    for n in range(60):
        mirror.listing([URL.format(f"{n}-{p}") for p in range(3)])
    mirror.claim(limit=0)
    for name in ("extend_claims", "record_results", "release_claims"):
        mirror.rpc(name)  # every signature is known before the threads start
    problems: list[BaseException] = []
    sessions = [mirror.session() for _ in range(5)]

    def guarded(work: Any) -> Any:
        def run() -> None:
            try:
                work()
            except BaseException as problem:
                problems.append(problem)

        return run

    def write(session: Any, order: str) -> Any:
        def work() -> None:
            for turn in range(8):
                with session.transaction():
                    # Writers of many rows agree on an order among themselves, as any two must.
                    session.execute("select 1 from listings order by id for update")
                    session.execute(
                        "update listings set images = (select jsonb_agg(e order by random())"
                        " from jsonb_array_elements(images) e), title = %s where true",
                        (f"{order}{turn}",),
                    )

        return work

    def run(session: Any) -> Any:
        def work() -> None:
            for _ in range(12):
                number = mirror.rpc("start_run", on=session, p_run_type="migrate")["run_id"]
                claims = mirror.claim(on=session, run=number, limit=9)
                mirror.rpc(
                    "extend_claims", on=session, p_tokens=[c["token"] for c in claims], p_lease_s=30
                )
                told = [all_stored(mirror, claim) for claim in claims[1:]]
                mirror.rpc("record_results", on=session, p_claims=json.dumps(told))
                mirror.rpc("release_claims", on=session, p_tokens=[c["token"] for c in claims])

        return work

    mirror.run()
    works = [
        write(sessions[0], "x"),
        write(sessions[1], "y"),
        *(run(session) for session in sessions[2:]),
    ]
    threads = [threading.Thread(target=guarded(work)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    mirror.check_invariants()


def test_only_what_is_gone_now_is_said_to_be(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b")])
    for gone in (0, 0, 2):
        assert mirror.work("failed", error_kind="http_404")["gone"] == gone
        mirror.pass_time(50)
    mirror.set_images(listing, [URL.format("a"), URL.format("b"), URL.format("c")])
    assert mirror.work("failed", error_kind="http_404")["gone"] == 0
    assert mirror.rpc("image_statistics")["images"]["gone"] == 2


def test_the_history_of_a_listing_is_trimmed_but_for_names_in_the_old_layout(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    mirror.sql.execute(
        "insert into listing_image_events (listing_id, position, source_url, event, storage_path)"
        " select %s, 0, 'x', 'tried', case when n = 1 then 'aoi-art/L1/00.jpg' end"
        " from generate_series(1, 1500) n",
        (listing,),
    )
    mirror.work("stored")
    kept = mirror.rows("select storage_path from listing_image_events order by id")
    assert len(kept) == 1001
    assert kept[0] == "aoi-art/L1/00.jpg"


def record(mirror: Any, claim: Any, results: list[dict[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = mirror.rpc(
        "record_images",
        p_listing_id=claim["listing_id"],
        p_token=claim["token"],
        p_results=json.dumps(results),
    )
    return answer


def test_results_are_recorded_while_the_claim_goes_on(mirror: Any) -> None:
    listing = mirror.listing([URL.format(name) for name in "abc"])
    (claim,) = mirror.claim()
    a, b, c = claim["images"]
    looks = {"placeholder": "1QcSHQRnh493V4dIh4eXh1h4kJUI", "average_color": "#336699", "phash": -7}
    for _ in range(2):  # an answer that was lost is asked for again
        assert record(mirror, claim, [mirror.result(listing, a, "stored", **looks)])["accepted"]
        failed = mirror.result(listing, b, "failed", error_kind="timeout")
        assert record(mirror, claim, [failed])["accepted"]
    assert (mirror.image(listing, 1)["attempts"], mirror.status(listing)) == (1, "pending")
    assert {key: mirror.image(listing)[key] for key in looks} == looks
    assert len(mirror.stored_images(listing)) == 1
    assert mirror.claim() == []  # still somebody's
    done = mirror.finish(claim, [mirror.result(listing, c, "stored"), failed])
    assert (done["accepted"], done["status"]) == (True, "partial")
    assert mirror.image(listing, 1)["attempts"] == 1
    assert not record(mirror, claim, [mirror.result(listing, a, "stored")])["accepted"]
    mirror.check_invariants()


def test_a_successor_repeats_only_what_was_not_recorded(mirror: Any) -> None:
    listing = mirror.listing([URL.format(name) for name in "abc"])
    (claim,) = mirror.claim()
    record(mirror, claim, [mirror.result(listing, claim["images"][1], "stored")])
    mirror.pass_time(1)
    (again,) = mirror.claim()
    assert [image["position"] for image in again["images"]] == [0, 2]
    refused = record(mirror, claim, [mirror.result(listing, claim["images"][0], "stored")])
    assert refused == {"accepted": False, "reason": "the claim was lost"}


def test_a_copy_made_for_an_address_that_left_meanwhile_waits_for_its_return(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    (claim,) = mirror.claim()
    mirror.set_images(listing, [URL.format("x")])
    record(mirror, claim, [mirror.result(listing, claim["images"][0], "stored")])
    assert mirror.image(listing)["state"] == "pending"
    mirror.set_images(listing, [URL.format("a")])
    assert mirror.image(listing)["state"] == "stored"
    mirror.check_invariants()


def test_several_claims_are_told_of_in_one_call(mirror: Any) -> None:
    first, second, third = (
        mirror.listing([URL.format(f"{n}a"), URL.format(f"{n}b")]) for n in "xyz"
    )
    claims = {claim["listing_id"]: claim for claim in mirror.claim(limit=3)}
    part = all_stored(mirror, claims[second])
    part |= {"is_last": False, "results": part["results"][:1]}
    lost = all_stored(mirror, claims[third]) | {"token": claims[first]["token"]}
    told = [all_stored(mirror, claims[first]), part, lost]
    for is_repeated in (False, True):  # an answer that was lost is asked for again
        answer = mirror.rpc("record_results", p_claims=json.dumps(told))
        done, recorded, refused = answer["answers"]
        assert (done["accepted"], done["status"]) == (True, "completed")
        assert done.get("repeated", False) is is_repeated
        assert recorded == {"accepted": True, "gone": 0}
        assert refused == {"accepted": False, "reason": "the claim was lost"}
    assert [len(mirror.stored_images(one)) for one in (first, second, third)] == [2, 1, 0]
    (left,) = mirror.rows("select count(*) from image_queue where claim_token is not null")
    assert left == 2
    mirror.check_invariants()


@pytest.mark.parametrize("table", ["listings", "image_queue"])
def test_a_listing_that_somebody_is_changing_holds_up_no_other(mirror: Any, table: str) -> None:
    first, second = mirror.listing([URL.format("a")]), mirror.listing([URL.format("b")])
    claims = {claim["listing_id"]: claim for claim in mirror.claim(limit=2)}
    writer = mirror.session(autocommit=False)
    key = "id" if table == "listings" else "listing_id"
    writer.execute(f"select 1 from {table} where {key} = %s for update".encode(), (first,))
    told = [all_stored(mirror, claims[number]) for number in (first, second)]
    answers = mirror.rpc("record_results", p_claims=json.dumps(told))["answers"]
    assert answers[0] == {"accepted": False, "busy": True}
    assert answers[1]["status"] == "completed"
    writer.commit()
    (answer,) = mirror.rpc("record_results", p_claims=json.dumps(told[:1]))["answers"]
    assert answer["status"] == "completed"


def test_of_a_listing_that_is_no_more_the_call_says_so(mirror: Any) -> None:
    mirror.listing([URL.format("a")])
    (claim,) = mirror.claim()
    told = all_stored(mirror, claim)
    mirror.sql.execute("delete from listings")
    answer = mirror.rpc("record_results", p_claims=json.dumps([told]))
    reason = "the listing does not exist any more"
    assert answer == {"answers": [{"accepted": False, "reason": reason}], "holds": []}
