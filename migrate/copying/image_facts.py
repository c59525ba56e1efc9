"""What is known of an image, and the results that follow from it: values only, no work."""

from __future__ import annotations

from dataclasses import dataclass, replace

from migrate.pictures.check import CheckedImage
from migrate.queue.claims import DueImage, StoredCopy
from migrate.queue.outcome import ImageResult, Outcome
from migrate.run.listing_work import ImageTask
from migrate.run.retries import Fault


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """What is known of an image that may be stored, its bytes in hand or in our bucket already."""

    content_type: str
    extension: str
    bytes: int
    width: int | None
    height: int | None
    sha256: str
    etag: str | None = None
    last_modified: str | None = None
    placeholder: str | None = None
    average_color: str | None = None
    phash: int | None = None
    defect: str | None = None


def facts_of_record(images: tuple[DueImage, ...], source: str) -> CopyFacts | None:
    """What the records say about the copy `source`; None when they do not say enough."""
    for image in images:
        if image.copy_from == source and image.sha256 and image.content_type:
            return _facts_of(image, source, image.content_type, image.sha256)
    return None


def facts_of_copy(copy: StoredCopy) -> CopyFacts | None:
    """What the records say about a stored copy; None when they do not say enough."""
    if copy.sha256 is None or copy.content_type is None:
        return None
    return _facts_of(copy, copy.storage_path, copy.content_type, copy.sha256)


def _facts_of(known: DueImage | StoredCopy, path: str, content_type: str, sha256: str) -> CopyFacts:
    return CopyFacts(
        content_type=content_type,
        extension=path.rpartition(".")[2],
        bytes=known.bytes or 0,
        width=known.width,
        height=known.height,
        sha256=sha256,
        etag=known.etag,
        last_modified=known.last_modified,
        placeholder=known.placeholder,
        average_color=known.average_color,
        phash=known.phash,
        defect=known.defect,
    )


def facts_of_bytes(checked: CheckedImage, etag: str | None, last_modified: str | None) -> CopyFacts:
    """What the check of the bytes in hand has shown."""
    looks = checked.looks
    return CopyFacts(
        content_type=checked.content_type,
        extension=checked.extension,
        bytes=checked.bytes,
        width=checked.width or None,
        height=checked.height or None,
        sha256=checked.sha256,
        etag=etag,
        last_modified=last_modified,
        placeholder=looks.placeholder if looks else None,
        average_color=looks.average_color if looks else None,
        phash=looks.phash if looks else None,
        defect=checked.damage.detail if checked.damage else None,
    )


def results_of(
    task: ImageTask, outcome: Outcome, facts: CopyFacts | None, fault: Fault
) -> list[ImageResult]:
    """The same result for each position of a task."""
    return [
        replace(
            result_of(image, outcome, facts),
            error_kind=fault.kind,
            error_detail=fault.detail,
            http_status=fault.status,
            retry_after_s=fault.retry_after_s,
            damaged_sha256=fault.damaged_sha256,
        )
        for image in task.images
    ]


def result_of(image: DueImage, outcome: Outcome, facts: CopyFacts | None) -> ImageResult:
    """A result with what is known of the image, so far without a path or a fault."""
    is_recheck = image.state == "stored"
    result = ImageResult(image.position, image.source_url, outcome, is_recheck=is_recheck)
    if facts is None:
        return result
    return replace(
        result,
        content_type=facts.content_type,
        bytes=facts.bytes,
        width=facts.width,
        height=facts.height,
        sha256=facts.sha256,
        etag=facts.etag,
        last_modified=facts.last_modified,
        placeholder=facts.placeholder,
        average_color=facts.average_color,
        phash=facts.phash,
        defect=facts.defect,
    )
