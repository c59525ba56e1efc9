"""A proxy before the local Supabase that answers badly on request; it understands no API.

In the test's own process: `proxy.faults` is a list of Fault, looked at for each request in order.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json"}


@dataclass
class Fault:
    """What happens to requests whose path contains `where`, `times` of them (None: all)."""

    where: str
    status: int = 0
    body: bytes = b"{}"
    hang_s: float = 0.0
    delay_s: float = 0.0
    """Only late; nothing else is wrong with it."""
    lose_answer: bool = False
    times: int | None = None
    method: str | None = None
    met: int = field(default=0)

    def meets(self, method: str, path: str) -> bool:
        if self.where not in path or (self.method and self.method != method):
            return False
        return self.times is None or self.met < self.times


class Proxy:
    """Listens on loopback, forwards to `target`, counts what it saw."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.faults: list[Fault] = []
        self.is_gone = False
        self.requests: list[tuple[float, str, str]] = []
        self.received: list[tuple[str, int]] = []  # path and bytes of each body
        self.lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def count(self, where: str, method: str | None = None) -> int:
        with self.lock:
            return sum(where in path and method in (None, verb) for _, verb, path in self.requests)

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Within, every connection is dropped without an answer."""
        self.is_gone = True
        try:
            yield
        finally:
            self.is_gone = False

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Proxy

    def log_message(self, *_: object) -> None:
        return

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            return

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        owner = self.owner
        with owner.lock:
            owner.requests.append((time.time(), self.command, self.path))
            owner.received.append((self.path, length))
            fault = next((one for one in owner.faults if one.meets(self.command, self.path)), None)
            if fault:
                fault.met += 1
        if owner.is_gone:
            self.close_connection = True
            return
        if fault:
            time.sleep(fault.hang_s + fault.delay_s)
        if fault and fault.status:
            self._reply(fault.status, JSON, fault.body)
            return
        if fault and fault.hang_s and not fault.lose_answer:
            self.close_connection = True
            return
        status, headers, answer = self._forward(body)
        if owner.is_gone or (fault and fault.lose_answer):
            self.close_connection = True
            return
        self._reply(status, headers, answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        target = self.owner.target
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
        try:
            skipped = {"host", "connection", "content-length", "transfer-encoding"}
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in skipped
            }
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            kept = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in skipped | {"keep-alive"}
            }
            return answer.status, kept, content
        finally:
            connection.close()

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
