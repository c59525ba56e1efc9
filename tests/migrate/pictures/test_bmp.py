"""BMPs in every form that a browser shows: masks, headers, palettes, which way up, transparency."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import pytest
from PIL import Image

from migrate.errors import RejectedImageError, TruncatedImageError
from migrate.pictures.bmp_reader import plain_bmp
from migrate.pictures.check import CheckedImage, check_image
from migrate.pictures.damage import Extent
from migrate.pictures.limits import Limits

LIMITS = Limits(bytes=5_000_000, pixels=5_000_000, costly_pixels=5_000_000)
RGB, BITFIELDS, ALPHA_BITFIELDS = 0, 3, 6
RED, GREEN, BLUE, WHITE, BLACK = (
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0),
)  # fmt: skip


def bmp(
    rows: list[bytes],
    *,
    width: int,
    bits: int,
    header: int = 40,
    compression: int = RGB,
    masks: tuple[int, ...] = (),
    palette: bytes = b"",
    colours: int = 0,
    is_top_down: bool = False,
    data_at: int | None = None,
) -> bytes:
    """A BMP of these rows of the picture, from its top, in any of the headers that there are."""
    height = -len(rows) if is_top_down else len(rows)
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, 0, 0, 0,
                           colours, 0)[:header]  # fmt: skip
    after = struct.pack(f"<{len(masks)}I", *masks)
    info = (info + after).ljust(header, b"\0") if header > 40 else info + after
    start = 14 + len(info) + len(palette) if data_at is None else data_at
    data = b"".join(
        row.ljust(-(-width * bits // 32) * 4, b"\0") for row in rows[:: 1 if is_top_down else -1]
    )
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + palette + data


def words(bits: int, *values: int) -> bytes:
    return b"".join(value.to_bytes(bits // 8, "little") for value in values)


def pixels(data: bytes) -> list[list[tuple[int, ...]]]:
    """What our reader makes of it, row by row from the top, in RGB or RGBA."""
    plain = plain_bmp(io.BytesIO(data))
    assert plain is not None
    picture = plain.read(io.BytesIO(data))
    picture = picture if picture.mode == "RGBA" else picture.convert("RGB")
    return [
        [picture.getpixel((x, y)) for x in range(picture.width)]  # type: ignore[misc]
        for y in range(picture.height)
    ]


def checked(data: bytes) -> CheckedImage:
    one = check_image(io.BytesIO(data), LIMITS)
    with one.file as file:
        return replace(one, file=io.BytesIO(file.read()))


MASKED = {
    "5-5-5": (16, RGB, (), words(16, 0x7C00, 0x03E0, 0x001F)),
    "5-6-5": (16, BITFIELDS, (0xF800, 0x07E0, 0x001F), words(16, 0xF800, 0x07E0, 0x001F)),
    "4-4-4": (16, BITFIELDS, (0xF00, 0xF0, 0xF), words(16, 0xF00, 0xF0, 0xF)),
    "2-3-1": (16, BITFIELDS, (0x30, 0xE, 0x1), words(16, 0x30, 0xE, 0x1)),
    "8-8-8": (32, RGB, (), words(32, 0xFF0000, 0xFF00, 0xFF)),
    "turned about": (32, BITFIELDS, (0xFF, 0xFF00, 0xFF0000), words(32, 0xFF, 0xFF00, 0xFF0000)),
    "10-10-10": (
        32, BITFIELDS, (0x3FF00000, 0xFFC00, 0x3FF), words(32, 0x3FF00000, 0xFFC00, 0x3FF),
    ),
    "11-11-10": (
        32, BITFIELDS, (0xFFE00000, 0x1FFC00, 0x3FF), words(32, 0xFFE00000, 0x1FFC00, 0x3FF),
    ),
}  # fmt: skip


@pytest.mark.parametrize("is_top_down", [False, True])
@pytest.mark.parametrize("name", MASKED)
def test_colours_of_any_bits(name: str, is_top_down: bool) -> None:
    bits, compression, masks, row = MASKED[name]
    other = bytes(len(row))
    data = bmp(
        [row, other], width=3, bits=bits, compression=compression, masks=masks,
        is_top_down=is_top_down,
    )  # fmt: skip
    assert pixels(data) == [[RED, GREEN, BLUE], [BLACK] * 3]
    assert (checked(data).width, checked(data).height) == (3, 2)


def test_a_colour_without_bits_is_not_there() -> None:
    data = bmp(
        [words(16, 0xFF00, 0x00FF)],
        width=2,
        bits=16,
        compression=BITFIELDS,
        masks=(0xFF00, 0xFF, 0),
    )
    assert pixels(data) == [[RED, GREEN]]


ALPHA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
HALF_RED = words(32, 0x80FF0000, 0xFF00FF00)


@pytest.mark.parametrize(
    ("header", "compression", "masks", "is_transparent"),
    [
        (40, RGB, (), False),  # the fourth byte means nothing there
        (40, ALPHA_BITFIELDS, ALPHA, True),
        (52, BITFIELDS, ALPHA[:3], False),
        (56, BITFIELDS, ALPHA, True),
        (108, BITFIELDS, ALPHA, True),
        (124, BITFIELDS, ALPHA, True),
        (124, BITFIELDS, (*ALPHA[:3], 0), False),
    ],
)
def test_transparency_where_the_header_can_tell(
    header: int, compression: int, masks: tuple[int, ...], is_transparent: bool
) -> None:
    data = bmp([HALF_RED], width=2, bits=32, header=header, compression=compression, masks=masks)
    one = checked(data)
    assert one.content_type == ("image/png" if is_transparent else "image/jpeg")
    if is_transparent:
        assert pixels(data) == [[(255, 0, 0, 128), (0, 255, 0, 255)]]
        with Image.open(one.file) as kept:
            assert kept.getpixel((0, 0)) == (255, 0, 0, 128)
    else:
        assert pixels(data) == [[RED, GREEN]]


COLOURS = [RED, GREEN, BLUE, WHITE]
PALETTE = b"".join(bytes((blue, green, red, 0)) for red, green, blue in COLOURS)
SHORT_PALETTE = b"".join(bytes((blue, green, red)) for red, green, blue in COLOURS)


@pytest.mark.parametrize(
    ("bits", "row"), [(1, b"\x40"), (2, b"\x1b"), (4, b"\x01\x23"), (8, b"\0\1\2\3")]
)
def test_a_palette_of_any_depth(bits: int, row: bytes) -> None:
    expected = [RED, GREEN, RED, RED] if bits == 1 else COLOURS
    assert pixels(bmp([row], width=4, bits=bits, palette=PALETTE, colours=4)) == [expected]


@pytest.mark.parametrize("colours", [4, 0, 300, 2**31])
@pytest.mark.parametrize("header", [16, 40, 64, 124])
def test_a_palette_of_another_size_than_said(header: int, colours: int) -> None:
    data = bmp([b"\0\1\2\3"], width=4, bits=8, header=header, palette=PALETTE, colours=colours)
    assert pixels(data) == [COLOURS]


def test_the_first_headers_palette_has_three_bytes_a_colour() -> None:
    data = bmp([b"\0\1\2\3"], width=4, bits=8, header=12, palette=SHORT_PALETTE)
    assert pixels(data) == [COLOURS]


def test_pixels_that_begin_later_than_needed() -> None:
    data = bmp([b"\0\1\2\3"], width=4, bits=8, palette=PALETTE + bytes(100), colours=4)
    assert pixels(data) == [COLOURS]


def test_a_palette_of_greys_stays_grey() -> None:
    greys = b"".join(bytes((value, value, value, 0)) for value in (0, 80, 160, 255))
    data = bmp([b"\0\1\2\3"], width=4, bits=8, palette=greys, colours=4)
    with Image.open(checked(data).file) as kept:
        assert kept.mode == "L"


def test_rows_that_are_not_there_are_said() -> None:
    rows = [bytes((value, 0, 0, 0)) * 4 for value in range(100)]
    data = bmp(rows, width=4, bits=32)
    small, large = checked(data[:-64]).damage, checked(data[:-800]).damage
    assert small is not None
    assert (small.extent, small.detail) == (
        Extent.SMALL,
        "the BMP is cut; 4% of its rows are missing",
    )
    assert large is not None
    assert large.extent is Extent.LARGE
    with pytest.raises(TruncatedImageError):
        checked(data[:60])


@pytest.mark.parametrize(
    "data",
    [
        bmp([b"\0"], width=0, bits=8),
        bmp([b"\0"], width=1, bits=3),
        bmp([b"\0"], width=1, bits=8, compression=9),
    ],
)
def test_what_makes_no_sense_is_refused(data: bytes) -> None:
    with pytest.raises((RejectedImageError, TruncatedImageError)):
        checked(data)


def test_a_bomb_is_refused_before_a_row_is_read() -> None:
    data = bytearray(bmp([bytes(4)], width=1, bits=32))
    data[18:26] = struct.pack("<ii", 16_000_000, 16_000_000)
    with pytest.raises(RejectedImageError, match="MAX_COSTLY_IMAGE_PIXELS|MAX_IMAGE_PIXELS"):
        checked(bytes(data))
