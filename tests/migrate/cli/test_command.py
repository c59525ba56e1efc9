"""The command line: what it refuses, what it prints and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--limit", "0"], "--limit"),
        (["--workers", "0"], "--workers"),
        (["--batch-size", "-1"], "--batch-size"),
        (["--per-host", "0"], "--per-host"),
        (["--deadline", "0"], "--deadline"),
        (["--listing", "x"], "--listing"),
        (["--format", "xml"], "--format"),
        (["stats", "verify"], "verify"),
        (["--deep"], "--deep"),
        (["stats", "--dry-run"], "--dry-run"),
        (["prune", "--deep"], "--deep"),
        (["--dry-run", "verify"], "--dry-run must stand behind the command"),
        (["-d", "Aoi Art", "stats"], "migrate stats -h lists its options"),
        (["--check", "--limit", "5"], "--limit"),
        (["exclude", "banner"], "--dealer"),
        (["include", "banner", "--dealer", "A", "--reason", "x"], "--reason"),
        (["--explain", "7"], "it is a command, 'explain'"),
        (["explan", "7"], "Did you mean 'explain'?"),
    ],
)
def test_wrong_usage_is_said_and_exits_with_2(
    run_command: Any, arguments: list[str], said: str
) -> None:
    ended = run_command("migrate", *arguments, env={"SUPABASE_URL": "http://127.0.0.1:9"})
    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(
    "words", [["prun"], ["exclud"], ["--prune"], ["exclude", "x", "--ye"]], ids=" ".join
)
def test_a_mistyped_word_is_never_answered_with_one_that_deletes(
    run_command: Any, words: list[str]
) -> None:
    ended = run_command("migrate", *words, env={"SUPABASE_URL": "http://127.0.0.1:9"})
    assert ended.returncode == 2
    *_, said = ended.stderr.splitlines()
    for harm in ("prune", "exclude", "--yes"):
        assert harm not in said.replace(words[-1], "")


def test_an_unknown_dealer_lists_the_known_ones(world: Any) -> None:
    world.add_dealer("Aoi Art")
    world.add_dealer("World Seiyudo")
    code, out, err = world.command("--dealer", "Nobody")
    assert (code, out) == (2, "")
    assert "Nobody" in err and "Aoi Art, World Seiyudo" in err
    assert "Did you mean" not in err
    assert "Did you mean 'World Seiyudo'?" in world.command("--dealer", "world seiyudou")[2]


HUGE = str(10**23)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--deadline", "inf"], 0, ""),
        (["--dry-run", "--limit", HUGE], 0, ""),
        (["check", "--max-pending", HUGE], 0, ""),
        (["explain", HUGE], 2, f"There is no listing {HUGE}"),
        (["--listing", HUGE], 2, f"There is no listing {HUGE}"),
        (["report", ""], 1, "Name a new file"),
    ],
)
def test_no_number_or_name_is_too_much(
    world: Any, arguments: list[str], code: int, said: str
) -> None:
    ended, _, err = world.command(*arguments)
    assert (ended, said in err) == (code, True), err
    assert "Traceback" not in err


def test_an_empty_queue_is_no_failure(world: Any) -> None:
    code, out, _ = world.command("--format", "json")
    assert code == 0
    assert json.loads(out) == {
        "schema": 1,
        "run": {"claimed": 0, "completed": 0, "partial": 0, "failed": 0, "skipped": 0},
        "images": {"stored": 0, "reused": 0, "failed": 0, "gone": 0, "rejected": 0},
        "bytes": {"downloaded": 0, "uploaded": 0},
        "seconds": json.loads(out)["seconds"],
        "errors": [],
        "hosts": [],
    }


def test_a_run_reports_itself_as_one_object(world: Any, source: Any) -> None:
    world.add_listings("Aoi Art", [source.urls("ok", 2), [source.url("html", "a")]])
    code, out, _ = world.command("--format", "json")
    found = json.loads(out)
    assert code == 0
    assert found["run"] == {"claimed": 2, "completed": 1, "partial": 0, "failed": 1, "skipped": 0}
    assert found["images"] == {"stored": 2, "reused": 0, "failed": 0, "gone": 0, "rejected": 1}
    assert found["errors"] == [{"kind": "not_an_image", "images": 1}]
    assert found["bytes"]["uploaded"] == sum(row["bytes"] or 0 for row in world.images())
    assert found["hosts"] == [
        {
            "host": f"127.0.0.1:{source.port}",
            "requests": 4,
            "failed": 0,
            "breaker": False,
            "left_alone": None,
        }
    ]
    (run,) = world.rows("scrape_runs")
    assert (run["run_type"], run["status"], run["urls_processed"]) == ("migrate", "completed", 2)
    assert run["counts"]["images"]["stored"] == 2


def test_a_dry_run_shows_and_does_nothing(world: Any, source: Any) -> None:
    world.add_listings("Aoi Art", [source.urls("ok", 2)])
    world.add_listings("Sanmei", [source.urls("ok", 3)])
    code, out, _ = world.command("--dry-run", "--dealer", "Sanmei", "--format", "json")
    found = json.loads(out)
    assert code == 0
    assert (found["listings_total"], found["images_total"]) == (1, 3)
    code, out, _ = world.command("--dry-run")
    assert code == 0
    assert "2 due listings (5 images)" in out
    assert source.requests() == []
    assert world.rows("scrape_runs") == []
    assert world.open_claims() == 0


def test_dealers_listings_and_limits_narrow_a_run(world: Any, source: Any) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 3)])
    ids = world.add_listings("Sanmei", [[source.url("ok", f"s{n}")] for n in range(3)])
    claimed = []
    for arguments in (["--dealer", "sanmei", "--limit", "1"], ["--listing", str(ids[2])], []):
        code, out, err = world.command(*arguments, "--format", "json")
        assert code == 0, err
        claimed.append(json.loads(out)["run"]["claimed"])
    assert claimed == [1, 1, 4]


@pytest.mark.parametrize("output", ["text", "markdown"])
def test_a_summary_for_people(world: Any, source: Any, output: str) -> None:
    world.add_listings("Aoi Art", [[*source.urls("ok", 2), source.url("404", "a")]])
    code, out, err = world.command("--format", output)
    assert code == 0
    assert "http_404" in out and "images stored" in out
    assert "Supabase" in err


def test_statistics_and_the_health_check(world: Any, source: Any) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 3)])
    code, out, _ = world.command("stats", "--format", "json")
    assert (code, json.loads(out)["images"]["pending"]) == (0, 3)
    code, _, _ = world.command("check", "--max-pending", "2")
    assert code == 3
    assert world.command("--check", "--max-pending", "2")[0] == 3
    code, out, _ = world.command("--stats", "--check", "--max-pending", "2", "-f", "json")
    assert (code, json.loads(out)["images"]["pending"]) == (3, 3)
    world.run()
    code, _, _ = world.command("check", "--max-pending", "0")
    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], 0),  # it is done, whoever knows of it
        (["check", "--max-pending", "0"], 3),
        (["check", "--max-pending", "9"], 0),  # the exit code is the answer
        (["check", "--max-pending", "9", "-f", "json"], 1),  # the numbers are
        (["stats"], 1),
    ],
)
def test_a_full_disk_behind_stdout_changes_no_exit_code_of_work(
    arguments: list[str], expected: int, world: Any, source: Any
) -> None:
    world.add_listings("Aoi Art", [[url] for url in source.urls("ok", 1)])
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "migrate", *arguments],
            env=world.environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert ended.returncode == expected, ended.stderr
    assert ended.stderr.count("The result cannot be written: No space left on device.") == 1
    assert world.images()[0]["state"] == ("stored" if not arguments else "pending")


@pytest.mark.servers  # it takes its time by nature
def test_a_server_that_is_down_is_one_sentence(run_command: Any) -> None:
    address = {"SUPABASE_URL": "http://127.0.0.1:9", "SUPABASE_SECRET_KEY": "sb_secret_x"}
    ended = run_command("migrate", env=address | {"DATABASE_PATIENCE_S": "2"})
    assert ended.returncode == 1
    assert "waiting up to 2 s" in ended.stderr
    assert "127.0.0.1:9" in ended.stderr
    assert "Traceback" not in ended.stderr
