"""What our own bucket refuses and would refuse again: told before an image is uploaded, not after.

It knows the bucket's own limits and nothing of where an image comes from.
"""

from __future__ import annotations

from typing import Protocol

from migrate.errors import BucketRefusesError
from scraper.base.report_blocks import size
from scraper.database.storage import BucketSettings

RETRY = "then `migrate --retry-failed` takes it"
# TIFF and BMP, which are stored as something smaller: their own size says nothing.
_CONVERTED = (b"II*\0", b"MM\0*", b"BM")


class Sink(Protocol):
    """Where a download goes."""

    def write(self, data: bytes, /) -> object: ...


class BucketLimits:
    """The limits of one bucket; without any, everything is taken."""

    def __init__(self, settings: BucketSettings | None = None) -> None:
        self._settings = settings or BucketSettings(is_public=True)

    def refuse(self, *, content_type: str, count: int) -> None:
        """Raise BucketRefusesError for a picture that the bucket does not take."""
        settings = self._settings
        if settings.max_bytes is not None and count > settings.max_bytes:
            raise _too_large(settings.max_bytes)
        if not settings.takes(content_type):
            raise BucketRefusesError(
                f"our bucket takes no {content_type} (its allowed MIME types: "
                f"{', '.join(settings.allowed_types or ())}): allow it there, {RETRY}"
            )

    def around(self, sink: Sink) -> Sink:
        """A sink that stops a download as soon as the bucket would not take what comes."""
        limit = self._settings.max_bytes
        return sink if limit is None else _Limited(sink, limit)


class _Limited:
    def __init__(self, sink: Sink, max_bytes: int) -> None:
        self._sink = sink
        self._max_bytes = max_bytes
        self._count = 0
        self._is_kept = True

    def write(self, data: bytes, /) -> object:
        if self._count == 0:
            self._is_kept = not data.startswith(_CONVERTED)
        self._count += len(data)
        if self._is_kept and self._count > self._max_bytes:
            raise _too_large(self._max_bytes)
        return self._sink.write(data)


def _too_large(max_bytes: int) -> BucketRefusesError:
    return BucketRefusesError(
        f"larger than the {size(max_bytes)} that our bucket takes (its own file size limit): "
        f"raise that, {RETRY}"
    )
