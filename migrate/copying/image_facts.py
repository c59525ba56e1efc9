"""What is known of an image, and the results that follow from it: values only, no work."""

from __future__ import annotations

from dataclasses import dataclass, replace

from migrate.pictures.check import CheckedImage
from migrate.queue.claims import DueImage
from migrate.queue.outcome import ImageResult, Outcome
from migrate.run.listing_work import ImageTask
from migrate.run.retries import Fault


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a whole image, whether its bytes are in hand or in our bucket already."""

    content_type: str
    extension: str
    bytes: int
    width: int
    height: int
    sha256: str
    etag: str | None = None
    last_modified: str | None = None


def facts_of_record(images: tuple[DueImage, ...], source: str) -> Facts | None:
    """What the records say about the copy `source`; None when they do not say enough."""
    for image in images:
        if image.copy_from == source and image.sha256 and image.content_type:
            return Facts(
                content_type=image.content_type,
                extension=source.rpartition(".")[2],
                bytes=image.bytes or 0,
                width=image.width or 0,
                height=image.height or 0,
                sha256=image.sha256,
                etag=image.etag,
                last_modified=image.last_modified,
            )
    return None


def facts_of_bytes(checked: CheckedImage, etag: str | None, last_modified: str | None) -> Facts:
    """What the check of the bytes in hand has shown."""
    return Facts(
        content_type=checked.content_type,
        extension=checked.extension,
        bytes=checked.bytes,
        width=checked.width,
        height=checked.height,
        sha256=checked.sha256,
        etag=etag,
        last_modified=last_modified,
    )


def failed(task: ImageTask, fault: Fault) -> list[ImageResult]:
    """The results of a task that ends with `fault`: rejected or failed, by the kind."""
    outcome = Outcome.REJECTED if fault.is_rejection else Outcome.FAILED
    return results_of(task, outcome, None, fault)


def results_of(
    task: ImageTask, outcome: Outcome, facts: Facts | None, fault: Fault
) -> list[ImageResult]:
    """The same result for each position of a task."""
    return [
        replace(
            result_of(image, outcome, facts),
            error_kind=fault.kind,
            error_detail=fault.detail,
            http_status=fault.status,
            retry_after_s=fault.retry_after_s,
        )
        for image in task.images
    ]


def result_of(image: DueImage, outcome: Outcome, facts: Facts | None) -> ImageResult:
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
    )
