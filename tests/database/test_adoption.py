"""A project from before the mirror: its copies are kept, its mistakes are said, nothing else is touched."""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

from typing import Any

import pytest


def adopt(mirror: Any, limit: int = 200) -> dict[str, int]:
    totals = {"adopted": 0, "changed": 0, "skipped": 0}
    after = 0
    while True:
        page = mirror.rpc("adopt_listings", p_after=after, p_limit=limit)
        for key in totals:
            totals[key] += page[key]
        if page["done"]:
            return totals
        after = page["last_id"]


def report(mirror: Any) -> dict[str, int]:
    problems: dict[str, int] = {}
    after, done = 0, False
    while not done:
        page = mirror.rpc("adopt_report", p_after=after, p_limit=500)
        for kind, found in page["problems"].items():
            problems[kind] = problems.get(kind, 0) + found
        after, done = page["last_id"], page["done"]
    return problems


@pytest.fixture
def project(migrated_legacy: Any) -> Any:
    return migrated_legacy


def test_the_report_finds_what_is_wrong_and_writes_nothing(project: Any) -> None:
    # Remainder 0: complete. 1: one copy, called pending (right). 2: one spare copy, called completed.
    # 3: no copy, called failed.
    assert report(project) == {"copy_without_image": 300, "wrong_status": 600}
    assert project.one("select count(*) from image_queue") == 0


def test_statistics_before_adoption_say_what_adoption_will_make_of_it(project: Any) -> None:
    before = project.rpc("image_statistics")
    for of_the_moment in ("as_of", "due", "oldest_pending_seconds"):
        del before[of_the_moment]
    for dealer in before["dealers"]:
        del dealer["oldest_pending_seconds"]
    assert before["not_adopted"] == 1200
    assert before["images"]["total"] == 6000
    assert before["images"]["stored"] == 300 * 5 + 300 + 300
    adopt(project)
    after = project.rpc("image_statistics")
    assert after["not_adopted"] == 0
    for dealer in after["dealers"]:
        del dealer["oldest_pending_seconds"]
    assert {key: after[key] for key in before} == {**before, "not_adopted": 0}
    project.check_invariants()


def test_adoption_keeps_copies_and_touches_no_other_column(project: Any) -> None:
    ours = ("images_upload_status", "images_upload_error")
    rows = "select to_jsonb(l) from listings l order by id"
    before = project.rows(rows)
    totals = adopt(project)
    # Statuses of two remainders were wrong; one of the two also had a copy without an image.
    assert totals == {"adopted": 1200, "changed": 600, "skipped": 0}
    for old, new in zip(before, project.rows(rows), strict=True):
        changed = {key for key in old if old[key] != new[key]}
        allowed = {
            0: set(),
            1: set(),
            2: {*ours, "stored_images", "images_stored_at", "hero_image_index"},
            3: set(ours),
        }
        assert changed <= allowed[old["id"] % 4], (old["id"], changed)
    assert project.one("select stored_images from listings where id = 2") == [
        "https://project.example/storage/v1/object/public/listing-images/aoi-art/L00002/01.jpg"
    ]
    assert (
        project.one(
            "select storage_path from listing_images where listing_id = 1 and state = 'stored'"
        )
        == "aoi-art/L00001/02.webp"
    )
    assert adopt(project) == {"adopted": 0, "changed": 0, "skipped": 0}
    assert report(project) == {}


def test_adoption_broken_off_goes_on_and_passes_over_busy_listings(project: Any) -> None:
    writer = project.session(autocommit=False)
    writer.execute("update listings set title = 'busy' where id = 5")
    page = project.rpc("adopt_listings", p_after=0, p_limit=10)
    assert (page["adopted"], page["skipped"], page["last_id"], page["done"]) == (9, 1, 10, False)
    writer.commit()
    assert adopt(project)["adopted"] == 1191
    project.check_invariants()


