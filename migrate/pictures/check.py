"""Is it an image we may keep, whole, and which; it must not know where bytes come from or go to.

Bytes decide, never names or headers. Sizes are judged before a pixel is decoded; then the picture
is decoded, because a file cut to a consistent length passes every check of headers (and Pillow's
own verify()).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import tempfile
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageChops,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from migrate.errors import ImageError, RejectedImageError, TruncatedImageError
from migrate.pictures import jpeg_scan as jpegscan
from migrate.pictures.containers import Canvas, ImageFormat, canvas_of, format_of
from migrate.pictures.conversion import convert
from scraper.base.errors import ErrorKind

ANIMATION_FACTOR = 20
"""The frames of an animation together may have this many times the pixels of a single picture."""

HEAVY_PIXELS = 12_000_000
"""Larger pictures are decoded one at a time, so that memory does not grow with the threads."""

_READERS: dict[ImageFormat, type[ImageFile.ImageFile]] = {
    ImageFormat.JPEG: JpegImagePlugin.JpegImageFile,
    ImageFormat.PNG: PngImagePlugin.PngImageFile,
    ImageFormat.GIF: GifImagePlugin.GifImageFile,
    ImageFormat.WEBP: WebPImagePlugin.WebPImageFile,
    ImageFormat.AVIF: AvifImagePlugin.AvifImageFile,
    ImageFormat.TIFF: TiffImagePlugin.TiffImageFile,
    ImageFormat.BMP: BmpImagePlugin.BmpImageFile,
}
"""Used directly and not through Image.open, whose limit on pixels is one global for all threads,
higher than ours, and at first only a warning."""

_CONVERTED = frozenset({ImageFormat.TIFF, ImageFormat.BMP})
_heavy = threading.Lock()

Image.preinit()  # once, at import: save() would do it in whichever thread comes first
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # about broken metadata


@dataclass(frozen=True)
class CheckedImage:
    """An image that may be stored; `file` stands at its beginning."""

    content_type: str
    extension: str
    width: int
    height: int
    bytes: int
    sha256: str
    file: BinaryIO
    converted: bool = False


def check_image(
    file: BinaryIO, *, max_pixels: int, max_bytes: int, sha256: str | None = None
) -> CheckedImage:
    """Judge a downloaded file.

    Args:
        file: seekable; read from its beginning, left open.
        sha256: of its bytes, when that was already computed while they streamed in.

    Returns:
        The same file rewound, or for TIFF and BMP a new temporary file that the caller closes.

    Raises:
        RejectedImageError: not an image we keep, or too large (final).
        TruncatedImageError: cut or damaged on the way (worth another try).
        OSError: only of our own disk, with its errno.
    """
    size = file.seek(0, os.SEEK_END)
    if size > max_bytes:
        raise RejectedImageError(
            ErrorKind.TOO_LARGE, f"{size:,} bytes, more than the {max_bytes:,} allowed"
        )
    file.seek(0)
    image_format = format_of(file.read(512))
    with contextlib.ExitStack() as stack:
        readable = file
        if canvas := canvas_of(image_format, file):
            _refuse_bomb(canvas, max_pixels)
            _wait_if_heavy(stack, canvas)
            if canvas.damaged:
                readable = stack.enter_context(_without(file, canvas.damaged))
        image = _open(image_format, readable)
        _refuse_bomb(claimed := Canvas(*image.size), max_pixels)
        if not canvas and image_format is not ImageFormat.JPEG:
            _wait_if_heavy(stack, claimed)
        if image_format in _CONVERTED:
            return _converted(image, max_bytes=max_bytes)
        with _translated():
            if isinstance(image, JpegImagePlugin.JpegImageFile):
                _decode_jpeg(image, file)
            else:
                image.load()
    digest = sha256 or _digest(file)
    file.seek(0)
    return CheckedImage(
        content_type=image_format.value,
        extension=image_format.extension,
        width=claimed.width,
        height=claimed.height,
        bytes=size,
        sha256=digest,
        file=file,
    )


def _refuse_bomb(canvas: Canvas, max_pixels: int) -> None:
    pixels = canvas.width * canvas.height
    if pixels > max_pixels:
        raise RejectedImageError(
            ErrorKind.TOO_LARGE,
            f"{canvas.width} x {canvas.height} pixels, more than the {max_pixels:,} allowed",
        )
    if canvas.frames_pixels > max_pixels * ANIMATION_FACTOR:
        raise RejectedImageError(
            ErrorKind.TOO_LARGE, f"an animation of {canvas.frames_pixels:,} pixels in all"
        )


@contextlib.contextmanager
def _without(file: BinaryIO, parts: Sequence[tuple[int, int]]) -> Iterator[BinaryIO]:
    """The file as Pillow can read it; what is stored stays as it came."""
    starts = [0, *(end for _, end in parts)]
    ends = [*(start for start, _ in parts), file.seek(0, os.SEEK_END)]
    with tempfile.TemporaryFile() as readable:
        for start, end in zip(starts, ends, strict=True):
            file.seek(start)
            while data := file.read(min(1 << 16, end - file.tell())):
                readable.write(data)
        yield readable


def _wait_if_heavy(stack: contextlib.ExitStack, canvas: Canvas) -> None:
    if canvas.width * canvas.height > HEAVY_PIXELS:
        stack.enter_context(_heavy)


def _open(image_format: ImageFormat, file: BinaryIO) -> ImageFile.ImageFile:
    """Read the header. What cannot be opened though it reached its end is no image."""
    file.seek(0)
    try:
        with _translated():
            return _READERS[image_format](file, "")
    except TruncatedImageError as exc:
        if image_format is ImageFormat.JPEG:
            with _mapped(file) as data:
                if jpegscan.layout_of(data).end is None:
                    raise
        raise RejectedImageError(
            ErrorKind.NOT_AN_IMAGE, f"begins like a {image_format.name} but cannot be read as one"
        ) from exc


def _decode_jpeg(image: JpegImagePlugin.JpegImageFile, file: BinaryIO) -> None:
    """Decode at an eighth of the size, which reads every byte and costs a fraction.

    Where that may miss an early end (see jpegscan) the file is decoded twice in another way.
    """
    _refuse_cut_companion(image, file)
    if not image.info.get("progressive"):
        image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
        if not (jpegscan.ends_in_grey(image) or _is_unusual(file)):
            return
    is_heavy = image.width * image.height > HEAVY_PIXELS
    with _heavy if is_heavy else contextlib.nullcontext():
        _decode_twice(file)


def _decode_twice(file: BinaryIO) -> None:
    with _mapped(file, spare=len(jpegscan.PROBE) + 2) as data:
        layout = jpegscan.layout_of(data)
        if layout.end is None:
            raise TruncatedImageError("the JPEG has no end")
        jpegscan.make_loud(data, layout)
        as_it_is = _half_size(data)
        jpegscan.put_probe(data, layout.end)
        if ImageChops.difference(as_it_is, _half_size(data)).getbbox():
            raise TruncatedImageError("the picture ends early though its end marker is there")


@contextlib.contextmanager
def _mapped(file: BinaryIO, *, spare: int = 0) -> Iterator[mmap]:
    """The bytes of the file in memory that goes back to the system at once.

    A thread's heap would keep the size of the largest file that it has seen.
    """
    with mmap(-1, file.seek(0, os.SEEK_END) + spare) as data:
        file.seek(0)
        while block := file.read(1 << 16):
            data.write(block)
        yield data


def _refuse_cut_companion(image: JpegImagePlugin.JpegImageFile, file: BinaryIO) -> None:
    """Cameras append further pictures and list them up front (MPF): one that has begun must end.

    One that is absent altogether was removed by some tool; the first picture is whole without it.
    """
    base = image.info.get("mpoffset")
    if not isinstance(base, int):
        return
    try:
        offsets = [picture["DataOffset"] for picture in (image._getmp() or {})[0xB002]]
    except (*_PILLOW_ERRORS, TypeError):
        return
    with _mapped(file) as data:
        for offset in filter(None, offsets):
            start = base + offset  # the sizes in the list are often wrong, Pillow's own as well
            begins = data[start : start + 2] == b"\xff\xd8"
            if begins and jpegscan.layout_of(data, start=start).end is None:
                raise TruncatedImageError("the file ends inside a further picture of it")


def _is_unusual(file: BinaryIO) -> bool:
    """Several scans, or no end marker where it belongs: libjpeg may be content all the same."""
    file.seek(0)
    layout = jpegscan.layout_of(file.read(1 << 16))
    if 0 < layout.first_scan_components < layout.components:
        return True
    size = file.seek(0, os.SEEK_END)
    if size <= 1 << 16:
        return layout.end is None
    file.seek(size - 4096)
    return b"\xff\xd9" not in file.read()


def _half_size(data: mmap) -> Image.Image:
    data.seek(0)
    image = JpegImagePlugin.JpegImageFile(data, "")  # type: ignore[arg-type]
    image.draft(None, (max(1, image.width // 2), max(1, image.height // 2)))
    image.load()
    return image


def _converted(image: ImageFile.ImageFile, *, max_bytes: int) -> CheckedImage:
    with _translated():
        file, image_format, (width, height) = convert(image)
    size = file.seek(0, os.SEEK_END)
    if size > max_bytes:
        file.close()
        raise RejectedImageError(
            ErrorKind.TOO_LARGE,
            f"{size:,} bytes once converted, more than the {max_bytes:,} allowed",
        )
    digest = _digest(file)
    file.seek(0)
    return CheckedImage(
        content_type=image_format.value,
        extension=image_format.extension,
        width=width,
        height=height,
        bytes=size,
        sha256=digest,
        file=file,
        converted=True,
    )


@contextlib.contextmanager
def _translated() -> Iterator[None]:
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
    except _PILLOW_ERRORS as exc:
        if isinstance(exc, OSError) and exc.errno is not None:
            raise
        raise TruncatedImageError(f"damaged or cut: {exc}") from exc


_PILLOW_ERRORS = (
    OSError, SyntaxError, EOFError, struct.error, zlib.error, LookupError, TypeError,
    AttributeError, ArithmeticError, AssertionError, RuntimeError, ValueError, Warning,
)  # fmt: skip


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(1 << 16):
        digest.update(block)
    return digest.hexdigest()
