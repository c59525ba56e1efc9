"""Claims: who works on what, for how long, and in which order."""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

URL = "https://img.example/{}.jpg"


def ids(claims: list[Any]) -> list[int]:
    return [claim["listing_id"] for claim in claims]


def test_a_claim_says_all_a_runner_needs(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b")], url="https://aoi.example/item")
    mirror.sql.execute(
        'insert into dealer_settings select id, \'{"referer": "https://aoi.example/"}\' from dealers'
    )
    mirror.work(lambda url: "stored" if "/a" in url else "failed", error_kind="timeout")
    mirror.pass_time(1)
    (claim,) = mirror.claim()
    assert {
        key: claim[key] for key in ("listing_id", "dealer", "slug", "page_url", "dealer_settings")
    } == {
        "listing_id": listing,
        "dealer": "Aoi Art",
        "slug": "aoi-art",
        "page_url": "https://aoi.example/item",
        "dealer_settings": {"referer": "https://aoi.example/"},
    }
    (due,) = claim["images"]
    assert (due["position"], due["state"], due["attempts"], due["error_kind"]) == (
        1,
        "failed",
        1,
        "timeout",
    )
    (stored,) = claim["stored"]
    assert (stored["position"], stored["sha256"]) == (0, "ab" * 32)


def test_a_run_takes_a_listing_once(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    run = mirror.run()
    (claim,) = mirror.claim(run=run)
    assert mirror.rpc("release_claims", p_tokens=[claim["token"]]) == {"released": 1}
    assert mirror.claim(run=run) == []
    assert ids(mirror.claim()) == [listing]


def test_a_live_claim_is_nobody_elses_and_a_lapsed_one_anybodys(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    (first,) = mirror.claim()
    other = mirror.run()
    assert mirror.claim(run=other) == []
    waiting = mirror.rpc("waiting_claims", p_run_id=other)
    assert waiting["listings"] == 1
    assert 0 < waiting["stale_seconds"] <= waiting["seconds"] <= 30
    assert mirror.rpc("extend_claims", p_tokens=[first["token"]], p_lease_s=30)["lost"] == []
    assert waiting["lapsed"] == 0
    mirror.pass_time(1)
    waiting = mirror.rpc("waiting_claims", p_run_id=other)
    assert (waiting["listings"], waiting["lapsed"]) == (0, 1)
    (second,) = mirror.claim(run=other)
    assert second["listing_id"] == listing
    assert mirror.rpc("extend_claims", p_tokens=[first["token"]], p_lease_s=30)["lost"] == [
        first["token"]
    ]
    assert mirror.rpc("release_claims", p_tokens=[first["token"]]) == {"released": 0}
    refused = mirror.finish(first, [mirror.result(listing, first["images"][0], "failed")])
    assert refused == {"accepted": False, "reason": "the claim was lost"}
    accepted = mirror.finish(second, [mirror.result(listing, second["images"][0], "stored")])
    assert (accepted["accepted"], accepted["status"]) == (True, "completed")


def test_a_finished_claim_is_not_reported_as_lost(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    (claim,) = mirror.claim()
    mirror.finish(claim, [mirror.result(listing, claim["images"][0], "stored")])
    assert mirror.rpc("extend_claims", p_tokens=[claim["token"]], p_lease_s=30)["lost"] == []


def test_a_claim_whose_lease_lapsed_unnoticed_may_still_finish(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    (claim,) = mirror.claim()
    mirror.pass_time(1)
    assert mirror.finish(claim, [mirror.result(listing, claim["images"][0], "stored")])["accepted"]


def test_a_run_that_ended_without_a_word_is_closed_by_a_later_one(mirror: Any) -> None:
    mirror.listing([URL.format("a")])
    killed, alive, young = mirror.run(), mirror.run(), mirror.run()
    mirror.sql.execute(
        "update scrape_runs set started_at = now() - interval '11 minutes' where id <> %s", (young,)
    )
    mirror.claim(run=alive)
    latest = mirror.run()
    states = dict(mirror.sql.execute("select id, status from scrape_runs").fetchall())
    assert states == {killed: "failed", alive: "running", young: "running", latest: "running"}


def test_runners_at_work_hear_what_a_host_has_asked_another_one_for(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    (claim,) = mirror.claim()
    mirror.rpc("hold_host", p_host="img.example", p_seconds=60, p_reason="Retry-After")
    extended = mirror.rpc("extend_claims", p_tokens=[claim["token"]], p_lease_s=30)
    finished = mirror.finish(claim, [mirror.result(listing, claim["images"][0], "stored")])
    for answer in (extended, finished):
        assert [hold["host"] for hold in answer["holds"]] == ["img.example"]


def test_ten_runners_take_everything_and_nothing_twice(mirror: Any) -> None:
    dealers = [mirror.dealer(f"Dealer {n}") for n in range(4)]
    for n in range(400):
        mirror.listing([URL.format(n)], dealer=dealers[n % 4])
    taken: list[int] = []

    def drain() -> None:
        with psycopg.connect(mirror.uri, autocommit=True) as session:
            run = mirror.rpc("start_run", on=session, p_run_type="migrate")["run_id"]
            while claims := mirror.claim(on=session, run=run, limit=7):
                taken.extend(ids(claims))

    mirror.rpc("waiting_claims")
    mirror.claim(limit=0)  # both signatures are known before the threads start
    threads = [threading.Thread(target=drain) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 400
    assert len(set(taken)) == 400


def test_rows_locked_by_a_writer_are_passed_over(mirror: Any) -> None:
    busy, free = mirror.listing([URL.format("a")]), mirror.listing([URL.format("b")])
    writer = mirror.session(autocommit=False)
    writer.execute(
        "update listings set images = '[\"https://img.example/c.jpg\"]' where id = %s", (busy,)
    )
    assert ids(mirror.claim()) == [free]
    writer.commit()
    assert ids(mirror.claim()) == [busy]


def test_extending_does_not_wait_for_a_writer(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a")])
    (claim,) = mirror.claim()
    writer = mirror.session(autocommit=False)
    writer.execute("update listings set images = '[]' where id = %s", (listing,))
    mirror.sql.execute("set lock_timeout = '1s'")
    assert mirror.rpc("extend_claims", p_tokens=[claim["token"]], p_lease_s=30)["lost"] == []
    writer.rollback()


def test_new_images_first_then_repeats_vanishing_before_steady(mirror: Any) -> None:
    steady_repeat = mirror.listing([URL.format(1)])
    sold_repeat = mirror.listing([URL.format(2)], status="sold")
    mirror.work("failed", error_kind="timeout")
    steady = mirror.listing([URL.format(3)])
    missing = mirror.listing([URL.format(4)], consecutive_404_count=1)
    reserved = mirror.listing([URL.format(5)], status="reserved")
    later_sold = mirror.listing([URL.format(6)])
    mirror.sql.execute("update listings set is_sold = true where id = %s", (later_sold,))
    mirror.pass_time(1)
    assert ids(mirror.claim()) == [
        missing,
        reserved,
        later_sold,
        steady,
        sold_repeat,
        steady_repeat,
    ]


def test_dealers_take_turns(mirror: Any) -> None:
    large, small = mirror.dealer("Large"), mirror.dealer("Small")
    many = [mirror.listing([URL.format(n)], dealer=large) for n in range(4)]
    few = [mirror.listing([URL.format(n)], dealer=small) for n in range(2)]
    assert ids(mirror.claim(limit=5)) == [many[0], few[0], many[1], few[1], many[2]]


def test_narrowed_to_dealers_and_listings(mirror: Any) -> None:
    one, two = mirror.dealer("One"), mirror.dealer("Two")
    first = mirror.listing([URL.format(1)], dealer=one)
    second = mirror.listing([URL.format(2)], dealer=two)
    assert ids(mirror.claim(p_dealer_ids=[two], p_listing_ids=[first])) == []
    assert ids(mirror.claim(p_listing_ids=[first])) == [first]
    assert ids(mirror.claim(p_dealer_ids=[two])) == [second]
    assert mirror.claim(p_dealer_ids=[]) == []


def test_a_slug_that_was_there_before_us_is_spelled_our_way_in_paths(legacy: Any) -> None:
    legacy.sql.execute("alter table dealers add slug text")
    legacy.sql.execute("update dealers set slug = 'Aoi_Art' where id = 1")
    legacy.migrate()
    legacy.listing([URL.format(1)], dealer=1)
    assert [claim["slug"] for claim in legacy.claim()] == ["aoi-art"]
    assert legacy.one("select slug from dealers where id = 1") == "Aoi_Art"


@pytest.mark.parametrize("retry_failed", [False, True])
def test_listings_of_no_dealer_and_of_one_that_is_gone_are_claimed(
    mirror: Any, retry_failed: bool
) -> None:
    mirror.sql.execute("alter table listings drop constraint listings_dealer_id_fkey")
    mirror.sql.execute("alter table listings alter dealer_id drop not null")
    listings = [mirror.listing([URL.format(n)]) for n in range(3)]
    mirror.sql.execute("update listings set dealer_id = null where id = %s", (listings[0],))
    mirror.sql.execute("update listings set dealer_id = 4711 where id = %s", (listings[1],))
    if retry_failed:
        mirror.work("rejected")
    claims = mirror.claim(p_retry_failed=retry_failed)
    assert {claim["listing_id"]: claim["dealer"] for claim in claims} == {
        listings[0]: "",
        listings[1]: "",
        listings[2]: "Aoi Art",
    }


def test_a_listing_with_nothing_but_skipped_hosts_is_left(mirror: Any) -> None:
    dead = mirror.listing(["https://DEAD.example:443/a.jpg", "http://user@dead.example/b.jpg"])
    odd = mirror.listing(["http://dead.example:8088/a.jpg"])
    mixed = mirror.listing(["https://dead.example/a.jpg", URL.format("b")])
    skipped = ["dead.example", "dead.example:8088"]
    assert ids(mirror.claim(p_skip_hosts=skipped)) == [mixed]
    assert ids(mirror.claim(p_skip_hosts=skipped[:1])) == [odd]
    assert ids(mirror.claim()) == [dead]


def test_what_is_not_due_is_not_claimed(mirror: Any) -> None:
    mirror.listing([URL.format("a")])
    mirror.work("failed", error_kind="timeout")
    assert mirror.claim() == []
    mirror.pass_time(0.2)
    assert mirror.claim() == []
    mirror.pass_time(0.1)
    assert len(mirror.claim()) == 1


def test_retry_failed_takes_verdicts_back_but_not_the_impossible(mirror: Any) -> None:
    listing = mirror.listing([URL.format("a"), URL.format("b"), None])
    pending = mirror.listing([URL.format("c")])
    mirror.work(
        lambda url: "rejected" if "/a" in url else "failed", only=listing, error_kind="not_an_image"
    )
    assert mirror.claim(p_listing_ids=[listing]) == []
    (claim,) = mirror.claim(p_retry_failed=True)
    assert claim["listing_id"] == listing
    assert [image["position"] for image in claim["images"]] == [0, 1]
    assert ids(mirror.claim()) == [pending]


def test_a_hold_outlives_its_run_and_is_not_shortened(mirror: Any) -> None:
    assert (
        mirror.rpc("hold_host", p_host="Busy.example", p_seconds=90.0, p_reason="Retry-After")[
            "host"
        ]
        == "busy.example"
    )
    mirror.rpc("hold_host", p_host="busy.example", p_seconds=5.0, p_reason="another")
    (hold,) = mirror.rpc("claim_listings", p_run_id=mirror.run(), p_limit=1, p_lease_s=30)["holds"]
    assert hold["host"] == "busy.example"
    assert 60 < hold["seconds"] <= 90
    mirror.pass_time(1)
    assert (
        mirror.rpc("claim_listings", p_run_id=mirror.run(), p_limit=1, p_lease_s=30)["holds"] == []
    )


def test_a_preview_writes_nothing(mirror: Any) -> None:
    for n in range(3):
        mirror.listing([URL.format(n), f"https://other.example/{n}.jpg"], title=f"Item {n}")
    preview = mirror.rpc("preview_claims", p_limit=2)
    assert [(row["title"], row["images"]) for row in preview["listings"]] == [
        ("Item 0", 2),
        ("Item 1", 2),
    ]
    assert (preview["listings_total"], preview["images_total"]) == (3, 6)
    assert preview["hosts"] == [
        {"host": "img.example", "images": 3},
        {"host": "other.example", "images": 3},
    ]
    assert len(mirror.claim()) == 3


def blocks_of(mirror: Any, call: str) -> int:
    """How many blocks of tables and indexes a call reads, the second time."""
    mirror.sql.execute("set plan_cache_mode = force_generic_plan")
    read = []
    for _ in range(2):
        mirror.sql.execute("begin")
        ((plan,),) = mirror.sql.execute(
            f"explain (analyze, buffers, timing off, format json) select {call}".encode()
        ).fetchall()
        mirror.sql.execute("rollback")
        read.append(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])
    return int(read[1])


def add_many(mirror: Any, *, dealers: int, listings: int, host: str) -> None:
    mirror.sql.execute(
        "insert into dealers (name) select 'Shop ' || n from generate_series(1, %s) n"
        " on conflict (name) do nothing",
        (dealers,),
    )
    mirror.sql.execute(
        """
        insert into listings (url, dealer_id, images)
        select 'https://many.example/' || %(host)s || n, d.id,
          jsonb_build_array('https://' || %(host)s || '/' || n || '/1.jpg', 'https://' || %(host)s || '/' || n || '/2.jpg')
        from (select id, row_number() over (order by id) - 1 as place from dealers) d
        join generate_series(1, %(listings)s) n on n %% %(dealers)s = d.place
        """,
        {"host": host, "dealers": dealers, "listings": listings},
    )
    mirror.sql.execute("vacuum analyze")


CLAIM = "claim_listings(null, 50, 30, null, null, {retry}, {skip})"


@pytest.mark.parametrize("dealers", [1, 40])
def test_a_claim_costs_what_it_hands_out(mirror: Any, dealers: int) -> None:
    call = CLAIM.format(retry="false", skip="null")
    past = CLAIM.format(retry="false", skip="'{cdn.example,none.example}'")
    add_many(mirror, dealers=dealers, listings=1_000, host="cdn.example")
    few = blocks_of(mirror, call)
    add_many(mirror, dealers=dealers, listings=5_000, host="cdn.example:81")
    add_many(mirror, dealers=dealers, listings=5_000, host="cdn.example:82")
    assert blocks_of(mirror, call) < 2 * few
    # A busy host, however much waits for it, is passed over without reading any of it.
    assert blocks_of(mirror, past) < 2 * few
    everything = "'{cdn.example,cdn.example:81,cdn.example:82}'"
    assert blocks_of(mirror, CLAIM.format(retry="false", skip=everything)) < few / 2


def test_a_claim_of_failed_listings_costs_what_it_hands_out(mirror: Any) -> None:
    call = CLAIM.format(retry="true", skip="null")
    costs = []
    for listings in (1_000, 6_000):
        add_many(mirror, dealers=20, listings=listings, host=f"cdn{listings}.example")
        mirror.sql.execute(
            "update listing_images set state = 'failed', error_kind = 'timeout', due_at = null"
            " where state = 'pending'"
        )
        mirror.sql.execute("vacuum analyze")
        costs.append(blocks_of(mirror, call))
    assert costs[1] < 2 * costs[0]
