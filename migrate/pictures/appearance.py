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
from operator import mul
from typing import Any

from PIL import Image

_SIDE = 16
_ENOUGH = 160
"""A picture is first thinned out to about this many pixels a side: nobody looks that closely."""
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
    if turn := _TURNS.get(orientation):
        small = small.transpose(turn)
        if orientation >= 5:
            width, height = height, width
    square = small.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    data, bands = square.tobytes(), len(square.mode)
    planes = _Planes([data[band::bands] for band in range(bands)])
    red, green, blue = planes.average
    return Appearance(
        placeholder=base64.b64encode(_thumbhash(planes, width, height)).decode(),
        average_color=f"#{round(red):02x}{round(green):02x}{round(blue):02x}",
        phash=_difference_hash(small),
    )


def _small(image: Image.Image) -> Image.Image:
    """Thinned out, in RGB or, where a pixel is transparent, RGBA."""
    longest = max(image.size)
    if longest > 2 * _ENOUGH:
        size = [max(1, round(side * _ENOUGH / longest)) for side in image.size]
        image = image.resize((size[0], size[1]), Image.Resampling.NEAREST)
    if image.mode.startswith(("I", "F")):
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        lowest: Any = image.getchannel("A").getextrema()[0]
        return image if lowest < 255 else image.convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _difference_hash(image: Image.Image) -> int:
    grey = image.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(0, 72, 9):
        for at in range(row, row + 8):
            bits = bits << 1 | (grey[at] > grey[at + 1])
    return bits - (1 << 64) if bits >> 63 else bits


class _Planes:
    """Lightness, two colours and transparency of 16 x 16 fields, each from 0 (or -1) to 1."""

    def __init__(self, channels: list[Any]) -> None:
        self.has_alpha = len(channels) == 4
        alpha = channels[3] if self.has_alpha else None
        weight = sum(alpha) if alpha else 0
        self.average = [
            (sum(map(mul, one, alpha)) / (weight or 1)) if alpha else sum(one) / len(one)
            for one in channels[:3]
        ]
        if alpha:
            channels[:3] = [
                [mean + (value - mean) * a / 255 for value, a in zip(one, alpha, strict=True)]
                for one, mean in zip(channels[:3], self.average, strict=True)
            ]
        red, green, blue = channels[:3]
        self.light = [(r + g + b) / 765 for r, g, b in zip(red, green, blue, strict=True)]
        self.yellow = [(r + g - 2 * b) / 510 for r, g, b in zip(red, green, blue, strict=True)]
        self.red = [(r - g) / 255 for r, g in zip(red, green, strict=True)]
        self.alpha = [a / 255 for a in alpha] if alpha else []


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
