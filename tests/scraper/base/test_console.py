"""The outlet: telling stops nothing, whatever becomes of the streams, and nobody goes round it."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from parsed_sources import parsed_sources

PROJECT = Path(__file__).parents[3]
WORK = """
import sys
from pathlib import Path
import typer
from scraper.base import console

@console.handles_errors
def work():
    for number in range(200):
        console.say(f"step {number} " + "x" * 2000)
        console.warn("careful")
    console.show("the result", of_work=len(sys.argv) > 3)
    Path(sys.argv[1]).write_text("done")
    raise typer.Exit(int(sys.argv[2]))

app = typer.Typer()
console.STUCK_S = 0.2
try:
    work()
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


def run_work(
    done: Path, redirection: str, code: int = 0, *more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'"$@" {redirection}',
            "-",
            sys.executable,
            "-c",
            WORK,
            done,
            f"{code}",
            *more,
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "2>/dev/null", ">&- 2>&-"])
def test_a_stderr_that_takes_nothing_stops_nothing(tmp_path: Path, redirection: str) -> None:
    ended = run_work(tmp_path / "done", redirection, code=3)
    assert ended.returncode == 3
    assert (tmp_path / "done").read_text() == "done"
    assert ended.stdout == ("" if ">&- 2>&-" in redirection else "the result\n")


@pytest.mark.parametrize(
    ("code", "more", "expected"),
    [
        (0, [], 1),  # it was all that was asked for
        (0, ["of work"], 0),  # that is done, whoever knows of it
        (3, [], 3),
        (3, ["of work"], 3),
    ],
)
def test_a_result_that_is_lost_is_said_when_the_work_is_done(
    tmp_path: Path, code: int, more: list[str], expected: int
) -> None:
    ended = run_work(tmp_path / "done", ">/dev/full", code, *more)
    assert (tmp_path / "done").read_text() == "done"
    assert ended.returncode == expected
    said = "error: The result cannot be written: No space left on device."
    assert [line for line in ended.stderr.splitlines() if "cannot" in line] == [said]


def test_a_reader_who_has_seen_enough_changes_nothing(tmp_path: Path) -> None:
    ended = run_work(tmp_path / "done", "| true")
    assert (tmp_path / "done").read_text() == "done"
    assert ended.stderr.splitlines()[-1] == "warning: careful"


def test_a_pipe_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    reader, writer = os.pipe()  # takes 64 KB, and then waits for somebody to read
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, tmp_path / "done", "0"],
        cwd=PROJECT,
        stderr=writer,
        stdout=subprocess.DEVNULL,
    )
    os.close(writer)
    assert process.wait(timeout=60) == 0
    os.close(reader)
    assert (tmp_path / "done").read_text() == "done"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_closed_terminal_ends_a_command_like_a_service_manager(number: int) -> None:
    program = (
        "import os, time\nfrom scraper.base import console\n"
        f"def work():\n    os.kill(os.getpid(), {int(number)})\n    time.sleep(30)\n"
        "import typer, sys\n"
        "try:\n    console.handles_errors(work)()\n"
        "except typer.Exit as end:\n    sys.exit(end.exit_code)\n"
    )
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (130, "error: interrupted\n")
    assert time.monotonic() - began < 25


def test_nobody_prints_around_the_outlet() -> None:
    allowed = {"scraper/base/console.py", "scraper/base/starting.py"}
    found = [
        f"{path}:{node.lineno}"
        for path, tree in parsed_sources().items()
        if path not in allowed
        for node in ast.walk(tree)
        if _prints(node)
    ]
    assert found == []


WAYS_TO_PRINT = {"print", "echo", "secho", "write", "writelines", "Console"}


def _last_word(function: ast.expr) -> str | None:
    """`write` of `sys.stdout.write`; spelling out the whole takes longer."""
    return getattr(function, "attr", None) or getattr(function, "id", None)


def _prints(node: ast.AST) -> bool:
    """Say whether this is print(), a write to a standard stream, or another way to one."""
    if not isinstance(node, ast.Call) or _last_word(node.func) not in WAYS_TO_PRINT:
        return False
    words = ast.unparse(node.func).split(".")
    if words[-1] in {"print", "echo", "secho"}:
        return words[0] not in {"console"} or len(words) == 1
    if words[-1] in {"write", "writelines"} and {"stdout", "stderr", "__stdout__"} & set(words):
        return True
    if words == ["os", "write"]:
        return True
    is_console = words[-1] == "Console"
    return is_console and not any(word.arg == "file" for word in node.keywords)
