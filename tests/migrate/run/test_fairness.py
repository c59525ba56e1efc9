"""One dealer never harms another, and a mix of everything ends right, by the server's record."""

from __future__ import annotations

import os
from typing import Any

LISTINGS = int(os.environ.get("MIRROR_LISTINGS", "60"))
"""The full round is MIRROR_LISTINGS=300."""

RECOVERABLE = {
    "ok": 10,
    "same": 4,
    "503~1": 4,
    "503~2": 4,
    "429-3": 4,
    "truncate~1": 4,
    "reset~1": 4,
    "redirect": 4,
}
HOPELESS = {
    "404": 4,
    "html": 4,
    "empty": 2,
    "truncate": 2,
    "half": 2,
    "loop": 1,
    "canary": 2,
    "bomb": 1,
    "huge": 1,
    "drip": 1,
}


def span_s(rows: list[dict[str, Any]]) -> float:
    return float(max(row["until"] for row in rows) - min(row["at"] for row in rows))


def test_a_stalling_and_a_refusing_dealer_do_not_slow_a_fine_one(world: Any, source: Any) -> None:
    fine = [[source.url("ok", f"alone-{n}", host="127.0.5.3")] for n in range(LISTINGS)]
    world.add_listings("Fine", fine)
    code, _, err = world.command("--limit", "1000")
    assert code == 0, err
    alone_s = span_s(source.requests("127.0.5.3"))

    world.add_listings("Stalls", [[u] for u in source.urls("stall", LISTINGS, host="127.0.5.1")])
    world.add_listings("Refuses", [[u] for u in source.urls("429", LISTINGS, host="127.0.5.2")])
    again = [[source.url("ok", f"beside-{n}", host="127.0.5.3")] for n in range(LISTINGS)]
    world.add_listings("Fine", again)
    code, _, err = world.command("--limit", "1000")
    assert code == 0, err

    beside_s = span_s(source.requests("beside"))
    # Waiting for each stalled image would cost a read time-out (1 s) or more each: the fine dealer
    # must not pay even a fifth of that, however busy this machine is.
    assert beside_s < alone_s + 0.2 * LISTINGS
    if LISTINGS >= 300:
        assert beside_s < 1.2 * alone_s
    states = world.by_url()
    assert all(states[url]["state"] == "stored" for (url,) in fine + again)
    # What was asked for says so; the rest waits, with the reason at its host.
    spoilt = [row for row in world.images() if row["state"] != "stored"]
    assert len(spoilt) == 2 * LISTINGS
    tried = [row for row in spoilt if row["state"] == "failed"]
    assert {(row["error_kind"], row["attempts"]) for row in tried} == {
        ("timeout", 1),
        ("http_429", 1),
    }
    assert {row["state"] for row in spoilt if row not in tried} == {"pending"}
    left_alone = {
        row["host"].partition(":")[0]: row for row in world.rows("hosts_left_alone", order="host")
    }
    assert {host: row["kind"] for host, row in left_alone.items()} == {
        "127.0.5.1": "timeout",
        "127.0.5.2": "http_429",
    }
    assert (left_alone["127.0.5.1"]["dealer_id"], left_alone["127.0.5.2"]["dealer_id"]) == (
        0,
        world.add_dealer("Refuses"),
    )
    assert len(source.requests("127.0.5.1")) <= 7
    assert len(source.requests("127.0.5.2")) <= 7
    world.assert_sound(source)


def test_a_mix_of_recoverable_and_hopeless_images_ends_right(world: Any, source: Any) -> None:
    good = [url for kind, count in RECOVERABLE.items() for url in source.urls(kind, count)]
    bad = [url for kind, count in HOPELESS.items() for url in source.urls(kind, count)]
    assert (len(good), len(bad)) == (38, 20)
    mixed = [url for pair in zip(good, bad, strict=False) for url in pair] + good[len(bad) :]
    world.add_listings("Aoi Art", [mixed[start : start + 6] for start in range(0, 58, 6)])

    code, _, err = world.command()

    assert code == 0, err
    found = world.by_url()
    assert {url for url in good if found[url]["state"] != "stored"} == set()
    assert {url for url in bad if found[url]["state"] == "stored"} == set()
    world.assert_sound(source)
    world.assert_no_orphans()
    asked = sorted(source.requests(), key=lambda row: row["at"])
    assert [row for row in asked if "127.66.66.66" in row["host"]] == []
    assert max(row["running"] for row in asked) <= 4
    for refusal in (row for row in asked if row["status"] in (429, 503)):
        wish_s = 3.0 if "429-3" in refusal["path"] else 1.0
        held = (refusal["until"] + 0.5, refusal["until"] + wish_s - 0.05)
        assert [row for row in asked if held[0] < row["at"] < held[1]] == []
