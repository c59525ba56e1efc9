"""One image from its address to its copy: bytes, check, copy; it must not know queues or leases.

Returns results when the image is settled for this run, or a Retry when it deserves another try.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from migrate.copying.bucket import Bucket
from migrate.copying.bucket_limits import RETRY
from migrate.copying.copy_placer import CopyPlacer
from migrate.copying.download import disk_error, fetch_image, spool
from migrate.copying.image_facts import (
    facts_of_bytes,
    facts_of_copy,
    facts_of_record,
)
from migrate.errors import (
    BucketRefusesError,
    DamagedImageError,
    RejectedImageError,
    TruncatedImageError,
)
from migrate.pictures.check import CheckedImage, check_image, unread_image
from migrate.pictures.damage import ANOTHER_DAY_S, Damage, Seen, is_kept, waits_for
from migrate.pictures.limits import Limits
from migrate.queue.claims import StoredCopy
from migrate.run.counts import RunCounter
from migrate.run.listing_work import ImageTask
from migrate.run.retries import LONGEST_RETRY_AFTER_S, MAX_TRIES, Fault, Retry, pause_before
from migrate.run.wire import Wire
from migrate.run.workers import Leave, Settled
from scraper.base.errors import (
    ErrorKind,
    FetchError,
    InterruptedFetchError,
    StorageRejectedError,
    StorageUnavailableError,
    TransientFetchError,
)
from scraper.base.settings import Settings
from scraper.net.host_limits import HostHeldError, HostLimits
from scraper.net.session import Answer, DealerSession

_log = logging.getLogger(__name__)


class ImageCopier:
    """Settles tasks. Thread-safe: all state is in the task's listing.

    A download's place on the wire comes with the permit of its host, and ends with it.
    """

    def __init__(
        self,
        session: DealerSession,
        bucket: Bucket,
        settings: Settings,
        counter: RunCounter,
        *,
        wire: Wire,
        limits: HostLimits,
    ) -> None:
        self._session = session
        self._bucket = bucket
        self._settings = settings
        self._counter = counter
        self._placer = CopyPlacer(bucket, counter, wire)
        self._limits = limits
        self._limits_of_pictures = Limits(
            bytes=settings.max_image_bytes,
            pixels=settings.max_image_pixels,
            costly_pixels=settings.max_costly_image_pixels,
        )

    def settle(self, task: ImageTask, leave: Leave) -> Settled | Retry:
        """Work on one task; `leave` gives the host's permit back as soon as the host is done with.

        Raises:
            StorageRejectedError (fatal), StorageDownError, LocalDiskError: the run must stop.
            InterruptedFetchError, RunStoppedError: the run is stopping; nothing is known.
        """
        try:
            if task.copy_from is not None:
                return self._copy_inside(task)
            return self._download(task, leave)
        except StorageRejectedError as error:
            if error.fatal:
                raise
            detail = f"{error} It would be refused again, so it is not downloaded again; {RETRY}."
            return task.ended_by(Fault(ErrorKind.STORAGE_REJECTED, detail, error.status))
        except BucketRefusesError as error:
            return task.ended_by(Fault(error.kind, error.detail))
        except StorageUnavailableError as error:
            return task.ended_by(Fault(ErrorKind.STORAGE_UNAVAILABLE, str(error), error.status))

    def _download(self, task: ImageTask, leave: Leave) -> Settled | Retry:
        task.tries += 1
        kept = _kept(task)
        with spool() as file:
            try:
                answer = self._fetch(task, kept, file, leave)
                if kept is not None and answer.not_modified:
                    return self._keep(task, kept, answer)
                self._counter.downloaded(answer.bytes)
                return self._store(task, answer, file)
            except InterruptedFetchError:
                raise
            except HostHeldError as error:
                return _when_free_again(task, error)
            except FetchError as error:
                return self._after(
                    task,
                    Fault(error.kind, error.detail, error.status, error.retry_after_s),
                    is_transient=isinstance(error, TransientFetchError),
                )
            except DamagedImageError as error:
                fault = Fault(error.kind, error.detail, damaged_sha256=error.sha256)
                came_twice = error.sha256 in task.damaged
                task.damaged.add(error.sha256)
                return self._after(task, fault, is_transient=not came_twice)
            except TruncatedImageError as error:
                return self._after(task, Fault(error.kind, error.detail), is_transient=True)
            except RejectedImageError as error:
                return self._after(task, Fault(error.kind, error.detail), is_transient=False)

    def _fetch(
        self, task: ImageTask, kept: StoredCopy | None, file: BinaryIO, leave: Leave
    ) -> Answer:
        """The permit of the host is given back here, before anything is done with the bytes."""
        try:
            with self._timed(task):
                answer = fetch_image(
                    self._session,
                    task.work.claim,
                    task.images[0],
                    self._bucket.limits.around(file),
                    kept=kept,
                    held_for=self._limits.held_for,
                )
        except FetchError as error:
            leave(error)
            raise
        leave(None)
        return answer

    @contextmanager
    def _timed(self, task: ImageTask) -> Iterator[None]:
        """An image that has used up its whole time is not tried again in this run."""
        began = time.monotonic()
        try:
            yield
        finally:
            task.spent_s += time.monotonic() - began
            if task.spent_s >= self._settings.total_timeout_s:
                task.tries = max(task.tries, MAX_TRIES)

    def _after(self, task: ImageTask, fault: Fault, *, is_transient: bool) -> Settled | Retry:
        """Another try in this run, or what this run has to say."""
        pause_s = pause_before(task.tries, fault, is_transient=is_transient)
        if pause_s is not None:
            return Retry(pause_s, fault)
        return task.ended_by(fault)

    def _store(self, task: ImageTask, answer: Answer, file: BinaryIO) -> Settled:
        is_wanted = any(image.is_wanted for image in task.images)
        checked = self._check(file, task.url, sha256=answer.sha256, is_wanted=is_wanted)
        try:
            _require_proof(task, answer, checked.damage, is_wanted=is_wanted)
            facts = facts_of_bytes(checked, answer.etag, answer.last_modified)
            return self._placer.place(task, facts, checked.file)
        finally:
            if checked.file is not file:
                checked.file.close()

    def _check(
        self, file: BinaryIO, address: str, *, sha256: str | None, is_wanted: bool = False
    ) -> CheckedImage:
        file.seek(0)

        def hear(line: str) -> None:
            _log.info("%s: %s", address, line)

        try:
            return check_image(file, self._limits_of_pictures, sha256=sha256, hear=hear)
        except OSError as error:
            raise disk_error(error) from error
        except (RejectedImageError, TruncatedImageError) as error:
            if not is_wanted or error.kind is ErrorKind.TOO_LARGE:
                raise
            return unread_image(file, error, sha256=sha256)

    def _keep(self, task: ImageTask, kept: StoredCopy, answer: Answer) -> Settled | Retry:
        """The dealer says that nothing changed: the copy we hold is this image's."""
        facts = facts_of_copy(kept)
        if facts is None:
            return self._copy_inside_from(task, kept.storage_path)
        facts = replace(
            facts,
            etag=answer.etag or kept.etag,
            last_modified=answer.last_modified or kept.last_modified,
        )
        try:
            return self._placer.place(task, facts, None)
        except LookupError:
            return _again_without(task)

    def _copy_inside(self, task: ImageTask) -> Settled | Retry:
        return self._copy_inside_from(task, task.copy_from or "")

    def _copy_inside_from(self, task: ImageTask, source: str) -> Settled | Retry:
        """Give a moved image its new name; ask the dealer only if our copy is gone or broken."""
        facts = facts_of_record(task.images, source)
        if facts is None:
            with spool() as file:
                if not self._bucket.read(source, file):
                    return _again_without(task)
                try:
                    checked = self._check(file, source, sha256=None)
                except (RejectedImageError, TruncatedImageError):
                    return _again_without(task)
                facts = facts_of_bytes(checked, None, None)
                if checked.file is not file:
                    checked.file.close()
        task.work.remember_upload(facts.sha256, source)
        try:
            return self._placer.place(task, facts, None)
        except LookupError:
            return _again_without(task)


