"""A claimed listing while its images are worked on; it knows neither the network nor the bucket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from migrate.queue.claims import Claim, DueImage
from migrate.queue.outcome import ImageResult, Outcome
from migrate.run.retries import Fault
from migrate.run.scheduler import OUR_BUCKET
from scraper.net.guard import host_of

LOOK_S = 0.2
NO_DEALER = -1
"""In place of a dealer's number; a listing of an older project may have none."""


@dataclass(frozen=True, slots=True)
class News:
    """Results the database is to be told, how many it knows then, and whether these are all."""

    results: tuple[ImageResult, ...]
    count: int
    is_last: bool


class ListingWork:
    """One claim in progress. Thread-safe: several workers bring its images."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.is_lost = False
        self._lock = threading.Lock()
        self._told = threading.Condition(self._lock)
        self._told_count = 0  # of the results, which stay in the order they came in
        self._gone = 0
        self._is_over = False
        self._results: list[ImageResult] = []
        self._left = 0
        self._is_closed = False
        self._uploads: dict[str, str] = {
            copy.sha256: copy.storage_path
            for copy in reversed(claim.stored)
            if copy.sha256 is not None
        }
        self._digest_locks: dict[str, threading.Lock] = {}

    def tasks(self) -> list[ImageTask]:
        """One task an address, so that a repeated one is fetched once."""
        by_url: dict[str, list[DueImage]] = {}
        for image in self.claim.images:
            by_url.setdefault(image.source_url, []).append(image)
        tasks = [ImageTask(self, tuple(images)) for images in by_url.values()]
        self._left = len(tasks)
        return tasks

    def done(self, results: Iterable[ImageResult]) -> bool:
        """Take a task's results; True when it was the last one. Ignored once it is closed."""
        with self._lock:
            if self._is_closed:
                return False
            self._results.extend(results)
            self._left -= 1
            self._is_closed = self._left == 0
            return self._is_closed

    @property
    def is_closed(self) -> bool:
        """Whether every result there will be is there."""
        return self._is_closed

    @property
    def is_over(self) -> bool:
        """Whether the claim is finished, given back or somebody else's."""
        return self._is_over

    def news(self) -> News:
        """What the database has not heard yet."""
        with self._lock:
            results = tuple(_touched(self._results[self._told_count :]))
            return News(results, count=len(self._results), is_last=self._is_closed)

    def told(self, news: News, *, gone: int = 0) -> None:
        """The database knows these; of so many it says that they are confirmed absent."""
        with self._told:
            self._told_count = news.count
            self._gone += gone
            self._told.notify_all()

    @property
    def gone(self) -> int:
        """How many of its images are confirmed absent, by what was told."""
        return self._gone

    def over(self) -> None:
        """Nothing of this claim will be told any more."""
        with self._told:
            self._is_over = True
            self._told.notify_all()

    def wait_until_told(self, should_stop: Callable[[], bool]) -> None:
        """Return once the database knows what came so far, or will not hear it any more."""
        with self._told:
            count = len(self._results)
            while self._told_count < count and not self._is_over and not should_stop():
                self._told.wait(LOOK_S)

    def close(self) -> bool:
        """Nobody works on the rest any more; True when that was not so already."""
        with self._lock:
            was_open = not self._is_closed
            self._is_closed = True
            return was_open

    def results(self) -> list[ImageResult]:
        """What is known so far, without what was left alone."""
        with self._lock:
            return _touched(self._results)

    def digest_lock(self, sha256: str) -> threading.Lock:
        """Held while an object with these bytes is made, so that the second image copies it."""
        with self._lock:
            return self._digest_locks.setdefault(sha256, threading.Lock())

    def uploaded(self, sha256: str) -> str | None:
        """The path of an object with exactly these bytes, if this listing has one."""
        return self._uploads.get(sha256)

    def remember_upload(self, sha256: str, path: str) -> None:
        self._uploads[sha256] = path

    def forget_upload(self, sha256: str) -> None:
        """The object turned out not to be there."""
        self._uploads.pop(sha256, None)


def _touched(results: Iterable[ImageResult]) -> list[ImageResult]:
    return [result for result in results if result.outcome != Outcome.UNTOUCHED]


class ImageTask:
    """One address of one listing, and the positions it stands at."""

    __slots__ = (
        "copy_from",
        "damaged",
        "dealer_id",
        "fault",
        "host",
        "images",
        "is_unconditional",
        "spent_s",
        "tries",
        "url",
        "was_tried",
        "work",
    )

    def __init__(self, work: ListingWork, images: tuple[DueImage, ...]) -> None:
        self.work = work
        self.images = images
        self.url = images[0].source_url
        self.copy_from = next((image.copy_from for image in images if image.copy_from), None)
        self.dealer_id = work.claim.dealer_id or NO_DEALER
        self.was_tried = any(image.attempts for image in images)
        self.fault: Fault | None = None  # of the last try in this run
        self.tries = 0
        self.spent_s = 0.0
        self.is_unconditional = False
        self.damaged: set[str] = set()  # digests of damaged pictures that came in this run
        self.host = OUR_BUCKET if self.copy_from else host_of(self.url)

    @property
    def positions(self) -> tuple[int, ...]:
        return tuple(image.position for image in self.images)

    def ended_by(self, fault: Fault, *, is_final: bool = True) -> list[ImageResult]:
        """The results of a task that ends with `fault`: rejected (if final) or failed, by kind."""
        outcome = Outcome.REJECTED if fault.is_rejection and is_final else Outcome.FAILED
        return [
            ImageResult(
                image.position,
                image.source_url,
                outcome,
                error_kind=fault.kind,
                error_detail=fault.detail,
                http_status=fault.status,
                retry_after_s=fault.retry_after_s,
                damaged_sha256=fault.damaged_sha256,
                is_recheck=image.state == "stored",
            )
            for image in self.images
        ]

    def as_tried(self) -> list[ImageResult]:
        """What is to be recorded when it is not tried any further: nothing, if it never was."""
        return [] if self.fault is None else self.ended_by(self.fault, is_final=False)

    def fetch_instead(self) -> None:
        """There is nothing to copy after all: ask the dealer."""
        self.copy_from = None
        self.is_unconditional = True
        self.host = host_of(self.url)
