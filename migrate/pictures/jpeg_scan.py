"""Whether a JPEG's last scan has all its data; it knows markers and libjpeg's habits, no files.

libjpeg ends a scan quietly when it meets a marker too early: a cut file that a proxy or a repair
tool closed with an end marker (FF D9) decodes without an error. Two habits give it away. In a
sequential file every block that was never reached comes out as exact middle grey; and data put in
before the end marker changes the picture of an unfinished scan, while a finished one ignores it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from mmap import mmap

from PIL import Image

_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
_STANDALONE = frozenset({0x01, 0xD8})
_SOS, _EOI, _DQT = 0xDA, 0xD9, 0xDB
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROBE = bytes((37 * i * i + 11 * i) % 251 for i in range(512))
"""Arbitrary entropy-coded data; it holds no 0xFF, so nothing in it can be a marker."""


@dataclass
class JpegLayout:
    """Where a picture in a JPEG file has what, by offset in the file."""

    end: int | None = None  # of its end marker; None: not found
    scans: int = 0
    components: int = 0
    first_scan_components: int = 0
    tables: list[tuple[int, int]] = field(default_factory=list)  # quantisation segments

    @property
    def is_one_scan(self) -> bool:
        return self.scans == 1 and self.first_scan_components == self.components


def layout_of(data: bytes | mmap, *, start: int = 0) -> JpegLayout:
    """Follow the markers; odd files give an incomplete layout, never an exception."""
    layout = JpegLayout()
    position = start + 2
    while found := _MARKER.search(data, position):
        marker, position = found[1][0], found.end()
        if marker == _EOI:
            layout.end = found.start()
            return layout
        if marker in _STANDALONE:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if marker == _DQT:
            layout.tables.append((position + 2, position + length))
        elif marker in _FRAMES:
            layout.components = int.from_bytes(data[position + 7 : position + 8], "big")
        elif marker == _SOS:
            layout.scans += 1
            if layout.scans == 1:
                layout.first_scan_components = int.from_bytes(
                    data[position + 2 : position + 3], "big"
                )
        position += max(length, 2)
    return layout


def ends_in_grey(image: Image.Image) -> bool:
    """Whether the last pixel is what libjpeg gives an unreached block (real grey also is)."""
    pixel = image.getpixel((image.width - 1, image.height - 1))
    bands = pixel if isinstance(pixel, tuple) else (pixel,)
    return all(band is not None and 126 <= band <= 129 for band in bands)


def make_loud(data: mmap, layout: JpegLayout) -> None:
    """Give all steps but the mean's a coarse size, so that a single changed bit shows."""
    for start, end in layout.tables:
        position = start
        while position < end:
            width = 2 if data[position] >> 4 else 1
            for step in range(1, 64):
                at = position + 1 + step * width
                if at + width <= end:
                    data[at : at + width] = (64).to_bytes(width, "big")
            position += 1 + 64 * width


def put_probe(data: mmap, end: int) -> None:
    """Put a little foreign data before the end marker, which moves behind it."""
    data[end : end + len(PROBE) + 2] = PROBE + b"\xff\xd9"
