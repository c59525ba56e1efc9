"""What a verification found and how it is reported; it asks nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from migrate.care.prune import UnreferencedCopy
from migrate.copying.reader_access import ReadersView, elsewhere_sentence
from scraper.base.report_blocks import Block, Line, Table, plural

SHOWN = 100


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


def _row(finding: Finding) -> tuple[str | int, ...]:
    copy = finding.copy
    return (
        copy.listing_id,
        copy.position,
        finding.problem.value,
        finding.detail,
        copy.storage_path,
    )
