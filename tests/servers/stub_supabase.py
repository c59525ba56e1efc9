"""A Supabase that only pretends: a queue in memory and uploads that take a set time, for measuring.

It stands in for the network's latency, so that what is measured is the client. Standalone, so that
it runs in a process of its own. `POST /_/report` answers what arrived.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import uuid
from typing import Any

import exact_waits


class Stub:
    """Listings to claim, and the objects that came."""

    def __init__(self, *, latency_s: float, rpc_latency_s: float) -> None:
        self.latency_s = latency_s
        self.rpc_latency_s = rpc_latency_s
        self.todo: list[dict[str, Any]] = []
        self.objects: dict[str, str] = {}
        self.finished = 0
        self.stored = 0
        self.uploads = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                began = asyncio.get_running_loop().time()
                first, *lines = head.split("\r\n")
                _, path, _ = first.split(" ")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines if line)
                }
                body = await self._body(reader, headers)
                answer = json.dumps(await self._answer(path, body, headers, began)).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                    b"content-length: %d\r\n\r\n" % len(answer) + answer
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _body(self, reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await reader.readexactly(int(headers.get("content-length", 0)))
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)

    async def _answer(self, path: str, body: bytes, headers: dict[str, str], began: float) -> Any:
        """The answer, as late as a request that began then is to be answered: what this server
        itself does meanwhile is part of the wait.
        """
        if path.startswith("/storage/v1/object/"):
            self.uploads += 1
            self.objects[path] = _digest_of_file(body, headers)
            await _until(began + self.latency_s)
            return {"Id": str(uuid.uuid4()), "Key": path}
        if path == "/_/todo":
            self.todo += json.loads(body)
            return {}
        if path == "/_/report":
            return {
                "uploads": self.uploads,
                "objects": len(self.objects),
                "digests": sorted(set(self.objects.values())),
                "named": self.objects,
                "finished": self.finished,
                "stored": self.stored,
            }
        await _until(began + self.rpc_latency_s)
        name = path.partition("?")[0].rpartition("/")[2]
        return getattr(self, f"_{name}", lambda _: {})(json.loads(body or b"{}"))

    def _schema_version(self, _: dict[str, Any]) -> Any:
        return {"version": 1}

    def _start_run(self, _: dict[str, Any]) -> Any:
        return {"run_id": 1}

    def _waiting_claims(self, _: dict[str, Any]) -> Any:
        return {"listings": 0, "seconds": 0}

    def _extend_claims(self, _: dict[str, Any]) -> Any:
        return {"lost": []}

    def _claim_listings(self, params: dict[str, Any]) -> Any:
        limit = params["p_limit"]
        claims, self.todo = self.todo[:limit], self.todo[limit:]
        return {"claims": claims, "holds": []}

    def _record_results(self, params: dict[str, Any]) -> Any:
        answers = []
        for claim in json.loads(params["p_claims"]):
            self.finished += claim["is_last"]
            self.stored += sum(one["outcome"] == "stored" for one in claim["results"])
            answers.append({"accepted": True, "status": "completed", "images": {}})
        return {"answers": answers}


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))


def _digest_of_file(body: bytes, headers: dict[str, str]) -> str:
    """The digest of the file inside a multipart body, or of the body itself."""
    _, found, boundary = headers.get("content-type", "").partition("boundary=")
    if found:
        mark = b"--" + boundary.strip('"').encode()
        for part in body.split(mark):
            head, _, content = part.partition(b"\r\n\r\n")
            if b"filename=" in head:
                return hashlib.sha256(content.removesuffix(b"\r\n")).hexdigest()
    return hashlib.sha256(body).hexdigest()


async def serve(arguments: argparse.Namespace) -> None:
    stub = Stub(
        latency_s=arguments.latency_ms / 1000, rpc_latency_s=arguments.rpc_latency_ms / 1000
    )
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0, backlog=512, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--rpc-latency-ms", type=float, default=0)
    try:
        exact_waits.run(serve(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
