"""The local Supabase's life: real servers in their own folders, also killed and doubled."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from calls_at_size import all_calls, called_by_the_program
from local_servers import free_port, migrated

from scraper.base.errors import EmbeddedError, ServerEndedError, StorageRejectedError
from scraper.base.settings import Settings
from scraper.database.client import connect, embedded, open_database
from scraper.database.embedded import home as home_module
from scraper.database.embedded import node, server
from scraper.database.embedded.home import Home
from scraper.database.embedded.locks import hold
from scraper.database.embedded.port import REUSABLE, PortTakenError, wait_for_port

pytestmark = pytest.mark.servers

PROJECT = Path(__file__).parents[4]
HOLD = """
import sys, time
from scraper.database.client import connect
from scraper.base.settings import Settings
with connect(Settings.from_environment()) as database:
    database.table("dealers").upsert({"name": sys.argv[1]}, on_conflict="name").execute()
    print("in", flush=True)
    sys.stdin.readline()
"""


@dataclass
class Place:
    """A home that nobody has used yet."""

    settings: Settings
    environment: dict[str, str]
    run: Callable[..., subprocess.CompletedProcess[str]]

    @property
    def home(self) -> Home:
        return Home.of(self.settings)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("workflows", "local", *arguments, env=self.environment)

    def user(self, name: str) -> subprocess.Popen[str]:
        """A command that uses the server until its stdin ends; in once this returns."""
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, name],
            cwd=PROJECT,
            env=dict(os.environ) | self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return process

    def dealers(self) -> list[str]:
        with connect(self.settings) as database:
            rows = database.table("dealers").select("name").order("name").execute().data
        return [row["name"] for row in rows]


def wait_in(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


def reset(connection: socket.socket) -> None:
    """Close it so that its port is free at once."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.fixture
def place(tmp_path: Path, run_command: Any) -> Iterator[Place]:
    given = {
        "LOCAL_SUPABASE_HOME": str(tmp_path / "home"),
        "LOCAL_SUPABASE_PORT": str(free_port()),
    }
    found = Place(Settings.from_environment(given), given, run_command)
    yield found
    if found.home.folder.is_dir():
        server.stop(found.home)


@pytest.fixture
def migrated_place(place: Place) -> Place:
    """A home that was used before: its data have our migrations."""
    migrated(place.home)
    return place


def test_up_status_env_and_down(place: Place, tmp_path: Path) -> None:
    users = tmp_path / "user"
    users.mkdir()
    place.environment["HOME"] = str(users)
    url = f"http://127.0.0.1:{place.settings.local_port}"
    assert place.command("status").returncode == 1
    missing = place.command("env")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "workflows local up" in missing.stderr
    assert place.command("up").stdout.startswith(f"The local Supabase runs at {url}")
    assert "already running" in place.command("up").stdout
    assert place.command("status").stdout.startswith(f"running at {url}")
    lines = dict(line.split("=", 1) for line in place.command("env").stdout.splitlines())
    assert lines.keys() == {"SUPABASE_URL", "SUPABASE_SECRET_KEY"}
    with open_database(Settings.from_environment(lines)) as database:
        database.table("dealers").insert({"name": "Kept"}).execute()
    assert place.dealers() == ["Kept"]
    assert server.is_alive(place.home)  # a command that used it does not stop what `up` started
    assert place.command("down").stdout == "The local Supabase is stopped.\n"
    assert place.command("down").stdout == "The local Supabase was not running.\n"
    assert place.dealers() == ["Kept"]  # started by itself, on the same data
    assert not server.is_alive(place.home)  # and stopped again
    assert list(users.iterdir()) == []  # nothing outside of its own folder
    keys = place.home.folder / ".env"
    assert keys.stat().st_mode & 0o077 == 0
    assert "***" not in place.home.without_keys(place.home.log.read_text())
    assert "***" in place.home.without_keys(keys.read_text())


def test_the_last_command_out_stops_it_also_after_a_kill(migrated_place: Place) -> None:
    place = migrated_place
    first, second = place.user("one"), place.user("two")  # both at the same moment
    wait_in(first)
    wait_in(second)
    assert place.command("down").returncode == 1
    first.kill()
    first.communicate()
    assert server.is_alive(place.home)
    end(second)
    assert not server.is_alive(place.home)
    assert place.dealers() == ["one", "two"]


