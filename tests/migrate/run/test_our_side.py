"""Our own storage and database fail: no image is to blame, nothing is lost, and it is said."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from migrate.copying.bucket import Bucket
from migrate.errors import StorageDownError, UnreadableCopiesError
from scraper.base.errors import StorageRejectedError

OBJECTS = "/storage/v1/object/listing-images/"


def refusal(status: int, error: str) -> bytes:
    """As a real storage server says it: the number that counts is in the body."""
    return json.dumps({"statusCode": str(status), "error": error, "message": error}).encode()


@pytest.mark.parametrize(
    ("line", "status", "error"),
    [
        (400, 429, "too_many_connections"),
        (500, 500, "DatabaseError"),
        (400, 503, "acquiring_lock_timeout"),
        (544, 544, "DatabaseTimeout"),
        (400, 423, "ResourceLocked"),
        (502, 502, "Bad Gateway"),
    ],
)
def test_a_busy_storage_is_waited_for(
    world: Any, source: Any, proxy: Any, fault: Any, line: int, status: int, error: str
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 6)])
    proxy.faults.append(fault(OBJECTS, status=line, body=refusal(status, error), times=4))

    summary = world.run(url=proxy.url)

    assert (summary.completed, summary.failed) == (6, 0)
    assert len(source.requests()) == 6
    world.assert_sound(source)


def test_a_storage_that_hangs_up_is_asked_again(
    world: Any, source: Any, proxy: Any, fault: Any
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 6)])
    proxy.faults.append(fault(OBJECTS, hang_s=0.5, times=4))

    assert world.run(url=proxy.url).completed == 6
    world.assert_sound(source)


def test_a_storage_that_stays_away_stops_the_run_and_blames_nobody(
    world: Any, source: Any, proxy: Any, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Bucket.__init__.__kwdefaults__, "down_after_s", 1.0)
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 20)])
    proxy.faults.append(fault(OBJECTS, status=500, body=refusal(500, "Internal")))

    with pytest.raises(StorageDownError, match="run `migrate` again"):
        world.run(url=proxy.url)

    assert world.states() == {"pending": 20}
    assert all(row["attempts"] == 0 for row in world.images())
    assert world.open_claims() == 0
    assert [row["status"] for row in world.rows("scrape_runs")] == ["failed"]
    assert world.run().completed == 20
    world.assert_sound(source)


@pytest.mark.parametrize(
    ("status", "error"), [(404, "Bucket not found"), (403, "Unauthorized"), (401, "InvalidJWT")]
)
def test_what_no_upload_can_survive_stops_the_run_at_once(
    world: Any, source: Any, proxy: Any, fault: Any, status: int, error: str
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 40)])
    proxy.faults.append(fault(OBJECTS, status=400, body=refusal(status, error)))
    began = time.monotonic()

    with pytest.raises(StorageRejectedError):
        world.run(url=proxy.url)

    assert time.monotonic() - began < 10
    assert proxy.count(OBJECTS, "POST") <= 10
    assert world.states() == {"pending": 40}
    assert world.open_claims() == 0


def test_the_command_says_it_in_a_sentence_and_exits_with_1(
    world: Any, source: Any, proxy: Any, fault: Any
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 4)])
    proxy.faults.append(fault(OBJECTS, status=400, body=refusal(404, "Bucket not found")))

    code, out, err = world.command(url=proxy.url)

    assert (code, out) == (1, "")
    assert "bucket" in err
    assert world.open_claims() == 0


def test_what_the_storage_refuses_for_good_is_rejected_and_not_downloaded_again(
    world: Any, source: Any, proxy: Any, fault: Any
) -> None:
    world.add_listings("Aoi Art", [source.urls("ok", 3)])
    body = refusal(413, "Payload too large")
    proxy.faults.append(fault("/01.jpg", status=400, body=body, method="POST"))

    summary = world.run(url=proxy.url)

    assert (summary.stored, summary.rejected) == (2, 1)
    (refused,) = [row for row in world.images() if row["state"] == "rejected"]
    assert (refused["error_kind"], refused["attempts"]) == ("storage_rejected", 0)
    assert "migrate --retry-failed" in refused["error_detail"]
    assert world.run(url=proxy.url).claimed == 0
    assert len(source.requests()) == 3
    proxy.faults.clear()
    assert world.run(url=proxy.url, retry_failed=True).completed == 1
    world.assert_sound(source)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"file_size_limit": 300}, "that our bucket takes (its own file size limit)"),
        ({"allowed_mime_types": ["image/png", "image/webp"]}, "takes no image/jpeg"),
    ],
)
def test_a_limit_of_the_bucket_itself_is_known_before_anything_is_uploaded(
    world: Any, source: Any, proxy: Any, fault: Any, limits: Any, words: str
) -> None:
    world.add_listings("Aoi Art", [source.urls("ok", 4)])
    said = json.dumps({"public": True, **limits}).encode()
    proxy.faults.append(fault("/storage/v1/bucket/", status=200, body=said))
    assert world.run(url=proxy.url).rejected == 4
    assert world.run(url=proxy.url).claimed == 0
    assert proxy.count(OBJECTS, "POST") == 0
    assert len(source.requests()) == 4
    rows = world.images()
    assert all(words in row["error_detail"] and row["attempts"] == 0 for row in rows)
    assert world.run(retry_failed=True).completed == 1
    world.assert_sound(source)


def test_a_private_bucket_ends_the_command_before_a_claim(
    world: Any, source: Any, private_bucket: None
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 4)])
    code, out, err = world.command()
    assert (code, out) == (1, "")
    assert "is private" in err
    assert "Remedy: make it public" in err
    assert world.command("verify")[0] == 1
    assert source.requests() == []
    assert world.states() == {"pending": 4}


def test_a_bucket_that_takes_no_pictures_ends_the_run_before_a_claim(
    world: Any, source: Any, proxy: Any, fault: Any
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 4)])
    said = json.dumps({"public": True, "allowed_mime_types": ["text/plain"]}).encode()
    proxy.faults.append(fault("/storage/v1/bucket/", status=200, body=said))
    with pytest.raises(UnreadableCopiesError, match="takes none of the types"):
        world.run(url=proxy.url)
    assert source.requests() == []


def test_copies_that_only_a_key_gets_end_the_command(
    world: Any, source: Any, proxy: Any, fault: Any
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 4)])
    assert world.run().completed == 4
    proxy.faults.append(fault("/object/public/", status=403, body=b"<html>no</html>"))
    code, _, err = world.command(url=proxy.url)
    assert (code, "without a key" in err) == (1, True)
    assert world.command("verify", url=proxy.url)[0] == 1


def test_a_storage_over_its_quota_is_asked_before_the_next_download(
    world: Any, source: Any, proxy: Any, fault: Any
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 40)])
    body = refusal(402, "exceed_storage_size_quota")
    proxy.faults.append(fault(OBJECTS, status=402, body=body, method="POST"))
    with pytest.raises(StorageRejectedError, match="over its quota"):
        world.run(url=proxy.url)
    asked = len(source.requests())
    assert asked <= 12
    for _ in range(2):
        with pytest.raises(StorageRejectedError, match="over its quota"):
            world.run(url=proxy.url)
    assert len(source.requests()) == asked
    proxy.faults.clear()
    assert world.run(url=proxy.url).completed == 40
    world.assert_sound(source)
    world.assert_no_orphans()


@pytest.mark.parametrize("where", ["record_results", "claim_listings", "/storage/v1/object/"])
def test_a_lost_answer_changes_nothing(
    world: Any, source: Any, proxy: Any, fault: Any, where: str
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 8)])
    proxy.faults.append(fault(where, lose_answer=True, times=2))

    first = world.run(url=proxy.url)

    assert first.completed + world.run().completed == 8
    assert set(world.states()) == {"stored"}
    assert world.open_claims() == 0
    world.assert_sound(source)
    world.assert_no_orphans()


def test_a_database_gone_for_a_while_costs_time_only(world: Any, source: Any, proxy: Any) -> None:
    urls = [
        source.url("ok", str(number), host=f"127.0.0.{1 + number % 3}") for number in range(150)
    ]
    world.add_listings("Aoi Art", [[url] for url in urls])
    summaries: list[Any] = []
    runner = threading.Thread(
        target=lambda: summaries.append(
            world.run(url=proxy.url, batch_size=10, variables={"LEASE_S": "30"})
        )
    )

    runner.start()
    while proxy.count(OBJECTS) < 20:
        time.sleep(0.01)
    with proxy.gone():
        time.sleep(10)
    runner.join(timeout=90)

    assert not runner.is_alive()
    assert summaries[0].completed + world.run().completed == 150
    assert set(world.states()) == {"stored"}
    assert all(row["attempts"] == 0 for row in world.images())
    world.assert_sound(source)


def test_a_claim_that_hangs_for_longer_than_a_lease_is_asked_for_again(
    world: Any, source: Any, proxy: Any, fault: Any
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 4)])
    proxy.faults.append(fault("claim_listings", hang_s=2.5, times=1))

    assert world.run(url=proxy.url, variables={"LEASE_S": "2"}).completed == 4
    world.assert_sound(source)


def test_a_wish_that_cannot_be_written_down_for_a_while_does_not_stop_the_run(
    world: Any, source: Any, proxy: Any, fault: Any
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("429-1", 2)])
    proxy.faults.append(fault("hold_host", status=503, body=b"{}", times=6))

    assert world.run(url=proxy.url).completed == 2
    assert proxy.count("hold_host", "POST") >= 7
    world.assert_sound(source)


def test_a_full_disk_of_this_machine_is_our_fault(
    world: Any, source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from migrate.copying import download
    from migrate.errors import LocalDiskError

    class FullDisk:
        def __init__(self, **_: Any) -> None: ...
        def __enter__(self) -> FullDisk:
            return self

        def __exit__(self, *_: object) -> None: ...
        def write(self, _: bytes) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.tempfile, "SpooledTemporaryFile", FullDisk)
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 4)])

    with pytest.raises(LocalDiskError, match="No space left"):
        world.run()

    assert world.states() == {"pending": 4}
    assert world.open_claims() == 0


def test_the_health_check_looks_through_the_readers_eye(
    world: Any, source: Any, private_bucket: None
) -> None:
    code, out, _ = world.command("check", "--format", "json")
    rules = {one["rule"]: one for one in json.loads(out)["health"]["rules"]}
    assert code == 3
    assert rules["readers"]["ok"] is False
    assert "is private" in rules["readers"]["sentence"]
    assert "make it public" in rules["readers"]["remedy"]
    code, out, _ = world.command("check", "--rule", "readers=off", "--format", "json")
    assert "is private" not in out
