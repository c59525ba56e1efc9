"""Locks on open files, freed by the kernel with the process that holds them; it knows no server.

By portalocker, because what Python has for it (fcntl) cannot even be imported on Windows.
"""

from __future__ import annotations

from typing import IO, Any

import portalocker
from portalocker import LockFlags


def hold(file: IO[Any]) -> None:
    """Wait until nobody else holds it, then hold it alone."""
    portalocker.lock(file, LockFlags.EXCLUSIVE)


def share(file: IO[Any]) -> None:
    """Hold it together with others who share it; a lock held alone becomes a shared one."""
    portalocker.lock(file, LockFlags.SHARED)


def try_hold(file: IO[Any]) -> bool:
    """Hold it alone if nobody else holds it at all; whether that is so."""
    try:
        portalocker.lock(file, LockFlags.EXCLUSIVE | LockFlags.NON_BLOCKING)
    except portalocker.LockException:
        return False
    return True


def release(file: IO[Any]) -> None:
    """Hold it no more."""
    portalocker.unlock(file)
