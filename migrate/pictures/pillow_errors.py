"""Pillow's many exceptions and what they mean for us; it reads no file."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from migrate.errors import ImageError, RejectedImageError, TruncatedImageError
from scraper.base.errors import ErrorKind

PILLOW_ERRORS = (
    OSError, SyntaxError, EOFError, struct.error, zlib.error, LookupError, TypeError,
    AttributeError, ArithmeticError, AssertionError, RuntimeError, ValueError, Warning,
)  # fmt: skip


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Pillow's many exceptions become ours; those of our own disk, which have an errno, stay."""
    try:
        yield
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as exc:
        raise RejectedImageError(ErrorKind.TOO_LARGE, f"too large to decode: {exc}") from exc
    except ValueError as exc:
        # Pillow's limits on compressed text and colour profiles are plain ValueErrors.
        raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, f"cannot be decoded: {exc}") from exc
    except PILLOW_ERRORS as exc:
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        raise TruncatedImageError(f"damaged or cut: {exc}") from exc
