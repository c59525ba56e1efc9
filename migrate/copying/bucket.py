"""Puts copies into our own bucket, patiently; it never blames an image for our storage's faults.

Names are immutable (they carry the digest), so every write may be repeated without harm.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import BinaryIO, TypeVar

from migrate.copying.bucket_limits import BucketLimits
from migrate.errors import RunStoppedError, StorageDownError
from migrate.run.stopping import Stop
from scraper.base.errors import StorageRejectedError, StorageUnavailableError
from scraper.database.client import Database

CACHE_FOR_S = 31_536_000
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
PATIENCE_S = 60.0
"""An image waits this long for a storage that answers others."""
DOWN_AFTER_S = 90.0
"""A storage that answered nobody for this long stops the run."""

DUPLICATE = 409
MISSING = 404
"""The storage's own number for these, from the body of its answer."""

T = TypeVar("T")


def copy_path(*, slug: str, listing_id: int, sha256: str, position: int, extension: str) -> str:
    """The name of a copy inside the bucket: dealer, listing, digest, position."""
    return f"{slug}/L{listing_id:05d}/{sha256[:12]}/{position:02d}.{extension}"


class StorageHealth:
    """Since when nothing has worked, over all threads: the breaker of our own side."""

    def __init__(self, *, down_after_s: float, clock: Callable[[], float]) -> None:
        self._down_after_s = down_after_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failing_since: float | None = None

    def worked(self) -> None:
        if self._failing_since is not None:
            with self._lock:
                self._failing_since = None

    def failed(self, error: Exception) -> None:
        """Note a failure.

        Raises:
            StorageDownError: when there was nothing but failures for too long.
        """
        with self._lock:
            now = self._clock()
            if self._failing_since is None:
                self._failing_since = now
            elif now - self._failing_since > self._down_after_s:
                raise StorageDownError(
                    f"The storage has not worked for {self._down_after_s:.0f} s ({error}). "
                    "The images are still due; run `migrate` again when it answers."
                ) from error


class Bucket:
    """The bucket of one run. Thread-safe; `stop` cuts every pause short."""

    def __init__(
        self,
        database: Database,
        stop: Stop,
        *,
        patience_s: float = PATIENCE_S,
        down_after_s: float = DOWN_AFTER_S,
        limits: BucketLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._stop = stop
        self.limits = limits or BucketLimits()
        self._patience_s = patience_s
        self._clock = clock
        self._health = StorageHealth(down_after_s=down_after_s, clock=clock)

    def public_url(self, path: str) -> str:
        """The address under which a copy is public."""
        return self._database.public_url(path)

    def upload(self, path: str, file: BinaryIO, *, content_type: str) -> None:
        """Write the whole of `file` under `path`; the same bytes may be there already."""

        def write() -> None:
            file.seek(0)
            self._database.upload(path, file, content_type=content_type, cache_for_s=CACHE_FOR_S)

        self._patiently(write)

    def copy(self, source: str, path: str) -> bool:
        """Copy inside the bucket; False when there is no `source`."""

        def copy() -> bool:
            try:
                self._database.copy(source, path)
            except StorageRejectedError as error:
                if error.status == DUPLICATE:
                    return True
                if error.status == MISSING:
                    return False
                raise
            return True

        return source == path or self._patiently(copy)

    def read(self, path: str, sink: BinaryIO) -> bool:
        """Read one of our own copies; False when it is not there."""

        def read() -> bool:
            sink.seek(0)
            sink.truncate()
            try:
                self._database.download(path, sink)
            except StorageRejectedError as error:
                if error.status == MISSING:
                    return False
                raise
            return True

        return self._patiently(read)

    def _patiently(self, act: Callable[[], T]) -> T:
        """Repeat `act` while the storage is unavailable.

        Raises:
            StorageUnavailableError: when it failed for this image for as long as we wait for one.
            StorageRejectedError: when it answered, and said no.
            StorageDownError: when it has answered nobody for too long.
            RunStoppedError: when the run is to stop.
        """
        began = self._clock()
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                done = act()
            except StorageUnavailableError as error:
                self._health.failed(error)
                if self._clock() - began > self._patience_s:
                    raise
                if self._stop.wait(pause_s * random.uniform(0.5, 1.5)):
                    raise RunStoppedError("The run is stopping.") from error
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                self._health.worked()
                return done
