"""Is it an image we may keep, which, how whole; it must not know where bytes come from or go to.

Bytes decide, never names or headers. The picture is decoded, because a file cut to a consistent
length passes every check of headers (and Pillow's own verify()).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from typing import BinaryIO

from migrate.errors import ImageError, RejectedImageError
from migrate.pictures.appearance import Appearance, appearance_of
from migrate.pictures.conversion import convert
from migrate.pictures.damage import Damage, Extent
from migrate.pictures.decoding import READERS, Decoded, PictureDecoder
from migrate.pictures.formats import ImageFormat, format_of
from migrate.pictures.libtiff_messages import Hear, heard_by
from migrate.pictures.limits import Limits
from migrate.pictures.orientation import is_turned
from migrate.pictures.pillow_errors import PILLOW_ERRORS, translated
from scraper.base.errors import ErrorKind

_CONVERTED = frozenset({ImageFormat.TIFF, ImageFormat.BMP})


@dataclass(frozen=True)
class CheckedImage:
    """An image that may be stored; `file` stands at its beginning, the size is that shown."""

    content_type: str
    extension: str
    width: int
    height: int
    bytes: int
    sha256: str
    file: BinaryIO
    converted: bool = False
    damage: Damage | None = None
    looks: Appearance | None = None


def check_image(
    file: BinaryIO, limits: Limits, *, sha256: str | None = None, hear: Hear | None = None
) -> CheckedImage:
    """Judge a downloaded file.

    Args:
        file: seekable; read from its beginning, left open.
        sha256: of its bytes, when that was already computed while they streamed in.
        hear: gets what a library has to say about the file, a line at a time.

    Returns:
        The same file rewound, or for TIFF and BMP a new temporary file that the caller closes. It
        may be damaged: whether such a picture is kept is for the caller to say.

    Raises:
        RejectedImageError: not an image we keep, or too large (final).
        TruncatedImageError: cut or damaged so that nothing shows (worth another try).
        OSError: only of our own disk, with its errno.
    """
    size = file.seek(0, os.SEEK_END)
    if size > limits.bytes:
        raise RejectedImageError(
            ErrorKind.TOO_LARGE,
            f"{size:,} bytes, more than the {limits.bytes:,} allowed (setting MAX_IMAGE_BYTES)",
        )
    file.seek(0)
    image_format = format_of(file.read(512))
    with contextlib.ExitStack() as stack:
        decoder = PictureDecoder(file, size, image_format, limits, stack)
        if image_format in _CONVERTED:
            stack.enter_context(heard_by(hear))
            return _converted(decoder.to_convert(), limits)
        with translated():
            decoded = decoder.decoded()
            looks = _looks(decoded)
    digest = sha256 or _digest(file)
    file.seek(0)
    width, height = decoded.width, decoded.height
    if is_turned(decoded.orientation):
        width, height = height, width
    return CheckedImage(
        content_type=image_format.value,
        extension=image_format.extension,
        width=width,
        height=height,
        bytes=size,
        sha256=digest,
        file=file,
        damage=decoded.damage,
        looks=looks,
    )


def unread_image(file: BinaryIO, why: ImageError, *, sha256: str | None = None) -> CheckedImage:
    """A file that an operator wants although it cannot be checked; its size where its head tells.

    Raises:
        RejectedImageError, TruncatedImageError: it does not even begin like a format that is kept.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    image_format = format_of(file.read(512))
    if image_format in _CONVERTED:
        raise why
    width = height = 0
    with contextlib.suppress(*PILLOW_ERRORS):
        file.seek(0)
        width, height = READERS[image_format](file, "").size
    digest = sha256 or _digest(file)
    file.seek(0)
    return CheckedImage(
        content_type=image_format.value,
        extension=image_format.extension,
        width=width,
        height=height,
        bytes=size,
        sha256=digest,
        file=file,
        damage=Damage(Extent.LARGE, f"kept unread, as an operator wished ({why.detail})"),
    )


def _looks(decoded: Decoded) -> Appearance | None:
    """What it looks like; None for the rare mode that cannot be reduced: a nicety, no condition."""
    with contextlib.suppress(ValueError, OSError, TypeError):
        return appearance_of(decoded.image, orientation=decoded.orientation)
    return None


def _converted(decoded: Decoded, limits: Limits) -> CheckedImage:
    with translated():
        file, image_format, picture = convert(decoded.image)
    size = file.seek(0, os.SEEK_END)
    if size > limits.bytes:
        file.close()
        raise RejectedImageError(
            ErrorKind.TOO_LARGE,
            f"{size:,} bytes once converted, more than the {limits.bytes:,} allowed "
            "(setting MAX_IMAGE_BYTES)",
        )
    digest = _digest(file)
    file.seek(0)
    width, height = picture.size
    return CheckedImage(
        content_type=image_format.value,
        extension=image_format.extension,
        width=width,
        height=height,
        bytes=size,
        sha256=digest,
        file=file,
        converted=True,
        damage=decoded.damage,
        looks=_looks(Decoded(picture, width, height)),
    )


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(1 << 16):
        digest.update(block)
    return digest.hexdigest()
