"""Whether a port of this machine is free to listen on; it knows no server."""

from __future__ import annotations

import socket
import time

from scraper.errors import EmbeddedError

TIMEOUT_S = 5.0
POLL_S = 0.05


class PortTakenError(EmbeddedError):
    """Somebody else has the port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port}, where the local Supabase should listen, is taken by another "
            "program: end that one, or set LOCAL_SUPABASE_PORT to a free port."
        )


def wait_for_port(port: int, *, timeout_s: float = TIMEOUT_S) -> None:
    """Return once the port is free. Raises PortTakenError at once when somebody listens there.

    Anybody's outgoing connection may have been given this very port as its own end, for the usual
    one lies in the range that systems choose from: such a one is mostly gone in a moment.
    """
    deadline = time.monotonic() + timeout_s
    while not _can_listen(port):
        if _is_listened_to(port) or time.monotonic() > deadline:
            raise PortTakenError(port)
        time.sleep(POLL_S)


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _is_listened_to(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
