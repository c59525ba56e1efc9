"""What image files say of themselves: size, whether they reach their end; no pixels.

Everything here reads a few headers and skips the rest, so a pixel bomb costs nothing to refuse.
Rules come from the formats' own documents: GIF89a, WebP RIFF, ISO BMFF. JPEG and PNG have modules
of their own.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from migrate.errors import RejectedImageError, TruncatedImageError
from migrate.pictures.avif_boxes import LARGEST_META, AvifBoxes, read_boxes
from migrate.pictures.damage import NOTHING_LEFT, Damage, Extent, of_rows
from migrate.pictures.file_reader import Reader
from migrate.pictures.formats import ImageFormat
from migrate.pictures.gif_data import gif_data, unpacked_pixels
from scraper.base.errors import ErrorKind


@dataclass(frozen=True)
class Canvas:
    """The size a file claims, before it is decoded; frames_pixels adds up an animation.

    `is_turned`: it is shown on its side. `lacks`: what is missing of its end though it shows.
    """

    width: int
    height: int
    frames_pixels: int = 0
    is_turned: bool = False
    lacks: Damage | None = None
    boxes: AvifBoxes | None = None


def canvas_of(image_format: ImageFormat, file: BinaryIO) -> Canvas | None:
    """Walk the file to its own end; None where only the decoder tells (TIFF, BMP).

    Raises:
        TruncatedImageError: the file stops before its own end, or a checksum inside does not fit.
        RejectedImageError: there is no image in it.
    """
    file.seek(0)
    reader = Reader(file)
    walk = _WALKS.get(image_format)
    return walk(reader) if walk else None


def _walk_gif(reader: Reader) -> Canvas:
    reader.skip_to(6)
    width, height, flags = struct.unpack("<HHB", reader.take(5))
    reader.skip_to(13 + _colour_table_bytes(flags))
    frames: list[int] = []
    frames_pixels = 0
    lacks = None
    try:
        while (block := reader.take(1)) != b";":
            at = reader.position
            if block == b"!":
                reader.take(1)
                _skip_gif_blocks(reader)
            elif block == b",":
                left, top, frame_width, frame_height, flags = struct.unpack(
                    "<HHHHB", reader.take(9)
                )
                reader.skip_to(reader.position + _colour_table_bytes(flags) + 1)
                frames.append(at)
                frames_pixels += frame_width * frame_height
                width, height = max(width, left + frame_width), max(height, top + frame_height)
                _skip_gif_blocks(reader)
    except TruncatedImageError:
        if not frames:
            raise
        lacks = _loss_of_gif(reader, frames)
    if not frames:
        raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, "a GIF without a picture")
    return Canvas(width, height, frames_pixels if len(frames) > 1 else 0, lacks=lacks)


def _loss_of_gif(reader: Reader, frames: list[int]) -> Damage:
    """What a GIF without an end mark lacks, seen by the data of its last frame."""
    reader.skip_to(frames[-1])
    _, _, width, height, flags = struct.unpack("<HHHHB", reader.take(9))
    reader.skip_to(reader.position + _colour_table_bytes(flags))
    code_bits = reader.take(1)[0]
    pixels = unpacked_pixels(gif_data(reader.file.read()), code_bits, most=width * height)
    missing = max(0.0, 1 - pixels / max(1, width * height))
    if not missing:
        return Damage(Extent.NOTHING_SEEN, "the GIF lacks its end mark")
    if len(frames) > 1:
        return Damage(Extent.LARGE, f"the GIF is cut in its frame {len(frames)}")
    if missing >= NOTHING_LEFT:
        raise TruncatedImageError("the GIF ends before its picture")
    return of_rows(missing, "the GIF is cut")


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_gif_blocks(reader: Reader) -> None:
    while length := reader.take(1)[0]:
        reader.take(length)


def _walk_webp(reader: Reader) -> Canvas:
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


def _riff_chunks(reader: Reader, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
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


def _walk_avif(reader: Reader) -> Canvas:
    width = height = 0
    position = 0
    found = AvifBoxes()
    while position + 8 <= reader.size:
        kind, start, end = _box(reader, position)
        if kind not in _BOXES:  # padding, or somebody's bytes behind the picture
            break
        reader.skip_to(end)
        if kind == b"meta":
            reader.skip_to(start)
            meta = reader.take(min(end - start, LARGEST_META))
            found = read_boxes(meta)
            for ispe in _ISPE.finditer(meta):
                width = max(width, int.from_bytes(ispe[1], "big"))
                height = max(height, int.from_bytes(ispe[2], "big"))
        elif kind == b"mdat":
            _refuse_zero_tail(reader, start, end)
        position = end
    if not width or not height:
        raise TruncatedImageError("the AVIF ends before its description")
    return Canvas(width, height, is_turned=found.is_turned, boxes=found)


_BOXES = frozenset(
    {b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"free", b"skip", b"uuid", b"idat"}
)
_ISPE = re.compile(rb"ispe\0\0\0\0(.{4})(.{4})", re.DOTALL)


def _box(reader: Reader, position: int) -> tuple[bytes, int, int]:
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


def _refuse_zero_tail(reader: Reader, start: int, end: int, *, is_lossy_webp: bool = False) -> None:
    """Entropy-coded data does not end in many zero bytes; a file that was never filled in does.

    Measured with pictures of one colour: up to three zeros, except for lossy WebP, which ends in
    4,817 of 89,102 bytes at 50 megapixels and in about as large a part of others.
    """
    zeros = min(reader.zeros_before(end), end - start)
    is_part = zeros >= 128 and zeros * 10 >= end - start
    if zeros >= 8192 or is_part or (zeros >= 128 and not is_lossy_webp):
        raise TruncatedImageError("the end of the file was never filled in (zero bytes only)")


def _walk_tiff(reader: Reader) -> None:
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


def _walk_bmp(reader: Reader) -> None:
    reader.skip_to(26)


_WALKS: dict[ImageFormat, Callable[[Reader], Canvas | None]] = {
    ImageFormat.TIFF: _walk_tiff,
    ImageFormat.BMP: _walk_bmp,
    ImageFormat.GIF: _walk_gif,
    ImageFormat.WEBP: _walk_webp,
    ImageFormat.AVIF: _walk_avif,
}
