"""What image files say of themselves: format, size, whether they reach their end; no pixels.

Everything here reads a few headers and skips the rest, so a pixel bomb costs nothing to refuse.
Rules come from the formats' own documents: JPEG T.81, PNG 3rd edition, GIF89a, WebP RIFF, ISO BMFF.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from migrate.errors import RejectedImageError, TruncatedImageError
from scraper.base.errors import ErrorKind


class ImageFormat(StrEnum):
    """The formats we take in; TIFF and BMP leave as something browsers show."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    GIF = "image/gif"
    WEBP = "image/webp"
    AVIF = "image/avif"
    TIFF = "image/tiff"
    BMP = "image/bmp"

    @property
    def extension(self) -> str:
        """The end of a copy's name, letters only (the frontend reads the position before it)."""
        return {"jpeg": "jpg", "tiff": "tif"}.get(self.subtype, self.subtype)

    @property
    def subtype(self) -> str:
        return self.value.partition("/")[2]


@dataclass(frozen=True)
class Canvas:
    """The size a file claims, before it is decoded; frames_pixels adds up an animation.

    `damaged` are parts (from, to) that a browser passes over and Pillow stumbles at.
    """

    width: int
    height: int
    frames_pixels: int = 0
    damaged: tuple[tuple[int, int], ...] = ()


def format_of(head: bytes) -> ImageFormat:
    """Name the format by its first bytes (64 or more are enough), whatever anybody claims.

    Raises:
        TruncatedImageError: nothing at all, or less than a signature.
        RejectedImageError: something else; the detail says what it looks like.
    """
    if not head:
        raise TruncatedImageError("the answer had no bytes")
    for signature, image_format in _SIGNATURES.items():
        if head.startswith(signature):
            return image_format
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if head[4:8] == b"ftyp" and _is_avif(head):
        return ImageFormat.AVIF
    if len(head) < 12 and any(start.startswith(head[:4]) for start in (*_SIGNATURES, b"RIFF")):
        raise TruncatedImageError(f"the file ends after {len(head)} bytes")
    raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, f"not an image we keep: {_likely(head)}")


def canvas_of(image_format: ImageFormat, file: BinaryIO) -> Canvas | None:
    """Walk the file to its own end; None where only the decoder tells (JPEG, TIFF, BMP).

    Raises:
        TruncatedImageError: the file stops before its own end, or a checksum inside does not fit.
        RejectedImageError: there is no image in it.
    """
    file.seek(0)
    reader = _Reader(file)
    walk = _WALKS.get(image_format)
    return walk(reader) if walk else None


_SIGNATURES = {
    b"\xff\xd8\xff": ImageFormat.JPEG,
    b"\x89PNG\r\n\x1a\n": ImageFormat.PNG,
    b"GIF87a": ImageFormat.GIF,
    b"GIF89a": ImageFormat.GIF,
    b"II*\0": ImageFormat.TIFF,
    b"MM\0*": ImageFormat.TIFF,
    b"II+\0": ImageFormat.TIFF,
    b"MM\0+": ImageFormat.TIFF,
    b"BM": ImageFormat.BMP,
}

_LIKELY = (
    (b"%PDF", "a PDF document"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\x01\0", "an icon"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip-compressed data"),
)


def _is_avif(head: bytes) -> bool:
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[at : at + 4] for at in (8, *range(16, length - 3, 4))}
    return bool(brands & {b"avif", b"avis"}) and not head[8:12].startswith(b"hei")


def _likely(head: bytes) -> str:
    for start, name in _LIKELY:
        if head.startswith(start):
            return name
    if head[4:8] == b"ftyp":
        return "a HEIC picture" if head[8:12] in _HEIC_BRANDS else "a video or other media file"
    text = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\f\v").lower()
    if not text.startswith(b"<"):
        return "JSON or script" if text[:1] in (b"{", b"[") else "bytes of no format we know"
    if b"<svg" in text:
        return "an SVG drawing"
    return "an HTML page" if b"<?xml" not in text or b"<html" in text else "an XML document"


_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"}


