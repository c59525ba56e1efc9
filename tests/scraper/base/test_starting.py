"""A signal while a command is still loading."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_while_a_command_loads_ends_it_in_a_sentence(tmp_path: Path, number: str) -> None:
    (tmp_path / "loading.py").write_text(
        f"import os, signal\nos.kill(os.getpid(), signal.{number})\nraise SystemExit('went on')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", "from scraper.base.starting import start; start('loading')"],
        env={**os.environ, "PYTHONPATH": f"{PROJECT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "error: interrupted\n")
