"""Whether a JPEG has all of its picture, and how much it lacks; it is given bytes, not files."""

from __future__ import annotations

from dataclasses import replace
from mmap import mmap
from typing import BinaryIO, cast

from PIL import Image, ImageChops, JpegImagePlugin

from migrate.errors import TruncatedImageError
from migrate.pictures import jpeg_scan
from migrate.pictures.damage import NOTHING_LEFT, SMALL_PART, Damage, Extent, of_rows
from migrate.pictures.file_reader import parts_of, without
from migrate.pictures.jpeg_header import JpegHeader

HALF, QUARTER, EIGHTH = 2, 4, 8


def damage_of_jpeg(
    data: mmap, size: int, header: JpegHeader, *, scale: int
) -> tuple[Damage | None, Image.Image]:
    """Decode twice, once with foreign data before the end: a finished picture ignores them.

    The picture that comes along is an eighth of its size.

    Args:
        data: the file, with room for a probe behind its `size` bytes; it is changed.
        scale: HALF, or QUARTER where memory matters more than a single wrong coefficient.

    Raises:
        TruncatedImageError: hardly anything of the picture is there.
        Pillow's exceptions, where it cannot be decoded at all.
    """
    layout = jpeg_scan.layout_of(data, size=size)
    has_end = layout.end is not None and layout.end < size
    end = (
        layout.end if layout.end is not None and has_end else jpeg_scan.data_end(data, size, layout)
    )
    detail = "the JPEG is cut"
    if has_end:
        detail = "the picture ends early though its end marker is there"
    elif end < size and layout.cut_at is None:
        detail = "the JPEG is cut and filled up with other bytes"
    jpeg_scan.close(data, end)
    small = _scaled(data, header, EIGHTH)
    return _loss(data, size, end, header, layout, detail, scale=scale), small


def _loss(
    data: mmap,
    size: int,
    end: int,
    header: JpegHeader,
    layout: jpeg_scan.JpegLayout,
    detail: str,
    *,
    scale: int,
) -> Damage | None:
    has_end = layout.end == end
    jpeg_scan.make_loud(data, layout)
    as_it_is = _scaled(data, header, scale)
    jpeg_scan.put_probe(data, end, restart_interval=layout.restart_interval)
    changed = ImageChops.difference(as_it_is, _scaled(data, header, scale)).getbbox()
    missing = 1 - changed[1] / as_it_is.height if changed else 0.0
    if has_end and not changed:
        return None
    if not layout.has_all_scans:
        if layout.scans < 2:
            return _of_rows(max(missing, 2 * SMALL_PART), detail)
        return Damage(Extent.LARGE, f"{detail}; its finer detail is missing")
    if not missing and end == size:
        return Damage(Extent.NOTHING_SEEN, "the JPEG lacks its end marker")
    return _of_rows(missing, detail)


def _of_rows(missing: float, detail: str) -> Damage:
    if missing >= NOTHING_LEFT:
        raise TruncatedImageError(f"{detail}: next to nothing of it is there")
    return of_rows(missing, detail)


def _scaled(data: mmap, header: JpegHeader, scale: int) -> Image.Image:
    file = parts_of(cast(BinaryIO, data), without(len(data), header.left_out))
    image = JpegImagePlugin.JpegImageFile(file, "")
    image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
    image.load()
    return image


def with_companion(damage: Damage | None, data: mmap, header: JpegHeader) -> Damage | None:
    """Cameras append further pictures and list them up front: one that has begun should end.

    One that is absent altogether was removed by some tool; the first picture is whole without it.
    The sizes in the list are often wrong, so the markers are followed.
    """
    for start in header.further:
        begins = data[start : start + 2] == b"\xff\xd8"
        if begins and jpeg_scan.layout_of(data, start=start).end is None:
            detail = "a further picture inside the file is cut"
            if damage is None:
                return Damage(Extent.NOTHING_SEEN, detail)
            return replace(damage, detail=f"{damage.detail}; {detail}")
    return damage
