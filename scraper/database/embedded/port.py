"""Whether a port of this machine is free to listen on; it knows no server."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from scraper.base.errors import EmbeddedError

TIMEOUT_S = 70.0
"""A connection that has ended keeps its port for a minute."""
SILENCE_S = 2.0
POLL_S = 0.05
REUSABLE = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
"""While nobody listens, asking a port of the range that outgoing connections get theirs from may
connect a socket to itself; with this option, what is left of it stands in nobody's way."""


class PortTakenError(EmbeddedError):
    """Somebody else has the port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port}, where the local Supabase should listen, is taken by another "
            "program: end that one, or set LOCAL_SUPABASE_PORT to a free port."
        )


def wait_for_port(port: int, *, tell: Callable[[str], None], timeout_s: float = TIMEOUT_S) -> None:
    """Return once the port is free. Raises PortTakenError at once when somebody listens there.

    Anybody's outgoing connection may have been given this very port as its own end, for the usual
    one lies in the range that systems choose from.
    """
    began = time.monotonic()
    is_told = False
    while not _can_listen(port):
        waited_s = time.monotonic() - began
        if _is_listened_to(port) or waited_s > timeout_s:
            raise PortTakenError(port)
        if waited_s > SILENCE_S and not is_told:
            tell(f"Port {port} belongs to a passing connection; waiting until it is free …")
            is_told = True
        time.sleep(POLL_S)


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(*REUSABLE)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _is_listened_to(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(*REUSABLE)
        probe.settimeout(1)
        try:
            probe.connect(("127.0.0.1", port))
            return bool(probe.getpeername() != probe.getsockname())
        except OSError:
            return False
