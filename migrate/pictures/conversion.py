"""TIFF and BMP into what browsers show: JPEG, or PNG for transparency; it knows no queue.

Why not HEIC: most browsers do not show it, and shops serve it hardly ever, since their systems turn
it into JPEG at upload. A wheel could (pi-heif 1.4, BSD; 1.5 MB with libheif and libde265, both
LGPL; pillow-heif brings x265 besides, which is GPL), but it would put one more native decoder, of a
patented codec, before files of strangers. It stays refused under its name.
"""

from __future__ import annotations

import tempfile
from typing import Any, BinaryIO, cast

from PIL import Image, ImageOps

from migrate.pictures.formats import ImageFormat

QUALITY = 92
"""With colours as fine as lightness: what comes as BMP is often drawn, not photographed."""
SPOOL_BYTES = 1 << 20
LARGEST_JPEG_SIDE = 65500
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_DEEP_GREY_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})


def convert(image: Image.Image) -> tuple[BinaryIO, ImageFormat, Image.Image]:
    """Encode the current frame anew, the right way up.

    Returns:
        A temporary file (the caller closes it), its format, and the picture that it holds.
    """
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "L", "LA") else None
    ImageOps.exif_transpose(image, in_place=True)  # copies of large pictures are not free
    picture = _shown_in_a_browser(image)
    is_jpeg = picture.mode in ("L", "RGB") and max(picture.size) <= LARGEST_JPEG_SIDE
    target = ImageFormat.JPEG if is_jpeg else ImageFormat.PNG
    picture.info.clear()
    file = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115 (returned open)
    try:
        if is_jpeg:
            picture.save(
                file, "JPEG", quality=QUALITY, subsampling=0, icc_profile=profile, exif=b""
            )
        else:
            picture.save(file, "PNG", icc_profile=profile, exif=b"")
    except BaseException:
        file.close()
        raise
    return file, target, picture


def _shown_in_a_browser(image: Image.Image) -> Image.Image:
    """Bring any mode to L, RGB or (only where a pixel is transparent) LA, RGBA."""
    if image.mode in _DEEP_GREY_MODES:
        return _to_eight_bits(image)
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        with_alpha = image.convert("LA" if image.mode in ("LA", "La") else "RGBA")
        alpha: Any = with_alpha.getchannel("A").getextrema()
        # An alpha channel that hides everything was never meant (32-bit BMPs leave it at zero).
        is_transparent = alpha[0] < 255 and alpha[1] > 0
        return with_alpha if is_transparent else with_alpha.convert(with_alpha.mode.rstrip("A"))
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale deep grey: 16 bits by 256, others from their own darkest to their brightest."""
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    extrema: Any = image.getextrema()
    lowest, highest = float(extrema[0]), float(extrema[1])
    for usual in (255.0, 65535.0):
        if lowest >= 0 and usual // 256 < highest <= usual:
            lowest, highest = 0.0, usual
    scale = 255 / ((highest - lowest) or 1)
    return image.point(lambda value: value * scale - lowest * scale).convert("L")
