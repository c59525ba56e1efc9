"""`make`: every job of the design has a word, and a dealer may be called anything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = [
    "setup",
    "demo",
    "test",
    "quick",
    "run",
    "migrate",
    "retry-failed",
    "stats",
    "check",
    "report",
    "up",
    "down",
    "local-env",
    "lint",
    "bench",
]
TELL = f"""#!{sys.executable}
import json, sys
print(json.dumps(sys.argv[1:]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set-up clone whose commands only tell what they were given."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("migrate", "python"):
        (programs / name).write_text(TELL)
        (programs / name).chmod(0o755)
    for name in (
        "requirements.lock",
        "requirements-dev.lock",
        "requirements-pip.lock",
        "pyproject.toml",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".venv" / ".installed").touch()
    return tmp_path


def make(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    # Not as a part of the `make test` that may have started us.
    inherited = {
        name: v for name, v in os.environ.items() if not name.startswith(("MAKE", "MFLAG"))
    }
    return subprocess.run(
        ["make", "-s", *words],
        cwd=folder,
        env=inherited | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_alone_it_lists_every_target(folder: Path) -> None:
    done = make(folder)
    assert done.returncode == 0
    listed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("  make ")]
    assert set(TARGETS) <= set(listed)


@pytest.mark.parametrize(
    "dealer",
    [
        "World Seiyudo",
        "Kyōto 刀剣 店",
        "O'Brien & Sons; touch broken",
        'The "Blade"',
        "$HOME $(touch broken) `touch broken` $$ ${x}",
        "100% #1 \\ back",
        "--limit",
        "*",
    ],
)
@pytest.mark.parametrize("how", ["argument", "environment"])
def test_a_dealer_may_be_called_anything(folder: Path, dealer: str, how: str) -> None:
    given = (f"DEALER={dealer}",) if how == "argument" else ()
    around = {} if how == "argument" else {"DEALER": dealer}
    done = make(folder, "migrate", *given, "LIMIT=500", "WORKERS=10", **around)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [f"--dealer={dealer}", "--limit=500", "--workers=10"]
    assert not (folder / "broken").exists()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("migrate", []),
        ("stats", ["stats"]),
        ("check", ["check"]),
        ("retry-failed", ["--retry-failed"]),
        ("run", ["-m", "workflows", "daily"]),
        ("demo", ["-m", "workflows", "demo"]),
        ("up", ["-m", "workflows", "local", "up"]),
        ("down", ["-m", "workflows", "local", "down"]),
        ("local-env", ["-m", "workflows", "local", "env"]),
        ("report", ["report", "report.html"]),
    ],
)
def test_a_target_is_one_command(folder: Path, target: str, expected: list[str]) -> None:
    assert json.loads(make(folder, target).stdout) == expected


def test_an_old_python_is_a_sentence(folder: Path) -> None:
    (folder / ".venv" / ".installed").unlink()
    old = folder / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make(folder, "setup", f"PYTHON={old}")
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr


def test_a_set_up_that_was_interrupted_is_begun_anew(folder: Path) -> None:
    (folder / ".venv" / ".installed").unlink()
    told = folder / "told"
    python = folder / ".venv" / "bin" / "python"
    python.write_text("#!/bin/sh\necho No module named pip >&2; exit 1\n")
    base = folder / "base-python"
    base.write_text(
        "#!/bin/sh\n"
        f'echo "$*" >> "{told}"\n'
        f'[ "$2" != venv ] || printf "#!/bin/sh\\n" > "{python}"\n'
    )
    base.chmod(0o755)
    done = make(folder, "setup", f"PYTHON={base}")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert told.read_text().splitlines()[-1] == "-m venv --clear .venv"
    assert "nothing" not in make(folder, "setup", f"PYTHON={base}").stderr.lower()
    assert len(told.read_text().splitlines()) == 3  # an installed one is left alone


def test_a_lock_is_installed_once_and_the_tests_lock_in_one_go(folder: Path) -> None:
    (folder / ".venv" / ".installed").unlink()
    for name in ("requirements.lock", "requirements-dev.lock"):
        (folder / name).write_text(f"# {name}\n")
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "$*" >> "{folder}/told"\n')

    def installed(target: str) -> list[str]:
        (folder / "told").unlink(missing_ok=True)
        assert make(folder, target, f"PYTHON={sys.executable}").returncode == 0
        told = (folder / "told").read_text() if (folder / "told").exists() else ""
        return [line.split()[-1] for line in told.splitlines() if "--require-hashes" in line]

    assert installed("setup") == ["requirements.lock"]
    assert installed("setup") == []
    assert installed(".venv/.installed-tools") == ["requirements-dev.lock"]
    for name in (".installed", ".lock"):
        (folder / ".venv" / name).unlink()
    assert installed(".venv/.installed-tools") == ["requirements-dev.lock"]
    (folder / "requirements-dev.lock").write_text("# renewed\n")
    assert installed(".venv/.installed-tools") == ["requirements-dev.lock"]


@pytest.mark.parametrize("failing", [None, "ruff", "python"])
def test_quick_runs_checks_and_tests_and_fails_where_either_does(
    folder: Path, failing: str | None
) -> None:
    (folder / ".venv" / ".installed-tools").touch()
    for name in ("ruff", "mypy", "check-jsonschema", "zizmor", "python"):
        program = folder / ".venv" / "bin" / name
        program.write_text(f"#!/bin/sh\necho {name} >> {folder}/ran\nexit {int(name == failing)}\n")
        program.chmod(0o755)
    assert (make(folder, "quick").returncode == 0) == (failing is None)
    ran = (folder / "ran").read_text().split()
    assert {"ruff", "python"} <= set(ran)
    assert ("mypy" in ran) == (failing != "ruff")
