"""What a picture looks like in a few bytes: a placeholder, a colour, a hash; it knows no formats.

The placeholder is a thumbhash (github.com/evanw/thumbhash): up to 25 bytes that a page can paint
before the picture is there. The hash is a difference hash: 64 bits, each whether the picture
becomes darker from one of 9 x 8 fields to the next; two pictures are alike when few bits differ.
Both are made from the picture that was decoded for its check anyway, in about 0.3 ms.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from operator import add, mul
from typing import Any

from PIL import Image, ImageChops

_SIDE = 12
_ENOUGH = 160
"""A picture is first thinned out to this many pixels a side: nobody looks that closely."""
_FIELDS = (9, 8)
_MIDDLE = (36, 24)
"""Both of these go into it without a rest, so the many pixels are gone through once."""
_STEP = 3
"""Fields whose lightness differs less count as equal, for a new encoding moves them that much."""
_SPREAD = [
    row + column for first in range(4) for row in range(0, 72, 9) for column in (first, first + 4)
]
_COSINES = [[math.cos(math.pi / _SIDE * c * (x + 0.5)) for x in range(_SIDE)] for c in range(_SIDE)]
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Appearance:
    """`placeholder` is base64, `average_color` '#rrggbb', `phash` a signed 64-bit number."""

    placeholder: str
    average_color: str
    phash: int


def appearance_of(image: Image.Image, *, orientation: int = 1) -> Appearance:
    """The looks of a decoded picture, which may be a reduced one."""
    width, height = image.size
    small = _small(image)
    if (turn := _TURNS.get(orientation)) is not None:
        small = small.transpose(turn)
        if orientation >= 5:
            width, height = height, width
    middle = small.resize(_MIDDLE, Image.Resampling.BILINEAR, reducing_gap=1.0)
    planes = _Planes(middle.reduce((_MIDDLE[0] // _SIDE, _MIDDLE[1] // _SIDE)))
    red, green, blue = planes.average
    return Appearance(
        placeholder=base64.b64encode(_thumbhash(planes, width, height)).decode(),
        average_color=f"#{round(red):02x}{round(green):02x}{round(blue):02x}",
        phash=_difference_hash(middle.resize(_FIELDS, Image.Resampling.BILINEAR)),
    )


def _small(image: Image.Image) -> Image.Image:
    """Thinned out, in RGB or, where a pixel is transparent, RGBa: colours weighed by alpha."""
    longest = max(image.size)
    if longest > _ENOUGH:
        size = [max(1, round(side * _ENOUGH / longest)) for side in image.size]
        image = image.resize((size[0], size[1]), Image.Resampling.NEAREST)
    if image.mode.startswith(("I", "F")):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode == "RGBa":
        return image
    if image.mode in ("RGBA", "LA", "PA", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        lowest: Any = image.getchannel("A").getextrema()[0]
        return image.convert("RGBa" if lowest < 255 else "RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _difference_hash(fields: Image.Image) -> int:
    """As the picture shows on white, so that a cut-out is like the same one on a white ground.

    Each quarter of the bits is of fields all over the picture: whoever looks for hashes that agree
    in a quarter is not held up by the many pictures with the same plain margins.
    """
    if fields.mode == "RGBa":
        *colours, alpha = fields.split()
        clear = ImageChops.invert(alpha)
        fields = Image.merge("RGB", [ImageChops.add(one, clear) for one in colours])
    grey = fields.convert("L").tobytes()
    bits = 0
    for at in _SPREAD:
        bits = bits << 1 | (grey[at] > grey[at + 1] + _STEP)
    return bits - (1 << 64) if bits >> 63 else bits


class _Planes:
    """Lightness, two colours and transparency of 12 x 12 fields, each from 0 (or -1) to 1."""

    def __init__(self, fields: Image.Image) -> None:
        self.has_alpha = fields.mode == "RGBa"
        alpha = fields.getchannel("a").tobytes() if self.has_alpha else b""
        weight = (sum(alpha) or 1) / 255 if self.has_alpha else _SIDE * _SIDE
        self.average = [min(255.0, sum(one) / weight) for one in _bands(fields)[:3]]
        if self.has_alpha:  # where nothing is to be seen, the average: it makes no waves
            seen = fields.convert("RGBA")
            red, green, blue = map(round, self.average)
            fields = Image.new("RGB", seen.size, (red, green, blue))
            fields.paste(seen, mask=seen)
        reds, greens, blues = _bands(fields)
        both = list(map(add, reds, greens))
        self.light = [(rg + b) / 765 for rg, b in zip(both, blues, strict=True)]
        self.yellow = [(rg - 2 * b) / 510 for rg, b in zip(both, blues, strict=True)]
        self.red = [(r - g) / 255 for r, g in zip(reds, greens, strict=True)]
        self.alpha = [a / 255 for a in alpha]


def _bands(image: Image.Image) -> list[bytes]:
    data, count = image.tobytes(), len(image.mode)
    return [data[band::count] for band in range(count)]


def _thumbhash(planes: _Planes, width: int, height: int) -> bytes:
    limit = 5 if planes.has_alpha else 7
    across = max(1, round(limit * width / max(width, height)))
    down = max(1, round(limit * height / max(width, height)))
    light, light_waves, light_scale = _waves(planes.light, max(3, across), max(3, down))
    yellow, yellow_waves, yellow_scale = _waves(planes.yellow, 3, 3)
    red, red_waves, red_scale = _waves(planes.red, 3, 3)
    is_landscape = width > height
    first = (
        round(63 * light)
        | round(31.5 + 31.5 * yellow) << 6
        | round(31.5 + 31.5 * red) << 12
        | round(31 * light_scale) << 18
        | planes.has_alpha << 23
    )
    second = (
        (down if is_landscape else across)
        | round(63 * yellow_scale) << 3
        | round(63 * red_scale) << 9
        | is_landscape << 15
    )
    head = first.to_bytes(3, "little") + second.to_bytes(2, "little")
    waves = light_waves + yellow_waves + red_waves
    if planes.has_alpha:
        alpha, alpha_waves, alpha_scale = _waves(planes.alpha, 5, 5)
        head += bytes((round(15 * alpha) | round(15 * alpha_scale) << 4,))
        waves += alpha_waves
    halves = [round(15 * wave) for wave in waves] + [0]
    return head + bytes(
        low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=False)
    )


def _waves(plane: list[float], across: int, down: int) -> tuple[float, list[float], float]:
    """The cosine transform's mean, its lowest waves from 0 to 1, and what they were scaled by."""
    rows = [plane[at : at + _SIDE] for at in range(0, _SIDE * _SIDE, _SIDE)]
    columns = [[sum(map(mul, row, _COSINES[x])) for row in rows] for x in range(across)]
    found = [
        sum(map(mul, columns[x], _COSINES[y])) / (_SIDE * _SIDE)
        for y in range(down)
        for x in range(across)
        if x * down < across * (down - y)
    ]
    mean, waves = found[0], found[1:]
    scale = max(map(abs, waves), default=0.0)
    if scale:
        waves = [0.5 + 0.5 / scale * wave for wave in waves]
    return mean, waves, min(scale, 1.0)
