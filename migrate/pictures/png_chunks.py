"""What a PNG's chunks say: size, what a browser needs of it, where it is damaged; no pixels.

PNG, 3rd edition. Browsers pass over what is not critical, however broken; they refuse an unknown
critical chunk before the picture, and a header or palette whose checksum does not fit.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from migrate.errors import RejectedImageError, TruncatedImageError
from migrate.pictures.file_reader import Reader
from migrate.pictures.orientation import orientation_of
from scraper.base.errors import ErrorKind

_KNOWN_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_MUST_FIT = frozenset({b"IHDR", b"PLTE"})
_TRANSPARENCY_BYTES = {0: (2, 2), 2: (6, 6), 3: (1, 256)}  # least and most, by type of colour
_BLOCK = 65536
_MANY_ZEROS = 128
_LARGEST_PALETTE = 768
_PALETTE_COLOURS = 3
_LARGEST_EXIF = 1 << 20


@dataclass
class PngChunks:
    """What was found; `left_out` (from, to) is what the decoder must not see."""

    width: int = 0
    height: int = 0
    colours: int = 0
    frames_pixels: int = 0
    frames_promised: int = 0
    frames: int = 0
    orientation: int = 1
    left_out: list[tuple[int, int]] = field(default_factory=list)
    data: list[tuple[int, int]] = field(default_factory=list)
    has_end: bool = False
    bad_data: bool = False
    bad_frames: bool = False
    palette: bool = False

    def ends_in_zeros(self, reader: Reader) -> bool:
        """Whether the picture's data end in zero bytes: a file that was never filled in."""
        start, end = self.data[-1]
        return min(reader.zeros_before(end), end - start) >= _MANY_ZEROS


def read_chunks(reader: Reader) -> PngChunks:
    """Walk all chunks and check their sums: decoders stop at the last row and miss damage.

    Raises:
        TruncatedImageError: the file ends before its picture begins.
        RejectedImageError: it holds what no browser shows.
    """
    found = PngChunks()
    reader.skip_to(8)
    try:
        for kind, start, length in _chunks(reader):
            fits = _read_chunk(found, reader, kind, length)
            _note(found, kind, start, length, fits)
            if kind == b"IEND":
                found.has_end = True
                break
    except TruncatedImageError:
        if not found.data:
            raise
    if not found.data:
        raise TruncatedImageError("the PNG ends before its picture")
    return found


def _chunks(reader: Reader) -> Iterator[tuple[bytes, int, int]]:
    while True:
        start = reader.position
        length, kind = struct.unpack(">I4s", reader.take(8))
        if not kind.isalpha() and not kind[:1].islower():
            raise TruncatedImageError("what follows is no part of a PNG")
        yield kind, start, length


def _read_chunk(found: PngChunks, reader: Reader, kind: bytes, length: int) -> bool:
    """Look into a chunk, pass over the rest of it, and say whether its checksum fits."""
    body = reader.position
    if kind == b"IHDR" and length == 13 and not found.width:
        found.width, found.height, _, found.colours, *methods = struct.unpack(
            ">IIBBBBB", reader.take(13)
        )
        if methods[:2] != [0, 0] or methods[2] > 1:
            raise _not_shown("packed in an unknown way")
    elif not found.width:
        raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, "a PNG without a header")
    elif kind == b"IDAT":
        if not found.data and found.colours == _PALETTE_COLOURS and not found.palette:
            raise _not_shown("without its palette")
        if found.data and reader.position - 8 != found.data[-1][1] + 4:
            raise _not_shown("whose picture is torn apart by other chunks")
        found.data.append((body, min(body + length, reader.size)))
    elif kind == b"acTL" and length == 8:
        found.frames_promised = int.from_bytes(reader.take(4), "big")
    elif kind == b"fcTL" and length == 26:
        _, width, height = struct.unpack(">III", reader.take(12))
        found.frames_pixels += width * height
    elif kind == b"eXIf" and length <= _LARGEST_EXIF:
        found.orientation = orientation_of(reader.take(length))
    elif kind[:1].isupper() and kind not in _KNOWN_CRITICAL and not found.data:
        raise _not_shown(f"with an unknown critical chunk ({kind.decode('latin-1')})")
    elif kind == b"IHDR" and not found.data:
        raise _not_shown("with two headers")
    elif kind == b"PLTE" and not found.data:
        if found.palette or not 0 < length <= _LARGEST_PALETTE:
            raise _not_shown("whose palette is empty, too large or there twice")
        found.palette = True
    reader.skip_to(body)
    checksum = zlib.crc32(kind)
    left = length
    while left:
        data = reader.take(min(left, _BLOCK))
        checksum = zlib.crc32(data, checksum)
        left -= len(data)
    if kind == b"fcTL":
        found.frames += 1
    return checksum == int.from_bytes(reader.take(4), "big")


def _not_shown(why: str) -> RejectedImageError:
    return RejectedImageError(ErrorKind.NOT_AN_IMAGE, f"a PNG {why}, which no browser shows")


def _note(found: PngChunks, kind: bytes, start: int, length: int, fits: bool) -> None:
    end = start + 12 + length
    if kind in _MUST_FIT and not fits:
        detail = f"a checksum inside the PNG does not fit ({kind.decode()})"
        raise TruncatedImageError(detail)
    found.bad_data |= kind == b"IDAT" and not fits
    found.bad_frames |= kind == b"fdAT" and not fits
    if kind in _KNOWN_CRITICAL:
        return
    least, most = _TRANSPARENCY_BYTES.get(found.colours, (1, 0))
    if kind != b"tRNS" or not fits or not least <= length <= most:
        found.left_out.append((start, end))


def has_whole_data(reader: Reader, found: PngChunks) -> tuple[bool, bool]:
    """Whether the packed picture reaches its end, and whether its own checksum then fits."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    running, header, checksum = 1, 2, b""
    for start, end in found.data:
        reader.skip_to(start)
        while start < end and len(checksum) < 4:
            block = reader.take(min(_BLOCK, end - start))
            start += len(block)
            block, header = block[header:], max(0, header - len(block))
            if stream.eof:
                checksum += block
                continue
            try:
                running = _running_checksum(stream, block, running)
            except zlib.error:
                return False, False
            checksum = stream.unused_data
    return stream.eof, stream.eof and int.from_bytes(checksum[:4], "big") == running


def _running_checksum(stream: zlib._Decompress, packed: bytes, running: int) -> int:
    while packed and not stream.eof:
        running = zlib.adler32(stream.decompress(packed, _BLOCK * 4), running)
        packed = stream.unconsumed_tail
    return running
