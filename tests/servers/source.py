"""A dealer's image server that misbehaves on request, and writes down what it was asked.

The first folder of a path says what happens: `/ok/…`, `/404/…`, `/stall/…`. `~N` limits a fault to
the first N requests of that path (`/503~2/…` is well the third time); `/wait-80/…` answers 80 ms
later. `POST /_/well` ends all faults,
`POST /_/all/404` makes every path meet that fault, `POST /_/repaint` gives every path other bytes.
One JSON line a request goes to the log: when it began and ended, how many were running on that
host, which connection it came on. Standalone, so that it runs in a process of its own: one server
by options, or with `--on-request` as many as its stdin asks for, until that ends.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import functools
import gzip
import io
import json
import ssl
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import Any, TextIO

import exact_waits
from PIL import Image

FOREVER_S = 120.0


def picture(text: str, *, size: int = 0) -> bytes:
    """A real JPEG whose bytes are `text`'s alone, padded by comments to about `size` bytes."""
    comments = b""
    note = text.encode()
    while True:
        comments += b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note
        if len(comments) + len(BASE) >= size:
            return BASE[:2] + comments + BASE[2:]
        note = b"x" * min(65000, size - len(comments) - len(BASE))


def name_of(path: str) -> str:
    """What a path's picture is made of: `/same/…` all the same, a redirect's end its beginning."""
    if path.startswith("/same/"):
        return "the same"
    return path.removeprefix("/ok") if path.startswith("/ok/redirect/") else path


def _base() -> bytes:
    file = io.BytesIO()
    image = Image.linear_gradient("L").resize((320, 240)).convert("RGB")
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


BASE = _base()