def test_an_unadopted_listing_that_is_changed_keeps_its_copies(project: Any) -> None:
    # Complete; the first and the last image change places.
    project.sql.execute(
        "update listings set images = jsonb_build_array(images->4, images->1, images->2, images->3, images->0)"
        " where id = 4"
    )
    assert [state for _, state in project.images(4)] == [
        "pending",
        "stored",
        "stored",
        "stored",
        "pending",
    ]
    assert project.image(4, 0)["copy_from"] == "aoi-art/L00004/04.jpg"
    (claim,) = project.claim()
    assert [image["copy_from"] for image in claim["images"]] == [
        "aoi-art/L00004/04.jpg",
        "aoi-art/L00004/00.jpg",
    ]


def test_only_what_has_no_copy_is_due_after_adoption(project: Any) -> None:
    adopt(project)
    claims = project.claim(limit=1000)
    assert len(claims) == 900
    assert sum(len(claim["images"]) for claim in claims) == 300 * 4 + 300 * 4 + 300 * 5


def test_strange_lists_of_copies(project: Any) -> None:
    project.sql.execute("alter table listings disable trigger user")
    base = "https://cdn.example/mirror/aoi-art/L00001/"
    project.sql.execute(
        "update listings set stored_images = to_jsonb(%s::text[]) || '[null, 7, {\"a\": 1}]',"
        " images = images || '[null, \"#relative\"]' where id = 1",
        (
            [
                base + "00.jpg",
                base + "00.webp",
                base + "composite.jpg",
                base + "01.jpg?v=2",
                base + "05.jpg",
            ],
        ),
    )
    project.sql.execute("update listings set stored_images = '\"text\"' where id = 3")
    project.sql.execute("update listings set images = to_jsonb(images::text) where id = 2")
    project.sql.execute(
        "update listings set stored_images = jsonb_build_array("
        " stored_images->4, stored_images->0, stored_images->1, stored_images->2, stored_images->3)"
        " where id = 4"
    )
    project.sql.execute("alter table listings enable trigger user")
    page = project.rpc("adopt_report", p_after=0, p_limit=4)
    assert page["problems"] == {
        "copy_of_malformed_image": 1,
        "copy_without_image": 2,
        "images_no_list": 1,
        "malformed_image": 2,
        "several_copies": 1,
        "strange_list": 1,
        "unordered_copies": 1,
        "unreadable_copy": 5,
        "wrong_status": 1,
    }
    adopt(project)
    assert [state for _, state in project.images(1)] == ["stored"] + ["pending"] * 4 + [
        "rejected"
    ] * 2
    assert project.one("select stored_images from listings where id = 1") == [base + "00.webp"]
    assert project.image(1)["storage_path"] == "aoi-art/L00001/00.webp"
    project.check_invariants()


def test_a_listing_that_becomes_a_dealers_own_is_left_as_it_is_and_one_that_becomes_ours_is_adopted(
    project: Any,
) -> None:
    adopt(project)
    (claim,) = project.claim(p_listing_ids=[1])
    shown = project.stored_images(1)
    project.sql.execute("update listings set source = 'dealer' where id = 1")
    assert (project.images(1), project.stored_images(1)) == ([], shown)
    assert not project.finish(claim, [])["accepted"]
    assert project.claim(p_listing_ids=[1]) == []
    project.sql.execute("update listings set source = 'scraper' where id = 1")
    assert [state for _, state in project.images(1)].count("stored") == 1
    assert project.stored_images(1) == shown
    assert len(project.claim(p_listing_ids=[1])) == 1
    project.check_invariants()


