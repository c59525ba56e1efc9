"""The same picture under another digest is found, at any number of pictures, and no other one."""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageDraw

from migrate.pictures.appearance import appearance_of


def scene(seed: int) -> Image.Image:
    """Smooth colours with some shapes upon them."""
    chance = random.Random(seed)
    image = Image.frombytes("RGB", (8, 6), chance.randbytes(144)).resize(
        (400, 300), Image.Resampling.BICUBIC
    )
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = chance.randrange(400), chance.randrange(300)
        draw.ellipse((x - 40, y - 40, x + 40, y + 40), fill=tuple(chance.randbytes(3)))
    return image


def blade(seed: int) -> Image.Image:
    """A bright line on a plain dark ground, as dealers photograph them: all of them much alike."""
    chance = random.Random(seed)
    image = Image.new("RGB", (400, 300), (24, 22, 25))
    left, right = chance.randrange(40, 90), chance.randrange(240, 290)
    ImageDraw.Draw(image).line(
        ((20, left), (380, right)), fill=(190, 190, 195), width=chance.randrange(8, 14)
    )
    return image


def again(image: Image.Image, quality: int, scale: float = 1.0) -> Image.Image:
    """The same as a JPEG, as another shop or a theme would have it."""
    size = (round(image.width * scale), round(image.height * scale))
    file = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(file, "JPEG", quality=quality)
    return Image.open(file)


@pytest.fixture
def stored(mirror: Any) -> Callable[..., int]:
    """Store pictures as the copies of a new listing; says which listing that is."""

    def store(*pictures: Image.Image, dealer: str = "Aoi Art") -> int:
        urls = [f"https://img.example/{random.random()}/{at}.jpg" for at in range(len(pictures))]
        listing: int = mirror.listing(urls, dealer=mirror.dealer(dealer))
        mirror.work()
        for at, picture in enumerate(pictures):
            looks = appearance_of(picture)
            mirror.sql.execute(
                "update listing_images set placeholder = %s, phash = %s, sha256 = %s where listing_id = %s and position = %s",
                (
                    looks.placeholder,
                    looks.phash,
                    hashlib.sha256(picture.tobytes()).hexdigest(),
                    listing,
                    at,
                ),
            )
        return listing

    return store


def groups(mirror: Any, **narrowed: Any) -> list[tuple[list[int], list[str]]]:
    """The listings and the dealers of each group."""
    found = mirror.rpc("look_alikes", **narrowed)
    assert found["groups"] >= len(found["widest"])
    return [
        (sorted({one["listing_id"] for one in group["examples"]}), group["dealers"])
        for group in found["widest"]
    ]


def test_an_item_listed_twice_and_at_two_dealers(mirror: Any, stored: Any) -> None:
    for seed in range(8):
        stored(scene(100 + seed), scene(200 + seed))
    first, second = stored(scene(1), scene(2)), stored(again(scene(1), 60))
    third = stored(again(scene(2), 75, 0.5), dealer="Other")
    assert sorted(groups(mirror)) == [
        ([first, second], ["Aoi Art"]),
        ([first, third], ["Aoi Art", "Other"]),
    ]
    assert mirror.rpc("look_alikes")["at_several_dealers"] == 1
    assert groups(mirror, p_dealer_ids=[mirror.dealer("Other")]) == [
        ([first, third], ["Aoi Art", "Other"])
    ]
    assert groups(mirror, p_dealer_ids=[mirror.dealer("Third")]) == []
    assert len(mirror.rpc("look_alikes", p_groups=1)["widest"]) == 1


def test_a_banner_in_many_encodings_is_one_group(mirror: Any, stored: Any) -> None:
    listings = [stored(scene(50 + n), again(scene(7), 40 + 5 * n)) for n in range(11)]
    (group,) = mirror.rpc("look_alikes")["widest"]
    assert (group["listings"], group["digests"]) == (len(listings), 11)


def test_the_same_file_on_many_listings_is_no_news(mirror: Any, stored: Any) -> None:
    for _ in range(5):
        stored(scene(1))
    assert groups(mirror) == []  # the digest says so already: suspects


def test_pictures_of_one_listing_among_themselves_do_not_count(mirror: Any, stored: Any) -> None:
    stored(scene(1), again(scene(1), 60), again(scene(1), 60, 0.5))
    assert groups(mirror) == []


def test_plain_pictures_are_not_called_the_same(mirror: Any, stored: Any) -> None:
    for shade in range(0, 256, 17):
        stored(Image.new("RGB", (400, 300), (shade, shade, shade)))
    noise = random.Random(1)
    for _ in range(5):
        grain = bytes(noise.randrange(240, 256) for _ in range(120_000))
        stored(Image.frombytes("L", (400, 300), grain))
    stored(Image.new("RGBA", (300, 300), (0, 0, 0, 0)))
    assert groups(mirror) == []


def test_one_blade_is_not_another(mirror: Any, stored: Any) -> None:
    for seed in range(24):
        stored(blade(seed))
    assert groups(mirror) == []


def test_what_is_not_stored_or_not_measured_is_left_out(mirror: Any, stored: Any) -> None:
    first, second = stored(scene(1)), stored(again(scene(1), 60))
    assert groups(mirror) == [([first, second], ["Aoi Art"])]
    mirror.sql.execute(
        "update listing_images set phash = null, placeholder = null where listing_id = %s", (first,)
    )
    assert groups(mirror) == []


@pytest.mark.timeout(240)
def test_many_pictures_cost_in_proportion(mirror: Any) -> None:
    """Sorted, not compared in pairs: 60,000 pictures of which a third have the same plain margins."""
    mirror.sql.execute(
        """
        set session_replication_role = replica;
        insert into dealers (name) select 'Dealer ' || n from generate_series(1, 5) n;
        insert into listings (url, dealer_id, images)
        select 'https://a.example/' || n, (select min(id) from dealers) + n % 5, '[]' from generate_series(1, 12000) n;
        select setseed(0.5);
        insert into listing_images (listing_id, position, source_url, state, due_at, storage_path, public_url, sha256, placeholder, phash)
        select
          l.id, p, 'https://i.example/' || l.id || '/' || p, 'stored', null, 'd/' || l.id || '/0' || p || '.jpg',
          'https://x/d/' || l.id || '/0' || p || '.jpg', md5(l.id || '/' || p),
          encode(substring(sha256((l.id || '/' || p)::bytea) for 25), 'base64'),
          (random() * 9e18)::bigint & case when (l.id + p) % 3 = 0 then 4340410370284600380 else -1 end
        from listings l cross join generate_series(0, 4) p;
        set session_replication_role = origin;
        analyze;
        """
    )
    (plan,) = mirror.sql.execute(
        "explain (analyze, format json) select look_alikes(null, 10)"
    ).fetchone()
    assert plan[0]["Execution Time"] < 5000  # 0.5 s of CPU; comparing each with each would be hours
