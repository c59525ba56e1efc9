"""What a JPEG says before its first scan: size, kind, which way up, further pictures; no pixels.

T.81 for the markers, Exif 3.0 for APP1, CIPA DC-007 for the list of further pictures (MPF, APP2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from migrate.errors import RejectedImageError, TruncatedImageError
from migrate.pictures.file_reader import Reader
from migrate.pictures.orientation import orientation_of
from scraper.base.errors import ErrorKind

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SHOWN = frozenset({0xC0, 0xC1, 0xC2})
_PROGRESSIVE = 0xC2
_SOS, _EOI, _DRI, _COM = 0xDA, 0xD9, 0xDD, 0xFE
_APP1, _APP2, _APP14 = 0xE1, 0xE2, 0xEE
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_MOST_SEGMENTS = 5000
_SHORTEST_ADOBE = 12
_LARGEST_LIST = 1 << 16


@dataclass
class JpegHeader:
    """Where the picture begins, and what is said of it; `left_out` is metadata (from, to)."""

    width: int = 0
    height: int = 0
    components: int = 0
    frame: int = 0
    restart_interval: int = 0
    orientation: int = 1
    scan_components: int = 0
    left_out: list[tuple[int, int]] = field(default_factory=list)
    further: list[int] = field(default_factory=list)

    @property
    def is_progressive(self) -> bool:
        return self.frame == _PROGRESSIVE

    @property
    def is_one_scan(self) -> bool:
        """Baseline in one interleaved scan, the cheapest kind to decode."""
        return not self.is_progressive and self.scan_components >= self.components


def read_header(reader: Reader) -> JpegHeader:
    """Follow the segments to the first scan.

    Raises:
        TruncatedImageError: the file ends before its first scan.
        RejectedImageError: it is no JPEG that anybody shows.
    """
    header = JpegHeader()
    reader.skip_to(2)
    end = 2
    for _ in range(_MOST_SEGMENTS):
        marker = _next_marker(reader)
        start = reader.position - 2
        if start > end:  # bytes between two segments
            header.left_out.append((end, start))
        end = start + 2
        if marker == _EOI:
            break
        if marker in _STANDALONE:
            continue
        length = int.from_bytes(reader.take(2), "big")
        body = start + 4
        end = start + 2 + max(length, 2)
        if marker in _FRAMES and not header.frame:
            header.frame = marker
            bits, header.height, header.width, header.components = struct.unpack(
                ">BHHB", reader.take(6)
            )
            if marker not in _SHOWN or bits != 8:
                detail = (
                    "a JPEG of a kind that no browser shows (lossless, arithmetic, over 8 bits)"
                )
                raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, detail)
        elif marker == _DRI:
            header.restart_interval = int.from_bytes(reader.take(2), "big")
        elif marker == _SOS:
            header.scan_components = reader.take(1)[0]
            break
        elif 0xE0 <= marker <= 0xEF or marker == _COM:
            _read_remark(header, reader, marker, body, end)
        reader.skip_to(end)
    if not header.frame or not header.width:
        raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, "a JPEG without a picture")
    return header


def _next_marker(reader: Reader) -> int:
    """The next marker; bytes between two segments are passed over, as libjpeg does."""
    byte = reader.take(1)
    while True:
        while byte != b"\xff":
            byte = reader.take(1)
        while byte == b"\xff":
            byte = reader.take(1)
        if byte != b"\0":
            return byte[0]


def _read_remark(header: JpegHeader, reader: Reader, marker: int, body: int, end: int) -> None:
    head = reader.take(min(32, max(0, min(end, reader.size) - body)))
    if marker == _APP14 and head.startswith(b"Adobe") and end - body >= _SHORTEST_ADOBE:
        return  # it says how the colours are coded
    header.left_out.append((body - 4, end))
    if end > reader.size:
        raise TruncatedImageError("the file ends inside its remarks")
    if marker == _APP1 and head.startswith(b"Exif\0") and header.orientation == 1:
        reader.skip_to(body + 6)
        header.orientation = orientation_of(reader.take(max(0, end - body - 6)))
    elif marker == _APP2 and head.startswith(b"MPF\0") and not header.further:
        reader.skip_to(body + 4)
        listed = _further_pictures(reader.take(min(_LARGEST_LIST, max(0, end - body - 4))))
        header.further = [body + 4 + offset for offset in listed]


def _further_pictures(mpf: bytes) -> list[int]:
    """Where the pictures behind the first begin, counted from the list; [] when it is broken."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(mpf[:4])
    if order is None:
        return []
    try:
        (offset,) = struct.unpack_from(order + "I", mpf, 4)
        (count,) = struct.unpack_from(order + "H", mpf, offset)
        for number in range(min(count, 100)):
            tag, _, size, value = struct.unpack_from(order + "HHII", mpf, offset + 2 + 12 * number)
            if tag == 0xB002:
                places = range(value, min(value + size, len(mpf)) - 15, 16)
                found = [struct.unpack_from(order + "I", mpf, at + 8)[0] for at in places]
                return [place for place in found if place]
    except struct.error:
        return []
    return []
