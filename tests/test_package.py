"""The wheel: built, judged by the tools of the trade, installed elsewhere, and used there."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from scraper.base.version import VERSION
from scraper.database.embedded.node import PACKAGES, server_program

pytestmark = pytest.mark.servers  # some seconds each: not for `make quick`

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=170, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return built / f"listing_mirror-{VERSION}-py3-none-any.whl"


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in an empty environment: its dependencies are lent, the project's folder is not."""
    folder = tmp_path_factory.mktemp("elsewhere") / "environment"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import site; print(site.getsitepackages()[0])").stdout.strip())
    run(
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps",
        "--no-index", "--disable-pip-version-check", wheel,
    )  # fmt: skip
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A new user's, with the local server's npm packages already in place."""
    server_program()
    data = tmp_path / "data" / "listing-mirror"
    data.mkdir(parents=True)
    (data / "node").symlink_to(PACKAGES)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "ENV_FILE": "none",
    }


def test_both_pass_what_a_package_index_and_its_users_ask(built: Path, wheel: Path) -> None:
    files = sorted(built.iterdir())
    assert [one.name for one in files] == [
        wheel.name,
        f"listing_mirror-{VERSION}.tar.gz",
    ]
    run(sys.executable, "-m", "twine", "check", "--strict", *files)
    run(Path(sys.executable).with_name("check-wheel-contents"), wheel, cwd=ROOT)


def test_the_wheel_carries_what_a_run_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        metadata = opened.read(f"listing_mirror-{VERSION}.dist-info/METADATA").decode()
    ours = {f"scraper/supabase/migrations/{one.name}" for one in MIGRATIONS}
    assert ours <= names
    assert {
        "scraper/supabase/package-lock.json",
        "scraper/supabase/package.json",
        "scraper/supabase/roll_back.sql",
        "migrate/reports/templates/report_page.html",
        "migrate/reports/templates/report_page.css",
        "scraper/py.typed",
        "migrate/py.typed",
        "workflows/py.typed",
    } <= names
    assert not [name for name in names if name.startswith("tests")]
    assert "License-Expression: MIT" in metadata
    assert "Author: Listing Mirror contributors" in metadata


MIGRATIONS = sorted((ROOT / "supabase" / "migrations").glob("*.sql"))


def test_the_sdist_can_be_tested_by_who_gets_it(built: Path) -> None:
    with tarfile.open(built / f"listing_mirror-{VERSION}.tar.gz") as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"Makefile", "LICENSE", "requirements-dev.lock", "tests/conftest.py"} <= names


@pytest.mark.parametrize("program", ["scrape", "migrate", "listing-mirror"])
def test_each_command_is_there_and_says_its_version(
    programs: Path, environment: dict[str, str], tmp_path: Path, program: str
) -> None:
    for option in ("--version", "-V"):
        said = run(programs / program, option, cwd=tmp_path, env=environment).stdout
        assert said == f"listing-mirror {VERSION}\n"


def test_away_from_the_checkout_it_keeps_its_files_in_the_users_folders(
    programs: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    shown = run(programs / "listing-mirror", "demo", cwd=work, env=environment)
    assert "The demonstration is over: all 25 images are stored." in shown.stdout
    run(programs / "listing-mirror", "migrations", "--to", "here", cwd=work, env=environment)
    written = sorted((work / "here" / "supabase" / "migrations").iterdir())
    assert [one.name for one in written] == [one.name for one in MIGRATIONS]
    assert sorted(one.name for one in work.iterdir()) == ["here"]
    log = tmp_path / "state" / "listing-mirror" / "log" / "listing-mirror.log"
    assert f"listing-mirror {VERSION}" in log.read_text("utf-8").splitlines()[0]
    assert not list(programs.parent.rglob("*.log")), "nothing is written beside the program"
