"""Calls on a socket that the kernel itself ends; it knows no protocol and no limits.

With a time-out of its own Python asks the kernel twice for each call, and libraries set theirs anew
for each request; at every such call a thread gives the interpreter away and waits to have it back.
"""

from __future__ import annotations

import os
import socket
import struct


def end_calls_after(sock: socket.socket, seconds: float) -> None:
    """Let each call on this socket block for so long at most.

    A call that is ended so raises BlockingIOError, on Windows TimeoutError.
    """
    sock.setblocking(True)
    if os.name == "nt":
        longest = struct.pack("L", round(seconds * 1000))
    else:
        whole, rest = divmod(round(seconds * 1_000_000), 1_000_000)
        longest = struct.pack("ll", whole, rest)
    for way in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        sock.setsockopt(socket.SOL_SOCKET, way, longest)
