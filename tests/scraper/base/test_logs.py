"""Logs and the console: several processes at once, no secret, the right stream and exit code."""

from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from scraper.base import console
from scraper.base.errors import ListingMirrorError
from scraper.base.logs import FILE_NAME, start_logging
from scraper.base.redaction import redact
from scraper.base.settings import Settings
from scraper.base.version import VERSION

PROJECT = Path(__file__).parents[3]
SECRET = "sb_secret_" + "a1" * 20
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2lnbmF0dXJl"
WRITER = """
import logging, sys
from scraper.base.logs import start_logging
from scraper.base.settings import Settings
start_logging(Settings.from_environment({"LOG_DIR": sys.argv[1]}))
for number in range(400):
    logging.getLogger("scraper.test").info("%s-%d %s", sys.argv[2], number, "x" * 60)
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"key {SECRET}!", "key sb_secret_***!"),
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer ***"),
        (f"token {JWT} ends", "token *** ends"),
        ("postgres://me:pass@host/db", "postgres://***@host/db"),
        ("https://user@host/a?b=c", "https://***@host/a?b=c"),
        ("https://host/a?apikey=abc&x=1", "https://host/a?apikey=***&x=1"),
        ("{'apikey': 'abc'}", "{'apikey': '***'}"),
        ("https://host/a@b.jpg", "https://host/a@b.jpg"),
        ("nothing to hide: 12 images", "nothing to hide: 12 images"),
    ],
)
def test_secrets_are_taken_out(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_the_first_line_names_the_version(tmp_path: Path) -> None:
    file = start_logging(Settings.from_environment({"LOG_DIR": str(tmp_path)}))
    assert f"listing-mirror {VERSION} on Python 3." in file.read_text("utf-8").splitlines()[0]


def test_no_secret_reaches_the_file_by_any_way(tmp_path: Path) -> None:
    file = start_logging(Settings.from_environment({"LOG_DIR": str(tmp_path)}))
    log = logging.getLogger("migrate.test")
    log.info("argument %s", SECRET)
    try:
        raise ValueError(f"cannot reach https://me:{SECRET}@host")
    except ValueError:
        log.exception("it failed")
    written = file.read_text("utf-8")
    assert "a1a1" not in written
    assert "argument sb_secret_***" in written
    assert "ValueError: cannot reach https://***@host" in written


def test_processes_share_one_file_without_losing_a_line(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in "abc"
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    lines = (tmp_path / FILE_NAME).read_text("utf-8").splitlines()
    assert sum("listing-mirror" in line for line in lines) == len(writers)
    found = sorted(line.split()[-2] for line in lines if "listing-mirror" not in line)
    assert found == sorted(f"{name}-{number}" for name in "abc" for number in range(400))


@pytest.mark.parametrize("kind", ["a file in its place", "no room"])
def test_a_log_that_cannot_be_written_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    folder = tmp_path / "logs"
    if kind == "no room":
        folder.mkdir()
        (folder / FILE_NAME).symlink_to("/dev/full")
    else:
        folder.write_text("")
    start_logging(Settings.from_environment({"LOG_DIR": str(folder)}))
    for number in range(3):
        logging.getLogger("migrate.test").info("entry %s", number)
    told = capsys.readouterr().err
    assert told.count("cannot be written") == 1
    assert "set LOG_DIR" in told
    assert len(told.splitlines()) == 1


def test_a_log_entry_cannot_look_like_two(tmp_path: Path) -> None:
    file = start_logging(Settings.from_environment({"LOG_DIR": str(tmp_path)}))
    logging.getLogger("migrate.test").info("%s", "a\n2026-01-01T00:00:00Z 1 ERROR x\x1b[31mforged")
    _version, *entries = file.read_text("utf-8").splitlines()
    assert len(entries) == 1
    assert "\x1b" not in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (ListingMirrorError("The key is wrong."), 1, "error: The key is wrong."),
        (KeyboardInterrupt(), 130, "interrupted"),
        (typer.Exit(3), 3, ""),
        (ZeroDivisionError("by zero"), 1, "unexpected ZeroDivisionError"),
    ],
)
def test_errors_become_a_sentence_and_a_code(raised: BaseException, code: int, words: str) -> None:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    @console.handles_errors
    def command() -> None:
        raise raised

    result = CliRunner().invoke(app, [])
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_a_pipe_gets_plain_lines_that_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn("a [bold]word[/bold] " + "x" * 300)
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "warning: a [bold]word[/bold] " + "x" * 300 + "\n"


def a_command_that_shows(text: str, *, stdout: Any, **changes: str) -> Any:
    program = (
        "import sys\nfrom scraper.base import console\n"
        "console.handles_errors(lambda: (console.show(sys.argv[1]), console.say('said')))()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, text],
        cwd=PROJECT,
        env=dict(os.environ) | changes,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )


def test_a_name_that_the_terminal_cannot_write_is_spelt_out() -> None:
    done = a_command_that_shows("刀", stdout=subprocess.PIPE, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout, done.stderr) == (0, "\\u5200\n", "said\n")


def test_a_closed_stdout_ends_no_command() -> None:
    closed = 'exec "$0" -c "$1" >&-'
    program = (
        "from scraper.base import console\n"
        "console.handles_errors(lambda: (console.show('x'), console.say('said')))()"
    )
    done = subprocess.run(
        ["/bin/sh", "-c", closed, sys.executable, program],
        cwd=PROJECT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "said\n")


def test_a_full_disk_is_a_sentence() -> None:
    with open("/dev/full", "w") as full:
        done = a_command_that_shows("x", stdout=full)
    assert "error: The result cannot be written: No space left on device.\n" in done.stderr
    assert done.returncode != 0


def test_a_failure_before_the_log_is_open_is_told_once(run_command: Any) -> None:
    done = run_command("migrate", "stats", env={"LEASE_S": "soon"})
    assert done.returncode == 1
    assert done.stderr.count("LEASE_S") == 1
    assert done.stderr.startswith("error: LEASE_S is 'soon'")


def test_a_log_for_programs_is_one_object_a_line(tmp_path: Path) -> None:
    settings = Settings(log_dir=tmp_path, log_format="json")
    file = start_logging(settings)
    log = logging.getLogger("scraper.test")
    log.warning("two\nlines of %s", SECRET)
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("failed")
    entries = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    warned, failed = entries[-2:]
    assert (warned["level"], warned["logger"]) == ("WARNING", "scraper.test")
    assert warned["message"] == "two\nlines of sb_secret_***"
    assert "ValueError: broken" in failed["exception"]
    assert all(entry["time"].endswith("Z") and entry["process"] == os.getpid() for entry in entries)


@pytest.mark.parametrize("variables", [{}, {"LEASE_S": "soon"}], ids=["works", "fails"])
def test_what_is_told_to_programs_is_one_object_a_line(
    run_command: Any, tmp_path: Path, variables: dict[str, str]
) -> None:
    asked = {"LOG_FORMAT": "JSON", "LOG_DIR": str(tmp_path), "LOCAL_SUPABASE_HOME": str(tmp_path)}
    done = run_command("workflows", "local", "env", env=asked | variables)
    assert done.returncode == 1
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(one["level"], one["logger"]) for one in told] == [("ERROR", "console")]
    assert ("LEASE_S" if variables else "not running") in told[0]["message"]
    assert set(told[0]) == {"time", "process", "level", "logger", "message"}


def test_a_program_that_watches_gets_no_bars(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        console.tell_programs(True)
        console.say()
        console.warn(f"two\nlines of {SECRET}")
        console.say(console.annotation("error", "title", "text"))
    finally:
        console.tell_programs(False)
    entry, command = capsys.readouterr().err.splitlines()
    assert json.loads(entry)["message"] == "two\nlines of sb_secret_***"
    assert command == "::error title=title::text"


def test_on_a_terminal_what_is_said_stands_above_a_progress_bar() -> None:
    program = (
        "from rich.progress import Progress\n"
        "from scraper.base import console\n"
        "with Progress(console=console.progress(), auto_refresh=False) as bar:\n"
        "    bar.add_task('copying', total=2)\n"
        "    bar.refresh()\n"
        "    console.say('one is done')\n"
        "    console.warn('one is slow')\n"
        "    bar.refresh()\n"
        "console.show('a result')\n"
    )
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env=dict(os.environ) | {"TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert (done.returncode, done.stdout) == (0, b"a result\n")
    assert "Traceback" not in shown
    assert shown.index("one is done") < shown.index("one is slow") < shown.rindex("copying")
