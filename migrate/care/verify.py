"""Compares the recorded copies with what the bucket really holds; it asks for each object itself.

A server's table of objects goes on naming a file that its disk has lost, so the table is believed
only about objects that no record names. A storage that fails says nothing about a copy: only a
definite "not found" does, or an error for this one object while the storage shows that it works.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from migrate.care.prune import UnreferencedCopy, unreferenced_pages
from migrate.copying.probe import prove_that_it_reads
from migrate.copying.reader_access import (
    SAMPLE,
    ReadersView,
    Unreadable,
    bucket_of,
    elsewhere_sentence,
    look_at_bucket,
    look_at_copy,
)
from migrate.errors import BucketUnlistedError
from migrate.queue.selection import Selection
from scraper.base.errors import StorageRejectedError, StorageUnavailableError
from scraper.base.report_blocks import Block, Line, Table, plural
from scraper.database.client import Database

PAGE = 500
DEEP_PAGE = 100
"""Reading takes longer, and an interruption is noticed between two pages."""

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
NOT_FOUND = 404
SERVER_ERROR = 500
SERVER_ERROR_TRIES = 3
SHOWN = 100
_OUR_LAYOUT = re.compile(r"[a-z0-9][a-z0-9-]*/L[0-9]{5,}/[0-9a-f]{12}/[0-9]{2}\.[a-z]+")


class Problem(StrEnum):
    """What can be wrong with a copy."""

    MISSING = "missing"
    WRONG_SIZE = "wrong size"
    WRONG_DIGEST = "wrong digest"


@dataclass(frozen=True)
class RecordedCopy:
    """A copy as our records describe it; old ones lack size and digest."""

    listing_id: int
    position: int
    storage_path: str
    bytes: int | None
    sha256: str | None
    public_url: str | None = None


@dataclass(frozen=True)
class Finding:
    """A copy that is not what the records say."""

    copy: RecordedCopy
    problem: Problem
    detail: str

    def as_json(self) -> Mapping[str, Any]:
        return {
            "listing_id": self.copy.listing_id,
            "position": self.copy.position,
            "storage_path": self.copy.storage_path,
            "problem": self.problem.value.replace(" ", "_"),
            "detail": self.detail,
        }


@dataclass(frozen=True)
class VerifyReport:
    """What was compared, what did not fit, and what became of it."""

    checked: int = 0
    findings: tuple[Finding, ...] = ()
    made_due: int = 0
    extra: tuple[UnreferencedCopy, ...] = ()
    foreign: int | None = None
    is_deep: bool = False
    is_dry_run: bool = False
    interrupted: bool = False
    readers: ReadersView | None = None
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    bucket: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether a visitor without a key sees the copies, as far as they were asked for."""
        return self.readers is None or (self.readers.trouble is None and not self.readers.refused)

    def count(self, problem: Problem) -> int:
        return sum(one.problem is problem for one in self.findings)

    def as_json(self) -> Mapping[str, Any]:
        return {
            "schema": 1,
            "verify": {
                "checked": self.checked,
                "missing": self.count(Problem.MISSING),
                "wrong_size": self.count(Problem.WRONG_SIZE),
                "wrong_digest": self.count(Problem.WRONG_DIGEST),
                "made_due": self.made_due,
                "extra": len(self.extra),
                "foreign": self.foreign,
                "deep": self.is_deep,
                "dry_run": self.is_dry_run,
                "interrupted": self.interrupted,
            },
            "readers": self.readers and self.readers.as_json(),
            "elsewhere": dict(self.elsewhere),
            "problems": [one.as_json() for one in self.findings],
            "extra": [one.name for one in self.extra],
        }

    def as_blocks(self) -> Sequence[Block]:
        blocks: list[Block] = [Line(self._sentence(), is_warning=bool(self.findings))]
        if self.findings and self.is_dry_run:
            blocks.append(Line("Nothing was changed (--dry-run)."))
        elif self.findings:
            blocks.append(
                Line(f"{plural(self.made_due, 'image')} made due again: the next run mends them.")
            )
        columns = ("listing", "position", "problem", "detail", "copy")
        blocks.append(Table(columns, [_row(one) for one in self.findings[:SHOWN]]))
        if len(self.findings) > SHOWN:
            blocks.append(Line(f"and {len(self.findings) - SHOWN:,} more (--format json has all)."))
        if self.elsewhere:
            said = elsewhere_sentence(self.elsewhere, self.bucket)
            blocks.append(Line(said, is_warning=True))
        if self.readers is not None:
            remedy = f" Remedy: {self.readers.help}." if self.readers.help else ""
            said = f"{self.readers.sentence}{remedy}"
            blocks.append(Line(said, is_warning=not self.is_readable))
        if self.extra:
            copies = f"{len(self.extra):,} extra {'copy' if len(self.extra) == 1 else 'copies'}"
            blocks.append(
                Line(f"{copies} that nothing refers to: `migrate prune` removes those of a day.")
            )
        if self.foreign:
            blocks.append(Line(f"{plural(self.foreign, 'file')} of other programs, left alone."))
        if self.interrupted:
            blocks.append(Line("Interrupted: the rest was not compared.", is_warning=True))
        return blocks

    def _sentence(self) -> str:
        how = "by reading every byte" if self.is_deep else "by presence and size"
        verdict = (
            f"{self.count(Problem.MISSING):,} missing, "
            f"{self.count(Problem.WRONG_SIZE):,} of the wrong size, "
            f"{self.count(Problem.WRONG_DIGEST):,} with the wrong digest"
        )
        noun = "copy" if self.checked == 1 else "copies"
        return f"{self.checked:,} {noun} compared {how}: {verdict if self.findings else 'all fit'}."


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
    examine = _Examiner(database, is_deep=deep, sleep=sleep)
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
            findings = _judged(database, examine, list(pool.map(examine, mine)))
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


