"""Other systems, as far as they can be had here: what they lack is missing, and it still loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAM = """
import importlib, os, pkgutil, signal, sys
# Third-party packages know their system; they are loaded as what they are.
import concurrent_log_handler, httpx, lxml, PIL.Image, platformdirs, portalocker, requests, rich
import supabase, typer
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("SIGHUP", "SIGKILL", "SIGUSR1"):
    delattr(signal, name)
for name in ("fork", "geteuid", "getuid", "killpg", "waitpid", "WNOHANG"):
    delattr(os, name)
import migrate, scraper, workflows
for package in (scraper, migrate, workflows):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
from scraper.base.starting import start
sys.argv = ["migrate", "--version"]
start("migrate.cli.app")
"""


def test_every_module_loads_without_what_only_unix_has() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("listing-mirror ")


def test_on_windows_the_local_supabase_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from scraper.base.errors import EmbeddedError
    from scraper.base.settings import Settings
    from scraper.database import embedded

    monkeypatch.setattr(embedded.sys, "platform", "win32")
    with pytest.raises(EmbeddedError, match=r"Linux and macOS only.*SUPABASE_URL.*WSL"):
        embedded.up(Settings.from_environment({}))


def test_no_runner_is_asked_by_a_signal_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """os.kill(pid, 0) is a question here and a Ctrl-C there."""
    from scraper.base import runner_identity

    name = runner_identity.runner_name()
    monkeypatch.setattr(runner_identity.sys, "platform", "win32")
    monkeypatch.setattr(runner_identity.os, "kill", lambda *_: pytest.fail("it was sent a signal"))
    assert not runner_identity.is_dead_here(name)