class _Reader:
    """A file read by its own lengths: running out of bytes is a cut file."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)

    @property
    def position(self) -> int:
        return self.file.tell()

    def take(self, count: int) -> bytes:
        data = self.file.read(count)
        if len(data) < count:
            raise TruncatedImageError(f"the file ends early, after {self.size} bytes")
        return data

    def skip_to(self, position: int) -> None:
        if position > self.size:
            missing = position - self.size
            raise TruncatedImageError(f"the file lacks at least {missing} of its bytes")
        self.file.seek(position)

    def zeros_before(self, end: int) -> int:
        """How many zero bytes lie before `end`, counted up to 64 KiB."""
        start = max(0, end - 65536)
        self.file.seek(start)
        tail = self.file.read(end - start)
        return len(tail) - len(tail.rstrip(b"\0"))


def _walk_png(reader: _Reader) -> Canvas:
    """Check every chunk's checksum: decoders stop at the last row and miss damage.

    A chunk that is not critical (lower case) and does not fit is passed over, as browsers do.
    """
    reader.skip_to(8)
    width = height = frames_pixels = 0
    damaged: list[tuple[int, int]] = []
    while True:
        start = reader.position
        length, kind = struct.unpack(">I4s", reader.take(8))
        if kind == b"IHDR" and length == 13:
            width, height = struct.unpack(">II", reader.take(8))
            reader.file.seek(-8, os.SEEK_CUR)
        elif not width:
            raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, "a PNG without a header")
        if kind == b"fcTL" and length == 26:
            _, frame_width, frame_height = struct.unpack(">III", reader.take(12))
            frames_pixels += frame_width * frame_height
            reader.file.seek(-12, os.SEEK_CUR)
        if not _is_chunk_whole(reader, kind, length):
            if kind in _CRITICAL_CHUNKS:
                detail = f"a checksum inside the PNG does not fit ({kind.decode()})"
                raise TruncatedImageError(detail)
            damaged.append((start, reader.position))
        if kind == b"IEND":
            return Canvas(width, height, frames_pixels, tuple(damaged))


_CRITICAL_CHUNKS = {b"IHDR", b"PLTE", b"IDAT", b"fdAT", b"IEND"}


def _is_chunk_whole(reader: _Reader, kind: bytes, length: int) -> bool:
    checksum = zlib.crc32(kind)
    while length:
        data = reader.take(min(length, 65536))
        checksum = zlib.crc32(data, checksum)
        length -= len(data)
    return checksum == int.from_bytes(reader.take(4), "big")


def _walk_gif(reader: _Reader) -> Canvas:
    reader.skip_to(6)
    width, height, flags = struct.unpack("<HHB", reader.take(5))
    reader.skip_to(13 + _colour_table_bytes(flags))
    frames = frames_pixels = 0
    while (block := reader.take(1)) != b";":
        if block == b"!":
            reader.take(1)
            _skip_gif_blocks(reader)
        elif block == b",":
            left, top, frame_width, frame_height, flags = struct.unpack("<HHHHB", reader.take(9))
            reader.skip_to(reader.position + _colour_table_bytes(flags) + 1)
            _skip_gif_blocks(reader)
            width, height = max(width, left + frame_width), max(height, top + frame_height)
            frames += 1
            frames_pixels += frame_width * frame_height
    if not frames:
        raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, "a GIF without a picture")
    return Canvas(width, height, frames_pixels if frames > 1 else 0)


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_gif_blocks(reader: _Reader) -> None:
    while length := reader.take(1)[0]:
        reader.take(length)


def _walk_webp(reader: _Reader) -> Canvas:
    """RIFF tells its length, so a cut shows; a zero-filled end decodes happily, so it is sought."""
    reader.skip_to(4)
    end = int.from_bytes(reader.take(4), "little") + 8
    if end > reader.size:
        raise TruncatedImageError(f"the WebP lacks {end - reader.size} of its {end} bytes")
    sizes: list[tuple[int, int]] = []
    frames_pixels = 0
    for kind, start, length in _riff_chunks(reader, 12, end):
        if start + length > end:
            raise TruncatedImageError("a chunk of the WebP is longer than the file")
        reader.skip_to(start)
        if size := _webp_size(kind, reader.file.read(min(length, 16))):
            sizes.append(size)
            frames_pixels += size[0] * size[1] if kind == b"ANMF" else 0
        if kind in (b"VP8 ", b"ANMF"):
            _refuse_zero_tail(reader, start, start + length, is_lossy_webp=True)
        elif kind == b"VP8L":
            _refuse_zero_tail(reader, start, start + length)
    if not sizes:
        raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, "a WebP without a picture")
    return Canvas(max(w for w, _ in sizes), max(h for _, h in sizes), frames_pixels)


def _riff_chunks(reader: _Reader, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while position + 8 <= end:
        reader.skip_to(position)
        kind, length = struct.unpack("<4sI", reader.take(8))
        if kind == b"\0\0\0\0":
            raise TruncatedImageError("the end of the WebP was never filled in (zero bytes only)")
        yield kind, position + 8, length
        position += 8 + length + (length & 1)


def _webp_size(kind: bytes, head: bytes) -> tuple[int, int] | None:
    if kind == b"VP8X" and len(head) >= 10:
        return _uint24(head, 4) + 1, _uint24(head, 7) + 1
    if kind == b"ANMF" and len(head) >= 12:
        return _uint24(head, 6) + 1, _uint24(head, 9) + 1
    if kind == b"VP8 " and len(head) >= 10:
        width, height = struct.unpack_from("<HH", head, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(head) >= 5:
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    return None


def _uint24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _walk_avif(reader: _Reader) -> Canvas:
    width = height = 0
    position = 0
    while position + 8 <= reader.size:
        kind, start, end = _box(reader, position)
        if kind not in _BOXES:  # padding, or somebody's bytes behind the picture
            break
        reader.skip_to(end)
        if kind == b"meta":
            reader.skip_to(start)
            for found in _ISPE.finditer(reader.take(min(end - start, _LARGEST_META))):
                width = max(width, int.from_bytes(found[1], "big"))
                height = max(height, int.from_bytes(found[2], "big"))
        elif kind == b"mdat":
            _refuse_zero_tail(reader, start, end)
        position = end
    if not width or not height:
        raise TruncatedImageError("the AVIF ends before its description")
    return Canvas(width, height)


_BOXES = frozenset(
    {b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"free", b"skip", b"uuid", b"idat"}
)
_ISPE = re.compile(rb"ispe\0\0\0\0(.{4})(.{4})", re.DOTALL)
_LARGEST_META = 1 << 20


def _box(reader: _Reader, position: int) -> tuple[bytes, int, int]:
    reader.skip_to(position)
    length, kind = struct.unpack(">I4s", reader.take(8))
    start = position + 8
    if length == 1:
        length = int.from_bytes(reader.take(8), "big")
        start += 8
    end = position + length if length else reader.size
    if end < start:
        raise TruncatedImageError("a box of the AVIF is shorter than its own header")
    return kind, start, end


def _refuse_zero_tail(
    reader: _Reader, start: int, end: int, *, is_lossy_webp: bool = False
) -> None:
    """Entropy-coded data does not end in many zero bytes; a file that was never filled in does.

    Measured with pictures of one colour: up to three zeros, except for lossy WebP, which ends in
    4,817 of 89,102 bytes at 50 megapixels and in about as large a part of others.
    """
    zeros = min(reader.zeros_before(end), end - start)
    is_part = zeros >= 128 and zeros * 10 >= end - start
    if zeros >= 8192 or is_part or (zeros >= 128 and not is_lossy_webp):
        raise TruncatedImageError("the end of the file was never filled in (zero bytes only)")


def _walk_tiff(reader: _Reader) -> None:
    """Only as far as the first directory, which many writers put at the end."""
    reader.skip_to(0)
    order = "<" if reader.take(2) == b"II" else ">"
    (version, offset) = struct.unpack(order + "HI", reader.take(6))
    if version == 43:  # BigTIFF
        (offset,) = struct.unpack(order + "Q", reader.take(8))
        reader.skip_to(offset)
        (entries,) = struct.unpack(order + "Q", reader.take(8))
        reader.skip_to(offset + 8 + min(entries, 1 << 16) * 20)
    else:
        reader.skip_to(offset)
        (entries,) = struct.unpack(order + "H", reader.take(2))
        for _, kind, count, value in struct.iter_unpack(order + "HHII", reader.take(entries * 12)):
            if (length := _TIFF_TYPES.get(kind, 0) * count) > 4:
                reader.skip_to(value + length)
    reader.skip_to(8)
    if reader.take(2) == b"CR":
        raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, "not an image we keep: a raw camera file")


_TIFF_TYPES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of one value of each type of field."""


def _walk_bmp(reader: _Reader) -> None:
    reader.skip_to(26)


_WALKS: dict[ImageFormat, Callable[[_Reader], Canvas | None]] = {
    ImageFormat.TIFF: _walk_tiff,
    ImageFormat.BMP: _walk_bmp,
    ImageFormat.PNG: _walk_png,
    ImageFormat.GIF: _walk_gif,
    ImageFormat.WEBP: _walk_webp,
    ImageFormat.AVIF: _walk_avif,
}
