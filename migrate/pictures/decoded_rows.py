"""How many rows a decoder reached before it stumbled: those it did not keep what was there before.

It knows Pillow's habits and no format.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image, ImageFile

STRIP_ROWS = 64


def missing_rows(open_image: Callable[[], ImageFile.ImageFile]) -> tuple[float, Image.Image]:
    """The part of the rows that are not whole, from 0 to 1, and the picture as far as it goes.

    It is decoded twice over two different colours; where they shine through, nothing was written.
    """
    first = _decoded_over(0, open_image)
    second = _decoded_over(255, open_image)
    missing = sum(
        _differing_rows(first, second, top, min(top + STRIP_ROWS, first.height))
        for top in range(0, first.height, STRIP_ROWS)
    )
    return missing / max(1, first.height), as_it_is(first)


def as_it_is(image: Image.Image) -> Image.Image:
    """A picture that is not loaded again when it is used: it would stumble again."""
    kept = Image.new(image.mode, (1, 1))
    kept.im = image.im
    kept._size = image.size
    kept.info = dict(image.info)
    if image.palette is not None:
        kept.palette = image.palette
    return kept


def _decoded_over(colour: int, open_image: Callable[[], ImageFile.ImageFile]) -> Image.Image:
    image = open_image()
    canvas: Any = Image.new(image.mode, image.size, colour)
    image.im = canvas.im
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError):
        if getattr(image, "im", None) is None:
            raise
    return image


def _differing_rows(first: Image.Image, second: Image.Image, top: int, bottom: int) -> int:
    strips = [as_it_is(one).crop((0, top, one.width, bottom)).tobytes() for one in (first, second)]
    if strips[0] == strips[1]:
        return 0
    stride = len(strips[0]) // (bottom - top)
    return sum(
        strips[0][at : at + stride] != strips[1][at : at + stride]
        for at in range(0, stride * (bottom - top), stride)
    )
