"""`listing-mirror migrations --to`: the files as they are, beside others', never over changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.errors import UsageError
from scraper.base.folders import SUPABASE
from workflows.project_files import write_migrations

OURS = {one.name: one.read_bytes() for one in (SUPABASE / "migrations").glob("*.sql")}


@pytest.mark.parametrize(("given", "made"), [("new/x", "new/x/supabase"), ("supabase", "supabase")])
def test_the_migrations_are_written_as_they_are(tmp_path: Path, given: str, made: str) -> None:
    written = write_migrations(tmp_path / given)
    target = tmp_path / made / "migrations"
    assert {one.name: one.read_bytes() for one in target.iterdir()} == OURS
    assert len(written) == len(OURS) + 2
    assert write_migrations(tmp_path / given) == []


def test_what_another_project_has_there_stays(tmp_path: Path) -> None:
    other = tmp_path / "supabase" / "migrations" / "001_theirs.sql"
    other.parent.mkdir(parents=True)
    other.write_text("select 1")
    config = tmp_path / "supabase" / "config.toml"
    config.write_text("project_id = 'theirs'")
    write_migrations(tmp_path)
    assert (other.read_text(), config.read_text()) == ("select 1", "project_id = 'theirs'")


def test_a_changed_migration_is_never_written_over(tmp_path: Path) -> None:
    write_migrations(tmp_path)
    changed = tmp_path / "supabase" / "migrations" / min(OURS)
    changed.write_text("-- mine")
    with pytest.raises(UsageError, match="is there with other contents"):
        write_migrations(tmp_path)
    assert changed.read_text() == "-- mine"


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write_migrations(tmp_path / "file")
