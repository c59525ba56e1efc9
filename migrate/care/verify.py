"""Compares the recorded copies with what the bucket really holds; it asks for each object itself.

A server's table of objects goes on naming a file that its disk has lost, so the table is believed
only about objects that no record names.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from migrate.care.copy_examiner import CopyExaminer, judged
from migrate.care.prune import UnreferencedCopy, unreferenced_pages
from migrate.care.verify_report import Finding, RecordedCopy, VerifyReport
from migrate.copying.reader_access import (
    SAMPLE,
    ReadersView,
    Unreadable,
    bucket_of,
    look_at_bucket,
    look_at_copy,
)
from migrate.errors import BucketUnlistedError
from migrate.queue.selection import Selection
from scraper.database.client import Database

PAGE = 500
DEEP_PAGE = 100
"""Reading takes longer, and an interruption is noticed between two pages."""

_OUR_LAYOUT = re.compile(r"[a-z0-9][a-z0-9-]*/L[0-9]{5,}/[0-9a-f]{12}/[0-9]{2}\.[a-z]+")


def verify_copies(
    database: Database,
    selection: Selection | None = None,
    *,
    deep: bool = False,
    dry_run: bool = False,
    workers: int = 10,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int | None], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> VerifyReport:
    """Compare, and make what does not fit due again.

    Raises:
        StorageUnavailableError, StorageRejectedError: the storage could not answer; what was
            found until then has been reported, nothing else is judged.
    """
    chosen = selection or Selection()
    examine = CopyExaminer(database, is_deep=deep, sleep=sleep)
    readers = look_at_bucket(database)
    report = VerifyReport(
        is_deep=deep, is_dry_run=dry_run, readers=readers, bucket=database.bucket_name
    )
    recorded: set[str] = set()
    visitor = _Visitor(database, None if deep else SAMPLE)
    with ThreadPoolExecutor(workers, thread_name_prefix="verify") as pool:
        for page in _recorded_pages(database, chosen, DEEP_PAGE if deep else PAGE):
            if should_stop():
                return replace(report, interrupted=True)
            mine, elsewhere = _parted(page, database.bucket_name)
            findings = judged(database, examine, list(pool.map(examine, mine)))
            made_due = 0 if dry_run or not findings else _make_due(database, findings)
            recorded.update(copy.storage_path for copy in page)
            visitor.choose(mine, findings)
            if deep and readers.trouble is None:
                visitor.ask(pool)
            report = replace(
                report,
                checked=report.checked + len(mine),
                findings=report.findings + findings,
                made_due=report.made_due + made_due,
                elsewhere=Counter(report.elsewhere) + elsewhere,
            )
            if on_progress:
                on_progress(report.checked, None)
        if readers.trouble is None:
            visitor.ask(pool)
            report = replace(report, readers=visitor.view(readers))
    return _with_others(database, chosen, report, recorded, should_stop)


class _Visitor:
    """Asks for copies without a key: for a sample of those that are there, or for all of them."""

    def __init__(self, database: Database, sample: int | None) -> None:
        self._database = database
        self._sample = sample
        self._seen = 0
        self._chosen: list[str] = []
        self._asked = 0
        self._unreadable: list[Unreadable] = []

    def choose(self, page: Sequence[RecordedCopy], findings: Sequence[Finding]) -> None:
        """Take what is there, each copy with the same chance (a reservoir)."""
        lost = {one.copy.storage_path for one in findings}
        for copy in page:
            if copy.storage_path in lost:
                continue
            self._seen += 1
            if self._sample is None or len(self._chosen) < self._sample:
                self._chosen.append(copy.storage_path)
            elif (at := random.randrange(self._seen)) < self._sample:
                self._chosen[at] = copy.storage_path

    def ask(self, pool: ThreadPoolExecutor) -> None:
        """Ask for what was chosen, and begin anew."""
        chosen, self._chosen = self._chosen, []
        self._asked += len(chosen)
        found = pool.map(lambda path: look_at_copy(self._database, path), chosen)
        self._unreadable += [one for one in found if one is not None]

    def view(self, readers: ReadersView) -> ReadersView:
        """What came of it."""
        return replace(readers, asked=self._asked, unreadable=tuple(self._unreadable))


def _parted(
    page: Sequence[RecordedCopy], bucket: str
) -> tuple[Sequence[RecordedCopy], Counter[str]]:
    """The copies of our bucket, and how many there are in others: known as such, not missing."""
    mine, others = [], Counter[str]()
    for copy in page:
        named = bucket_of(copy.public_url, bucket)
        if named == bucket:
            mine.append(copy)
        else:
            others[named] += 1
    return mine, others


def _recorded_pages(
    database: Database, selection: Selection, page: int
) -> Iterator[list[RecordedCopy]]:
    after = (0, -1)
    while True:
        params = selection.as_params() | {
            "p_after_listing": after[0],
            "p_after_position": after[1],
            "p_limit": page,
        }
        rows = database.rpc("recorded_copies", params, idempotent=True)
        if not rows:
            return
        yield [
            RecordedCopy(
                listing_id=row["listing_id"],
                position=row["position"],
                storage_path=row["storage_path"],
                bytes=row["bytes"],
                sha256=row["sha256"],
                public_url=row.get("public_url"),
            )
            for row in rows
        ]
        after = (rows[-1]["listing_id"], rows[-1]["position"])


def _make_due(database: Database, findings: Sequence[Finding]) -> int:
    items = [
        {
            "listing_id": one.copy.listing_id,
            "position": one.copy.position,
            "storage_path": one.copy.storage_path,
            "reason": one.detail,
        }
        for one in findings
    ]
    answer = database.rpc("report_missing_copies", {"p_items": json.dumps(items)}, idempotent=True)
    return int(answer["images"])


def _with_others(
    database: Database,
    selection: Selection,
    report: VerifyReport,
    recorded: set[str],
    should_stop: Callable[[], bool],
) -> VerifyReport:
    """Add what the bucket holds besides the recorded copies; a selection has no foreign files."""
    extra: list[UnreferencedCopy] = []
    for page in unreferenced_pages(database, selection, min_age_s=0):
        if should_stop():
            return replace(report, interrupted=True)
        # A copy that was just found wrong is mended under its own name, so it is not extra.
        extra += [one for one in page if one.name not in recorded]
    foreign = None
    if selection == Selection():
        known = recorded | {one.name for one in extra}
        foreign = sum(
            name not in known and not _OUR_LAYOUT.fullmatch(name)
            for name in _bucket_names(database)
        )
    return replace(report, extra=tuple(extra), foreign=foreign)


def _bucket_names(database: Database) -> Iterator[str]:
    after = ""
    while True:
        params = {
            "p_bucket": database.bucket_name,
            "p_prefix": "",
            "p_after": after,
            "p_limit": 5000,
        }
        rows = database.rpc("bucket_objects", params, idempotent=True)
        if isinstance(rows, Mapping):
            raise BucketUnlistedError
        if not rows:
            return
        for row in rows:
            yield row["name"]
        after = rows[-1]["name"]
