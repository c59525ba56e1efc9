"""What a reader without a secret key sees: merged, in page order, and nothing that is not his."""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

URL = "https://img.example/{}.jpg"


def pics(names: str) -> list[str]:
    return [URL.format(name) for name in names]


@pytest.fixture
def anon(mirror: Any) -> Iterator[Any]:
    session = mirror.session()
    session.execute("set role anon")
    yield session


def images(anon: Any, listing: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = anon.execute(
        "select position, url, is_copy from listing_images_public where listing_id = %s order by position",
        (listing,),
    ).fetchall()
    return found


def test_a_copy_where_there_is_one_else_the_original(mirror: Any, anon: Any) -> None:
    listing = mirror.listing([*pics("abcd"), None, "javascript:alert(1)"])
    kinds = {"b": "failed", "c": "rejected"}
    mirror.work(lambda url: kinds.get(url[-5], "stored"), error_kind="timeout")
    copies = mirror.stored_images(listing)
    assert images(anon, listing) == [
        (0, copies[0], True),
        (1, URL.format("b"), False),
        (3, copies[1], True),
    ]
    row = anon.execute(
        "select images, cover, image_count, copy_count from listing_gallery where listing_id = %s",
        (listing,),
    ).fetchone()
    assert [(one["position"], one["url"], one["is_copy"]) for one in row[0]] == images(
        anon, listing
    )
    assert (row[1]["url"], row[2], row[3]) == (copies[0], 3, 2)
    assert {"width", "height", "placeholder", "average_color"} <= row[1].keys()


def test_what_an_operator_excluded_is_not_shown(mirror: Any, anon: Any) -> None:
    listing = mirror.listing(pics("ab"))
    mirror.work()
    mirror.rpc("exclude_image", p_dealer_id=mirror.dealer(), p_url_pattern="/a.jpg")
    assert [url for _, url, _ in images(anon, listing)] == mirror.stored_images(listing)


def test_a_listing_without_images_is_a_row_too(mirror: Any, anon: Any) -> None:
    listing = mirror.listing([])
    row = anon.execute(
        "select listing_id, images, cover, image_count from listing_gallery"
    ).fetchone()
    assert row == (listing, [], None, 0)


def test_a_listing_that_a_policy_hides_hides_its_images(mirror: Any, anon: Any) -> None:
    listing = mirror.listing(pics("a"))
    mirror.sql.execute("update dealers set is_active = false")
    assert images(anon, listing) == []
    assert anon.execute("select count(*) from listing_gallery").fetchone() == (0,)
    assert anon.execute("select count(*) from price_history").fetchone() == (0,)


@pytest.mark.parametrize(
    "asked",
    [
        "select attempts from listing_images",
        "select error_kind, error_detail from listing_images",
        "select sha256 from listing_images",
        "select etag from listing_images",
        "select * from listing_images",
        "select * from image_queue",
        "select * from retired_copies",
        "select * from listing_image_events",
        "delete from listing_images_public",
        "update listing_images_public set width = 1",
        "insert into price_history (listing_id, change_type) values (1, 'decrease')",
    ],
)
def test_the_mirrors_own_affairs_are_closed(mirror: Any, anon: Any, asked: str) -> None:
    mirror.listing(pics("a"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        anon.execute(asked.encode())


def test_the_documents_statements_run_as_they_stand(mirror: Any, anon: Any) -> None:
    document = (Path(__file__).parents[2] / "docs" / "readers.md").read_text("utf-8")
    listing = mirror.listing(pics("ab"), title="Katana", is_available=True, price_value=500)
    mirror.work()
    mirror.sql.execute("update listings set price_value = 400, is_initial_import = false")
    found = []
    for block in re.findall(r"```sql\n(.*?)```", document, re.DOTALL):
        statements = [one for one in block.replace("204", str(listing)).split(";") if one.strip()]
        found += [anon.execute(one.encode()).fetchall() for one in statements]
    gallery, drops, back, sold, news, stale = found
    assert (gallery[0][2], drops[0][:3]) == (2, (listing, 500, 400))
    assert (back, sold, [row[0] for row in news], stale) == ([], [], [listing], [])


def nodes(plan: dict[str, Any]) -> Iterator[str]:
    yield plan["Node Type"] + " " + plan.get("Relation Name", "")
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.mark.timeout(240)
def test_a_page_of_a_hundred_thousand_listings_is_read_by_index(mirror: Any, anon: Any) -> None:
    dealers = [mirror.dealer(f"Dealer {n}") for n in range(5)]
    mirror.sql.execute(
        f"""
        set session_replication_role = replica;
        insert into listings (url, dealer_id, images)
        select 'https://aoi.example/' || n, {dealers[0]} + n % 5, '[]' from generate_series(1, 100000) n;
        insert into listing_images (listing_id, position, source_url)
        select l.id, p, 'https://img.example/' || l.id || '/' || p || '.jpg'
        from listings l cross join generate_series(0, 2) p;
        set session_replication_role = origin;
        analyze listings; analyze listing_images; analyze dealers;
        """.encode()
    )
    for asked, most in (
        ("select * from listing_gallery order by listing_id desc limit 24", 600),
        (
            f"select * from listing_gallery where dealer_id = {dealers[2]} order by listing_id limit 24",
            600,
        ),
        ("select * from listing_gallery where listing_id = 77777", 40),
        ("select * from listing_images_public where listing_id = 77777 order by position", 40),
        ("select * from listing_images_public where listing_id = any ('{5,500,50000}')", 100),
        (
            "select l.title, g.cover from listings l join listing_gallery g on g.listing_id = l.id"
            f" where l.dealer_id = {dealers[2]} order by l.id desc limit 24",
            700,
        ),
    ):
        (plan,) = anon.execute(
            f"explain (format json, analyze, buffers) {asked}".encode()
        ).fetchone()
        plan = json.loads(plan) if isinstance(plan, str) else plan
        used = set(nodes(plan[0]["Plan"]))
        assert not {"Seq Scan listings", "Seq Scan listing_images"} & used, (asked, used)
        read = plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
        assert read <= most, (asked, read)  # some 16 a listing, whatever the tables hold
