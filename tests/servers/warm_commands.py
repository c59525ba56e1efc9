"""Commands as processes of their own that need not load their libraries first.

A command that asks a Supabase loads some thousand modules, two thirds of a second of a core, and
the tests run hundreds of commands. One process a session loads them and does nothing else; each
command is a fork of it, which runs the same `__main__` with its own arguments, environment,
streams and end.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

MODULES = (
    "httpcore",
    "migrate.cli.app",
    "migrate.cli.care",
    "migrate.cli.drain",
    "migrate.cli.exclusions",
    "migrate.cli.reports",
    "pydantic.type_adapter",
    "scraper.base.logs",
    "scraper.base.starting",
    "scraper.cli.app",
    "scraper.cli.dealers",
    "scraper.cli.scraping",
    "typer._adapters",
    "typer._click.decorators",
    "workflows.adopt",
    "workflows.cli",
    "workflows.daily",
    "workflows.scrape",
)
START_TIMEOUT_S = 60
WRITES_STACKS_S = 1
"""How long a command that does not end may take to write where each of its threads stands."""
READS_AT_IMPORT = "typer.rich_utils"
"""The one module that looks at the environment while it is loaded: left to each command."""


def starts_cold(environment: dict[str, str]) -> bool:
    """Whether these variables would already matter before the command's first line."""
    changed = {name for name, value in environment.items() if os.environ.get(name) != value}
    return any(name.startswith(("PYTHON", "LC_", "LANG", "TYPER_")) for name in changed)


class Command:
    """A command that was started, with what its tests use of subprocess.Popen's interface."""

    def __init__(self, words: list[str], folder: Path) -> None:
        self.args = words
        self.returncode: int | None = None
        self._folder = folder
        # For writing too: it may be opened before the other side has opened it, and never ends.
        self._result = os.open(folder / "result", os.O_RDWR | os.O_NONBLOCK)
        self._told = b""
        self._output: tuple[str, str] | None = None
        pid = self._next_number(START_TIMEOUT_S)
        assert pid is not None, "the process that commands are forks of has ended"
        self.pid = pid

    @property
    def said(self) -> str:
        """What it has written to stderr up to now."""
        return (self._folder / "err").read_text("utf-8")

    def poll(self) -> int | None:
        """How it ended, None while it is at work."""
        if self.returncode is None:
            self._learn(self._next_number(0))
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """How it ended. Raises TimeoutExpired."""
        if self.returncode is None:
            self._learn(self._next_number(timeout))
        if self.returncode is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote to stdout and stderr, when it has ended. Raises TimeoutExpired."""
        self.wait(timeout)
        if self._output is None:
            out, err = ((self._folder / name).read_bytes().decode() for name in ("out", "err"))
            self._output = (out, err)
        return self._output

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _learn(self, code: int | None) -> None:
        self.returncode = code
        if code is not None:
            os.close(self._result)

    def _next_number(self, timeout_s: float | None) -> int | None:
        """Return the next line that its keeper writes: its process, and later how it ended."""
        while b"\n" not in self._told:
            if not select.select([self._result], [], [], timeout_s)[0]:
                return None
            self._told += os.read(self._result, 100)
        line, _, self._told = self._told.partition(b"\n")
        return int(line)


class WarmCommands:
    """The process that has loaded everything, and the commands that it becomes."""

    def __init__(self, project: Path) -> None:
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(project)],
            stdin=subprocess.PIPE,
            cwd=project,
            text=True,
        )

    def start(self, module: str, arguments: list[str], environment: dict[str, str]) -> Command:
        """As subprocess.Popen of `python -m module` does it, its output kept in files."""
        folder = Path(tempfile.mkdtemp(dir=self._folder.name))
        for name in ("out", "err"):
            (folder / name).touch()
        os.mkfifo(folder / "result")
        with self._lock:
            assert self._process.stdin is not None
            request = (module, arguments, environment, str(folder))
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return Command([module, *arguments], folder)

    def run(
        self, module: str, arguments: list[str], environment: dict[str, str], *, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """As subprocess.run of `python -m module` does it.

        Raises TimeoutExpired, with what it wrote and where each of its threads stood.
        """
        command = self.start(module, arguments, environment)
        try:
            said, told = command.communicate(timeout_s)
        except subprocess.TimeoutExpired as exc:
            command.send_signal(signal.SIGQUIT)
            time.sleep(WRITES_STACKS_S)
            command.kill()
            said, told = command.communicate()
            exc.add_note(f"stdout:\n{said}\nstderr:\n{told}")
            raise
        return subprocess.CompletedProcess(command.args, command.wait(), said, told)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


def _load() -> None:
    for name in MODULES:
        __import__(name)
    sys.modules.pop(READS_AT_IMPORT, None)
    sys.modules["scraper.database.client"]._tls()  # kept for who names no other authorities
    gc.freeze()  # what is shared by all forks need not be looked through by each


def _become_commands() -> None:
    while request := sys.stdin.readline():
        module, arguments, environment, folder = json.loads(request)
        _reap()
        if not os.fork():
            _keep(module, arguments, environment, Path(folder))
            return


def _reap() -> None:
    """Forget the keepers that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _keep(module: str, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
    """Become the keeper of one command, which tells its number and waits to tell how it ended."""
    pid = os.fork()
    if not pid:
        _become(module, arguments, environment, folder)
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what is sent to all is the command's to answer
    with (folder / "result").open("w", encoding="ascii") as result:
        print(pid, file=result, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), file=result, flush=True)
    os._exit(0)


def _become(module: str, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
    for number, path in enumerate((Path(os.devnull), folder / "out", folder / "err")):
        opened = os.open(path, os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY)
        os.dup2(opened, number)
        os.close(opened)
    faulthandler.register(signal.SIGQUIT)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, int):
            _end(ended.code)
        raise


def _end(code: int) -> None:
    """As an interpreter ends, but for freeing what was loaded: each page of it would be copied."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.path[0] = sys.argv[1]
    _load()
    _become_commands()
