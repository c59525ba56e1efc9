"""BMP files as they are: odd headers, odd palettes, masks of bits, transparency; it judges nothing.

Pillow reads the usual ones and the run-length coded ones, and refuses masks that it does not know,
palettes of another size, and two bits a pixel. A browser shows all of these, so the plain kinds
are read here, strip by strip. Run-length coding stays Pillow's; with 24 bits (OS/2 only) it is
left out, since no program of today writes it.

From Microsoft's BITMAPFILEHEADER ... BITMAPV5HEADER and the OS/2 headers.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageChops

_FILE_HEADER = 14
_OS2 = 12
_WITH_MASKS = 52
_WITH_ALPHA = 56
_RGB, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6
_MASKS = {16: (0x7C00, 0x03E0, 0x001F), 32: (0xFF0000, 0xFF00, 0xFF)}
_ALPHA_OF_32_BITS = 0xFF000000
_LARGEST_SIDE = 1 << 24
_STRIP_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class PlainBmp:
    """A BMP without compression; `masks` are of red, green, blue and (0: none) alpha."""

    width: int
    height: int
    bits: int
    is_top_down: bool
    masks: tuple[int, int, int, int]
    palette: bytes
    data_at: int

    @property
    def stride(self) -> int:
        return (self.width * self.bits + 31) // 32 * 4

    def missing_rows(self, file_size: int) -> float:
        """The part of its rows that the file does not hold, from 0 to 1."""
        there = max(0, file_size - self.data_at) // self.stride
        return max(0.0, 1 - there / self.height)

    def read(self, file: BinaryIO) -> Image.Image:
        """The picture in L, RGB or RGBA; what the file does not hold is black."""
        picture = Image.new(self._mode, (self.width, self.height))
        for top, strip in self._strips(file):
            picture.paste(strip, (0, top))
        return picture

    @property
    def _is_grey(self) -> bool:
        red, green, blue = (self.palette[band::3] for band in range(3))
        return red == green == blue

    @property
    def _mode(self) -> str:
        if self.bits <= 8:
            return "L" if self._is_grey else "RGB"
        return "RGBA" if self.masks[3] else "RGB"

    def _strips(self, file: BinaryIO) -> Iterator[tuple[int, Image.Image]]:
        """Each some rows of the picture, and where they belong."""
        file.seek(self.data_at)
        most = max(1, _STRIP_BYTES // self.stride)
        for row in range(0, self.height, most):
            rows = min(most, self.height - row)
            data = file.read(rows * self.stride).ljust(rows * self.stride, b"\0")
            top = row if self.is_top_down else self.height - row - rows
            yield top, self._strip(data, rows)

    def _strip(self, data: bytes, rows: int) -> Image.Image:
        size = (self.width, rows)
        upwards = 1 if self.is_top_down else -1
        if self.bits <= 8:
            raw = "P" if self.bits == 8 else f"P;{self.bits}"
            strip = Image.frombytes("P", size, data, "raw", raw, self.stride, upwards)
            strip.putpalette(self.palette)
            return strip.convert(self._mode)
        if self.bits == 24:
            return Image.frombytes("RGB", size, data, "raw", "BGR", self.stride, upwards)
        mode = "LA" if self.bits == 16 else "RGBA"
        words = Image.frombytes(mode, size, data, "raw", mode, self.stride, upwards)
        parts = words.split()
        colours = [_channel(parts, mask) for mask in self.masks[: len(self._mode)]]
        return Image.merge(self._mode, colours)


def plain_bmp(file: BinaryIO) -> PlainBmp | None:
    """What a BMP's headers say; None where the pixels are packed or the headers make no sense."""
    file.seek(0)
    head = file.read(_FILE_HEADER + 124).ljust(_FILE_HEADER + 124, b"\0")
    length = int.from_bytes(head[14:18], "little")
    if length == _OS2:
        width, height, _, bits = struct.unpack_from("<HHHH", head, 18)
        compression = colours = 0
    elif 16 <= length <= 124:
        known = head[: _FILE_HEADER + length].ljust(_FILE_HEADER + 124, b"\0")
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", known, 18)
        (colours,) = struct.unpack_from("<I", known, 46)
    else:
        return None
    is_plain = compression == _RGB and bits in (1, 2, 4, 8, 16, 24, 32)
    is_masked = compression in (_BITFIELDS, _ALPHA_BITFIELDS) and bits in _MASKS
    if not (is_plain or (is_masked and length >= 40)) or not 0 < width < _LARGEST_SIDE:
        return None
    if not 0 < abs(height) < _LARGEST_SIDE:
        return None
    masks = _masks_of(head, length, bits, compression)
    if is_masked and not any(masks[:3]):
        return None
    data_at = int.from_bytes(head[10:14], "little")
    header_end = _FILE_HEADER + length
    size = file.seek(0, os.SEEK_END)
    if not header_end <= data_at < size:
        data_at = header_end + (_palette_bytes(length, bits, colours) if bits <= 8 else 0)
    palette = _palette_of(file, header_end, data_at, length, bits, colours) if bits <= 8 else b""
    return PlainBmp(width, abs(height), bits, height < 0, masks, palette, data_at)


def _masks_of(head: bytes, length: int, bits: int, compression: int) -> tuple[int, int, int, int]:
    red, green, blue, alpha = struct.unpack_from("<IIII", head, 54)
    has_alpha = length >= _WITH_ALPHA or compression == _ALPHA_BITFIELDS
    if compression == _RGB:
        # The masks of the header are not meant then; the fourth byte is, in the longer headers.
        red, green, blue = _MASKS.get(bits, (0, 0, 0))
        alpha = _ALPHA_OF_32_BITS if bits == 32 else 0
    return red, green, blue, alpha if has_alpha else 0


def _palette_bytes(length: int, bits: int, colours: int) -> int:
    count = colours if 0 < colours <= 1 << bits else 1 << bits
    return count * (3 if length == _OS2 else 4)


def _palette_of(
    file: BinaryIO, at: int, data_at: int, length: int, bits: int, colours: int
) -> bytes:
    """Red, green, blue of each colour that a pixel can name; what is not there is black."""
    file.seek(at)
    entries = file.read(max(0, min(_palette_bytes(length, bits, colours), data_at - at)))
    step = 3 if length == _OS2 else 4
    found = b"".join(entries[one : one + 3][::-1] for one in range(0, len(entries) - 2, step))
    return found.ljust(3 << bits, b"\0")


def _channel(parts: Sequence[Image.Image], mask: int) -> Image.Image:
    """The bits of a mask as a channel of 8 bits; `parts` are the bytes of each word, lowest first.

    Each byte's share is looked up in a table, for a step a pixel in Python would take minutes.
    """
    channel = Image.new("L", parts[0].size)
    if not mask:
        return channel
    shift = (mask & -mask).bit_length() - 1
    bits = (mask >> shift).bit_length()
    down = shift + max(0, bits - 8)
    most = (1 << min(bits, 8)) - 1
    for at, part in enumerate(parts):
        table = [((byte << 8 * at & mask) >> down) & 0xFF for byte in range(256)]
        if any(table):
            channel = ImageChops.add(channel, part.point(table))
    return channel.point([min(255, round(value * 255 / most)) for value in range(256)])
