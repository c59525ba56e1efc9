"""A file of a known format becomes a picture, whole or as far as it goes; it judges nothing else.

Sizes are judged before a pixel is decoded. The decoder is given what a browser needs of the file
and none of its remarks.

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
import io
import threading
import warnings
from dataclasses import dataclass
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

from migrate.errors import RejectedImageError, TruncatedImageError
from migrate.pictures import jpeg_scan
from migrate.pictures.avif_boxes import AvifBoxes, plain_avif
from migrate.pictures.bmp_reader import PlainBmp, plain_bmp
from migrate.pictures.containers import Canvas, canvas_of
from migrate.pictures.damage import NOTHING_LEFT, Damage, Extent, of_rows
from migrate.pictures.decoded_rows import missing_rows
from migrate.pictures.file_reader import Reader, mapped, parts_of, without
from migrate.pictures.formats import ImageFormat
from migrate.pictures.jpeg_damage import HALF, QUARTER, damage_of_jpeg, with_companion
from migrate.pictures.jpeg_header import JpegHeader, read_header
from migrate.pictures.limits import Limits, refuse_bomb
from migrate.pictures.pillow_errors import PILLOW_ERRORS, translated
from migrate.pictures.png_chunks import read_chunks
from migrate.pictures.png_damage import damage_of_png
from scraper.base.errors import ErrorKind

AT_ONCE_BYTES = 256 * 1024
"""Given to the decoder at once: most photographs, so that threads change less often."""

HEAVY_PIXELS = 12_000_000
"""Larger pictures are decoded one at a time, so that memory does not grow with the threads."""

READERS: dict[ImageFormat, type[ImageFile.ImageFile]] = {
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
_heavy = threading.Lock()

Image.preinit()  # once, at import: save() would do it in whichever thread comes first
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # about broken metadata


@dataclass(frozen=True)
class Decoded:
    """What decoding has shown; `image` may be a reduced or an incomplete one."""

    image: Image.Image
    width: int
    height: int
    orientation: int = 1
    damage: Damage | None = None


@dataclass(frozen=True)
class PictureDecoder:
    """Decodes one file; what it holds meanwhile is let go when `stack` ends."""

    file: BinaryIO
    size: int
    image_format: ImageFormat
    limits: Limits
    stack: contextlib.ExitStack

    def decoded(self) -> Decoded:
        """A picture that is kept byte for byte. Raises Pillow's exceptions besides ours."""
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
        refuse_bomb(Canvas(*image.size), self.limits, self.image_format.name)
        try:
            image.load()
        except PILLOW_ERRORS:
            if self.image_format is not ImageFormat.GIF:
                raise
            damage = damage or Damage(Extent.LARGE, "the GIF is damaged inside")
            damage, image = self._as_far_as_it_goes(self.file, damage)
        orientation = ON_ITS_SIDE if canvas is not None and canvas.is_turned else 1
        return Decoded(image, image.width, image.height, orientation, damage)

    def _by_its_boxes(self, boxes: AvifBoxes) -> Decoded:
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
        refuse_bomb(Canvas(*image.size), self.limits, self.image_format.name)
        image.load()
        damage = Damage(Extent.NOTHING_SEEN, "unverified: its boxes are odd, its picture is whole")
        orientation = ON_ITS_SIDE if boxes.is_turned else 1
        return Decoded(image, image.width, image.height, orientation, damage)

    def to_convert(self) -> Decoded:
        """A BMP or TIFF, as far as it goes."""
        canvas_of(self.image_format, self.file)
        damage = None
        with translated():
            plain = plain_bmp(self.file) if self.image_format is ImageFormat.BMP else None
            if plain is not None:
                self._admit(Canvas(plain.width, plain.height))
                damage = self._loss_of_bmp(plain)
                picture = plain.read(self.file)
                return Decoded(picture, picture.width, picture.height, damage=damage)
            opened = self._open(self.file)
            self._admit(Canvas(*opened.size))
            image: Image.Image = opened
            if self.image_format is ImageFormat.BMP:
                damage, image = self._packed_bmp(opened)
        return Decoded(image, image.width, image.height, damage=damage)

    def _jpeg(self) -> Decoded:
        header = read_header(Reader(self.file))
        kind = "progressive JPEG" if header.is_progressive else "JPEG"
        canvas = Canvas(header.width, header.height)
        refuse_bomb(canvas, self.limits, kind, is_cheap=header.is_one_scan)
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
        except PILLOW_ERRORS as exc:
            if isinstance(exc, OSError) and exc.errno is not None:
                raise
            is_doubtful = True
        if is_doubtful or header.further:
            damage, image = self._jpeg_in_doubt(header, image, is_doubtful=is_doubtful)
        return Decoded(image, width, height, header.orientation, damage)

    def _jpeg_in_doubt(
        self, header: JpegHeader, image: Image.Image, *, is_doubtful: bool
    ) -> tuple[Damage | None, Image.Image]:
        is_heavy = header.is_one_scan and header.width * header.height > HEAVY_PIXELS
        with (
            _heavy if is_heavy and is_doubtful else contextlib.nullcontext(),
            mapped(self.file, spare=jpeg_scan.SPARE) as data,
        ):
            damage = with_companion(None, data, header)
            if not is_doubtful:
                return damage, image
            scale = QUARTER if is_heavy else HALF
            try:
                found, image = damage_of_jpeg(data, self.size, header, scale=scale)
            except PILLOW_ERRORS:
                found, image = self._as_far_as_it_goes(
                    self._with_remarks_left_out(header.left_out), None
                )
            return found or damage, image

    def _png(self) -> Decoded:
        reader = Reader(self.file)
        found = read_chunks(reader)
        self._admit(Canvas(found.width, found.height, found.frames_pixels))
        readable = self._with_remarks_left_out(found.left_out)
        image: Image.Image = self._open(readable)
        damage = None
        try:
            image.load()
        except PILLOW_ERRORS as exc:
            if isinstance(exc, OSError) and exc.errno is not None:
                raise
            damage, image = self._as_far_as_it_goes(readable, None)
        damage = damage_of_png(reader, found, damage)
        return Decoded(image, found.width, found.height, found.orientation, damage)

    def _loss_of_bmp(self, plain: PlainBmp) -> Damage | None:
        missing = plain.missing_rows(self.size)
        if missing >= NOTHING_LEFT:
            raise TruncatedImageError("next to nothing of the picture is there")
        return of_rows(missing, "the BMP is cut") if missing else None

    def _packed_bmp(self, image: ImageFile.ImageFile) -> tuple[Damage | None, Image.Image]:
        try:
            image.load()
            return None, image
        except PILLOW_ERRORS as exc:
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
        refuse_bomb(canvas, self.limits, self.image_format.name)
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
            with translated():
                return READERS[self.image_format](file, "")
        except TruncatedImageError as exc:
            detail = f"begins like a {self.image_format.name} but cannot be read as one"
            raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, detail) from exc


def _has_no_end(file: BinaryIO, size: int) -> bool:
    """Whether no end marker stands where it belongs: libjpeg may be content all the same."""
    file.seek(max(0, size - 4096))
    return b"\xff\xd9" not in file.read()
