"""One server process in one home: started detached, waited for, stopped; it counts no users."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import httpx

from scraper.base.errors import EmbeddedError
from scraper.base.progress import still_at
from scraper.base.settings import child_environment
from scraper.database.embedded.home import Home
from scraper.database.embedded.locks import hold, try_hold
from scraper.database.embedded.node import node_program, server_program
from scraper.database.embedded.port import REUSABLE, PortTakenError, wait_for_port

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
MIGRATE_TIMEOUT_S = 180.0
POLL_S = 0.05
PID_TIMEOUT_S = 5.0
QUIET = {"LITE_TELEMETRY": "0", "DO_NOT_TRACK": "1", "EXPERIMENTAL_STORAGE": "1"}
DISK_FULL = re.compile(r"ENOSPC|errno: 51\b")  # of the system, of PGlite
DAMAGED = re.compile(
    r"PGlite failed to initialize|RuntimeError: (?:Aborted\(|unreachable)|PANIC|checkpoint record"
)
COMPILED_ONCE = "--liftoff-only"
"""For a program that ends after seconds: its WebAssembly by V8's quick compiler alone. The other
one, which looks at each function again, takes a third of the work and pays in minutes."""
ANSI = re.compile(r"\x1b\[[0-9;]*m")

Tell = Callable[[str], None]


def is_alive(home: Home) -> bool:
    """Whether the server's process lives: it holds a lock that the kernel frees with it."""
    try:
        with home.life_lock.open("a") as lock:
            return not try_hold(lock)
    except FileNotFoundError:
        return False


def start(home: Home, *, tell: Tell, stays: bool) -> None:
    """Migrate and start the server, and wait until it answers. The caller holds the start lock.

    `stays` is remembered: whether it goes on when the last command that uses it has ended.
    """
    home.create()
    _wait_for_port(home, tell)
    script = server_program(tell=tell)
    home.write_config()
    home.write_record(port=home.port, stays=stays, folder=str(home.folder))
    with home.explained():
        life_lock, server_log = home.life_lock.open("a"), home.log.open("ab")
    with life_lock as life, server_log as log:
        hold(life)
        _migrate(home, script, tell, life=life.fileno())
        tell(f"Starting the local Supabase on port {home.port} …")
        try:
            _launch(home, script, life=life.fileno(), log=log)
        except PortTakenError:
            wait_for_port(home.port, tell=tell)
            _launch(home, script, life=life.fileno(), log=log)


def _wait_for_port(home: Home, tell: Tell) -> None:
    try:
        wait_for_port(home.port, tell=tell)
    except PortTakenError as exc:
        if not answers(home):
            raise
        raise EmbeddedError(
            f"Port {home.port} is taken by another local Supabase: that of another clone, or this "
            "one, whose folder was moved or removed while it ran. End it there (`python -m "
            "workflows local down`), or set LOCAL_SUPABASE_PORT to a free port."
        ) from exc


def _launch(home: Home, script: Path, *, life: int, log: BinaryIO) -> None:
    begins = log.seek(0, os.SEEK_END)
    # What it says on stdout is a greeting with its keys in it, which are nothing for a log.
    process = _spawn(
        home, script, "start", "--no-admin", life=life, out=subprocess.DEVNULL, err=log
    )
    try:
        _wait_until_ready(home, process, begins)
    except BaseException:
        _end(process.pid, signal.SIGKILL)
        process.wait()
        raise
    process.returncode = 0  # it is not ours to wait for: spares a ResourceWarning at exit


