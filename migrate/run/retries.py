"""Whether an image deserves another try in this run, and after which pause: a pure decision."""

from __future__ import annotations

import random
from dataclasses import dataclass

from scraper.base.errors import ErrorKind

MAX_TRIES = 3
FIRST_PAUSE_S = 0.5
LONGEST_RETRY_AFTER_S = 30.0
"""A longer wish of the source is honoured between runs, not within one."""
SECOND_LOOK_S = 1.0

SECOND_LOOK = frozenset({ErrorKind.HTTP_404, ErrorKind.HTTP_410, ErrorKind.NOT_AN_IMAGE})
"""Answers that would be a verdict: asked once more before they count."""

REJECTIONS = frozenset(
    {
        ErrorKind.TOO_LARGE,
        ErrorKind.NOT_AN_IMAGE,
        ErrorKind.BAD_URL,
        ErrorKind.STORAGE_REJECTED,
    }
)
"""The source answered, but not with something that may be kept, or that our own bucket takes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an image was not stored this time."""

    kind: ErrorKind
    detail: str
    status: int | None = None
    retry_after_s: float | None = None
    damaged_sha256: str | None = None
    """Of bytes that show though damaged, and may be kept when they come again."""

    @property
    def is_rejection(self) -> bool:
        return self.kind in REJECTIONS


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after a pause; `fault` is None when nothing was wrong with the source."""

    pause_s: float
    fault: Fault | None


def pause_before(tries: int, fault: Fault, *, is_transient: bool) -> float | None:
    """The pause before the next try of an image tried `tries` times; None for no more in this run.

    The pauses are jittered, so that images which failed together do not come back together.
    """
    if tries >= MAX_TRIES:
        return None
    jitter = random.uniform(0.75, 1.5)
    if not is_transient:
        return SECOND_LOOK_S * jitter if tries == 1 and fault.kind in SECOND_LOOK else None
    backoff_s: float = FIRST_PAUSE_S * 2 ** (tries - 1) * jitter
    if fault.retry_after_s is None:
        return backoff_s
    if fault.retry_after_s > LONGEST_RETRY_AFTER_S:
        return None
    return max(fault.retry_after_s, backoff_s)
