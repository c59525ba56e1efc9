"""From a released version to this one: its migrations as they were, its data kept."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TABLES = ("dealers", "listings", "listing_images", "discovered_urls")


def _frozen() -> Any:
    file = ROOT / "tests" / "release" / "frozen.py"
    spec = importlib.util.spec_from_file_location("frozen", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


frozen = _frozen()


def test_released_migrations_are_as_they_were() -> None:
    assert frozen.faults() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("edit", "was changed"),
        ("remove", "was removed"),
        ("insert", "stands before a released one"),
    ],
)
def test_a_change_of_a_released_migration_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str, said: str
) -> None:
    folder = tmp_path / "supabase" / "migrations"
    folder.mkdir(parents=True)
    for name in ("20260101000000_a.sql", "20260103000000_c.sql"):
        (folder / name).write_text("select 1;")
    monkeypatch.setattr(frozen, "ROOT", tmp_path)
    monkeypatch.setattr(frozen, "RECORD", tmp_path / "frozen.json")
    assert (frozen.freeze(), frozen.faults()) == (2, [])
    if change == "edit":
        (folder / "20260101000000_a.sql").write_text("select 2;")
    elif change == "remove":
        (folder / "20260103000000_c.sql").unlink()
    else:
        (folder / "20260102000000_b.sql").write_text("select 3;")
    assert [one.partition(" ")[2] for one in frozen.faults()] == [said]
    (folder / "20260104000000_d.sql").write_text("select 4;")
    assert len(frozen.faults()) == 1, "a newer one is what is wanted"


def released_migrations() -> Iterator[Path]:
    known = frozen.frozen()
    return (file for file in frozen.migrations() if not known or file.name in known)


def test_a_released_database_becomes_this_one_with_its_data(unmigrated: Any) -> None:
    for file in released_migrations():
        with unmigrated.sql.transaction():
            unmigrated.sql.execute(file.read_bytes())
    dealer = unmigrated.dealer()
    kept = unmigrated.listing(["https://aoi.example/1.jpg", "https://aoi.example/2.jpg"])
    failed = unmigrated.listing(["https://aoi.example/3.jpg"], dealer=dealer)
    unmigrated.listing(["https://aoi.example/4.jpg", None, "no address"], dealer=dealer)
    unmigrated.work("stored", only=kept)
    unmigrated.work("failed", only=failed, error_kind="timeout", error_detail="no answer")
    before = {table: rows_of(unmigrated, table) for table in TABLES}
    for file in frozen.migrations():
        if file.name not in frozen.frozen():
            with unmigrated.sql.transaction():
                unmigrated.sql.execute(file.read_bytes())
    for table, rows in before.items():
        now = rows_of(unmigrated, table)
        assert [{k: v for k, v in row.items() if k in rows[0]} for row in now] == rows
    unmigrated.check_invariants()
    assert unmigrated.images(kept) == [
        ("https://aoi.example/1.jpg", "stored"),
        ("https://aoi.example/2.jpg", "stored"),
    ]
    unmigrated.pass_time(1)
    unmigrated.work("stored")
    unmigrated.check_invariants()


def rows_of(mirror: Any, table: str) -> list[dict[str, Any]]:
    return list(mirror.rows(f"select to_jsonb(t) from {table} t order by to_jsonb(t)::text"))
