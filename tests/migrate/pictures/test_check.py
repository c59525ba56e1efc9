"""What is kept, converted, refused and found cut, on bytes made by Pillow at test time."""

from __future__ import annotations

import functools
import hashlib
import io
import random
import struct
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from migrate.errors import ImageError, RejectedImageError, TruncatedImageError
from migrate.pictures.check import CheckedImage, check_image
from migrate.pictures.containers import canvas_of
from migrate.pictures.damage import Damage, Extent
from migrate.pictures.formats import ImageFormat
from migrate.pictures.limits import Limits
from scraper.base.errors import ErrorKind

MEGAPIXELS = 1_000_000
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def picture(
    width: int = 320, height: int = 240, *, mode: str = "RGB", seed: int = 1
) -> Image.Image:
    """Something photographic: smooth colours with grain."""
    chance = random.Random(seed)
    size = (max(1, width // 8), max(1, height // 8))
    colours = Image.frombytes("RGB", size, chance.randbytes(size[0] * size[1] * 3))
    grain = Image.frombytes("L", (width, height), chance.randbytes(width * height)).convert("RGB")
    smooth = colours.resize((width, height), Image.Resampling.BICUBIC)
    return Image.blend(smooth, grain, 0.08).convert(mode)


def encoded(image: Image.Image, image_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def animated(image_format: str, count: int = 4) -> bytes:
    frames = [picture(seed=seed) for seed in range(count)]
    return encoded(frames[0], image_format, save_all=True, append_images=frames[1:])


def check(data: bytes, **changed: Any) -> CheckedImage:
    """The verdict on these bytes, with other limits or another digest where given."""
    limits = {"bytes": 25_000_000, "pixels": 50 * MEGAPIXELS, "costly_pixels": 50 * MEGAPIXELS}
    sha256 = changed.pop("sha256", None)
    return check_image(io.BytesIO(data), Limits(**(limits | changed)), sha256=sha256)


def whole(data: bytes) -> CheckedImage:
    checked = check(data)
    assert checked.damage is None
    return checked


def found_damaged(data: bytes) -> Damage:
    """What is missing; raises TruncatedImageError where nothing shows."""
    damage = check(data).damage
    assert damage is not None
    return damage


def is_found_damaged(data: bytes) -> bool:
    try:
        return check(data).damage is not None
    except TruncatedImageError:
        return True


KEPT = {
    "jpeg": (lambda: encoded(picture(), "JPEG"), "image/jpeg", "jpg"),
    "jpeg 444": (
        lambda: encoded(picture(), "JPEG", quality=95, subsampling=0),
        "image/jpeg",
        "jpg",
    ),
    "jpeg progressive": (lambda: encoded(picture(), "JPEG", progressive=True), "image/jpeg", "jpg"),
    "jpeg grey": (lambda: encoded(picture(mode="L"), "JPEG"), "image/jpeg", "jpg"),
    "jpeg cmyk": (lambda: encoded(picture(mode="CMYK"), "JPEG"), "image/jpeg", "jpg"),
    "jpeg with restarts": (
        lambda: encoded(picture(), "JPEG", restart_marker_rows=2),
        "image/jpeg",
        "jpg",
    ),
    "mpo": (lambda: animated("MPO", 2), "image/jpeg", "jpg"),
    "png": (lambda: encoded(picture(), "PNG"), "image/png", "png"),
    "png palette": (lambda: encoded(picture().quantize(), "PNG"), "image/png", "png"),
    "png animated": (lambda: animated("PNG"), "image/png", "png"),
    "gif": (lambda: encoded(picture(), "GIF"), "image/gif", "gif"),
    "gif animated": (lambda: animated("GIF"), "image/gif", "gif"),
    "webp": (lambda: encoded(picture(), "WEBP"), "image/webp", "webp"),
    "webp lossless": (lambda: encoded(picture(), "WEBP", lossless=True), "image/webp", "webp"),
    "webp animated": (lambda: animated("WEBP"), "image/webp", "webp"),
    "avif": (lambda: encoded(picture(), "AVIF", speed=9), "image/avif", "avif"),
    "avif animated": (
        lambda: encoded(picture(), "AVIF", speed=9, save_all=True, append_images=[picture(seed=2)]),
        "image/avif",
        "avif",
    ),
}


@functools.cache
def made(name: str) -> bytes:
    """Each picture is made once; a test that damages one works on its own copy of the bytes."""
    make: Callable[[], bytes] = (KEPT | CONVERTED)[name][0]  # type: ignore[operator]
    return make()


@pytest.mark.parametrize("name", KEPT)
def test_what_browsers_show_is_kept_byte_for_byte(name: str) -> None:
    _, content_type, extension = KEPT[name]
    data = made(name)
    checked = whole(data)
    assert (checked.content_type, checked.extension) == (content_type, extension)
    assert (checked.width, checked.height, checked.bytes) == (320, 240, len(data))
    assert checked.sha256 == hashlib.sha256(data).hexdigest()
    assert checked.file.read() == data
    assert not checked.converted


@pytest.mark.parametrize("percent", [1, 30, 60, 90, 99])
@pytest.mark.parametrize("name", KEPT)
def test_a_cut_file_is_found_even_when_its_length_is_consistent(name: str, percent: int) -> None:
    data = made(name)
    assert is_found_damaged(data[: len(data) * percent // 100])


@pytest.mark.parametrize("name", [name for name in KEPT if name not in ("avif animated", "mpo")])
@pytest.mark.parametrize("percent", [30, 60, 90])
def test_a_file_whose_end_was_never_filled_in_is_found(name: str, percent: int) -> None:
    data = made(name)
    kept = len(data) * percent // 100
    try:
        damage = found_damaged(data[:kept] + bytes(len(data) - kept))
    except TruncatedImageError:
        return
    assert damage.extent is not Extent.NOTHING_SEEN
    assert damage.extent is Extent.LARGE or percent == 90


@pytest.mark.parametrize(
    ("kind", "head", "zeros", "is_found"),
    [
        (b"VP8 ", bytes(6) + b"\x10\x27\x88\x13", 4817, False),
        (b"VP8 ", bytes(6) + b"\x10\x27\x88\x13", 8192, True),
        (b"VP8L", b"\x2f\x0f\xe7\xe1\x04", 127, False),
        (b"VP8L", b"\x2f\x0f\xe7\xe1\x04", 128, True),
    ],
)
def test_a_plain_picture_of_fifty_megapixels_may_end_in_some_zeros(
    kind: bytes, head: bytes, zeros: int, is_found: bool
) -> None:
    """As measured: a lossy WebP of one colour ends in 4,817 of its 89,102 bytes."""
    body = head + b"x" * (89_102 - len(head) - zeros) + bytes(zeros)
    chunks = b"WEBP" + kind + struct.pack("<I", len(body)) + body
    file = io.BytesIO(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    if is_found:
        with pytest.raises(TruncatedImageError):
            canvas_of(ImageFormat.WEBP, file)
    else:
        assert canvas_of(ImageFormat.WEBP, file) is not None


@pytest.mark.parametrize("percent", [30, 60, 90, 98])
@pytest.mark.parametrize("name", [name for name in KEPT if name.startswith("jpeg")])
def test_a_cut_jpeg_is_found_when_somebody_closed_it_with_an_end_marker(
    name: str, percent: int
) -> None:
    data = made(name)
    try:
        damage = found_damaged(data[: len(data) * percent // 100] + b"\xff\xd9")
    except TruncatedImageError:
        assert percent <= 60
        return
    assert damage.extent is not Extent.NOTHING_SEEN
    assert damage.extent is Extent.LARGE or percent > 60


@pytest.mark.parametrize("name", KEPT)
def test_bytes_behind_the_picture_are_common_and_stay(name: str) -> None:
    data = made(name) + b"\r\n<!-- cached -->\0\0"
    assert whole(data).file.read() == data


@pytest.mark.parametrize("progressive", [False, True])
def test_a_real_middle_grey_picture_is_not_taken_for_a_cut_one(progressive: bool) -> None:
    data = encoded(Image.new("RGB", (400, 300), (128, 128, 128)), "JPEG", progressive=progressive)
    assert whole(data).file.read() == data


def test_the_second_picture_of_a_camera_file_may_be_absent_and_is_said_to_be_cut() -> None:
    data = made("mpo")
    second = data.index(b"\xff\xd8", data.index(b"\xff\xd9"))
    assert whole(data[:second]).bytes == second
    damage = found_damaged(data[: second + 900])
    assert damage == Damage(Extent.NOTHING_SEEN, "a further picture inside the file is cut")


def test_a_png_with_a_damaged_middle_is_found() -> None:
    data = bytearray(made("png"))
    data[len(data) // 2] ^= 1
    assert found_damaged(bytes(data)).extent is not Extent.NOTHING_SEEN


@pytest.mark.parametrize("kind", [b"pHYs", b"tEXt", b"tIME", b"prVt"])
@pytest.mark.parametrize("where", ["before the pixels", "behind them"])
def test_a_png_with_damaged_remarks_is_kept_as_it_came(kind: bytes, where: str) -> None:
    """Browsers pass over what is not needed to show the picture."""
    data = made("png")
    remark = bytearray(chunk(kind, b"000000000"))
    remark[-1] ^= 1
    at = 33 if where == "before the pixels" else len(data) - 12
    damaged = data[:at] + remark + data[at:]
    assert whole(damaged).file.read() == damaged
    assert is_found_damaged(damaged[:-20])


# ------------------------------------------------------------------ converted

CONVERTED = {
    "tiff": (lambda: encoded(picture(), "TIFF"), "image/jpeg"),
    "tiff lzw": (lambda: encoded(picture(), "TIFF", compression="tiff_lzw"), "image/jpeg"),
    "tiff deflate": (
        lambda: encoded(picture(), "TIFF", compression="tiff_adobe_deflate"),
        "image/jpeg",
    ),
    "tiff cmyk": (lambda: encoded(picture(mode="CMYK"), "TIFF"), "image/jpeg"),
    "tiff palette": (lambda: encoded(picture().quantize(), "TIFF"), "image/jpeg"),
    "tiff fax": (lambda: encoded(picture(mode="1"), "TIFF", compression="group4"), "image/jpeg"),
    "tiff lab": (
        lambda: encoded(Image.new("LAB", (320, 240), (128, 128, 128)), "TIFF"),
        "image/jpeg",
    ),
    "tiff float": (lambda: encoded(picture(mode="F"), "TIFF"), "image/jpeg"),
    "tiff pages": (lambda: animated("TIFF"), "image/jpeg"),
    "tiff see-through": (
        lambda: encoded(Image.new("RGBA", (320, 240), (200, 20, 20, 90)), "TIFF"),
        "image/png",
    ),
    "tiff opaque alpha": (
        lambda: encoded(Image.new("RGBA", (320, 240), (200, 20, 20, 255)), "TIFF"),
        "image/jpeg",
    ),
    "bmp": (lambda: encoded(picture(), "BMP"), "image/jpeg"),
    "bmp palette": (lambda: encoded(picture().quantize(), "BMP"), "image/jpeg"),
    "bmp grey": (lambda: encoded(picture(mode="L"), "BMP"), "image/jpeg"),
}


@pytest.mark.parametrize("name", CONVERTED)
def test_what_browsers_cannot_show_is_converted(name: str) -> None:
    _, content_type = CONVERTED[name]
    checked = check(made(name), sha256="of the source")
    with checked.file as file:
        stored = file.read()
    shown = Image.open(io.BytesIO(stored))
    assert checked.converted
    assert checked.content_type == content_type == f"image/{(shown.format or '').lower()}"
    assert (checked.width, checked.height) == shown.size == (320, 240)
    assert (checked.bytes, checked.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())


def test_conversion_keeps_the_colours() -> None:
    with check(encoded(Image.new("RGB", (40, 30), (200, 100, 50)), "TIFF")).file as file:
        red, green, blue = Image.open(file).convert("RGB").getpixel((20, 15))  # type: ignore[misc]
    assert (abs(red - 200) < 4, abs(green - 100) < 4, abs(blue - 50) < 4) == (True, True, True)


def test_conversion_scales_sixteen_bits_and_does_not_clip_them() -> None:
    with check(encoded(Image.new("I;16", (40, 30), 128 * 256), "TIFF")).file as file:
        shown = Image.open(file)
        assert shown.mode == "L"
        assert abs(int(shown.getpixel((20, 15))) - 128) < 3  # type: ignore[arg-type]


def test_conversion_turns_the_picture_the_right_way_up() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways
    lying = Image.new("RGB", (320, 240), (0, 0, 0))
    lying.paste((255, 255, 255), (0, 0, 320, 120))
    checked = check(encoded(lying, "TIFF", exif=exif))
    assert (checked.width, checked.height) == (240, 320)
    with checked.file as file:
        shown = Image.open(file)
        assert shown.getexif().get(0x0112, 1) == 1
        assert sum(shown.convert("RGB").getpixel((200, 160))) > 700  # type: ignore[arg-type]


def test_a_cut_bitmap_is_converted_as_far_as_it_goes() -> None:
    data = made("bmp")
    for percent, extent in ((99, Extent.SMALL), (60, Extent.LARGE)):
        checked = check(data[: len(data) * percent // 100])
        with checked.file:
            assert checked.damage is not None
            assert checked.damage.extent is extent
            assert Image.open(checked.file).size == (320, 240)


@pytest.mark.parametrize("percent", [1, 30, 60, 90, 99])
@pytest.mark.parametrize("name", ["tiff", "tiff lzw", "tiff deflate"])
def test_a_cut_file_is_not_converted(name: str, percent: int) -> None:
    data = made(name)
    with pytest.raises(TruncatedImageError):
        check(data[: len(data) * percent // 100])


# ------------------------------------------------------------------ refused

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"<!DOCTYPE html><html><body>Sold out</body></html>", "HTML"),
        (b"\xef\xbb\xbf  \r\n<HTML><img src=x></HTML>", "HTML"),
        (b"\xff\xfe" + "<html><body>hi</body></html>".encode("utf-16-le"), "HTML"),
        (b"<!-- GIF89a --><html></html>", "HTML"),
        (b"\n\n<script>location='/'</script>", "HTML"),
        (b'<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"<svg onload=alert(1)>", "SVG"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF"),
        (b'{"error": "not found", "status": 404}', "JSON"),
        (HEIC, "HEIC"),
        (b"\xff\x0a" + bytes(100), "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100), "JPEG 2000"),
        (b"8BPS\0\x01" + bytes(100), "Photoshop"),
        (b"\0\0\0\x20ftypisom" + bytes(100), "video"),
        (b"just a sentence about a picture", "no format"),
        (bytes(5000), "no format"),
        (b"BM is how this sentence about swords begins, and it goes on for a while.", "BMP"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(200), "raw camera"),
    ],
)
def test_everything_else_is_refused_whatever_it_claims(data: bytes, named: str) -> None:
    with pytest.raises(RejectedImageError, match=named) as refused:
        check(data)
    assert refused.value.kind is ErrorKind.NOT_AN_IMAGE


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PN", b"RIFF\x10"]
)
def test_nothing_and_nearly_nothing_are_cut_files(data: bytes) -> None:
    with pytest.raises(TruncatedImageError):
        check(data)


# ------------------------------------------------------------------ bombs


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + chunk(b"IEND", b"")


def gif_of(width: int, height: int, *, frames: int) -> bytes:
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x08\x02\x00\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame * frames + b";"


def resized(data: bytes, before: bytes, after: bytes) -> bytes:
    assert before in data
    return data.replace(before, after, 1)


@functools.cache
def bombs() -> dict[str, bytes]:
    webp = encoded(picture(mode="RGBA"), "WEBP", exif=b"Exif\0\0x")
    avif = encoded(picture(), "AVIF", speed=9)
    return {
        "png": png_of(20_000, 20_000),
        "png beyond Pillow's own limit": png_of(100_000, 100_000),
        "jpeg": resized(
            encoded(picture(), "JPEG"),
            struct.pack(">HH", 240, 320),
            struct.pack(">HH", 60_000, 60_000),
        ),
        "gif": gif_of(60_000, 60_000, frames=1),
        "gif of many frames": gif_of(6_000, 6_000, frames=50),
        "webp": resized(
            webp,
            struct.pack("<I", 319)[:3] + struct.pack("<I", 239)[:3],
            b"\xff\xff\x3f\xff\xff\x3f",
        ),
        "avif": resized(
            avif,
            b"ispe\0\0\0\0" + struct.pack(">II", 320, 240),
            b"ispe\0\0\0\0" + struct.pack(">II", 9999, 9999),
        ),
        "bmp": resized(
            encoded(picture(), "BMP"),
            struct.pack("<ii", 320, 240),
            struct.pack("<ii", 30_000, 30_000),
        ),
        "tiff": encoded(Image.new("1", (8000, 8000)), "TIFF", compression="group4"),
    }


@pytest.mark.parametrize("name", bombs())
def test_a_pixel_bomb_is_refused_before_it_is_decoded(name: str, monkeypatch: Any) -> None:
    data = bombs()[name]
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(RejectedImageError) as refused:
        check(data)
    assert refused.value.kind is ErrorKind.TOO_LARGE


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_compressed_text_that_explodes_is_not_even_looked_at(kind: bytes) -> None:
    packed = zlib.compress(bytes(50_000_000))
    head = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\1\0\0\0", b"iCCP": b"name\0\0"}
    data = png_of(16, 16, chunk(kind, head[kind] + packed))
    tracemalloc.start()
    assert whole(data).file.read() == data
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_the_limits_are_those_given() -> None:
    data = encoded(picture(100, 80), "JPEG")
    assert check(data, pixels=8000, costly_pixels=7000, bytes=len(data)).width == 100
    progressive = encoded(picture(100, 80), "JPEG", progressive=True)
    for one, limits, named in (
        (data, {"pixels": 7999}, "100 x 80 .* 7,999 .*MAX_IMAGE_PIXELS"),
        (data, {"bytes": len(data) - 1}, "MAX_IMAGE_BYTES"),
        (progressive, {"costly_pixels": 7999}, "progressive JPEG .*MAX_COSTLY_IMAGE_PIXELS"),
    ):
        with pytest.raises(RejectedImageError, match=named) as refused:
            check(one, **limits)
        assert refused.value.kind is ErrorKind.TOO_LARGE


def test_a_converted_file_that_grew_too_large_is_refused() -> None:
    data = encoded(picture().quantize(2), "TIFF", compression="tiff_adobe_deflate")
    with pytest.raises(RejectedImageError, match="once converted"):
        check(data, bytes=len(data))


# ------------------------------------------------------------------ whatever comes

STARTS = [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0\x08\0\0\0",
          b"MM\0*\0\0\0\x08", b"RIFF\x20\0\0\0WEBPVP8X", b"\0\0\0\x1cftypavif\0\0\0\0"]  # fmt: skip


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=400))
def test_arbitrary_bytes_raise_only_our_own_errors(start: bytes, rest: bytes) -> None:
    try:
        checked = check(start + rest, pixels=MEGAPIXELS)
    except ImageError:
        return
    checked.file.close()


@given(
    name=st.sampled_from([*KEPT, *CONVERTED]),
    at=st.floats(0, 1),
    junk=st.binary(min_size=1, max_size=40),
)
def test_damaged_files_raise_only_our_own_errors(name: str, at: float, junk: bytes) -> None:
    data = made(name)
    start = int(at * len(data))
    try:
        checked = check(data[:start] + junk + data[start + len(junk) :], pixels=MEGAPIXELS)
    except ImageError:
        return
    checked.file.close()


@pytest.mark.parametrize("name", ["jpeg", "jpeg progressive", "mpo"])
def test_a_large_file_is_not_held_in_the_heap(name: str, tmp_path: Path) -> None:
    """A thread's heap would keep the size of the largest file that it has seen."""
    path = tmp_path / "large.jpg"
    path.write_bytes(made(name) + b"\1" * 8_000_000)
    with path.open("rb") as file:
        tracemalloc.start()
        check_image(file, Limits(bytes=26_214_400, pixels=50_000_000, costly_pixels=50_000_000))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.servers  # it takes its time by nature
def test_many_threads_judge_as_one_does() -> None:
    samples = [made(name) for name in KEPT] + [b"<html>", b"", bombs()["png"]]
    barrier = threading.Barrier(8)

    def judge(_: int) -> list[str]:
        barrier.wait()
        return [verdict(data) for data in samples]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(judge, range(8)))
    assert answers == [[verdict(data) for data in samples]] * 8


def verdict(data: bytes) -> str:
    try:
        return check(data).sha256
    except ImageError as exc:
        return f"{exc.kind}: {exc.detail}"


def test_what_a_library_says_of_a_file_is_heard_and_not_written_to_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = bytearray(encoded(picture(), "TIFF", compression="tiff_lzw"))
    data[200:700] = b"\xff" * 500
    heard: list[str] = []
    limits = Limits(bytes=25_000_000, pixels=MEGAPIXELS, costly_pixels=MEGAPIXELS)
    with pytest.raises(TruncatedImageError):
        check_image(io.BytesIO(data), limits, hear=heard.append)
    assert capfd.readouterr().err == ""
    assert len(heard) == 1