def test_only_users_killed_leave_a_server_that_the_next_one_takes_over(
    migrated_place: Place,
) -> None:
    place = migrated_place
    user = place.user("one")
    wait_in(user)
    user.kill()
    user.communicate()
    assert server.is_alive(place.home)
    assert place.dealers() == ["one"]
    assert not server.is_alive(place.home)


def test_a_killed_server_loses_nothing_and_starts_again(migrated_place: Place) -> None:
    place = migrated_place
    embedded.up(place.settings)
    with connect(place.settings) as database:
        database.table("dealers").insert({"name": "Kept"}).execute()
        database.upload("a/b.jpg", b"bytes", content_type="image/jpeg")
    os.killpg(int(place.home.pid_file.read_text()), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while server.is_alive(place.home) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert embedded.running(place.settings) is None
    with connect(place.settings) as database:
        assert database.table("dealers").select("name").execute().data == [{"name": "Kept"}]
        assert database.download("a/b.jpg") == b"bytes"


@pytest.mark.parametrize("words", ["Preparing", "Starting"])
def test_a_command_killed_while_it_starts_the_server_harms_nobody(place: Place, words: str) -> None:
    if words == "Starting":
        migrated(place.home)
    user = subprocess.Popen(
        [sys.executable, "-c", HOLD, "one"],
        cwd=PROJECT,
        env=dict(os.environ) | place.environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert user.stderr is not None
    while words not in user.stderr.readline():
        pass
    time.sleep(0.3)  # somewhere in the middle of it
    user.kill()
    user.communicate()
    assert place.dealers() == []
    assert not server.is_alive(place.home)


def test_a_new_migration_is_applied_to_data_that_exist(
    migrated_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = migrated_place
    migrations = tmp_path / "migrations"
    shutil.copytree(home_module.MIGRATIONS, migrations)
    monkeypatch.setattr(home_module, "MIGRATIONS", migrations)
    embedded.up(place.settings)  # it even runs on through the upgrade
    with connect(place.settings) as database:
        database.table("dealers").insert({"name": "Kept"}).execute()
    (migrations / "20991231000000_later.sql").write_text(
        "create table public.later (id int primary key);\n"
        "insert into public.later select 1 from public.dealers;\n"
    )
    with connect(place.settings) as database:
        assert database.table("later").select("id").execute().data == [{"id": 1}]
    assert server.is_alive(place.home)


def test_every_function_that_the_program_calls_runs_on_the_embedded_default(
    migrated_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Called as a migration, for PGlite takes statements on no other way."""
    told = {"mid": 1, "late": 1, "dealer": 1, "name": "x", "token": UUID(int=1)}
    calls = [(name.split()[0], arguments.format(**told)) for name, arguments in all_calls()]
    migrations = tmp_path / "migrations"
    shutil.copytree(home_module.MIGRATIONS, migrations)
    (migrations / "20991231000000_calls.sql").write_text(
        "insert into public.dealers (id, name) overriding system value values (1, 'Aoi Art');\n"
        "create table public.answers (id int generated always as identity, name text);\n"
        + "".join(
            f"insert into public.answers (name) select '{name}' from public.{name}({arguments});\n"
            for name, arguments in calls
        )
    )
    monkeypatch.setattr(home_module, "MIGRATIONS", migrations)
    with connect(migrated_place.settings) as database:
        answered = database.table("answers").select("name").order("id").execute().data
    assert [row["name"] for row in answered] == [name for name, _ in calls]
    assert called_by_the_program() <= {name for name, _ in calls}


def test_a_broken_migration_is_a_sentence(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    (migrations / "20260101000000_broken.sql").write_text("create tabel x ();")
    monkeypatch.setattr(home_module, "MIGRATIONS", migrations)
    with pytest.raises(EmbeddedError, match="Preparing the local database failed: .*tabel"):
        with connect(place.settings):
            pass
    assert not server.is_alive(place.home)


def test_a_broken_configuration_does_not_hang(
    migrated_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = migrated_place
    write = Home.write_config

    def broken(home: Home) -> None:
        write(home)
        home.config.write_text(home.config.read_text() + "\n[nonsense]\nkey = 1\n")

    monkeypatch.setattr(Home, "write_config", broken)
    began = time.monotonic()
    with pytest.raises(EmbeddedError, match="does not start"), connect(place.settings):
        pass
    assert time.monotonic() - began < 60
    assert not server.is_alive(place.home)
    said = place.home.log.read_text()
    assert "InvalidSchemaError" in said
    assert place.home.without_keys(said) == said  # the server shows its whole configuration


@pytest.mark.parametrize("said", ["Error: ENOSPC: no space", "ErrnoError { errno: 51 }"])
def test_a_full_disk_is_said_by_its_name(place: Place, said: str) -> None:
    place.home.create()
    place.home.log.write_text(said)
    assert "the disk is full. Make room" in str(server._failure(place.home, "It failed", said))


@pytest.mark.parametrize(("left", "is_full"), [(0, True), (9 << 20, True), (64 << 20, False)])
def test_a_server_that_is_silent_on_a_full_disk_is_no_riddle(
    place: Place, monkeypatch: pytest.MonkeyPatch, left: int, is_full: bool
) -> None:
    place.home.create()
    folder = place.home.folder

    def disk_usage(path: Path) -> shutil._ntuple_diskusage:
        assert path == folder
        return shutil._ntuple_diskusage(10**9, 10**9 - left, left)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    with place.home.life_lock.open("a") as lock:  # which its process would hold
        hold(lock)
        said = embedded.ended(place.settings)
    assert (said is not None) == is_full
    if is_full:
        assert f"the disk of {folder} is full ({left >> 20} MB left)" in str(said)


def test_a_file_that_cannot_be_written_is_a_sentence(place: Place) -> None:
    place.home.create()
    place.home.config.mkdir()
    with pytest.raises(EmbeddedError, match="cannot be written .*set LOCAL_SUPABASE_HOME"):
        embedded.up(place.settings)


def test_damaged_data_are_a_sentence_with_the_remedy(migrated_place: Place) -> None:
    place = migrated_place
    shutil.rmtree(place.home.folder / "data")
    (place.home.folder / "data").mkdir()
    (place.home.folder / "data" / "PG_VERSION").write_text("17\n")
    done = place.command("up")
    assert done.returncode == 1
    assert f"Move {place.home.folder / 'data'} away" in done.stderr


def test_a_busy_port_is_named_with_the_remedy(migrated_place: Place) -> None:
    place = migrated_place
    with socket.create_server(("127.0.0.1", place.settings.local_port)):
        done = place.command("up")
    assert done.returncode == 1
    assert f"Port {place.settings.local_port}" in done.stderr
    assert "LOCAL_SUPABASE_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_connection_that_has_the_port_for_a_moment_is_waited_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere, socket.socket() as passing:
        passing.bind(("127.0.0.1", 0))
        port = passing.getsockname()[1]
        passing.connect(elsewhere.getsockname())
        with pytest.raises(PortTakenError, match=f"Port {port}.*LOCAL_SUPABASE_PORT"):
            wait_for_port(port, tell=lambda text: None, timeout_s=0)
        released = threading.Thread(target=reset, args=[passing])
        released.start()
        wait_for_port(port, tell=lambda text: None, timeout_s=30)
        released.join()


def test_asking_a_silent_port_does_not_take_it() -> None:
    with socket.socket() as selfish:
        selfish.setsockopt(*REUSABLE)
        selfish.bind(("127.0.0.1", 0))
        selfish.connect(selfish.getsockname())  # as the system may choose for any connection
        port = selfish.getsockname()[1]
        wait_for_port(port, tell=lambda text: None, timeout_s=0)
    wait_for_port(port, tell=lambda text: None, timeout_s=0)


def test_npm_says_why_it_failed() -> None:
    said = (
        "npm error code E\nnpm error errno E\n"
        "npm error request to https://registry.example/x failed, reason: no such host\n"
        "npm error A complete log of this run can be found in: /x.log\n"
    )
    done = subprocess.CompletedProcess([], 1, "", said)
    assert node._npm_reason(done) == (
        "request to https://registry.example/x failed, reason: no such host"
    )


def test_a_missing_node_is_named_with_the_remedy(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node.util, "find_spec", lambda name: None)
    with pytest.raises(EmbeddedError, match="make setup"):
        node.node_program()


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    given = {"LOCAL_SUPABASE_HOME": str(tmp_path / "file" / "home")}
    with pytest.raises(EmbeddedError, match="set LOCAL_SUPABASE_HOME"):
        with connect(Settings.from_environment(given)):
            pass


def test_threads_of_one_process_share_the_server_too(migrated_place: Place) -> None:
    place = migrated_place
    names: list[list[str]] = []
    threads = [threading.Thread(target=lambda: names.append(place.dealers())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    assert names == [[], [], []]
    assert not server.is_alive(place.home)


def test_a_server_that_dies_while_it_is_used_is_noticed_in_seconds(
    migrated_place: Place,
) -> None:
    place = migrated_place
    with connect(place.settings) as database:
        database.upload("a/L00001/abc/00.jpg", b"x", content_type="image/jpeg")
        os.kill(int(place.home.pid_file.read_text()), signal.SIGKILL)
        began = time.monotonic()
        with pytest.raises(ServerEndedError, match="has ended while it was used"):
            database.rpc("schema_version", {}, idempotent=True)
        with pytest.raises(ServerEndedError):
            database.table("dealers").select("id").execute()
        with pytest.raises(StorageRejectedError, match="has ended") as caught:
            database.stat("a/L00001/abc/00.jpg")
        assert caught.value.fatal
        assert time.monotonic() - began < 10
    assert place.dealers() == []  # the next command starts it again


def test_data_that_are_damaged_are_named_as_what_they_are(migrated_place: Place) -> None:
    place = migrated_place
    log = next(file for file in (place.home.folder / "data" / "pg_wal").iterdir() if file.is_file())
    os.truncate(log, 1000)
    with pytest.raises(EmbeddedError, match="its data are damaged .a write-ahead log"):
        place.dealers()


def test_a_home_that_was_moved_while_its_server_ran_is_started_anew(
    migrated_place: Place, tmp_path: Path
) -> None:
    place = migrated_place
    assert place.command("up").returncode == 0
    place.home.folder.rename(tmp_path / "moved")
    with pytest.raises(EmbeddedError, match="taken by another local Supabase.*moved or removed"):
        place.dealers()
    moved = replace(place.settings, local_home=tmp_path / "moved")
    with connect(moved) as database:
        assert database.table("dealers").select("id").execute().data == []
    embedded.down(moved)


def test_a_mistake_of_the_command_is_not_blamed_on_the_home(
    migrated_place: Place,
) -> None:
    place = migrated_place
    with pytest.raises(FileNotFoundError, match="no such picture"), connect(place.settings):
        raise FileNotFoundError("no such picture")


def test_a_clone_of_somebody_else_is_not_written_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    monkeypatch.setattr(Settings, "local_home", theirs / "supabase")
    monkeypatch.setattr(Settings, "log_dir", theirs / "logs")
    monkeypatch.setattr(os, "access", lambda path, _: theirs not in (path, *Path(path).parents))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "mine"))
    mine = Settings.from_environment({})
    assert mine.local_home == tmp_path / "mine" / "listing-mirror" / "supabase"
    assert mine.log_dir == tmp_path / "mine" / "listing-mirror" / "logs"


def test_packages_that_are_installed_are_used_without_a_lock(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = hashlib.sha256((node.MANIFEST / "package-lock.json").read_bytes()).hexdigest()
    monkeypatch.setattr(node, "PACKAGES", tmp_path / "theirs")
    script = tmp_path / "theirs" / "node_modules/@supabase/lite/dist/cli/index.js"
    script.parent.mkdir(parents=True)
    script.write_text("")
    (tmp_path / "theirs" / "installed").write_text(wanted)
    assert node.server_program() == script
    assert not (tmp_path / "theirs" / "install.lock").exists()
