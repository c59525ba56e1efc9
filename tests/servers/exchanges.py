"""HTTP for the bench's own servers: one request, one answer at its moment, few steps between.

A request's body is received straight into the place where it stays; an answer goes out after the
wait that its request is given, counted from the request's beginning, so that what the server does
meanwhile is part of it. It knows neither files nor objects.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

HEAD_BYTES = 1 << 16
SEND_BUFFER_BYTES = 1 << 20
"""A whole photograph goes to the system in one call and is not kept here meanwhile."""


@dataclass
class Request:
    """What arrived, and when its first byte did."""

    method: str
    path: str
    headers: dict[str, str]
    began: float = field(default_factory=time.time)
    body: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True)
class Answer:
    """All that goes over the wire, `wait_s` after the request began; None: never."""

    wire: bytes
    wait_s: float | None = 0.0
    sent: Callable[[], None] | None = None


def wire(body: bytes, *, status: int = 200, content_type: str = "application/json") -> bytes:
    """A body behind its head: one call sends both."""
    head = (
        f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


Handler = Callable[[Request], Answer]


class Connection(asyncio.BufferedProtocol):
    """One client's connection: a request at a time, as every client of the bench asks."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.head = bytearray(HEAD_BYTES)
        self.filled = 0
        self.request: Request | None = None
        self.began = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        wide = transport.get_extra_info("socket")
        wide.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None

    def get_buffer(self, sizehint: int) -> memoryview:
        into = self.head if self.request is None else self.request.body
        return memoryview(into)[self.filled :]

    def buffer_updated(self, count: int) -> None:
        if self.request is None:
            self.began = self.began or asyncio.get_running_loop().time()
        self.filled += count
        if self.request is None:
            self._look_for_the_head()
        if self.request is not None and self.filled == len(self.request.body):
            self._answer(self.request)

    def _look_for_the_head(self) -> None:
        end = self.head.find(b"\r\n\r\n", 0, self.filled)
        if end < 0:
            return
        first, *lines = self.head[:end].decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        self.request = Request(method, path, headers)
        arrived = self.head[end + 4 : self.filled]
        self.request.body = bytearray(int(headers.get("content-length", 0)))
        self.request.body[: len(arrived)] = arrived
        self.filled = len(arrived)

    def _answer(self, request: Request) -> None:
        began, self.request, self.filled, self.began = self.began, None, 0, 0.0
        answer = self.handler(request)
        if answer.wait_s:
            loop = asyncio.get_running_loop()
            loop.call_at(began + answer.wait_s, self._send, answer)
        elif answer.wait_s is not None:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        if self.transport is None:
            return
        self.transport.write(answer.wire)
        if answer.sent is not None:
            answer.sent()


async def serve(handler: Handler, address: str) -> None:
    """Print the port, then answer until the end."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(handler), address, 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
