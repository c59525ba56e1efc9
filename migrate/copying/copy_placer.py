"""Places an image's copies in our bucket, one a position; it asks no dealer and checks no bytes.

The same bytes at several positions of a listing are uploaded once, the others copy the first.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import BinaryIO

from migrate.copying.bucket import Bucket, copy_path
from migrate.copying.download import spool
from migrate.copying.image_facts import CopyFacts, result_of, results_of
from migrate.queue.claims import DueImage, StoredCopy
from migrate.queue.outcome import ImageResult, Outcome
from migrate.run.counts import RunCounter
from migrate.run.listing_work import ImageTask, ListingWork
from migrate.run.retries import Fault
from migrate.run.wire import Wire
from migrate.run.workers import Settled
from scraper.base.errors import ErrorKind

READ_BYTES = 64 * 1024


class CopyPlacer:
    """Thread-safe: all state is in the task's listing. Its uploads take a place on the wire."""

    def __init__(self, bucket: Bucket, counter: RunCounter, wire: Wire) -> None:
        self._bucket = bucket
        self._counter = counter
        self._wire = wire

    def place(self, task: ImageTask, facts: CopyFacts, file: BinaryIO | None) -> Settled:
        """Make the object of each position: one upload for the bytes, the others copy it."""
        work = task.work
        if facts.sha256 in work.claim.excluded_sha256:
            detail = "an operator excluded this image for the dealer"
            rejected = results_of(task, Outcome.REJECTED, facts, Fault(ErrorKind.OTHER, detail))
            return [replace(one, is_recheck=False) for one in rejected]
        with work.digest_lock(facts.sha256):
            return [self._place_one(work, image, facts, file) for image in task.images]

    def _place_one(
        self, work: ListingWork, image: DueImage, facts: CopyFacts, file: BinaryIO | None
    ) -> ImageResult:
        held = self._held(work, image, facts.sha256)
        if held is not None:
            return replace(
                result_of(image, Outcome.STORED, facts),
                storage_path=held.storage_path,
                public_url=held.public_url,
                is_reused=True,
            )
        path = copy_path(
            slug=work.claim.slug,
            listing_id=work.claim.listing_id,
            sha256=facts.sha256,
            position=image.position,
            extension=facts.extension,
        )
        is_reused = self._copy_known(work, facts.sha256, path)
        if not is_reused:
            if file is None:
                raise LookupError(path)
            self._bucket.limits.refuse(content_type=facts.content_type, count=facts.bytes)
            with self._wire.upload():
                self._bucket.upload(path, file, content_type=facts.content_type)
            self._counter.uploaded(facts.bytes)
            work.remember_upload(facts.sha256, path)
        return replace(
            result_of(image, Outcome.STORED, facts),
            storage_path=path,
            public_url=self._bucket.public_url(path),
            is_reused=is_reused,
        )

    def _held(self, work: ListingWork, image: DueImage, sha256: str) -> StoredCopy | None:
        """The copy of a re-checked image, if it has these very bytes: it stays, whatever its name.

        A copy that was adopted came without a digest, so it is read for once.
        """
        if image.state != "stored":
            return None
        for copy in work.claim.stored:
            if copy.position == image.position:
                is_same = (copy.sha256 or self._digest_of(copy)) == sha256
                return copy if is_same else None
        return None

    def _digest_of(self, copy: StoredCopy) -> str | None:
        with spool() as file:
            if not self._bucket.read(copy.storage_path, file):
                return None
            file.seek(0)
            digest = hashlib.sha256()
            while data := file.read(READ_BYTES):
                digest.update(data)
            return digest.hexdigest()

    def _copy_known(self, work: ListingWork, sha256: str, path: str) -> bool:
        """Use an object of this listing with the same bytes, if there is one and it is there."""
        known = work.uploaded(sha256)
        if known is None:
            return False
        if self._bucket.copy(known, path):
            return True
        work.forget_upload(sha256)
        return False
