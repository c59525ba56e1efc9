"""The daily workflow's own steps, in a clean copy of the project, against a real local Supabase."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scraper.dealers import DEALERS
from workflows.sample_shop import PRODUCTS

REPOSITORY = Path(__file__).parents[2]
CHECK = "Check that no images are left behind"


@pytest.fixture
def clean_copy(tmp_path):
    """What a check-out would hold, already set up: its commands run this copy's code."""
    folder = tmp_path / "copy"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    commands = folder / ".venv/bin"
    commands.mkdir(parents=True)
    for command, module in {"migrate": "migrate", "scrape": "scraper"}.items():
        script = commands / command
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        script.chmod(0o755)
    (folder / ".venv/.installed").touch()
    return folder


@pytest.fixture
def only_these_dealers(database):
    """The dealers we bring along are out on the internet: here they are closed."""
    rows = [{"name": one.name, "domain": one.domain, "is_active": False} for one in DEALERS]
    database.table("dealers").insert(rows).execute()


@pytest.fixture
def add_dealer(database, only_these_dealers):
    def add(name: str, url: str) -> int:
        row = {"name": name, "domain": "127.0.0.1", "catalog_url": url, "currency": "JPY"}
        row |= {"platform": "woocommerce"}
        return database.table("dealers").insert(row).execute().data[0]["id"]

    return add


@pytest.fixture
def run_daily_workflow(actions_shell, workflow, clean_copy, local_supabase):
    def run(**inputs):
        shell = actions_shell(
            folder=clean_copy,
            secrets={
                "SUPABASE_URL": local_supabase.url,
                "SUPABASE_SECRET_KEY": local_supabase.secret_key,
            },
            inputs=inputs,
            runner_environment={
                "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
                "PAGE_DELAY_S": "0",
            },
        )
        shell.run(workflow("daily-scrape.yml")["jobs"]["daily"]["steps"])
        return shell

    return run


def failed(run):
    return {result.name: result.code for result in run.results if result.outcome == "failure"}


def test_the_steps_end_green_with_the_summary_written(run_daily_workflow, add_dealer, shop):
    add_dealer("Sample Shop", f"{shop.url}/")
    add_dealer("Dead Dealer", "http://127.0.0.1:9/")
    run = run_daily_workflow()
    assert failed(run) == {}, [result.output for result in run.results]
    assert "Dead Dealer" in run.result("Scrape (rows only)").output
    assert "| Sample Shop" in run.summary
    statistics = json.loads((run.folder / "image-statistics.json").read_text("utf-8"))
    photos = sum(product.photos for product in PRODUCTS)
    assert statistics["images"]["stored"] == statistics["images"]["total"] == photos
    assert statistics["health"]["ok"] is True


def test_150_listings_left_pending_fail_the_check_and_are_reported(
    run_daily_workflow, add_dealer, database, shop
):
    dealer = add_dealer("Sample Shop", f"{shop.url}/")
    rows = [
        {
            "url": f"{shop.url}/items/{n}",
            "dealer_id": dealer,
            "images": [f"{shop.url}/pictures/{n}.jpg"],
        }
        for n in range(155)
    ]
    database.table("listings").insert(rows).execute()
    run = run_daily_workflow(limit=5, skip_scrape=True)
    assert failed(run) == {CHECK: 3}
    assert run.result("Scrape (rows only)").outcome == "skipped"
    assert "::error title=" in run.result(CHECK).output
    assert "150" in run.summary


def test_the_wrong_key_is_said_in_each_step_and_never_shown(
    actions_shell, workflow, clean_copy, local_supabase
):
    secrets = {"SUPABASE_URL": local_supabase.url, "SUPABASE_SECRET_KEY": "sb_secret_wrong_one"}
    run = actions_shell(folder=clean_copy, secrets=secrets)
    run.run(workflow("daily-scrape.yml")["jobs"]["daily"]["steps"])
    assert set(failed(run).values()) == {1}
    assert list(failed(run)) == [
        "Scrape (rows only)",
        "Migrate images",
        CHECK,
        "Report the statistics",
    ]
    output = "".join(result.output for result in run.results)
    assert "sb_secret_wrong_one" not in output
    assert "Traceback" not in output
