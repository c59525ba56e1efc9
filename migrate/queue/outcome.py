"""What became of one image, in the form that the database takes; it decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scraper.base.errors import ErrorKind

MAX_DETAIL = 300


class Outcome(StrEnum):
    """What a run can say about an image; the database derives the state from it."""

    STORED = "stored"
    FAILED = "failed"
    REJECTED = "rejected"
    UNTOUCHED = "untouched"


@dataclass(frozen=True, slots=True)
class ImageResult:
    """The result for the image of `source_url` at `position`."""

    position: int
    source_url: str
    outcome: Outcome
    error_kind: ErrorKind | None = None
    error_detail: str | None = None
    http_status: int | None = None
    retry_after_s: float | None = None
    storage_path: str | None = None
    public_url: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    sha256: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    placeholder: str | None = None
    average_color: str | None = None
    phash: int | None = None
    defect: str | None = None
    """Of a stored image: what it lacks although it shows."""
    damaged_sha256: str | None = None
    """Of a failed one: bytes that show though damaged, to be known again when they come again."""
    is_reused: bool = False
    """Stored without an upload: copied inside the bucket, or found unchanged."""
    is_recheck: bool = False
    """There was a copy before, and it is kept whatever this says."""

    def as_json(self) -> dict[str, Any]:
        """The element of an array of results, as record_results takes it."""
        detail = self.error_detail
        return {
            "position": self.position,
            "source_url": self.source_url,
            "outcome": self.outcome.value,
            "error_kind": None if self.error_kind is None else self.error_kind.value,
            "error_detail": None if detail is None else detail[:MAX_DETAIL].replace("\0", ""),
            "http_status": self.http_status,
            "retry_after_s": self.retry_after_s,
            "storage_path": self.storage_path,
            "public_url": self.public_url,
            "content_type": self.content_type,
            "bytes": self.bytes,
            "width": self.width,
            "height": self.height,
            "sha256": self.sha256,
            "etag": self.etag,
            "last_modified": self.last_modified,
            "placeholder": self.placeholder,
            "average_color": self.average_color,
            "phash": self.phash,
            "defect": self.defect,
            "damaged_sha256": self.damaged_sha256,
        }
