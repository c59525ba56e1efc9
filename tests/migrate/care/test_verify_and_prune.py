"""Verification and pruning against a bucket that loses, garbles and refuses things."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from migrate.care.prune import prune_copies
from migrate.care.verify import verify_copies
from migrate.errors import BucketUnlistedError
from migrate.queue.selection import Selection
from scraper.base.errors import StorageRejectedError, StorageUnavailableError
from scraper.base.report_blocks import Format, render
from scraper.database.storage import BucketSettings


class Bucket:
    """A database door whose storage is a dictionary; records are kept apart, as in real life."""

    bucket_name = "listing-images"

    def __init__(self, records: int = 3) -> None:
        self.objects = {name(at): data(at) for at in range(records)}
        self.records = [record(at) for at in range(records)]
        self.unreferenced: list[str] = []
        self.listed = True
        self.reported: list[dict[str, Any]] = []
        self.removals: list[list[str]] = []
        self.outages: dict[str, int] = {}
        self.status = 503
        self.is_ill = False
        self.settings: BucketSettings | None = BucketSettings(is_public=True)
        self.hidden: set[str] = set()
        self.looks: list[str] = []
        self.returned: set[str] = set()

    def bucket_settings(self) -> BucketSettings | None:
        return self.settings

    def look(self, path: str) -> str | None:
        self.looks.append(path)
        if path in self.hidden or path not in self.objects:
            return "HTTP 400: not found"
        return None

    def rpc(self, function: str, params: dict[str, Any], *, idempotent: bool) -> Any:
        return getattr(self, function)(**params)

    def recorded_copies(
        self, p_after_listing: int, p_after_position: int, p_limit: int, **selection: Any
    ) -> Any:
        wanted = selection["p_listing_ids"]
        later = [
            one
            for one in self.records
            if (one["listing_id"], one["position"]) > (p_after_listing, p_after_position)
            and (wanted is None or one["listing_id"] in wanted)
        ]
        return later[:p_limit]

    def report_missing_copies(self, p_items: str) -> Any:
        items = json.loads(p_items)
        self.reported += items
        return {"images": len(items), "listings": 1, "forgotten": 0}

    def forget_retired(self, p_names: list[str], p_keep_s: float) -> Any:
        return [one for one in p_names if one not in self.returned]

    def bucket_objects(self, p_bucket: str, p_prefix: str, p_after: str, p_limit: int) -> Any:
        names = sorted(one for one in self.objects if one > p_after)[:p_limit]
        return [{"name": one, "bytes": len(self.objects[one])} for one in names]

    def unreferenced_copies(self, p_after: str, p_limit: int, **_: Any) -> Any:
        if not self.listed:
            return {"available": False}
        left = [one for one in sorted(self.objects) if one > p_after]
        page = left[:p_limit]
        copies = [
            {
                "name": one,
                "bytes": len(self.objects[one]),
                "created_at": "2026-11-01T00:00:00+00:00",
            }
            for one in page
            if one in self.unreferenced
        ]
        after = page[-1] if page else None
        return {"available": True, "copies": copies, "after": after, "done": len(page) < p_limit}

    def stat(self, path: str, *, tries: int = 1) -> int | None:
        self._weather(path)
        return len(self.objects[path]) if path in self.objects else None

    def download(self, path: str, sink: Any = None) -> bytes:
        self._weather(path)
        if path not in self.objects:
            raise StorageRejectedError("not there", status=404, code="not_found")
        if sink is None:
            return self.objects[path]
        sink.write(self.objects[path])
        return b""

    def upload(self, path: str, file: bytes, *, content_type: str) -> None:
        self.objects[path] = file
        if self.is_ill:
            self.outages[path] = 1000

    def remove(self, paths: list[str]) -> list[str]:
        self.removals.append(paths)
        return [one for one in paths if self.objects.pop(one, None) is not None]

    def _weather(self, path: str) -> None:
        if self.outages.get(path, 0):
            self.outages[path] -= 1
            raise StorageUnavailableError("busy", status=self.status)


def name(at: int) -> str:
    return f"aoi-art/L{at + 1:05d}/0123456789ab/00.jpg"


def data(at: int) -> bytes:
    return f"bytes of {at}".encode() * (at + 1)


def record(at: int) -> dict[str, Any]:
    return {
        "listing_id": at + 1,
        "position": 0,
        "storage_path": name(at),
        "bytes": len(data(at)),
        "sha256": hashlib.sha256(data(at)).hexdigest(),
    }


def verify(bucket: Bucket, selection: Selection | None = None, **options: Any) -> Any:
    return verify_copies(bucket, selection, sleep=lambda _: None, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("deep", [False, True])
def test_what_fits_is_left_alone(deep: bool) -> None:
    bucket = Bucket()
    report = verify(bucket, deep=deep)
    assert (report.checked, report.findings, bucket.reported) == (3, (), [])
    assert "3 copies compared" in render(report, Format.TEXT)


@pytest.mark.parametrize("deep", [False, True])
def test_a_missing_copy_is_due_again(deep: bool) -> None:
    bucket = Bucket()
    del bucket.objects[name(1)]
    report = verify(bucket, deep=deep)
    assert [one.problem.value for one in report.findings] == ["missing"]
    assert report.made_due == 1
    assert bucket.reported == [
        {
            "listing_id": 2,
            "position": 0,
            "storage_path": name(1),
            "reason": "the copy is not in the bucket",
        }
    ]


def test_a_wrong_size_is_found_and_garbled_bytes_only_by_reading() -> None:
    bucket = Bucket()
    bucket.objects[name(0)] = b"short"
    bucket.objects[name(1)] = data(1)[::-1]
    assert [one.problem.value for one in verify(bucket, dry_run=True).findings] == ["wrong size"]
    found = verify(bucket, deep=True)
    assert [one.problem.value for one in found.findings] == ["wrong size", "wrong digest"]
    assert [one["listing_id"] for one in bucket.reported] == [1, 2]


def test_an_old_copy_without_size_and_digest_only_has_to_be_there() -> None:
    bucket = Bucket(1)
    bucket.records[0] |= {"bytes": None, "sha256": None}
    assert verify(bucket, deep=True).findings == ()


def test_a_dry_run_reports_and_changes_nothing() -> None:
    bucket = Bucket()
    bucket.objects.clear()
    report = verify(bucket, dry_run=True)
    assert (len(report.findings), report.made_due, bucket.reported) == (3, 0, [])


@pytest.mark.parametrize("deep", [False, True])
def test_a_storage_that_stumbles_is_asked_again_and_never_taken_for_a_loss(deep: bool) -> None:
    bucket = Bucket()
    bucket.outages = {name(1): 3}
    assert verify(bucket, deep=deep).findings == ()


@pytest.mark.parametrize("deep", [False, True])
def test_a_storage_that_is_down_ends_the_verification_without_a_verdict(deep: bool) -> None:
    bucket = Bucket()
    bucket.outages = {name(1): 1000}
    with pytest.raises(StorageUnavailableError):
        verify(bucket, deep=deep)
    assert bucket.reported == []


@pytest.mark.parametrize("deep", [False, True])
def test_a_server_that_fails_for_one_lost_file_and_works_otherwise_has_lost_it(deep: bool) -> None:
    bucket = Bucket()
    bucket.status = 500
    bucket.outages = {name(1): 1000}
    report = verify(bucket, deep=deep)
    assert [(one.copy.listing_id, one.problem.value) for one in report.findings] == [(2, "missing")]
    assert "can read others" in bucket.reported[0]["reason"]
    assert sorted(bucket.objects) == [name(at) for at in range(3)]


@pytest.mark.parametrize("deep", [False, True])
def test_a_server_that_fails_for_everything_has_lost_nothing(deep: bool) -> None:
    bucket = Bucket()
    bucket.status = 500
    bucket.is_ill = True
    bucket.outages = {name(at): 1000 for at in range(3)}
    with pytest.raises(StorageUnavailableError):
        verify(bucket, deep=deep)
    assert bucket.reported == []
    assert sorted(bucket.objects) == [name(at) for at in range(3)]


def test_a_refusal_is_no_loss_either() -> None:
    bucket = Bucket()
    bucket.download = lambda *_: _refuse()  # type: ignore[method-assign,assignment]
    with pytest.raises(StorageRejectedError):
        verify(bucket, deep=True)
    assert bucket.reported == []


def _refuse() -> None:
    raise StorageRejectedError("no permission", status=403, code="Unauthorized")


def test_extra_copies_and_other_programs_files_are_told_apart() -> None:
    bucket = Bucket()
    extra = "aoi-art/L00001/ffffffffffff/00.jpg"
    bucket.objects |= {extra: b"old", "aoi-art/L00001/composite.jpg": b"theirs"}
    bucket.unreferenced = [extra]
    report = verify(bucket)
    assert [one.name for one in report.extra] == [extra]
    assert report.foreign == 1


def test_thousands_are_read_page_by_page_and_a_selection_narrows() -> None:
    bucket = Bucket(1203)
    del bucket.objects[name(1100)]
    assert (verify(bucket).checked, len(bucket.reported)) == (1203, 1)
    narrowed = verify(bucket, Selection(listing_ids=(5, 6)))
    assert (narrowed.checked, narrowed.foreign) == (2, None)


def test_a_verification_can_be_interrupted() -> None:
    report = verify(Bucket(), should_stop=lambda: True)
    assert report.interrupted
    assert json.loads(render(report, Format.JSON))["verify"]["interrupted"] is True


# ------------------------------------------------------------------ prune


def test_prune_removes_only_what_the_database_names_batch_by_batch() -> None:
    bucket = Bucket(1203)
    bucket.unreferenced = [name(at) for at in range(100, 1203)]
    bucket.objects["aoi-art/L00001/composite.jpg"] = b"theirs"
    report = prune_copies(bucket, keep_days=30)  # type: ignore[arg-type]
    assert len(report.copies) == 1103
    assert len(bucket.objects) == 101
    assert all(0 < len(batch) <= 1000 for batch in bucket.removals)


def test_prune_shows_what_it_would_do() -> None:
    bucket = Bucket()
    bucket.unreferenced = [name(2)]
    report = prune_copies(bucket, keep_days=30, dry_run=True)  # type: ignore[arg-type]
    assert bucket.removals == []
    printed = render(report, Format.TEXT)
    assert "Would remove 1 unreferenced copy (30 bytes)" in printed
    assert name(2) in printed
    assert json.loads(render(report, Format.JSON))["prune"]["would_remove"] == 1


def test_prune_leaves_a_copy_whose_address_has_just_returned() -> None:
    bucket = Bucket()
    bucket.unreferenced = [name(1), name(2)]
    bucket.returned = {name(2)}
    report = prune_copies(bucket, keep_days=30)  # type: ignore[arg-type]
    assert [one.name for one in report.copies] == [name(1)]
    assert bucket.removals == [[name(1)]]


def test_prune_can_be_interrupted_between_batches() -> None:
    bucket = Bucket()
    bucket.unreferenced = [name(2)]
    report = prune_copies(bucket, keep_days=30, should_stop=lambda: True)  # type: ignore[arg-type]
    assert report.interrupted
    assert bucket.removals == []


def test_a_bucket_that_cannot_be_listed_is_said() -> None:
    bucket = Bucket()
    bucket.listed = False
    with pytest.raises(BucketUnlistedError, match="does not show"):
        prune_copies(bucket, keep_days=30)  # type: ignore[arg-type]


# ------------------------------------------------------------------ the reader's eye


@pytest.mark.parametrize(("deep", "asked"), [(False, 20), (True, 700)])
def test_copies_are_asked_for_as_a_visitor_does(deep: bool, asked: int) -> None:
    bucket = Bucket(700)
    del bucket.objects[name(3)]
    report = verify(bucket, deep=deep)
    assert len(set(bucket.looks)) == (asked - 1 if deep else asked)
    assert name(3) not in bucket.looks  # lost, and said to be: no visitor's trouble
    assert report.is_readable
    assert "asked for without a key, all had" in render(report, Format.TEXT)


def test_one_copy_that_only_a_key_gets_is_found_by_looking_at_all() -> None:
    bucket = Bucket(100)
    bucket.hidden = {name(42)}
    report = verify(bucket, deep=True)
    assert not report.is_readable
    assert name(42) in render(report, Format.TEXT)
    told = json.loads(render(report, Format.JSON))["readers"]
    assert (told["ok"], told["asked"], told["refused"]) == (False, 100, 1)
    assert bucket.reported == []  # it is there: nothing is to be downloaded again


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (None, "There is no bucket 'listing-images'"),
        (BucketSettings(is_public=False), "is private: no visitor sees any of its copies"),
        (BucketSettings(True, allowed_types=("application/pdf",)), "takes none of the types"),
    ],
)
def test_a_bucket_that_serves_nobody_is_said_with_its_remedy(settings: Any, words: str) -> None:
    bucket = Bucket(3)
    bucket.settings = settings
    report = verify(bucket)
    assert not report.is_readable
    assert words in render(report, Format.TEXT)
    assert "Remedy: " in render(report, Format.TEXT)


def test_copies_under_another_bucket_are_known_as_such() -> None:
    bucket = Bucket(3)
    bucket.records[1]["public_url"] = "https://x.supabase.co/storage/v1/object/public/old/a/00.jpg"
    del bucket.objects[name(1)]
    report = verify(bucket)
    assert (report.checked, report.findings, bucket.reported) == (2, (), [])
    assert "1 in 'old'" in render(report, Format.TEXT)
    assert "set STORAGE_BUCKET" in render(report, Format.TEXT)