def png_bomb() -> bytes:
    """A PNG header that claims 60000 x 60000 pixels over almost no data."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 4096)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@functools.lru_cache(maxsize=256)
def file_at(path: Path) -> bytes:
    return path.read_bytes()


@functools.cache
def gzip_bomb() -> bytes:
    """A few kilobytes that become 60 MB."""
    return gzip.compress(b"\xff\xd8\xff" + b"\0" * 60_000_000)


class Source:
    """What has been asked so far, and how to answer the next request."""

    def __init__(self, log: TextIO, *, latency_s: float, size: int, files: Path | None) -> None:
        self.log = log
        self.latency_s = latency_s
        self.size = size
        self.files = files
        self.seen: collections.Counter[str] = collections.Counter()
        self.running: collections.Counter[str] = collections.Counter()
        self.first: dict[str, float] = {}
        self.connections = 0
        self.serving: set[asyncio.Task[Any]] = set()
        self.kind_of_all: str | None = None
        self.paint = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        if task := asyncio.current_task():
            self.serving.add(task)
            task.add_done_callback(self.serving.discard)
        try:
            while head := await self._head(reader):
                if not await self._answer(head, connection, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]] | None:
        try:
            raw = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = raw.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        pairs = (line.partition(":") for line in lines if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if length := int(headers.get("content-length", 0)):
            await reader.readexactly(length)
        return method, path, headers

    async def _answer(
        self, head: tuple[str, str, dict[str, str]], connection: int, writer: asyncio.StreamWriter
    ) -> bool:
        method, path, headers = head
        if method == "POST":
            self._control(path)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            return True
        host = headers.get("host", "")
        self.running[host] += 1
        began, running = time.time(), self.running[host]
        reply = Reply(self, path, host, headers, writer)
        try:
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            await reply.send()
            await writer.drain()
        except ConnectionError:
            reply.is_last = True
        finally:
            self.running[host] -= 1
            line = {
                "at": began,
                "until": time.time(),
                "host": host,
                "path": path,
                "kind": reply.kind,
                "status": reply.status,
                "running": running,
                "connection": connection,
                "agent": headers.get("user-agent"),
                "referer": headers.get("referer"),
                "conditional": headers.get("if-none-match"),
                "encoding": headers.get("accept-encoding"),
            }
            self.log.write(json.dumps(line) + "\n")
            self.log.flush()
        return not reply.is_last

    def _control(self, path: str) -> None:
        if path == "/_/repaint":
            self.paint += "'"
        else:
            self.kind_of_all = "ok" if path == "/_/well" else path.rpartition("/")[2]

    def kind_of(self, path: str) -> str:
        """The fault this request meets; "ok" when there is none (any more)."""
        folder = path.split("/")[1]
        kind, _, times = folder.partition("~")
        self.seen[path] += 1
        if self.kind_of_all is not None:
            return self.kind_of_all
        if times and self.seen[path] > int(times):
            return "ok"
        return kind


class Reply:
    """One answer."""

    def __init__(
        self,
        source: Source,
        path: str,
        host: str,
        headers: dict[str, str],
        writer: asyncio.StreamWriter,
    ) -> None:
        self.source = source
        self.path = path
        self.host = host
        self.headers = headers
        self.writer = writer
        self.kind = source.kind_of(path)
        self.status = 0
        self.is_last = False

    async def send(self) -> None:
        if self.kind[:3].isdigit():
            self._status_fault()
            return
        if self.kind.startswith("wait-"):
            await asyncio.sleep(float(self.kind[len("wait-") :]) / 1000)
        await getattr(self, f"_{self.kind}", self._ok)()

    def _write(
        self, status: int, body: bytes = b"", *, length: int | None = None, **headers: str
    ) -> None:
        self.status = status
        shown = {"content-length": str(len(body) if length is None else length)}
        shown |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in shown.items())
        self.writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)

    def _status_fault(self) -> None:
        """`429` and `503` carry a Retry-After; `429-3` one of 3 s, and only well after it."""
        status, _, after = self.kind.partition("-")
        if after:
            began = self.source.first.setdefault(self.path, time.time())
            if time.time() - began >= float(after):
                self._write(200, self.body(), content_type="image/jpeg")
                return
        headers = {"retry_after": after or "1"} if status in ("429", "503") else {}
        self._write(int(status), b"fault", content_type="text/plain", **headers)

    def body(self) -> bytes:
        if self.source.files is not None:
            return file_at(self.source.files / self.path.rsplit("/", 1)[-1])
        return picture(name_of(self.path) + self.source.paint, size=self.source.size)

    async def _ok(self) -> None:
        body = self.body()
        etag = f'"{len(body)}-{hash(body):x}"'
        if self.headers.get("if-none-match") == etag:
            self._write(304, etag=etag)
        else:
            kind = "text/html; charset=utf-8" if self.path.endswith(".html") else "image/jpeg"
            self._write(200, body, content_type=kind, etag=etag)

    async def _html(self) -> None:
        self._write(200, b"<html><script>alert(1)</script></html>", content_type="image/jpeg")

    async def _svg(self) -> None:
        body = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
        self._write(200, body, content_type="image/svg+xml")

    async def _empty(self) -> None:
        self._write(200, b"", content_type="image/jpeg")

    async def _half(self) -> None:
        body = self.body()
        self._write(200, body[: len(body) // 2], content_type="image/jpeg")

    async def _noend(self) -> None:
        self._write(200, self.body()[:-2], content_type="image/jpeg")

    async def _nearly(self) -> None:
        body = self.body()
        self._write(200, body[: len(body) - len(BASE) // 25], content_type="image/jpeg")

    async def _truncate(self) -> None:
        body = self.body()
        self._write(200, body[: len(body) // 2], length=len(body), content_type="image/jpeg")
        self.is_last = True

    async def _resetmid(self) -> None:
        body = self.body()
        self._write(200, body[: len(body) // 2], length=len(body), content_type="image/jpeg")
        await self.writer.drain()
        self._reset_now()

    async def _reset(self) -> None:
        self._reset_now()

    def _reset_now(self) -> None:
        self.is_last = True
        self.writer.transport.abort()

    async def _short(self) -> None:
        """Promises less than it sends: what arrives is a cut image with a consistent length."""
        body = self.body()
        self._write(200, body, length=len(body) - 700, content_type="image/jpeg")
        self.is_last = True

    async def _stall(self) -> None:
        self.is_last = True
        await asyncio.sleep(FOREVER_S)

    async def _stallmid(self) -> None:
        body = self.body()
        self._write(200, body[: len(body) // 2], length=len(body), content_type="image/jpeg")
        await self.writer.drain()
        await self._stall()

    async def _drip(self) -> None:
        body = self.body()
        self.is_last = True
        self._write(200, b"", length=len(body), content_type="image/jpeg")
        for byte in body:
            self.writer.write(bytes([byte]))
            await self.writer.drain()
            await asyncio.sleep(0.25)

    async def _loop(self) -> None:
        self._write(302, location=self.path)

    async def _chain(self) -> None:
        step = int(self.path.rpartition("?")[2] or 0) if "?" in self.path else 0
        self._write(302, location=f"{self.path.partition('?')[0]}?{step + 1}")

    async def _redirect(self) -> None:
        self._write(302, location="/ok" + self.path)

    async def _elsewhere(self) -> None:
        """To another host, which asks for a pause first."""
        port = self.host.rpartition(":")[2]
        self._write(302, location=f"http://127.0.0.3:{port}/429-2{self.path}")

    async def _private(self) -> None:
        self._write(302, location="http://169.254.169.254/latest/meta-data/")

    async def _canary(self) -> None:
        """To an address of this very machine that no test opens the guard for."""
        self._write(
            302, location=f"http://127.66.66.66:{self.host.rpartition(':')[2]}/ok/canary.jpg"
        )

    async def _bomb(self) -> None:
        self._write(200, png_bomb(), content_type="image/png")

    async def _gzipbomb(self) -> None:
        self._write(200, gzip_bomb(), content_type="image/jpeg", content_encoding="gzip")

    async def _huge(self) -> None:
        self.is_last = True
        self.status = 200
        start = "HTTP/1.1 200 X\r\ncontent-type: image/jpeg\r\nconnection: close\r\n\r\n"
        self.writer.write(start.encode() + b"\xff\xd8\xff")
        for _ in range(400):
            self.writer.write(b"\xff" * 1_000_000)
            await self.writer.drain()


async def serve(arguments: argparse.Namespace) -> None:
    with arguments.log.open("a") as log:
        latency_s = arguments.latency_ms / 1000
        source = Source(log, latency_s=latency_s, size=arguments.size, files=arguments.files)
        server = await _start(source, arguments.address, arguments.port, arguments.tls)
        await server.serve_forever()


async def _start(
    source: Source, address: str, port: int, certificate: Path | None
) -> asyncio.Server:
    """A server that listens; its port is told."""
    server = await asyncio.start_server(
        source.serve, address, port, backlog=512, ssl=_tls(certificate)
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    return server


async def serve_on_request(address: str) -> None:
    """Servers by the lines of stdin: `[log, certificate or null]` begins one, its port ends it."""
    running: dict[int, tuple[asyncio.Server, Source]] = {}
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        if isinstance(asked, int):
            await _end(*running.pop(asked))
            continue
        source = Source(Path(asked[0]).open("a"), latency_s=0, size=0, files=None)  # noqa: SIM115
        server = await _start(source, address, 0, asked[1])
        running[server.sockets[0].getsockname()[1]] = (server, source)


async def _end(server: asyncio.Server, source: Source) -> None:
    server.close()
    for task in source.serving:
        task.cancel()
    await asyncio.gather(*source.serving, return_exceptions=True)
    source.log.close()


def _tls(certificate: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=0)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--log", type=Path)
    how.add_argument("--on-request", action="store_true", help="serve what stdin asks for")
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--size", type=int, default=0, help="bytes of an image, at least")
    parser.add_argument("--tls", type=Path, help="serve https with this key and certificate (PEM)")
    parser.add_argument("--files", type=Path, help="serve these files instead")
    arguments = parser.parse_args()
    run = exact_waits.run if arguments.latency_ms else asyncio.run
    try:
        run(serve_on_request(arguments.address) if arguments.on_request else serve(arguments))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