@dataclass(frozen=True)
class _Unanswered:
    """The server failed, again and again, for this object: it is lost, or the storage is ill."""

    copy: RecordedCopy
    error: StorageUnavailableError


_Verdict = Finding | _Unanswered | None


@dataclass(frozen=True)
class _Examiner:
    """Looks at one object; called from many threads."""

    database: Database
    is_deep: bool
    sleep: Callable[[float], None]

    def __call__(self, copy: RecordedCopy) -> _Verdict:
        tries = 0
        while True:
            try:
                return self._read(copy) if self.is_deep else self._ask(copy)
            except StorageUnavailableError as exc:
                tries += 1
                if exc.status == SERVER_ERROR and tries >= SERVER_ERROR_TRIES:
                    return _Unanswered(copy, exc)
                if tries > len(PAUSES_S):
                    raise
                self.sleep(PAUSES_S[tries - 1])

    def _ask(self, copy: RecordedCopy) -> Finding | None:
        found = self.database.stat(copy.storage_path, tries=1)
        if found is None:
            return Finding(copy, Problem.MISSING, "the copy is not in the bucket")
        return _wrong_size(copy, found)

    def _read(self, copy: RecordedCopy) -> Finding | None:
        sink = _Digest()
        try:
            self.database.download(copy.storage_path, sink)
        except StorageRejectedError as exc:
            if exc.status != NOT_FOUND:
                raise
            return Finding(copy, Problem.MISSING, "the copy is not in the bucket")
        if wrong := _wrong_size(copy, sink.length):
            return wrong
        if copy.sha256 and sink.sha256.hexdigest() != copy.sha256:
            return Finding(copy, Problem.WRONG_DIGEST, "the copy has other bytes than were stored")
        return None


def _judged(
    database: Database, examine: _Examiner, verdicts: Sequence[_Verdict]
) -> tuple[Finding, ...]:
    """Tell lost files, for which some servers know only "internal error", from an ill storage.

    Raises:
        StorageUnavailableError: the storage cannot read back what was just written to it, so its
            errors say nothing about the copies.
    """
    findings = [one for one in verdicts if isinstance(one, Finding)]
    unanswered = [one for one in verdicts if isinstance(one, _Unanswered)]
    if unanswered:
        prove_that_it_reads(database, unanswered[0].error)
    for one in unanswered:
        again = examine(one.copy)
        if isinstance(again, Finding):
            findings.append(again)
        elif again:
            detail = f"the storage fails for this copy ({again.error.status}) and can read others"
            findings.append(Finding(one.copy, Problem.MISSING, detail))
    return tuple(sorted(findings, key=lambda one: (one.copy.listing_id, one.copy.position)))


def _wrong_size(copy: RecordedCopy, found: int | None) -> Finding | None:
    if copy.bytes is None or found is None or found == copy.bytes:
        return None
    detail = f"the copy has {found:,} bytes instead of {copy.bytes:,}"
    return Finding(copy, Problem.WRONG_SIZE, detail)


@dataclass
class _Digest:
    """A file-like end for downloads that keeps only a digest."""

    sha256: Any = field(default_factory=hashlib.sha256)
    length: int = 0

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        self.length += len(data)
        return len(data)


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


def _row(finding: Finding) -> tuple[str | int, ...]:
    copy = finding.copy
    return (
        copy.listing_id,
        copy.position,
        finding.problem.value,
        finding.detail,
        copy.storage_path,
    )
