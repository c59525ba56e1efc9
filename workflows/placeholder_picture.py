"""A thumbhash as the small picture that it is, ready to stand in a page; it reads nothing.

Frontends have the npm package `thumbhash` for it. The demonstration's page wants no script from
elsewhere, so the same is said here once more in Python.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

SIDE = 32
"""Of the longer side: smooth colours need no more."""
_STRONGER = 1.25
"""Colours are a little faded by their few bits; the format brings them back like this."""


def placeholder_url(placeholder: str) -> str:
    """The picture as a data URL.

    Raises:
        ValueError: it is no thumbhash.
    """
    file = io.BytesIO()
    placeholder_picture(base64.b64decode(placeholder, validate=True)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def placeholder_picture(code: bytes) -> Image.Image:
    """The picture in RGBA, at most 32 pixels a side."""
    if len(code) < 5:
        raise ValueError(f"{len(code)} bytes are no thumbhash")
    head, more = int.from_bytes(code[:3], "little"), int.from_bytes(code[3:5], "little")
    has_alpha, is_broad = bool(head >> 23), bool(more >> 15)
    most = 5 if has_alpha else 7
    across, down = (most, more & 7) if is_broad else (more & 7, most)
    if not across or not down:
        raise ValueError("a thumbhash without a shape")
    ratio = across / down
    size = (SIDE, round(SIDE / ratio)) if ratio > 1 else (round(SIDE * ratio), SIDE)
    halves = _halves(code[6 if has_alpha else 5 :])
    light = _Plane((head & 63) / 63, max(3, across), max(3, down), (head >> 18 & 31) / 31, halves)
    yellow = _Plane((head >> 6 & 63) / 31.5 - 1, 3, 3, (more >> 3 & 63) / 63 * _STRONGER, halves)
    red = _Plane((head >> 12 & 63) / 31.5 - 1, 3, 3, (more >> 9 & 63) / 63 * _STRONGER, halves)
    planes = [light, yellow, red]
    if has_alpha:
        planes.append(_Plane((code[5] & 15) / 15, 5, 5, (code[5] >> 4) / 15, halves))
    pixels = [
        _colour(*(plane.at(x, y, size) for plane in planes))
        for y in range(size[1])
        for x in range(size[0])
    ]
    return Image.frombytes("RGBA", size, bytes(part for pixel in pixels for part in pixel))


def _halves(data: bytes) -> Iterator[int]:
    for byte in data:
        yield byte & 15
        yield byte >> 4


@dataclass(frozen=True)
class _Wave:
    across: int
    down: int
    height: float


class _Plane:
    """A mean and the lowest waves upon it; takes as many half bytes as it has waves."""

    def __init__(
        self, mean: float, across: int, down: int, scale: float, halves: Iterator[int]
    ) -> None:
        self.mean = mean
        self.waves = [
            _Wave(x, y, (next(halves, 7.5) / 7.5 - 1) * scale * 2)
            for y in range(down)
            for x in range(across)
            if (x or y) and x * down < across * (down - y)
        ]

    def at(self, x: int, y: int, size: tuple[int, int]) -> float:
        right, below = math.pi * (x + 0.5) / size[0], math.pi * (y + 0.5) / size[1]
        return self.mean + sum(
            wave.height * math.cos(right * wave.across) * math.cos(below * wave.down)
            for wave in self.waves
        )


def _colour(light: float, yellow: float, red: float, alpha: float = 1.0) -> tuple[int, ...]:
    blue = light - 2 / 3 * yellow
    r = (3 * light - blue + red) / 2
    return tuple(max(0, min(255, int(255 * part))) for part in (r, r - red, blue, alpha))
