"""Who runs: the name of this process among all machines, and whether another one is dead."""

from __future__ import annotations

import os
import socket
import sys


def runner_name() -> str:
    """Return the name of this process among all runners: machine and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_dead_here(runner: str) -> bool:
    """Say whether a runner was a process of this machine and is no more."""
    machine, _, process = runner.rpartition(":")
    if machine != socket.gethostname() or not process.isdigit():
        return False
    if sys.platform == "win32":  # there a signal 0 is no question, but a Ctrl-C
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
