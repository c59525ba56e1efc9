"""Adopted copies get what a new copy has, from the bucket alone."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

MEASURES = ("width", "height", "placeholder", "average_color", "phash", "sha256", "bytes")


def test_copies_are_measured_from_the_bucket_and_nobody_else(world: Any, source: Any) -> None:
    world.add_listings("Aoi Art", [source.urls("ok", 2)])
    world.command()
    before = [{name: row[name] for name in MEASURES} for row in world.images()]
    assert all(None not in row.values() for row in before)
    asked = len(source.requests())
    query = world.database.table("listing_images").update(dict.fromkeys(MEASURES))
    query.gte("position", 0).execute()

    code, out, err = world.command("measure", "--dry-run")
    assert (code, "2 copies would be measured" in out) == (0, True), err
    code, out, err = world.command("measure")
    assert (code, "2 copies measured" in out) == (0, True), err

    assert [{name: row[name] for name in MEASURES} for row in world.images()] == before
    assert len(source.requests()) == asked
    assert "0 copies measured" in world.command("measure")[1]


def lying(image_format: str) -> bytes:
    """A picture of 60 x 40 whose orientation says: turn me."""
    exif = Image.Exif()
    exif[0x112] = 6
    file = io.BytesIO()
    Image.linear_gradient("L").resize((60, 40)).save(file, image_format, exif=exif.tobytes())
    return file.getvalue()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_size_that_was_recorded_as_coded_is_mended_without_the_dealer(
    world: Any, source: Any, image_format: str
) -> None:
    """What SQL cannot know: no column says how a copy is turned. AVIF: by its box `irot`."""
    world.add_listings("Aoi Art", [source.urls("ok", 1)])
    world.command()
    (row,) = world.images()
    asked = len(source.requests())
    world.database.upload(
        row["storage_path"], lying(image_format), content_type=f"image/{image_format.lower()}"
    )
    old = dict.fromkeys(MEASURES) | {"width": 60, "height": 40}
    world.database.table("listing_images").update(old).gte("position", 0).execute()
    assert "1 copy was never measured" in world.command("stats")[1]
    assert "migrate measure" in world.command("stats")[1]

    assert world.command("measure")[0] == 0

    (row,) = world.images()
    is_turned = image_format != "WEBP"  # no browser turns a WebP by its Exif
    assert (row["width"], row["height"]) == ((40, 60) if is_turned else (60, 40))
    assert row["placeholder"] and len(source.requests()) == asked
    assert "never measured" not in world.command("stats")[1]
