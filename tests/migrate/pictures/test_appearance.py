"""What a picture looks like in a few bytes: alike for each encoding, unlike for another picture."""

from __future__ import annotations

import base64
import io
import random
import time

import pytest
from PIL import Image, ImageDraw

from migrate.pictures.appearance import Appearance, appearance_of


def scene(seed: int, width: int = 640, height: int = 480) -> Image.Image:
    """Smooth colours with some shapes upon them."""
    chance = random.Random(seed)
    image = Image.frombytes("RGB", (8, 6), chance.randbytes(144)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = chance.randrange(width), chance.randrange(height)
        colour = tuple(chance.randbytes(3))
        across, down = width // 9, height // 9
        draw.ellipse((x - across, y - down, x + across, y + down), fill=colour)
    return image


def encoded(image: Image.Image, image_format: str, **options: object) -> Image.Image:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return Image.open(file)


def bits(one: Appearance, other: Appearance) -> int:
    return ((one.phash ^ other.phash) & (1 << 64) - 1).bit_count()


VARIANTS = {
    "jpeg": lambda image: encoded(image, "JPEG", quality=60),
    "webp": lambda image: encoded(image, "WEBP", quality=75),
    "palette": lambda image: image.quantize(128, Image.Quantize.FASTOCTREE),
    "half": lambda image: image.resize((320, 240), Image.Resampling.LANCZOS),
    "thumbnail": lambda image: encoded(
        image.resize((213, 160), Image.Resampling.LANCZOS), "JPEG", quality=75
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_same_picture_in_another_encoding_is_alike(name: str) -> None:
    distances = []
    for seed in range(12):
        whole, other = appearance_of(scene(seed)), appearance_of(VARIANTS[name](scene(seed)))
        distances.append(bits(whole, other))
        averages = [bytes.fromhex(one.average_color[1:]) for one in (whole, other)]
        assert max(abs(a - b) for a, b in zip(*averages, strict=True)) <= 6
    assert sum(distance <= 5 for distance in distances) >= 11, distances


def test_another_picture_is_not() -> None:
    looks = [appearance_of(scene(seed)) for seed in range(40)]
    assert min(bits(a, b) for at, a in enumerate(looks) for b in looks[:at]) > 5


def test_a_flat_picture_has_no_bit_however_noisy() -> None:
    chance = random.Random(1)
    noisy = Image.frombytes(
        "L", (400, 300), bytes(chance.randrange(243, 252) for _ in range(120_000))
    )
    for image in (Image.new("RGB", (300, 200), "white"), Image.new("L", (9, 9)), noisy):
        assert appearance_of(image).phash == 0


def test_a_cut_out_is_like_the_same_one_on_white() -> None:
    cut_out = scene(5).convert("RGBA")
    mask = Image.new("L", cut_out.size, 0)
    ImageDraw.Draw(mask).ellipse((100, 80, 540, 400), fill=255)
    cut_out.putalpha(mask)
    on_white = Image.new("RGB", cut_out.size, "white")
    on_white.paste(cut_out, mask=mask)
    assert bits(appearance_of(cut_out), appearance_of(on_white)) <= 5
    assert appearance_of(cut_out).placeholder != appearance_of(on_white).placeholder


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_looks_as_it_is_shown(orientation: int) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }  # fmt: skip
    shown = scene(7) if orientation == 1 else scene(7).transpose(turns[orientation])
    assert bits(appearance_of(scene(7), orientation=orientation), appearance_of(shown)) <= 2


def lightness(placeholder: str) -> tuple[int, bool, bool]:
    """The mean lightness (0 to 63), whether it is partly transparent and whether it is broad."""
    head = int.from_bytes(base64.b64decode(placeholder)[:5], "little")
    return head & 63, bool(head >> 23 & 1), bool(head >> 39 & 1)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("RGB", (40, 30), "white"), (63, False, True)),
        (Image.new("L", (30, 40), 0), (0, False, False)),
        (Image.new("RGB", (30, 30), (126, 126, 126)), (31, False, False)),
        (Image.new("RGBA", (40, 30), (255, 255, 255, 90)), (63, True, True)),
        (Image.new("RGBA", (40, 30), (0, 0, 0, 255)), (0, False, True)),
        (Image.new("RGBA", (40, 30), (0, 0, 0, 0)), (0, True, True)),
    ],
)
def test_the_placeholder_says_how_light_and_broad(
    image: Image.Image, expected: tuple[int, bool, bool]
) -> None:
    looks = appearance_of(image)
    assert lightness(looks.placeholder) == expected
    assert len(base64.b64decode(looks.placeholder)) <= 40


MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "I;16", "F", "RGBa"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (3, 400), (4000, 3)])
def test_any_mode_and_size_has_looks(mode: str, size: tuple[int, int]) -> None:
    looks = appearance_of(Image.new(mode, size))
    assert -(1 << 63) <= looks.phash < 1 << 63
    assert len(looks.average_color) == 7


def test_looking_costs_half_a_millisecond() -> None:
    """Whatever it is: nothing but thinning out depends on the size. The best of many is meant."""
    transparent = scene(1, 4000, 3000).convert("RGBA")
    transparent.putalpha(Image.linear_gradient("L").resize((4000, 3000)))
    for image in (scene(1, 320, 240), scene(1, 4000, 3000), transparent):
        costs = []
        for _ in range(60):
            began = time.process_time_ns()
            appearance_of(image)
            costs.append(time.process_time_ns() - began)
        assert min(costs) < 800_000  # 0.2 to 0.55 ms; the rest is for slower machines than ours
