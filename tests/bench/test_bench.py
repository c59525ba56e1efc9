"""The bench goes on without what is missing or fails, and says so; its servers do as they say."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bench
import documents
import goals
import nginx
import pytest
import serving
from measuring import Scale, Section, interleaved, make_photos

WAIT_S = 0.08


@pytest.fixture(params=["nginx", "own"])
def server_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two kinds of servers, nginx where it is installed."""
    if request.param == "nginx" and nginx.name() is None:
        pytest.skip(f"no nginx with a module for waits here ({nginx.TO_HAVE})")
    if request.param == "own":
        monkeypatch.setattr(nginx, "name", lambda: None)
    return str(request.param)


def fetch(url: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, float]:
    """Status, body, and the seconds that it took."""
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    began = time.monotonic()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, shown)) as answer:
            return answer.status, answer.read(), time.monotonic() - began
    except urllib.error.HTTPError as error:
        return error.code, b"", time.monotonic() - began


def test_files_come_whole_after_their_wait_and_are_written_down(
    server_kind: str, tmp_path: Path
) -> None:
    names = make_photos(tmp_path, 2)
    log = tmp_path / "log"
    with serving.dealers(tmp_path, log=log) as dealers:
        at_once = fetch(f"http://127.0.0.2:{dealers.port}/ok/1/{names[0]}")
        late = fetch(f"http://127.0.0.3:{dealers.port}/wait-{WAIT_S}/2/{names[1]}")
        missing = fetch(f"http://127.0.0.1:{dealers.port}/ok/robots.txt")
        assert dealers.cpu_s > 0
        deadline = time.monotonic() + 5  # nginx writes its line behind its answer
        while len(log.read_text().splitlines()) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        record = serving.requests(log)
    assert at_once[:2] == (200, (tmp_path / names[0]).read_bytes())
    assert late[:2] == (200, (tmp_path / names[1]).read_bytes())
    assert at_once[2] < WAIT_S <= late[2] + 0.001  # nginx counts in milliseconds
    assert missing[0] == 404
    assert [one["status"] for one in record] == [200, 200, 404]
    assert record[1]["path"] == f"/wait-{WAIT_S}/2/{names[1]}"
    assert WAIT_S - 0.002 <= record[1]["until"] - record[1]["at"] < 1


def test_uploads_are_taken_in_their_time_and_told_by_digest(server_kind: str) -> None:
    body = bytes(range(256)) * 800
    part = b'--X\r\nContent-Disposition: form-data; name=""; filename="a"\r\n\r\n'
    forms = b'--X\r\nContent-Disposition: form-data; name="cacheControl"\r\n\r\n9\r\n'
    multipart = forms + part + body + b"\r\n--X--\r\n"
    with serving.storage(latency_s=WAIT_S) as storage:
        storage.expect([{"listing_id": 1}])
        base = f"{storage.url}/storage/v1/object/b"
        raw = fetch(f"{base}/raw.jpg", body, content_type="image/jpeg")
        form = fetch(f"{base}/form.jpg", multipart, content_type="multipart/form-data; boundary=X")
        claimed = fetch(f"{storage.url}/rest/v1/rpc/claim_listings", b'{"p_limit": 5}')
        results = json.dumps([{"results": [{"outcome": "stored"}, {"outcome": "failed"}]}])
        params = json.dumps({"p_claims": results}).encode()
        fetch(f"{storage.url}/rest/v1/rpc/record_results", params)
        objects, recorded = storage.report()
    assert json.loads(raw[1])["Key"] == "/storage/v1/object/b/raw.jpg"
    assert min(raw[2], form[2]) >= WAIT_S - 0.001
    assert json.loads(claimed[1])["claims"] == [{"listing_id": 1}]
    digest = hashlib.sha256(body).hexdigest()
    assert objects == {f"/storage/v1/object/b/{name}.jpg": digest for name in ("raw", "form")}
    assert recorded == 1


def test_large_uploads_are_not_held_in_memory() -> None:
    with serving.storage(is_small=False) as storage:
        body = b"x" * 40_000_000
        for number in range(8):
            fetch(f"{storage.url}/storage/v1/object/b/{number}.jpg", body)
        held = Path(f"/proc/{storage.processes[0].pid}/statm").read_text().split()[1]
        assert len(storage.report()[0]) == 8
    assert int(held) * os.sysconf("SC_PAGE_SIZE") < 300_000_000


