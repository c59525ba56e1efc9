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
_RESTARTS = re.compile(rb"\xff([\xd0-\xd7])")
_FILLERS = ((b"\0", 16), (b"\t\r\n" + bytes(range(0x20, 0x7F)), 32))
_SOS, _EOI, _DQT, _DRI = 0xDA, 0xD9, 0xDB, 0xDD
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROBE = bytes((37 * i * i + 11 * i) % 251 for i in range(512))
"""Arbitrary entropy-coded data; it holds no 0xFF, so nothing in it can be a marker."""
LONGEST_FILLER = 1 << 24
SPARE = 2 * len(PROBE) + 4
"""Bytes that a probe may need behind the file."""


@dataclass
class JpegLayout:
    """Where a picture in a JPEG file has what, by offset in the file."""

    end: int | None = None  # of its end marker; None: not found
    cut_at: int | None = None  # where a segment begins that the file ends in
    scans: int = 0
    components: set[int] = field(default_factory=set)
    is_progressive: bool = False
    first_scan_components: int = 0
    tables: list[tuple[int, int]] = field(default_factory=list)  # quantisation segments
    restart_interval: int = 0
    reached: dict[int, list[int]] = field(
        default_factory=dict
    )  # bits still to come, by coefficient

    @property
    def has_all_scans(self) -> bool:
        """Whether each component has begun the last scan that it needs."""
        if not self.is_progressive:
            return self.components <= set(self.reached)
        return all(not any(self.reached.get(one, [1])) for one in self.components)


def layout_of(data: bytes | mmap, *, start: int = 0, size: int | None = None) -> JpegLayout:
    """Follow the markers of a file of `size` bytes (all of `data` when not given).

    Odd files give an incomplete layout, never an exception.
    """
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
        if size is not None and position + max(length, 2) > size:
            layout.cut_at = found.start()
            return layout
        segment = data[position + 2 : position + min(length, 1024)]
        if marker == _DQT:
            layout.tables.append((position + 2, position + length))
        elif marker == _DRI:
            layout.restart_interval = int.from_bytes(segment[:2], "big")
        elif marker in _FRAMES and len(segment) > 5:
            layout.components = set(segment[6::3])
            layout.is_progressive = marker in _PROGRESSIVE
        elif marker == _SOS and segment:
            _note_scan(layout, segment)
        position += max(length, 2)
    return layout


def _note_scan(layout: JpegLayout, segment: bytes) -> None:
    layout.scans += 1
    count = segment[0]
    if layout.scans == 1:
        layout.first_scan_components = count
    if len(segment) < 4 + 2 * count:
        return
    first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
    for component in segment[1 : 1 + 2 * count : 2]:
        left = layout.reached.setdefault(component, [16] * 64)
        for coefficient in range(first, min(last, 63) + 1):
            left[coefficient] = bits & 15


def data_end(data: bytes | mmap, size: int, layout: JpegLayout) -> int:
    """Where the coded data of a picture without an end marker end.

    Zero bytes (a file that was never filled in) and plain text (a script's last words) are none.
    """
    if layout.cut_at is not None:
        return layout.cut_at
    start = max(0, size - LONGEST_FILLER)
    tail = data[start:size]
    for filler, least in _FILLERS:
        shorter = tail.rstrip(filler)
        if len(tail) - len(shorter) >= least:
            tail = shorter
    return start + len(tail)


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


def close(data: mmap, end: int) -> None:
    """Put an end marker behind the coded data."""
    data[end : end + 2] = b"\xff\xd9"


def put_probe(data: mmap, end: int, *, restart_interval: int = 0) -> None:
    """Put a little foreign data before the end marker, which moves behind it.

    Where there are restart markers, also behind the next of them: a file cut just before one takes
    no data without it.
    """
    probe = PROBE
    if restart_interval:
        probe += b"\xff" + bytes((_next_restart(data, end),)) + PROBE
    data[end : end + len(probe) + 2] = probe + b"\xff\xd9"


def _next_restart(data: mmap, end: int) -> int:
    found = _RESTARTS.findall(data[max(0, end - 65536) : end])
    return 0xD0 + ((found[-1][0] - 0xD0 + 1) % 8 if found else 0)