def test_the_report_says_what_adoption_then_does(project: Any) -> None:
    project.sql.execute("alter table listings disable trigger user")
    # Nothing but the error text is wrong; a copy is of a page's banner; one of a hundred images too many.
    project.sql.execute("update listings set images_upload_error = 'timeout: 1' where id = 1")
    project.sql.execute(
        "update listings set images_upload_status = 'completed', images = '[null]' ||"
        " (select jsonb_agg('https://aoijapan.com/many-' || n) from generate_series(1, 102) n) where id = 6"
    )
    project.sql.execute("alter table listings enable trigger user")
    project.rpc("exclude_image", p_url_pattern="/pics/8-3.jpg")
    said = project.rpc("adopt_report", p_after=0, p_limit=1200)
    # Remainder 2 has a copy too many, 3 a wrong status.
    assert said["to_change"] == 300 + 300 + len([1, 8])
    assert said["problems"]["copy_of_excluded_image"] == 1
    did = project.rpc("adopt_listings", p_after=0, p_limit=1000)
    rest = project.rpc("adopt_listings", p_after=1000, p_limit=1000)
    assert did["changed"] + rest["changed"] == said["to_change"]
    assert {key: did["images"][key] + rest["images"][key] for key in did["images"]} == said[
        "images"
    ]
    assert project.one("select images_upload_error from listings where id = 6") == (
        "other: 3, bad_url: 1"
    )


def test_what_was_written_while_triggers_were_off_is_brought_in_line(project: Any) -> None:
    adopt(project)
    first, *rest = project.one("select images from listings where id = 4")
    copies = project.stored_images(4)
    project.sql.execute("set session_replication_role = replica")
    project.set_images(4, [*rest, "https://aoijapan.com/new.jpg"])
    project.sql.execute("update listings set stored_images = null where id = 8")
    project.sql.execute("set session_replication_role = origin")
    assert project.images(4)[0] == (first, "stored")
    assert report(project) == {"unnoticed_write": 2}
    page = project.rpc("adopt_listings", p_after=0, p_limit=10)
    assert (page["adopted"], page["mended"], page["changed"]) == (0, 2, 2)
    assert [(url, state) for url, state in project.images(4)] == [
        (url, "pending") for url in [*rest, "https://aoijapan.com/new.jpg"]
    ]
    assert project.image(4, 0)["copy_from"] in copies[1]
    assert len(project.stored_images(8)) == 5
    assert report(project) == {}
    project.check_invariants()


def test_a_copy_browsers_cannot_show_stays_until_it_is_converted(project: Any) -> None:
    project.sql.execute("alter table listings disable trigger user")
    project.sql.execute(
        "update listings set stored_images = replace(stored_images::text, '01.jpg', '01.tif')::jsonb"
        " where id = 4"
    )
    project.sql.execute("alter table listings enable trigger user")
    assert report(project)["unshowable_copy"] == 1
    before = project.stored_images(4)
    adopt(project)
    assert project.stored_images(4) == before
    (claim,) = project.claim(p_listing_ids=[4])
    assert [(image["position"], image["copy_from"]) for image in claim["images"]] == [(1, None)]
    assert project.finish(claim, [project.result(4, claim["images"][0], "stored")])["accepted"]
    assert project.stored_images(4)[1].endswith("/01.jpg")
    assert project.image(4, 1)["due_at"] is None


def test_five_thousand_listings_are_adopted_in_short_steps(project: Any) -> None:
    project.sql.execute("alter table listings disable trigger user")
    project.sql.execute(
        "insert into listings (url, dealer_id, images, stored_images)"
        " select url || '/more' || n, dealer_id, images, stored_images from listings, generate_series(1, 4) n"
    )
    project.sql.execute("alter table listings enable trigger user")
    project.sql.execute("set statement_timeout = '8s'")
    assert adopt(project)["adopted"] == 6000
    project.check_invariants()


def test_a_portals_own_listings_are_never_touched(project: Any) -> None:
    project.sql.execute("update listings set source = 'dealer' where id = 1")
    before = project.one("select to_jsonb(l) from listings l where id = 1")
    assert adopt(project)["adopted"] == 1199
    project.sql.execute(
        "update listings set images = '[\"https://portal.example/a.jpg\"]' where id = 1"
    )
    assert project.images(1) == []
    after = project.one("select to_jsonb(l) from listings l where id = 1")
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"images", "hero_image_index"}
    assert project.rpc("image_statistics")["listings"]["total"] == 1199
    assert 1 not in [claim["listing_id"] for claim in project.claim(limit=1000)]