def test_one_that_fails_is_tried_once_more_and_then_left_out() -> None:
    section = Section("Images", "Copied.")
    tries: dict[str, int] = {}

    def measure(name: str) -> dict[str, Any]:
        tries[name] = tries.get(name, 0) + 1
        if name == "always" or (name == "once" and tries[name] == 1):
            raise RuntimeError("Traceback\n  ...\nReadError: bad file descriptor\n")
        return {"seconds": 1.0}

    results = interleaved(("fine", "once", "always"), 2, measure, section)
    assert {name: len(rows) for name, rows in results.items()} == {"fine": 2, "once": 2}
    assert tries == {"fine": 2, "once": 3, "always": 2}
    assert section.left_out == [
        "always, which failed twice (ReadError: bad file descriptor)",
    ]


def test_a_section_that_fails_leaves_the_others_and_its_goals_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(scale: Scale) -> Section:
        raise OSError("no space left")

    def fine(scale: Scale) -> Section:
        rows = [{"command": f"migrate {name}", "CPU s": 0.1} for name in ("--help", "--version")]
        return Section("Starting", "CPU.", rows=rows)

    monkeypatch.setattr(bench, "SECTIONS", {"idle": broken, "start": fine})
    measured: dict[str, Section] = {}
    bench.measure(["idle", "start"], Scale(), measured)
    assert measured["idle"].left_out == ["all of it (OSError: no space left)"]
    assert {row["goal"]: row["met"] for row in measured["goals"].rows} == {
        "nothing to do": "-",
        "requests to dealers then": "-",
        "CPU of --help": "yes",
        "CPU of --version": "yes",
        "CPU of stats": "-",
    }


def test_every_goal_bears_a_section_without_a_row() -> None:
    every = {goal.section: Section(goal.section, "") for goal in goals.GOALS}
    assert {row["measured"] for row in goals.goals(every).rows} == {"not measured"}


def test_the_documents_quote_it_with_date_and_machine(tmp_path: Path) -> None:
    document, readme = tmp_path / "benchmark.md", tmp_path / "README.md"
    document.write_text("How it is measured.\n\n<!-- measured -->\n\nold tables\n")
    readme.write_text("Before.\n<!-- quoted -->\nold\n<!-- /quoted -->\nBehind.\n")
    pages = [{"what": "ours: one listing, all fields", "CPU ms a page": 20.4}]
    measured = {"pages": Section("Pages", "Read.", rows=pages), "legs": Section("Legs", "")}
    measured["goals"] = goals.goals(measured)
    where = {"cpu": "A CPU", "cores": 2, "python": "3.11", "system": "Linux", "load": (0.1,)}
    head = documents.heading(where, is_quick=False)
    documents.put_into(document, head, measured)
    documents.quote_in(readme, where, measured)
    text = document.read_text()
    assert text.startswith("How it is measured.\n\n<!-- measured -->\n\nMeasured 20")
    assert "old" not in text and text.index("### Goals") < text.index("### Pages")
    before, line, behind = re.split(r"<!-- /?quoted -->", readme.read_text())
    assert (before, behind) == ("Before.\n", "\nBehind.\n")
    assert re.fullmatch(
        r"Measured \d{4}-\d\d-\d\d on A CPU with 2 cores: 20 ms of CPU a product page\.",
        line.strip(),
    )


def test_the_projects_own_documents_have_a_place_for_it() -> None:
    assert documents.has_place(bench.PROJECT / "docs" / "benchmark.md")
    assert len(documents.QUOTED.findall((bench.PROJECT / "README.md").read_text("utf-8"))) == 1


def test_an_interrupt_ends_it_with_all_its_servers() -> None:
    command = [sys.executable, bench.__file__, "--only", "crawl", "--quick"]
    with _in_a_group_of_its_own(command) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "run 1 of 1" in line:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        with pytest.raises(ProcessLookupError):  # killed processes take a moment to go
            for _ in range(200):
                os.killpg(process.pid, 0)
                time.sleep(0.05)


@contextlib.contextmanager
def _in_a_group_of_its_own(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
