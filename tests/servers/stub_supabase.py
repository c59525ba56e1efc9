"""A Supabase that only pretends: a queue in memory and uploads that take a set time, for measuring.

It stands in for the network's latency, so that what is measured is the client. What arrives is
kept as it came and looked at when `POST /_/report` asks for it, after the measured time.
Standalone, so that it runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from typing import Any

import exact_waits
from exchanges import Answer, Request, serve, wire
from uploads import digest_of_file

KEPT_BYTES = 1 << 28
"""With more than that, bodies are looked at as they come, so that they do not fill the memory."""


class Stub:
    """Listings to claim, and the objects that came."""

    def __init__(self, *, latency_s: float) -> None:
        self.latency_s = latency_s
        self.todo: list[dict[str, Any]] = []
        self.kept: dict[str, tuple[bytes, str]] = {}
        self.bytes_kept = 0
        self.digests: dict[str, str] = {}
        self.stored = 0

    def answer(self, request: Request) -> Answer:
        path = request.path
        if path.startswith("/storage/v1/object/"):
            self._keep(path, request.body, request.headers.get("content-type", ""))
            return _json({"Id": str(uuid.uuid4()), "Key": path}, self.latency_s)
        if path == "/_/todo":
            self.todo += json.loads(request.body)
            return _json({})
        if path == "/_/report":
            self._look()
            return _json({"named": self.digests, "stored": self.stored})
        name = path.partition("?")[0].rpartition("/")[2]
        return _json(getattr(self, f"_{name}", lambda _: {})(json.loads(request.body or b"{}")))

    def _keep(self, path: str, body: bytes, content_type: str) -> None:
        self.kept[path] = (body, content_type)
        self.bytes_kept += len(body)
        if self.bytes_kept > KEPT_BYTES:
            self._look()

    def _look(self) -> None:
        for path, (body, content_type) in self.kept.items():
            self.digests[path] = digest_of_file(body, content_type)
        self.kept.clear()
        self.bytes_kept = 0

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
        claims = json.loads(params["p_claims"])
        results = [one for claim in claims for one in claim["results"]]
        self.stored += sum(one["outcome"] == "stored" for one in results)
        answer = {"accepted": True, "status": "completed", "images": {}}
        return {"answers": [answer for _ in claims]}


def _json(value: Any, wait_s: float = 0.0) -> Answer:
    return Answer(wire(json.dumps(value).encode()), wait_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0)
    stub = Stub(latency_s=parser.parse_args().latency_ms / 1000)
    try:
        exact_waits.run(serve(stub.answer, "127.0.0.1"))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
