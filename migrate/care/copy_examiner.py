"""Whether the storage has one copy as it is recorded; it knows neither bucket lists nor reports.

A storage that fails says nothing about a copy: only a definite "not found" does, or an error for
this one object while the storage shows that it works.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.care.verify_report import Finding, Problem, RecordedCopy
from migrate.copying.probe import prove_that_it_reads
from scraper.base.errors import StorageRejectedError, StorageUnavailableError
from scraper.database.client import Database

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
NOT_FOUND = 404
SERVER_ERROR = 500
SERVER_ERROR_TRIES = 3


@dataclass(frozen=True)
class _Unanswered:
    """The server failed, again and again, for this object: it is lost, or the storage is ill."""

    copy: RecordedCopy
    error: StorageUnavailableError


_Verdict = Finding | _Unanswered | None


@dataclass(frozen=True)
class CopyExaminer:
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


def judged(
    database: Database, examine: CopyExaminer, verdicts: Sequence[_Verdict]
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
