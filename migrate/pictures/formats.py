"""Which format a file's first bytes are, whatever its name or header claims; no further."""

from __future__ import annotations

from enum import StrEnum

from migrate.errors import RejectedImageError, TruncatedImageError
from scraper.base.errors import ErrorKind


class ImageFormat(StrEnum):
    """The formats we take in; TIFF and BMP leave as something browsers show."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    GIF = "image/gif"
    WEBP = "image/webp"
    AVIF = "image/avif"
    TIFF = "image/tiff"
    BMP = "image/bmp"

    @property
    def extension(self) -> str:
        """The end of a copy's name, letters only (the frontend reads the position before it)."""
        return {"jpeg": "jpg", "tiff": "tif"}.get(self.subtype, self.subtype)

    @property
    def subtype(self) -> str:
        return self.value.partition("/")[2]


def format_of(head: bytes) -> ImageFormat:
    """Name the format by its first bytes (64 or more are enough), whatever anybody claims.

    Raises:
        TruncatedImageError: nothing at all, or less than a signature.
        RejectedImageError: something else; the detail says what it looks like.
    """
    if not head:
        raise TruncatedImageError("the answer had no bytes")
    for signature, image_format in _SIGNATURES.items():
        if head.startswith(signature):
            return image_format
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if head[4:8] == b"ftyp" and _is_avif(head):
        return ImageFormat.AVIF
    if len(head) < 12 and any(start.startswith(head[:4]) for start in (*_SIGNATURES, b"RIFF")):
        raise TruncatedImageError(f"the file ends after {len(head)} bytes")
    raise RejectedImageError(ErrorKind.NOT_AN_IMAGE, f"not an image we keep: {_likely(head)}")


_SIGNATURES = {
    b"\xff\xd8\xff": ImageFormat.JPEG,
    b"\x89PNG\r\n\x1a\n": ImageFormat.PNG,
    b"GIF87a": ImageFormat.GIF,
    b"GIF89a": ImageFormat.GIF,
    b"II*\0": ImageFormat.TIFF,
    b"MM\0*": ImageFormat.TIFF,
    b"II+\0": ImageFormat.TIFF,
    b"MM\0+": ImageFormat.TIFF,
    b"BM": ImageFormat.BMP,
}

_LIKELY = (
    (b"%PDF", "a PDF document"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\x01\0", "an icon"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip-compressed data"),
)


def _is_avif(head: bytes) -> bool:
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[at : at + 4] for at in (8, *range(16, length - 3, 4))}
    return bool(brands & {b"avif", b"avis"}) and not head[8:12].startswith(b"hei")


def _likely(head: bytes) -> str:
    for start, name in _LIKELY:
        if head.startswith(start):
            return name
    if head[4:8] == b"ftyp":
        return _HEIC if head[8:12] in _HEIC_BRANDS else "a video or other media file"
    text = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\f\v").lower()
    if not text.startswith(b"<"):
        return "JSON or script" if text[:1] in (b"{", b"[") else "bytes of no format we know"
    if b"<svg" in text:
        return "an SVG drawing"
    return "an HTML page" if b"<?xml" not in text or b"<html" in text else "an XML document"


_HEIC = (
    "a HEIC picture, which most browsers do not show and which is not converted; "
    "ask the dealer for JPEG"
)
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"}
