"""Where the tests' folders lie: in memory, where the system has room for them there.

A copy of a database is three hundred files: on a disk ten times the processor time that it takes
in memory, and more than what most tests then do with it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3
ON_DISK = Path(tempfile.gettempdir())
"""For what outlives a session."""


def use_memory() -> None:
    """From now on temporary folders, also those of programs we start, are made in memory."""
    if "TMPDIR" in os.environ or not _is_usable(MEMORY):
        return  # what somebody set is meant
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _is_usable(folder: Path) -> bool:
    """Whether there is room, and programs may be run from there."""
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return False
    forbids_programs = os.statvfs(folder).f_flag & os.ST_NOEXEC
    return not forbids_programs and shutil.disk_usage(folder).free >= ROOM
