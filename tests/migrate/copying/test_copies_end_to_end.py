"""Verify, prune, exclude and explain on a real local Supabase, through the command itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from migrate.care.prune import prune_copies
from migrate.cli.app import app
from scraper.database.client import Database

Migrate = Callable[..., Any]


@pytest.fixture
def migrate(local_supabase: Any, monkeypatch: pytest.MonkeyPatch) -> Migrate:
    """Run `migrate …` in this process; gives the JSON it printed, or what it said instead."""
    for name, value in local_supabase.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--format", "json"])
        assert done.exit_code == code, done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr

    return run


@pytest.fixture
def listing_id(database: Database) -> int:
    """A listing with three images, all stored in the bucket and in the records."""
    return stored_listing(database, "Aoi Art", "https://a.example/1")


def stored_listing(database: Database, dealer: str, url: str) -> int:
    known = database.table("dealers").select("id").eq("name", dealer).execute().data
    if not known:
        row = {"name": dealer, "domain": "a.example"}
        known = database.table("dealers").insert(row).execute().data
    images = [f"{url}/{at}.jpg" for at in range(3)]
    row = {"url": url, "dealer_id": known[0]["id"], "title": "Katana", "images": images}
    number: int = database.table("listings").insert(row).execute().data[0]["id"]
    store(database, number)
    return number


def store(database: Database, listing_id: int) -> None:
    """Do what the engine does: claim, upload, finish."""
    claim = _claim(database, listing_id)
    results = []
    for image in claim["images"]:
        data = f"bytes of {image['source_url']}".encode()
        sha256 = hashlib.sha256(data).hexdigest()
        path = f"{claim['slug']}/L{listing_id:05d}/{sha256[:12]}/{image['position']:02d}.jpg"
        database.upload(path, data, content_type="image/jpeg")
        results.append(
            {
                "position": image["position"],
                "source_url": image["source_url"],
                "outcome": "stored",
                "storage_path": path,
                "public_url": database.public_url(path),
                "content_type": "image/jpeg",
                "bytes": len(data),
                "sha256": sha256,
                "width": 4,
                "height": 3,
            }
        )
    finish = {
        "p_listing_id": listing_id,
        "p_token": claim["token"],
        "p_results": json.dumps(results),
    }
    assert database.rpc("finish_listing", finish, idempotent=True)["accepted"]


def _claim(database: Database, listing_id: int) -> Any:
    run = database.rpc(
        "start_run",
        {"p_run_type": "migrate", "p_dealer_id": None, "p_runner": "test"},
        idempotent=False,
    )
    params = {"p_run_id": run["run_id"], "p_limit": 1, "p_lease_s": 60, "p_dealer_ids": None}
    params |= {"p_listing_ids": [listing_id], "p_retry_failed": False, "p_skip_hosts": None}
    [claim] = database.rpc("claim_listings", params, idempotent=False)["claims"]
    return claim


def paths(database: Database, listing_id: int) -> list[str]:
    rows = database.table("listing_images").select("storage_path,position").order("position")
    return [row["storage_path"] for row in rows.eq("listing_id", listing_id).execute().data]


def positions_shown(database: Database, listing_id: int) -> list[str]:
    row = database.table("listings").select("stored_images").eq("id", listing_id).execute().data[0]
    return sorted(url[-6:-4] for url in row["stored_images"] or [])


def file_of(local_supabase: Any, path: str) -> Path:
    [file] = [one for one in local_supabase.home.folder.rglob(Path(path).name) if path in str(one)]
    return Path(file)


@pytest.mark.parametrize("deep", [(), ("--deep",)])
@pytest.mark.parametrize("is_file_only", [False, True])
def test_verify_finds_a_lost_copy_and_makes_it_due(
    local_supabase: Any,
    database: Database,
    listing_id: int,
    migrate: Migrate,
    is_file_only: bool,
    deep: tuple[str, ...],
) -> None:
    before = paths(database, listing_id)
    assert migrate("verify", *deep)["verify"]["missing"] == 0
    if is_file_only:
        file_of(local_supabase, before[1]).unlink()  # the server's table still names it
    else:
        database.remove([before[1]])
    shown = migrate("verify", "--dry-run", *deep)
    assert (shown["verify"]["missing"], shown["verify"]["made_due"]) == (1, 0)
    assert paths(database, listing_id) == before
    found = migrate("verify", *deep)
    assert (found["verify"]["missing"], found["verify"]["made_due"]) == (1, 1)
    assert found["problems"][0]["storage_path"] == before[1]
    assert positions_shown(database, listing_id) == ["00", "02"]
    store(database, listing_id)  # what the next run does
    again = migrate("verify", *deep)["verify"]
    assert (again["checked"], again["missing"], again["extra"]) == (3, 0, 0)
    assert positions_shown(database, listing_id) == ["00", "01", "02"]


def test_verify_tells_cut_and_garbled_copies_from_good_ones(
    local_supabase: Any, database: Database, listing_id: int, migrate: Migrate
) -> None:
    cut, garbled, _good = paths(database, listing_id)
    file_of(local_supabase, cut).write_bytes(b"cut")
    file = file_of(local_supabase, garbled)
    file.write_bytes(file.read_bytes()[::-1])
    shallow = migrate("verify", "--dry-run")["verify"]
    assert (shallow["wrong_size"], shallow["wrong_digest"]) == (1, 0)
    deep = migrate("verify", "--deep")["verify"]
    assert (deep["wrong_size"], deep["wrong_digest"], deep["made_due"]) == (1, 1, 2)


def test_prune_removes_what_nothing_needs_and_nothing_else(
    database: Database, listing_id: int, migrate: Migrate
) -> None:
    extra = f"aoi-art/L{listing_id:05d}/ffffffffffff/00.jpg"
    foreign = [f"aoi-art/L{listing_id:05d}/composite.jpg", f"aoi-art/L{listing_id:05d}/07.jpg"]
    for name in (extra, *foreign):
        database.upload(name, b"x", content_type="image/jpeg")
    assert migrate("prune")["prune"]["removed"] == 0  # all younger than a day
    verified = migrate("verify")["verify"]
    assert (verified["extra"], verified["foreign"]) == (1, 2)
    would = prune_copies(database, keep_days=0, dry_run=True, min_age_s=0)
    assert [one.name for one in would.copies] == [extra]
    assert database.stat(extra) == 1
    assert [one.name for one in prune_copies(database, keep_days=0, min_age_s=0).copies] == [extra]
    assert database.stat(extra) is None
    assert all(database.stat(name) == 1 for name in foreign)
    assert all(database.stat(name) for name in paths(database, listing_id))


def test_prune_spares_what_a_running_migration_has_just_uploaded(
    database: Database, listing_id: int
) -> None:
    dealer = database.table("listings").select("dealer_id").execute().data[0]["dealer_id"]
    row = {"url": "https://a.example/2", "dealer_id": dealer, "images": ["https://a.example/n.jpg"]}
    held = database.table("listings").insert(row).execute().data[0]["id"]
    name = f"aoi-art/L{held:05d}/ffffffffffff/00.jpg"
    claim = _claim(database, held)
    database.upload(name, b"x", content_type="image/jpeg")
    assert prune_copies(database, keep_days=0, min_age_s=0).copies == ()
    database.rpc("release_claims", {"p_tokens": [claim["token"]]}, idempotent=True)
    assert [one.name for one in prune_copies(database, keep_days=0, min_age_s=0).copies] == [name]


def test_an_excluded_picture_is_rejected_everywhere_past_copies_included(
    database: Database, listing_id: int, migrate: Migrate
) -> None:
    rows = database.table("listing_images").select("sha256").eq("listing_id", listing_id)
    digest = rows.eq("position", 1).execute().data[0]["sha256"]
    assert "--dealer" in migrate("exclude", digest, code=2)
    done = migrate("exclude", digest, "--dealer", "Aoi Art", "--reason", "banner")
    assert (done["images"], done["listings"]) == (1, 1)
    assert positions_shown(database, listing_id) == ["00", "02"]
    explained = migrate("explain", str(listing_id))
    assert [one["state"] for one in explained["images"]] == ["stored", "rejected", "stored"]
    assert explained["images"][1]["next"] == "nothing: an operator excluded it"
    assert [one["reason"] for one in migrate("stats")["exclusions"]] == ["banner"]
    migrate("exclude", "/2.jpg", "--dealer", "Aoi Art", code=2)  # a third of all images
    seen = migrate("exclude", "/2.jpg", "--dealer", "Aoi Art", "--dry-run")
    assert (seen["images"], seen["dealer_images"]) == (1, 3)
    migrate("exclude", "/2.jpg", "--dealer", "Aoi Art", "--yes")
    later = stored_listing(database, "Aoi Art", "https://a.example/later")
    assert positions_shown(database, later) == ["00", "01"]


def test_explain_of_an_unknown_listing_and_an_unknown_dealer_are_wrong_usage(
    migrate: Migrate, listing_id: int
) -> None:
    assert "There is no listing 4711" in migrate("explain", "4711", code=2)
    assert "There is no listing 4711" in migrate("--listing", "4711", code=2)
    migrate("prune", "--listing", "4711")
    assert "Known dealers: Aoi Art" in migrate("stats", "--dealer", "Nobody", code=2)


def test_check_and_report_say_the_same(
    local_supabase: Any,
    run_command: Any,
    database: Database,
    listing_id: int,
    migrate: Migrate,
    tmp_path: Path,
) -> None:
    row = {"url": "https://a.example/new", "dealer_id": 1, "images": ["https://a.example/n.jpg"]}
    row["dealer_id"] = database.table("dealers").select("id").execute().data[0]["id"]
    database.table("listings").insert(row).execute()
    assert migrate("check")["health"]["ok"] is True
    assert migrate("check", "--max-pending", "0", code=3)["health"]["ok"] is False
    narrowed = migrate("check", "--max-pending", "0", "--listing", str(listing_id))
    assert narrowed["health"]["pending_listings"] == 0
    on_github = local_supabase.environment | {"GITHUB_ACTIONS": "true"}
    done = run_command("migrate", "check", "--max-pending", "0", env=on_github)
    assert done.returncode == 3
    assert "\n::error title=Listing images%3A pending::1 listing pending" in f"\n{done.stderr}"
    page = tmp_path / "report.html"
    migrate("report", str(page))
    assert "1 listing pending" in page.read_text("utf-8")
    assert "cannot be written" in migrate("report", str(tmp_path / "no" / "r.html"), code=1)
