"""The largest pictures that are kept, judged by their size alone, before a pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.errors import RejectedImageError
from migrate.pictures.containers import Canvas
from scraper.base.errors import ErrorKind

ANIMATION_FACTOR = 20
"""The frames of an animation together may have this many times the pixels of a single picture."""


@dataclass(frozen=True)
class Limits:
    """The largest pictures that are kept; `costly_pixels` where decoding takes much memory."""

    bytes: int
    pixels: int
    costly_pixels: int


def refuse_bomb(canvas: Canvas, limits: Limits, kind: str, *, is_cheap: bool = False) -> None:
    pixels = canvas.width * canvas.height
    allowed, setting = limits.pixels, "MAX_IMAGE_PIXELS"
    if not is_cheap and limits.costly_pixels < allowed:
        allowed, setting = limits.costly_pixels, "MAX_COSTLY_IMAGE_PIXELS"
    if pixels > allowed:
        detail = f"{canvas.width} x {canvas.height} pixels, more than the {allowed:,} allowed"
        raise RejectedImageError(ErrorKind.TOO_LARGE, f"{detail} for a {kind} (setting {setting})")
    if canvas.frames_pixels > allowed * ANIMATION_FACTOR:
        detail = f"an animation of {canvas.frames_pixels:,} pixels in all, more than the "
        detail += f"{allowed * ANIMATION_FACTOR:,} allowed ({ANIMATION_FACTOR} times {setting})"
        raise RejectedImageError(ErrorKind.TOO_LARGE, detail)
