"""`listing-mirror settings`: every value with its source, no secret, no silence about mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scraper.base.settings import variables
from scraper.base.supabase_address import KEY_NAMES
from workflows.cli import app

ROOT = Path(__file__).parents[2]
KEY = "sb_secret_" + "a1" * 12


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENV_FILE")
    monkeypatch.delenv("LOG_DIR")
    Path(".env").write_text(f"SUPABASE_URL=https://one.supabase.co\nSUPABASE_SECRET_KEY={KEY}\n")
    Path(".env").chmod(0o600)


def names() -> list[str]:
    return [one for some, _, _ in variables() for one in some.split(" / ")]


def test_each_value_says_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_S", "7")
    done = CliRunner().invoke(app, ["settings", "--format", "json"])
    assert (done.exit_code, KEY in done.output) == (0, False)
    shown = json.loads(done.stdout)
    found = {one["name"]: (one["value"], one["source"]) for one in shown["settings"]}
    assert [one for one in found if one in names()] == names()
    assert found["LEASE_S"] == ("7", "environment")
    assert found["SUPABASE_SECRET_KEY"] == ("(set, not shown)", ".env")
    assert found["PAGE_DELAY_S"] == ("1", "default")
    assert found["LOG_DIR"] == (str(ROOT / "logs"), "default")
    assert shown["database"] == "Uses the project https://one.supabase.co."


def test_a_mistake_is_shown_with_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_S", "soon")
    done = CliRunner().invoke(app, ["settings"])
    assert done.exit_code == 1
    assert "PAGE_DELAY_S" in done.stdout
    assert "LEASE_S is 'soon', but must be" in done.stderr


def test_a_name_that_is_all_but_one_of_ours_is_told() -> None:
    with Path(".env").open("a") as file:
        file.write("SUPABASE_ANON_KEY=x\nPAGE_DELAY=3\n")
    done = CliRunner().invoke(app, ["settings"])
    assert ".env sets PAGE_DELAY, which is no setting: did you mean PAGE_DELAY_S?" in done.stderr
    assert "ANON" not in done.stderr


def test_the_example_names_every_setting() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    named = [one[1:].partition("=")[0] for one in lines if one.startswith("#") and one[1] != " "]
    assert named == [one for one in names() if one not in {"ENV_FILE", *KEY_NAMES[1:]}]
