"""What a picture looks like in a few bytes: a placeholder, a colour, a hash; it knows no formats.

The placeholder is a thumbhash (github.com/evanw/thumbhash): up to 25 bytes that a page can paint
before the picture is there. The hash is a difference hash: 64 bits, each whether the picture
becomes darker from one of 9 x 8 fields to the next; two pictures are alike when few bits differ.
Both are made of the same 9 x 8 fields of the picture that was decoded for its check anyway: each
reduction gives the interpreter to another thread, and to get it back costs more than all the rest.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from operator import add, mul
from typing import Any

from PIL import Image

_FIELDS = (9, 8)
_COUNT = _FIELDS[0] * _FIELDS[1]
_ENOUGH = 224
"""A picture is first thinned out to this many pixels a side: nobody looks that closely."""
_STEP = 9
"""Fields whose lightness (red, green and blue together) differs less count as equal, for a new
encoding moves them that much."""
_SPREAD = [
    row + column for first in range(4) for row in range(0, 72, 9) for column in (first, first + 4)
]


def _cosines(fields: int) -> list[list[float]]:
    """The waves over so many fields, strengthened by what the resampling filter takes of them."""
    waves = []
    for wave in range(fields):
        turn = math.pi * wave / fields
        taken = (math.sin(turn / 2) / (turn / 2)) ** 2 if wave else 1.0  # by a triangle two wide
        waves.append([math.cos(turn * (at + 0.5)) / taken for at in range(fields)])
    return waves


_ACROSS, _DOWN = map(_cosines, _FIELDS)
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
    turn = _TURNS.get(orientation)
    is_upright = turn is None or orientation < 5
    fields = _small(image).resize(
        _FIELDS if is_upright else _FIELDS[::-1], Image.Resampling.BILINEAR
    )
    if turn is not None:
        fields = fields.transpose(turn)
    if not is_upright:
        width, height = height, width
    planes = _Planes(fields)
    red, green, blue = planes.average
    return Appearance(
        placeholder=base64.b64encode(_thumbhash(planes, width, height)).decode(),
        average_color=f"#{round(red):02x}{round(green):02x}{round(blue):02x}",
        phash=_difference_hash(planes.on_white),
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
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        lowest: Any = image.getchannel("A").getextrema()[0]
        return image.convert("RGBa" if lowest < 255 else "RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _difference_hash(lightness: list[int]) -> int:
    """Of the picture on white, so that a cut-out is like the same one on a white ground.

    Each quarter of the bits is of fields all over the picture: whoever looks for hashes that agree
    in a quarter is not held up by the many pictures with the same plain margins.
    """
    bits = 0
    for at in _SPREAD:
        bits = bits << 1 | (lightness[at] > lightness[at + 1] + _STEP)
    return bits - (1 << 64) if bits >> 63 else bits


class _Planes:
    """Lightness, two colours and transparency of the fields, each from 0 (or -1) to 1.

    `on_white` is the lightness as it shows on white, from 0 to 765.
    """

    def __init__(self, fields: Image.Image) -> None:
        self.has_alpha = fields.mode == "RGBa"
        alpha = fields.getchannel("a").tobytes() if self.has_alpha else b""
        weight = (sum(alpha) or 1) / 255 if self.has_alpha else _COUNT
        reds, greens, blues = _bands(fields)[:3]
        self.average = [min(255.0, sum(one) / weight) for one in (reds, greens, blues)]
        self.on_white = list(map(add, map(add, reds, greens), blues))
        if self.has_alpha:
            self.on_white = [
                one + 3 * (255 - a) for one, a in zip(self.on_white, alpha, strict=True)
            ]
            seen = fields.convert("RGBA")  # where nothing is to be seen, the average: no waves
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
    rows = [plane[at : at + _FIELDS[0]] for at in range(0, _COUNT, _FIELDS[0])]
    columns = [[sum(map(mul, row, _ACROSS[x])) for row in rows] for x in range(across)]
    found = [
        sum(map(mul, columns[x], _DOWN[y])) / _COUNT
        for y in range(down)
        for x in range(across)
        if x * down < across * (down - y)
    ]
    mean, waves = found[0], found[1:]
    scale = max(map(abs, waves), default=0.0)
    if scale:
        waves = [0.5 + 0.5 / scale * wave for wave in waves]
    return mean, waves, min(scale, 1.0)