def _require_proof(
    task: ImageTask, answer: Answer, damage: Damage | None, *, is_wanted: bool
) -> None:
    """Raises DamagedImageError when a damaged picture must come again before it is kept."""
    if damage is None:
        return
    seen = [Seen(digest, None) for digest in task.damaged]
    for image in task.images:
        if image.damaged_sha256:
            seen.append(Seen(image.damaged_sha256, image.damaged_s_ago))
    # A copy with these bytes was accepted once.
    seen += [
        Seen(copy.sha256, ANOTHER_DAY_S)
        for copy in task.work.claim.stored
        if copy.source_url == task.url and copy.sha256
    ]
    is_bounded = answer.is_bounded
    if not is_kept(damage, answer.sha256, seen, is_bounded=is_bounded, is_wanted=is_wanted):
        raise DamagedImageError(waits_for(damage), answer.sha256)


def _when_free_again(task: ImageTask, held: HostHeldError) -> Settled | Retry:
    """A redirect led to a host that is to be left alone: this was no try."""
    task.tries -= 1
    held_s = held.retry_after_s or 0.0
    return Retry(held_s, None) if held_s <= LONGEST_RETRY_AFTER_S else []


def _again_without(task: ImageTask) -> Retry:
    """Our own copy is not there: fetch the image from the dealer after all."""
    task.fetch_instead()
    return Retry(0.0, None)


def _kept(task: ImageTask) -> StoredCopy | None:
    """The copy a conditional request is about, if we hold one that the source has named."""
    if task.is_unconditional:
        return None
    for copy in task.work.claim.stored:
        if copy.source_url == task.url and (copy.etag or copy.last_modified):
            return copy
    return None
