"""A local server that misbehaves on purpose, byte by byte, and records what it was asked."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Seen:
    """One request in the server's own record."""

    at: float
    connection: int
    path: str
    headers: dict[str, str]


Behaviour = Callable[[socket.socket, Seen], bool | None]
"""Answers one request; True keeps the connection open for the next."""


@dataclass
class Server:
    """Speaks HTTP/1.1 byte by byte as its behaviours say, each under its path."""

    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    record: list[Seen] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._closing = threading.Event()
        self._sock = socket.create_server((self.host, 0))
        self.port = self._sock.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [seen.path for seen in self.record]

    def on(self, path: str, behaviour: Behaviour) -> str:
        self.behaviours[path] = behaviour
        return self.url + path

    def close(self) -> None:
        self._closing.set()
        self._sock.close()

    def pause(self, seconds: float) -> None:
        self._closing.wait(seconds)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock, self.connections), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        with suppress(OSError), sock:
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with sock:
                while (seen := _read_request(sock, number)) is not None:
                    self.record.append(seen)
                    if not self.behaviours[seen.path.partition("?")[0]](sock, seen):
                        return


def _read_request(sock: socket.socket, number: int) -> Seen | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := sock.recv(65536)):
            return None
        data += more
    lines = data.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    return Seen(time.monotonic(), number, lines[0].split()[1], headers)


def reply(
    body: bytes = b"", *, status: int = 200, length: int | None = None, **headers: str
) -> bytes:
    """A whole answer as bytes; header names with `_` for `-`."""
    given = {"Content-Length": str(len(body) if length is None else length)} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + body


def sends(data: bytes, *, keep: bool = True) -> Behaviour:
    """The behaviour of a server that answers with these bytes."""

    def behave(sock: socket.socket, seen: Seen) -> bool:
        sock.sendall(data)
        return keep

    return behave


def resets(data: bytes = b"") -> Behaviour:
    """Sends `data`, then breaks the connection with an RST instead of closing it."""

    def behave(sock: socket.socket, seen: Seen) -> bool:
        sock.sendall(data)
        time.sleep(0.05)  # an RST overtakes what still lies in the buffer
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False

    return behave


def drips(head: bytes, data: bytes, *, every_s: float = 0.05) -> Behaviour:
    """Sends `head` at once, then `data` a byte at a time."""

    def behave(sock: socket.socket, seen: Seen) -> bool:
        sock.sendall(head)
        for number in range(len(data)):
            sock.sendall(data[number : number + 1])
            time.sleep(every_s)
        return False

    return behave


def stalls(data: bytes = b"") -> Behaviour:
    """Sends `data`, then nothing until the client has gone."""

    def behave(sock: socket.socket, seen: Seen) -> bool:
        sock.sendall(data)
        sock.settimeout(10)
        sock.recv(1)
        return False

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Another behaviour for each request, the last one for ever."""
    left = list(behaviours)

    def behave(sock: socket.socket, seen: Seen) -> bool | None:
        return (left.pop(0) if len(left) > 1 else left[0])(sock, seen)

    return behave
