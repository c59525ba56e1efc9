"""Commands as processes of their own that need not load their libraries first.

A command that asks a Supabase loads some thousand modules, two thirds of a second of a core, and
the tests run hundreds of commands. One process a session loads them and does nothing else; each
command is a fork of it, which runs the same `__main__` with its own arguments, environment,
streams and end.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

MODULES = (
    "migrate.cli.app",
    "migrate.cli.care",
    "migrate.cli.drain",
    "migrate.cli.exclusions",
    "migrate.cli.reports",
    "scraper.base.starting",
    "scraper.cli.app",
    "scraper.cli.dealers",
    "scraper.cli.scraping",
    "workflows.adopt",
    "workflows.cli",
    "workflows.daily",
    "workflows.scrape",
)
READS_AT_IMPORT = "typer.rich_utils"
"""The one module that looks at the environment while it is loaded: left to each command."""


def starts_cold(environment: dict[str, str]) -> bool:
    """Whether these variables would already matter before the command's first line."""
    changed = {name for name, value in environment.items() if os.environ.get(name) != value}
    return any(name.startswith(("PYTHON", "LC_", "LANG", "TYPER_")) for name in changed)


class WarmCommands:
    """The process that has loaded everything, and the commands it becomes, one at a time."""

    def __init__(self, project: Path) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(project)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=project,
            text=True,
        )

    def run(
        self, module: str, arguments: list[str], environment: dict[str, str], *, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """As subprocess.run of `python -m module` does it. Raises TimeoutExpired."""
        with (
            self._lock,
            tempfile.NamedTemporaryFile() as out,
            tempfile.NamedTemporaryFile() as err,
        ):
            self._ask(module, arguments, environment, out.name, err.name)
            pid = int(self._answer())
            timer = threading.Timer(timeout_s, os.kill, (pid, signal.SIGKILL))
            timer.start()
            code = int(self._answer())
            is_late = not timer.is_alive()
            timer.cancel()
            timer.join()
            said, told = (Path(file.name).read_bytes().decode() for file in (out, err))
        if is_late:
            raise subprocess.TimeoutExpired([module, *arguments], timeout_s, said, told)
        return subprocess.CompletedProcess([module, *arguments], code, said, told)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, *request: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def _load() -> None:
    for name in MODULES:
        __import__(name)
    sys.modules.pop(READS_AT_IMPORT, None)
    gc.freeze()  # what is shared by all forks need not be looked through by each


def _become_commands() -> None:
    answers = os.dup(1)
    os.dup2(2, 1)
    while request := sys.stdin.readline():
        module, arguments, environment, out, err = json.loads(request)
        pid = os.fork()
        if not pid:
            os.close(answers)
            _become(module, arguments, environment, out, err)
            return
        os.write(answers, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(
    module: str, arguments: list[str], environment: dict[str, str], out: str, err: str
) -> None:
    for number, path in enumerate((os.devnull, out, err)):
        opened = os.open(path, os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.path[0] = sys.argv[1]
    _load()
    _become_commands()
