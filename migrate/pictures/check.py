"""Is it an image we may keep, which, how whole; it must not know where bytes come from or go to.

Bytes decide, never names or headers. Sizes are judged before a pixel is decoded; then the picture
is decoded, because a file cut to a consistent length passes every check of headers (and Pillow's
own verify()). The decoder is given what a browser needs of the file and none of its remarks.

Memory that a check needs at its most, besides the file itself: the growth of a process's peak
(VmHWM after it was reset), one picture a process, each of 50 megapixels (baseline JPEG: 120, BMP:
what 50 MB hold), measured with Pillow 12 on x86-64:

| kind | whole | cut, so that its damage is sought |
| --- | ---: | ---: |
| baseline JPEG, 120 MP: decoded at an eighth; cut: at a quarter, twice | 7 MB | 103 MB |
| progressive JPEG: all its coefficients, at a half, twice; CMYK the most | 250 to 490 MB | 250 MB |
| PNG: 8 bits, with or without alpha | 190 MB | 520 MB |
| GIF, also animated: a byte a pixel, its first frame | 48 MB | 130 MB |
| WebP, also animated: its decoder holds two canvases beside ours | 770 to 810 MB | refused unread |
| AVIF | 440 MB | refused unread |
| BMP, converted: 8 bits at 50 MP; 24 and 32 bits at 17 and 12 MP | 60 to 105 MB | the same |
| TIFF, converted: RGB; with alpha or more than 8 bits | 220 MB; 430 to 480 MB | refused |

Pictures of more than 12 megapixels are checked one at a time, whatever their kind.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from migrate.errors import ImageError, RejectedImageError, TruncatedImageError
from migrate.pictures import jpeg_scan
from migrate.pictures.appearance import Appearance, appearance_of
from migrate.pictures.avif_boxes import AvifBoxes, plain_avif
from migrate.pictures.bmp_reader import PlainBmp, plain_bmp
from migrate.pictures.containers import Canvas, canvas_of
from migrate.pictures.conversion import convert
from migrate.pictures.damage import NOTHING_LEFT, Damage, Extent, of_rows
from migrate.pictures.decoded_rows import missing_rows
from migrate.pictures.file_reader import Reader, parts_of, without
from migrate.pictures.formats import ImageFormat, format_of
from migrate.pictures.jpeg_damage import HALF, QUARTER, damage_of_jpeg, with_companion
from migrate.pictures.jpeg_header import JpegHeader, read_header
from migrate.pictures.libtiff_messages import Hear, heard_by
from migrate.pictures.orientation import is_turned
from migrate.pictures.png_chunks import PngChunks, has_whole_data, read_chunks
from scraper.base.errors import ErrorKind

ANIMATION_FACTOR = 20
"""The frames of an animation together may have this many times the pixels of a single picture."""

AT_ONCE_BYTES = 256 * 1024
"""Given to the decoder at once: most photographs, so that threads change less often."""

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

ON_ITS_SIDE = 6
"""The Exif orientation for a quarter turn of either sense: what counts is the size."""
_CONVERTED = frozenset({ImageFormat.TIFF, ImageFormat.BMP})
_heavy = threading.Lock()

Image.preinit()  # once, at import: save() would do it in whichever thread comes first
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # about broken metadata


@dataclass(frozen=True)
class Limits:
    """The largest pictures that are kept; `costly_pixels` where decoding takes much memory."""

    bytes: int
    pixels: int
    costly_pixels: int


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


@dataclass(frozen=True)
class _Decoded:
    """What decoding has shown; `image` may be a reduced or an incomplete one."""

    image: Image.Image
    width: int
    height: int
    orientation: int = 1
    damage: Damage | None = None


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
        check = _Check(file, size, image_format, limits, stack)
        if image_format in _CONVERTED:
            stack.enter_context(heard_by(hear))
            return check.converted()
        with _translated():
            decoded = check.decoded()
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
    with contextlib.suppress(*_PILLOW_ERRORS):
        file.seek(0)
        width, height = _READERS[image_format](file, "").size
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


@dataclass(frozen=True)
class _Check:
    """One file under check; `stack` ends with it."""

    file: BinaryIO
    size: int
    image_format: ImageFormat
    limits: Limits
    stack: contextlib.ExitStack

    def decoded(self) -> _Decoded:
        if self.image_format is ImageFormat.JPEG:
            return self._jpeg()
        if self.image_format is ImageFormat.PNG:
            return self._png()
        canvas = canvas_of(self.image_format, self.file)
        if canvas is not None:
            self._admit(canvas)
        damage = None if canvas is None else canvas.lacks
        try:
            image: Image.Image = self._open(self.file)
        except RejectedImageError:
            if canvas is None or canvas.boxes is None:
                raise
            return self._by_its_boxes(canvas.boxes)
        _refuse_bomb(Canvas(*image.size), self.limits, self.image_format.name)
        try:
            image.load()
        except _PILLOW_ERRORS:
            if self.image_format is not ImageFormat.GIF:
                raise
            damage = damage or Damage(Extent.LARGE, "the GIF is damaged inside")
            damage, image = self._as_far_as_it_goes(self.file, damage)
        orientation = ON_ITS_SIDE if canvas is not None and canvas.is_turned else 1
        return _Decoded(image, image.width, image.height, orientation, damage)

    def _by_its_boxes(self, boxes: AvifBoxes) -> _Decoded:
        """An AVIF that the decoder refuses for its form: its coded picture in a plain one.

        Raises:
            RejectedImageError, TruncatedImageError: that cannot be decoded either.
        """
        self.file.seek(8)
        if not boxes.is_plain or self.file.read(4) == b"avis":
            raise RejectedImageError(
                ErrorKind.NOT_AN_IMAGE, "begins like an AVIF but cannot be read as one"
            )
        reader = Reader(self.file)
        coded = b""
        for start, length in boxes.places.get(boxes.primary, ()):
            reader.skip_to(start)
            coded += reader.take(length or reader.size - start)
        image: Image.Image = self._open(io.BytesIO(plain_avif(boxes, coded)))
        _refuse_bomb(Canvas(*image.size), self.limits, self.image_format.name)
        image.load()
        damage = Damage(Extent.NOTHING_SEEN, "unverified: its boxes are odd, its picture is whole")
        orientation = ON_ITS_SIDE if boxes.is_turned else 1
        return _Decoded(image, image.width, image.height, orientation, damage)

    def converted(self) -> CheckedImage:
        canvas_of(self.image_format, self.file)
        damage = None
        with _translated():
            plain = plain_bmp(self.file) if self.image_format is ImageFormat.BMP else None
            if plain is not None:
                self._admit(Canvas(plain.width, plain.height))
                damage = self._loss_of_bmp(plain)
                return _converted(plain.read(self.file), damage, self.limits)
            opened = self._open(self.file)
            self._admit(Canvas(*opened.size))
            image: Image.Image = opened
            if self.image_format is ImageFormat.BMP:
                damage, image = self._packed_bmp(opened)
        return _converted(image, damage, self.limits)

    def _jpeg(self) -> _Decoded:
        header = read_header(Reader(self.file))
        kind = "progressive JPEG" if header.is_progressive else "JPEG"
        canvas = Canvas(header.width, header.height)
        _refuse_bomb(canvas, self.limits, kind, is_cheap=header.is_one_scan)
        if not header.is_one_scan:
            self._wait_if_heavy(canvas)
        opened = self._open(self._with_remarks_left_out(header.left_out))
        opened.decodermaxblock = AT_ONCE_BYTES
        image: Image.Image = opened
        width, height = image.size
        damage = None
        try:
            image.draft(None, (max(1, width // 8), max(1, height // 8)))
            image.load()
            is_doubtful = (
                not header.is_one_scan
                or jpeg_scan.ends_in_grey(image)
                or _has_no_end(self.file, self.size)
            )
        except _PILLOW_ERRORS as exc:
            if isinstance(exc, OSError) and exc.errno is not None:
                raise
            is_doubtful = True
        if is_doubtful or header.further:
            damage, image = self._jpeg_in_doubt(header, image, is_doubtful=is_doubtful)
        return _Decoded(image, width, height, header.orientation, damage)

    def _jpeg_in_doubt(
        self, header: JpegHeader, image: Image.Image, *, is_doubtful: bool
    ) -> tuple[Damage | None, Image.Image]:
        is_heavy = header.is_one_scan and header.width * header.height > HEAVY_PIXELS
        with (
            _heavy if is_heavy and is_doubtful else contextlib.nullcontext(),
            _mapped(self.file, spare=jpeg_scan.SPARE) as data,
        ):
            damage = with_companion(None, data, header)
            if not is_doubtful:
                return damage, image
            scale = QUARTER if is_heavy else HALF
            try:
                found, image = damage_of_jpeg(data, self.size, header, scale=scale)
            except _PILLOW_ERRORS:
                found, image = self._as_far_as_it_goes(
                    self._with_remarks_left_out(header.left_out), None
                )
            return found or damage, image

    def _png(self) -> _Decoded:
        reader = Reader(self.file)
        found = read_chunks(reader)
        self._admit(Canvas(found.width, found.height, found.frames_pixels))
        readable = self._with_remarks_left_out(found.left_out)
        image: Image.Image = self._open(readable)
        damage = None
        try:
            image.load()
        except _PILLOW_ERRORS as exc:
            if isinstance(exc, OSError) and exc.errno is not None:
                raise
            damage, image = self._as_far_as_it_goes(readable, None)
        damage = _loss_of_png(reader, found, damage)
        return _Decoded(image, found.width, found.height, found.orientation, damage)

    def _loss_of_bmp(self, plain: PlainBmp) -> Damage | None:
        missing = plain.missing_rows(self.size)
        if missing >= NOTHING_LEFT:
            raise TruncatedImageError("next to nothing of the picture is there")
        return of_rows(missing, "the BMP is cut") if missing else None

    def _packed_bmp(self, image: ImageFile.ImageFile) -> tuple[Damage | None, Image.Image]:
        try:
            image.load()
            return None, image
        except _PILLOW_ERRORS as exc:
            if isinstance(exc, OSError) and exc.errno is not None:
                raise
            return self._as_far_as_it_goes(self.file, None)

    def _as_far_as_it_goes(
        self, readable: BinaryIO, known: Damage | None
    ) -> tuple[Damage, Image.Image]:
        """The picture down to where the decoder stumbles. Raises when next to nothing is there."""
        missing, image = missing_rows(lambda: self._open(readable))
        if missing >= NOTHING_LEFT:
            raise TruncatedImageError("next to nothing of the picture is there")
        return known or of_rows(missing, f"the {self.image_format.name} is cut or damaged"), image

    def _admit(self, canvas: Canvas) -> None:
        _refuse_bomb(canvas, self.limits, self.image_format.name)
        self._wait_if_heavy(canvas)

    def _wait_if_heavy(self, canvas: Canvas) -> None:
        if canvas.width * canvas.height > HEAVY_PIXELS:
            self.stack.enter_context(_heavy)

    def _with_remarks_left_out(self, left_out: list[tuple[int, int]]) -> BinaryIO:
        if not left_out:
            return self.file
        return parts_of(self.file, without(self.size, left_out))

    def _open(self, file: BinaryIO) -> ImageFile.ImageFile:
        """Read the header. What cannot be opened though it is there is no image."""
        file.seek(0)
        try:
            with _translated():
                return _READERS[self.image_format](file, "")
        except TruncatedImageError as exc:
            detail = f"begins like a {self.image_format.name} but cannot be read as one"
            raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, detail) from exc


def _refuse_bomb(canvas: Canvas, limits: Limits, kind: str, *, is_cheap: bool = False) -> None:
    pixels = canvas.width * canvas.height
    allowed, setting = limits.pixels, "MAX_IMAGE_PIXELS"
    if not is_cheap and limits.costly_pixels < allowed:
        allowed, setting = limits.costly_pixels, "MAX_COSTLY_IMAGE_PIXELS"
    if pixels > allowed:
        detail = f"{canvas.width} x {canvas.height} pixels, more than the {allowed:,} allowed"
        raise RejectedImageError(ErrorKind.TOO_LARGE, f"{detail} for a {kind} (setting {setting})")
    if canvas.frames_pixels > allowed * ANIMATION_FACTOR:
        detail = f"an animation of {canvas.frames_pixels:,} pixels in all, more than the "
        detail += f"{allowed * ANIMATION_FACTOR:,} allowed ({ANIMATION_FACTOR} times {setting})"
        raise RejectedImageError(ErrorKind.TOO_LARGE, detail)


def _loss_of_png(reader: Reader, found: PngChunks, of_decoder: Damage | None) -> Damage | None:
    """What a PNG lacks; the decoder stumbles at a wrong checksum behind the last row, too."""
    losses = [of_decoder] if of_decoder else []
    if found.bad_data or of_decoder:
        is_whole, fits = has_whole_data(reader, found)
        if found.bad_data and fits:
            losses = [Damage(Extent.NOTHING_SEEN, "a checksum inside the PNG does not fit (IDAT)")]
        elif found.bad_data and found.ends_in_zeros(reader):
            losses = [Damage(Extent.LARGE, "the end of the PNG was never filled in")]
        elif found.bad_data and is_whole:
            losses = [Damage(Extent.SMALL, "no checksum of the PNG's picture fits")]
        elif is_whole and not (of_decoder and of_decoder.extent is Extent.LARGE):
            losses = [Damage(Extent.NOTHING_SEEN, "the checksum of the PNG's picture does not fit")]
    if found.bad_frames or found.frames < found.frames_promised:
        losses.append(Damage(Extent.LARGE, "frames of the animated PNG are damaged or missing"))
    if not found.has_end and not losses:
        losses.append(Damage(Extent.NOTHING_SEEN, "the PNG lacks its end"))
    return max(losses, key=lambda one: list(Extent).index(one.extent), default=None)


def _has_no_end(file: BinaryIO, size: int) -> bool:
    """Whether no end marker stands where it belongs: libjpeg may be content all the same."""
    file.seek(max(0, size - 4096))
    return b"\xff\xd9" not in file.read()


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


def _looks(decoded: _Decoded) -> Appearance | None:
    """What it looks like; None for the rare mode that cannot be reduced: a nicety, no condition."""
    with contextlib.suppress(ValueError, OSError, TypeError):
        return appearance_of(decoded.image, orientation=decoded.orientation)
    return None


def _converted(image: Image.Image, damage: Damage | None, limits: Limits) -> CheckedImage:
    with _translated():
        file, image_format, picture = convert(image)
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
        damage=damage,
        looks=_looks(_Decoded(picture, width, height)),
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
