"""Document, comments and schema say the same."""

# ruff: noqa: E501 - a line of SQL or a table of cases reads better unbroken

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "readers.md"
FOR_READERS = ("listings", "listing_images_public", "listing_gallery", "price_history", "dealers")


def test_every_table_view_and_function_of_ours_says_what_it_is(mirror: Any) -> None:
    assert (
        mirror.rows(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')"
            " and obj_description(oid, 'pg_class') is null"
        )
        == []
    )
    assert (
        mirror.rows(
            "select proname from pg_proc where pronamespace in ('public'::regnamespace, 'listing_mirror'::regnamespace)"
            " and obj_description(oid, 'pg_proc') is null"
        )
        == []
    )


def test_every_column_for_readers_says_what_it_is(mirror: Any) -> None:
    silent = (
        "select attrelid::regclass || '.' || attname from pg_attribute where attrelid = any (%s::regclass[])"
        " and attnum > 0 and not attisdropped and col_description(attrelid, attnum) is null order by 1"
    )
    assert mirror.rows(silent, list(FOR_READERS)) == []


def test_a_projects_own_words_stay(legacy: Any) -> None:
    legacy.sql.execute(
        "comment on column listings.title is 'ours'; comment on table dealers is 'shops'"
    )
    legacy.migrate()
    legacy.migrate()
    comment = "select col_description('listings'::regclass, attnum) from pg_attribute where attrelid = 'listings'::regclass and attname = %s"
    assert (legacy.one(comment, "title"), legacy.one(comment, "name_ja")) == ("ours", None)
    assert "order" in legacy.one(comment, "images")
    assert legacy.one("select obj_description('dealers'::regclass)") == "shops"


def test_the_document_names_only_what_there_is(mirror: Any) -> None:
    text = DOCUMENT.read_text("utf-8")
    known = set(
        mirror.rows(
            "select relname::text from pg_class where relnamespace = 'public'::regnamespace"
            " union select attname::text from pg_attribute join pg_class c on c.oid = attrelid"
            "  where c.relnamespace = 'public'::regnamespace"
            " union select unnest(enum_range(null::image_state))::text"
        )
    )
    words = {
        "completed",
        "partial",
        "increase",
        "decrease",
        "new",
        "sold",
        "status_change",
        "migrate",
    }
    named = set(re.findall(r"`([a-z_0-9]+)`", text)) | {
        one for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", text) for one in name.split(".")
    }
    assert named - known - words == set()
    (changes,) = mirror.rows(
        "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'price_history'::regclass and contype = 'c'"
    )
    assert all(f"`{one}`" in text for one in re.findall(r"'([a-z_]+)'", changes))
    for view in ("listing_images_public", "listing_gallery"):
        assert f"| `{view}` |" in text
