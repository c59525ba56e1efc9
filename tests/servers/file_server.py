"""A dealer's image server for measuring: files, waits that are as long as they say, a record.

The last part of a path is the file, its first folder says how long it takes: `/wait-0.050/…`
seconds, `/stall/…` for ever, anything else at once. It stands in where there is no nginx and is
called, answers and writes its record as that one does (tests/bench/nginx.py). Standalone, so that
it runs in a process of its own.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from pathlib import Path
from typing import TextIO

import exact_waits
from exchanges import Answer, Request, serve, wire

KEPT_BYTES = 1 << 20
"""A larger file is read anew each time, so that many of them do not fill the memory."""


class FileServer:
    """The folder's files by their names."""

    def __init__(self, folder: Path, log: TextIO | None) -> None:
        self.folder = folder
        self.log = log
        self.kept: dict[str, bytes] = {}

    def answer(self, request: Request) -> Answer:
        kind, _, _ = request.path[1:].partition("/")
        if kind == "stall":
            return Answer(b"", wait_s=None)
        wait_s = float(kind.removeprefix("wait-")) if kind.startswith("wait-") else 0.0
        status, whole = self._found(request.path.rpartition("/")[2])
        if self.log is None:
            return Answer(whole, wait_s)
        return Answer(whole, wait_s, functools.partial(self._note, request, status))

    def _found(self, name: str) -> tuple[int, bytes]:
        if name in self.kept:
            return 200, self.kept[name]
        file = self.folder / name
        if not file.is_file():
            return 404, wire(b"", status=404)
        kind = "text/html; charset=utf-8" if name.endswith(".html") else "image/jpeg"
        whole = wire(file.read_bytes(), content_type=kind)
        if len(whole) <= KEPT_BYTES:
            self.kept[name] = whole
        return 200, whole

    def _note(self, request: Request, status: int) -> None:
        assert self.log is not None
        now = time.time()
        line = {"until": now, "took": now - request.began, "path": request.path, "status": status}
        self.log.write(json.dumps(line) + "\n")
        self.log.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--log", type=Path)
    arguments = parser.parse_args()
    log = None if arguments.log is None else arguments.log.open("a")
    try:
        exact_waits.run(serve(FileServer(arguments.folder, log).answer, "0.0.0.0"))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