def _spawn(
    home: Home,
    script: Path,
    *arguments: str,
    life: int,
    out: BinaryIO | int,
    err: BinaryIO | int,
    node_options: tuple[str, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start the server's program, detached and holding the life lock.

    Whatever happens to us, two such processes never work on the same data (PGlite would not
    notice), and the one that lives can be found: it writes its number before it becomes Node.
    """
    home.pid_file.unlink(missing_ok=True)  # an old number may be somebody else's by now
    node = [str(node_program()), *node_options]
    command = [*node, str(script), *arguments, "--config", str(home.config)]
    return subprocess.Popen(
        ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(home.pid_file), *command],
        cwd=home.folder,
        # It makes a folder in HOME at its start, which is not its business, or cannot.
        env=child_environment(**QUIET, HOME=str(home.folder)),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,  # so a Ctrl-C in the terminal is not its business
        pass_fds=[life],
    )


def stop(home: Home) -> None:
    """End the server, if it lives. The caller holds the start lock."""
    if not is_alive(home):
        return
    pid = _pid(home)
    for number in (signal.SIGTERM, signal.SIGKILL):
        _end(pid, number)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < deadline:
            _reap(pid)
            if not is_alive(home):
                return
            time.sleep(POLL_S)
    raise EmbeddedError(f"The local Supabase (process {pid}) does not stop: end it by hand.")


def settle(home: Home) -> bool:
    """Wait until a living server answers, or has ended; whether it answers.

    A start whose command was killed goes on by itself: first its migration, which then ends.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while is_alive(home) and time.monotonic() < deadline:
        if answers(home):
            return True
        time.sleep(POLL_S)
    return False


def answers(home: Home) -> bool:
    """Whether it is ready to serve."""
    try:
        # Without authorities, for there is no TLS: reading them costs more than the question.
        nobodys = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with httpx.HTTPTransport(verify=nobodys, socket_options=[REUSABLE]) as transport:
            client = httpx.Client(transport=transport, timeout=10, trust_env=False)
            reply = client.get(f"http://127.0.0.1:{home.port}/storage/v1/status")
    except httpx.TransportError:
        return False
    return reply.status_code == 200 and reply.text.lstrip().startswith("{")


def _wait_until_ready(home: Home, process: subprocess.Popen[bytes], begins: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not answers(home):
        said = _log_since(home, begins)
        if process.poll() is not None or "InvalidSchemaError" in said:
            # With a configuration it does not understand the server says so, and hangs.
            if "is already in use" in said:
                raise PortTakenError(home.port)
            raise _failure(home, "The local Supabase does not start", said)
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"The local Supabase did not answer within {START_TIMEOUT_S:.0f} s: see {home.log}."
            )
        time.sleep(POLL_S)


def _migrate(home: Home, script: Path, tell: Tell, *, life: int) -> None:
    """Apply pending migrations, which the server itself never does."""
    if home.is_migrated():
        return
    tell("Preparing the local database …")
    with home.log.open("ab") as log:
        begins = log.seek(0, os.SEEK_END)
        process = _spawn(
            home,
            script,
            "migration",
            "up",
            life=life,
            out=log,
            err=subprocess.STDOUT,
            node_options=(COMPILED_ONCE,),
        )
    try:
        with still_at("Preparing", tell):
            code = process.wait(MIGRATE_TIMEOUT_S)
    except subprocess.TimeoutExpired as exc:
        raise EmbeddedError(
            f"Preparing the local database took longer than {MIGRATE_TIMEOUT_S:.0f} s."
        ) from exc
    finally:
        if process.poll() is None:
            _end(process.pid, signal.SIGKILL)
            process.wait()
    if code != 0:
        raise _failure(home, "Preparing the local database failed", _log_since(home, begins))
    home.mark_migrated()


def _log_since(home: Home, begins: int) -> str:
    with home.log.open("rb") as log:
        log.seek(begins)
        return ANSI.sub("", log.read().decode(errors="replace"))


def _failure(home: Home, what: str, said: str) -> EmbeddedError:
    """Why the server's program gave up, by what it said; its keys are taken out of the log."""
    text = home.log.read_text(encoding="utf-8", errors="replace")
    home.log.write_text(home.without_keys(text), encoding="utf-8")
    if DAMAGED.search(said):
        return EmbeddedError(
            f"{what}: its data are damaged (a write-ahead log that was cut, a file that was lost), "
            f"or from another version. Move {home.folder / 'data'} away to begin anew, put a "
            "backup in its place, or set LOCAL_SUPABASE_HOME to another folder."
        )
    if DISK_FULL.search(said):
        return EmbeddedError(
            f"{what}: the disk is full. Make room, or set LOCAL_SUPABASE_HOME to another place."
        )
    return EmbeddedError(f"{what}: {_reason(said)} (all of it in {home.log}).")


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "rror" in line]
    return (telling or lines[-1:] or ["it said nothing"])[0][:300]


def _pid(home: Home) -> int:
    deadline = time.monotonic() + PID_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            return int(home.pid_file.read_text())
        except (OSError, ValueError):
            time.sleep(POLL_S)
    raise EmbeddedError(
        f"The local Supabase runs, but {home.pid_file} does not say as which process: "
        "end it by hand."
    )


def _end(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
