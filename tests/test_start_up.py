"""What a command loads before it does anything, counted in modules: seconds differ everywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_MODULES = 300
"""Of them some 90 are Python's own and 110 those of typer and rich."""
HEAVY = {
    "PIL", "bs4", "concurrent_log_handler", "httpx", "lxml", "pydantic", "requests",
    "supabase", "urllib3",
}  # fmt: skip


def loaded_by(*words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    return [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line]


@pytest.mark.parametrize("option", ["--help", "--version"])
@pytest.mark.parametrize("program", ["migrate", "scraper", "workflows"])
def test_help_and_version_wait_for_nothing_heavy(program: str, option: str) -> None:
    loaded = loaded_by(program, option)
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    assert len(loaded) <= MOST_MODULES


def test_statistics_load_only_what_they_need() -> None:
    program = "import migrate.reports.coverage, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    no_parser_no_picture = {"PIL", "bs4", "lxml"}
    no_log_in_no_realtime = {"jwt", "pygments", "realtime", "supabase", "supabase_auth", "storage3"}
    assert not loaded & (no_parser_no_picture | no_log_in_no_realtime)
