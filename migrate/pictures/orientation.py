"""Which way up a picture is shown, from its Exif data; it knows no format around them."""

from __future__ import annotations

import struct

_TAG = 0x112
_SHORT, _LONG = 3, 4
_MOST_ENTRIES = 1000


def orientation_of(exif: bytes) -> int:
    """The orientation (1 to 8) that a TIFF structure states; 1 where it does not, or is broken."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (offset,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, offset)
        for number in range(min(count, _MOST_ENTRIES)):
            at = offset + 2 + 12 * number
            tag, kind, values = struct.unpack_from(order + "HHI", exif, at)
            if tag == _TAG and values >= 1 and kind in (_SHORT, _LONG):
                form = "H" if kind == _SHORT else "I"
                (value,) = struct.unpack_from(order + form, exif, at + 8)
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def is_turned(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation >= 5
