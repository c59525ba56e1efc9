"""The picture servers of the incident's dealers on loopback, as they behaved then; no mirror known.

A path begins with what its dealer did: `ok`, `pending` (nobody had ever asked), `http_403`,
`timeout` or `http_404`. After `mend` every path is answered with its picture.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

REFUSALS = {"http_403": 403, "http_404": 404}


class IncidentShop:
    """One server a dealer; their addresses by slug."""

    def __init__(self, slugs: Iterator[str]) -> None:
        self._mended = threading.Event()
        self._closing = threading.Event()
        self._servers = {slug: self._open() for slug in slugs}

    def root(self, slug: str) -> str:
        """Where a dealer's pictures are."""
        return f"http://127.0.0.1:{self._servers[slug].server_port}"

    def mend(self) -> None:
        """The dealers let us in, answer again and have put their files back."""
        self._mended.set()

    def close(self) -> None:
        self._closing.set()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def _open(self) -> ThreadingHTTPServer:
        shop = self

        class Pictures(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                status, body = shop.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", "image/jpeg" if status == 200 else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: the demonstration's own words are enough."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Who gave up waiting is no news."""

        server = Server(("127.0.0.1", 0), Pictures)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def answer(self, path: str) -> tuple[int, bytes]:
        """What a dealer's server says to one path."""
        kind = path.split("/")[1]
        if not self._mended.is_set():
            if kind in REFUSALS:
                return REFUSALS[kind], b"no"
            if kind == "timeout":
                self._closing.wait(30)
        return 200, picture(path)


def picture(name: str) -> bytes:
    """A picture that no other name has."""
    digest = hashlib.sha256(name.encode()).digest()
    file = io.BytesIO()
    Image.frombytes("RGB", (3, 3), digest[:27]).resize((120, 90)).save(file, "JPEG")
    return file.getvalue()


@contextmanager
def open_incident_shop(slugs: Iterator[str]) -> Iterator[IncidentShop]:
    """The servers, for as long as the demonstration needs them."""
    shop = IncidentShop(slugs)
    try:
        yield shop
    finally:
        shop.close()
