"""A host that is left alone: what is handed out meanwhile, what is said of it, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

DEAD = "https://dead.example/{}.jpg"
CDN = "https://cdn.example/{}/{}.jpg"


def leave(mirror: Any, host: str, dealer: int | None = None, kind: str = "timeout") -> Any:
    return mirror.rpc(
        "leave_host_alone",
        p_host=host,
        p_dealer_id=dealer,
        p_kind=kind,
        p_detail="no answer within 10 s",
    )


def claimed(mirror: Any, **given: Any) -> list[int]:
    return [claim["listing_id"] for claim in mirror.claim(**given)]


def test_nothing_of_a_host_left_alone_is_handed_out_until_its_next_look(mirror: Any) -> None:
    waiting = mirror.listing([DEAD.format(1)])
    fine = mirror.listing(["https://fine.example/1.jpg"])
    assert leave(mirror, "Dead.example")["seconds"] == 900
    assert claimed(mirror) == [fine]
    mirror.pass_time(0.26)
    assert waiting in claimed(mirror)


def test_one_dealers_part_of_a_shared_host_leaves_the_others(mirror: Any) -> None:
    one, other = mirror.dealer("One"), mirror.dealer("Other")
    mirror.listing([CDN.format("one", 1)], dealer=one)
    fine = mirror.listing([CDN.format("other", 1)], dealer=other)
    leave(mirror, "cdn.example", one, "http_5xx")
    assert claimed(mirror) == [fine]


def test_the_rest_of_a_listing_is_worked_on_meanwhile(mirror: Any) -> None:
    listing = mirror.listing([DEAD.format(1), "https://fine.example/1.jpg", DEAD.format(2)])
    leave(mirror, "dead.example")
    (claim,) = mirror.claim()
    assert [image["position"] for image in claim["images"]] == [1]
    mirror.finish(claim, [mirror.result(listing, claim["images"][0], "stored")])
    assert claimed(mirror) == []
    assert [state for _, state in mirror.images(listing)] == ["pending", "stored", "pending"]


def test_pauses_grow_to_a_day_and_several_runners_count_once(mirror: Any) -> None:
    mirror.listing([DEAD.format(1)])
    since = leave(mirror, "dead.example")["since"]
    hours = []
    for _ in range(6):
        answer = leave(mirror, "dead.example")
        leave(mirror, "dead.example")
        hours.append(round(answer["seconds"] / 3600, 2))
        mirror.pass_time(answer["seconds"] / 3600 + 0.001)
    assert hours == [0.25, 1, 4, 12, 24, 24]
    assert mirror.one("select since < %s::timestamptz from hosts_left_alone", since) is True


@pytest.mark.parametrize(("answer_for", "left"), [(None, ["One"]), ("One", []), ("Other", ["One"])])
def test_an_answer_ends_it_for_the_host_and_for_the_dealer_it_was_about(
    mirror: Any, answer_for: str | None, left: list[str]
) -> None:
    for name in ("One", "Other"):
        mirror.listing([CDN.format(name, 1)], dealer=mirror.dealer(name))
    leave(mirror, "cdn.example")
    leave(mirror, "cdn.example", mirror.dealer("One"), "http_403")
    dealer = None if answer_for is None else mirror.dealer(answer_for)
    mirror.rpc("host_answered", p_host="CDN.example", p_dealer_id=dealer)
    found = mirror.rpc("image_statistics")["hosts_left_alone"]
    assert [one["dealer"] for one in found] == left


def test_retry_failed_asks_at_once_what_waits_for_it(mirror: Any) -> None:
    never_tried = mirror.listing([DEAD.format(1)])
    tried = mirror.listing([DEAD.format(2)])
    mirror.listing(["https://fine.example/1.jpg"])
    mirror.work(
        "failed", only=tried, error_kind="timeout", error_detail="no answer", retry_failed=False
    )
    leave(mirror, "dead.example")
    assert set(claimed(mirror, p_retry_failed=True)) == {never_tried, tried}
    assert claimed(mirror, p_retry_failed=True, p_skip_hosts=["dead.example"]) == []


def test_retry_failed_takes_one_listing_by_number(mirror: Any) -> None:
    listing = mirror.listing([DEAD.format(1)])
    leave(mirror, "dead.example")
    assert claimed(mirror, p_listing_ids=[listing]) == []
    assert claimed(mirror, p_listing_ids=[listing], p_retry_failed=True) == [listing]


def test_it_is_shown_with_its_reason_wherever_it_matters(mirror: Any) -> None:
    dealer = mirror.dealer("Waits")
    listing = mirror.listing([DEAD.format(1), DEAD.format(2)], dealer=dealer)
    mirror.listing(["https://fine.example/1.jpg"], dealer=mirror.dealer("Fine"))
    leave(mirror, "dead.example")
    reason = {
        "host": "dead.example",
        "kind": "timeout",
        "detail": "no answer within 10 s",
    }
    numbers = mirror.rpc("image_statistics")
    (host,) = numbers["hosts_left_alone"]
    assert reason.items() <= host.items()
    assert (host["listings"], host["images"], host["tries"]) == (1, 2, 1)
    assert {"since", "next_look"} <= set(host)
    per_dealer = {one["dealer"]: one["left_alone"] for one in numbers["dealers"]}
    assert [one["host"] for one in per_dealer["Waits"]] == ["dead.example"]
    assert per_dealer["Fine"] == []
    for answer in (
        mirror.rpc("preview_claims", p_limit=5),
        mirror.rpc("claim_listings", p_limit=5, p_lease_s=30),
    ):
        assert [one["host"] for one in answer["left_alone"]] == ["dead.example"]
    for image in mirror.rpc("explain_listing", p_listing_id=listing)["images"]:
        assert reason.items() <= image["left_alone"].items()


def test_a_host_that_nothing_waits_for_any_more_is_forgotten(mirror: Any) -> None:
    listing = mirror.listing([DEAD.format(1)])
    leave(mirror, "dead.example")
    mirror.run()
    assert mirror.one("select count(*) from hosts_left_alone") == 1
    mirror.set_images(listing, ["https://moved.example/1.jpg"])
    assert mirror.rpc("image_statistics")["hosts_left_alone"] == []
    mirror.run()
    assert mirror.one("select count(*) from hosts_left_alone") == 0


def test_what_was_handed_out_goes_behind_what_was_not(mirror: Any) -> None:
    ids = [mirror.listing([f"https://fine.example/{n}.jpg"]) for n in range(6)]
    seen: list[int] = []
    for _ in range(3):
        claims = mirror.claim(limit=2)
        seen += [claim["listing_id"] for claim in claims]
        mirror.rpc("release_claims", p_tokens=[claim["token"] for claim in claims])
    assert seen == ids
    assert claimed(mirror, limit=2) == ids[:2]


def test_failed_listings_take_turns_too(mirror: Any) -> None:
    ids = [mirror.listing([f"https://fine.example/{n}.jpg"]) for n in range(4)]
    mirror.work("rejected", error_kind="not_an_image")
    seen: list[int] = []
    for _ in range(2):
        claims = mirror.claim(limit=2, p_retry_failed=True)
        seen += [claim["listing_id"] for claim in claims]
        for claim in claims:
            results = [
                mirror.result(claim["listing_id"], image, "rejected", error_kind="not_an_image")
                for image in claim["images"]
            ]
            assert mirror.finish(claim, results)["accepted"]
    assert sorted(seen) == ids
