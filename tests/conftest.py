"""Fixtures for all tests: real local Supabase servers of their own, on free ports."""

from __future__ import annotations

import gc
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import distribution
import pytest
from hypothesis import settings
from in_memory import use_memory
from left_behind import Watch
from local_servers import LocalSupabase, served
from postgres import Postgres, free_port, running_postgres
from warm_commands import Command, WarmCommands, starts_cold
from xdist.scheduler import LoadScheduling

from scraper.base.logs import PACKAGES
from scraper.database.client import Database, open_database
from scraper.database.embedded.home import Engine, Home

PROJECT = Path(__file__).resolve().parent.parent

# Tests start hundreds of commands, and each would compile two hundred files again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

use_memory()

# Each of forty local servers would compile its WebAssembly twice: half of the cost of a start.
_COMPILED_ONCE = PROJECT / "tests" / "servers" / "compiled_once.cjs"
os.environ["NODE_OPTIONS"] = f"--require={json.dumps(str(_COMPILED_ONCE))}"

# What a shell's & or nohup made this session ignore, its children would ignore too, also commands
# that a test ends by it. A handler that does nothing ignores it as well, and exec takes it away.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

# The gate tries the same examples every time; HYPOTHESIS_PROFILE=search looks for new ones.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


SERVERS = {"local_supabase", "multi_session_server", "postgres_server"}
"""Fixtures that bring a whole server; a test that needs one is left out of `make quick`."""


ON_PGLITE = ("migrate/test_readers_document.py", "scraper/database/")
"""What is about the embedded default. Each command runs on it in test_documents_played.py, each
function of the database in test_life_cycle.py.

Statements cost PGlite half as much again as a real Postgres, so other tests of `local_supabase`
run on the latter, unless they are marked `pglite`.
"""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two a core, for what needs a server waits half of its time, and two more for long waits."""
    cores = os.cpu_count() or 1
    return cores + 1 if config.option.markexpr == "not servers" else 2 * cores + 2


def pytest_xdist_make_scheduler(config: pytest.Config) -> LoadScheduling | None:
    """The tests' own, unless `--dist` names another."""
    return distribution.make_scheduler(config) if config.getvalue("dist") == "load" else None


def pytest_configure() -> None:
    """What is collected stays to the end: the collector of garbage need not look through it."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
    gc.set_threshold(10_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server by what it asks for, so that nobody has to remember the mark."""
    for item in items:
        file = item.nodeid.removeprefix("tests/")
        asks_for = getattr(item, "fixturenames", ())
        if not SERVERS.isdisjoint(asks_for) or file.startswith("database/"):
            item.add_marker("servers")
        if file.startswith(ON_PGLITE):
            item.add_marker("pglite")
    items.sort(key=_how_late)


def _how_late(item: pytest.Item) -> tuple[int, bool]:
    """Long tests first, so that no core is left alone with one; quick ones fill the end."""
    return distribution.order(item.nodeid), item.get_closest_marker("servers") is None


@pytest.fixture(autouse=True)
def _no_outside_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """No test depends on the variables of the machine it runs on, or writes its log there."""
    for name in list(os.environ):
        if name.startswith(("SUPABASE_", "LOCAL_SUPABASE_")) or name in _FOREIGN:
            monkeypatch.delenv(name)
    # A folder of its own, which is only made where something is logged.
    monkeypatch.setenv("LOG_DIR", str(tmp_path_factory.getbasetemp() / f"logs-{next(_NUMBERS)}"))
    monkeypatch.setenv("ENV_FILE", "none")  # the developer's own is for the developer
    yield
    # A log that a command of this process began may lie in a folder that goes with the test.
    for logger in map(logging.getLogger, PACKAGES):
        logger.propagate = True
        for handler in logger.handlers[:]:
            logger.removeHandler(handler)
            handler.close()


_NUMBERS = itertools.count(1)
_FOREIGN = {"GITHUB_ACTIONS", "STORAGE_BUCKET", "ALLOW_PRIVATE_NETWORKS", "ALLOW_PROXY"} | {
    name for name in os.environ if name.lower().endswith("_proxy")
}


@pytest.fixture(scope="session")
def left_behind() -> Iterator[Watch]:
    """What ends with the session, also with one that is killed."""
    watch = Watch()
    yield watch
    watch.end()


@pytest.fixture(scope="session")
def postgres_server(left_behind: Watch) -> Iterator[Postgres]:
    """One real Postgres for the whole session."""
    with running_postgres(left_behind.folder("mirror-pg-")) as running:
        yield running


@pytest.fixture(scope="session")
def multi_session_server(left_behind: Watch, postgres_server: Postgres) -> Iterator[LocalSupabase]:
    """One isolated server on it for the whole session, where several sessions run at once."""
    engine = Engine("postgres", postgres_server.url)
    yield from served(Home(left_behind.folder("mirror-lite-"), free_port(), engine))


@pytest.fixture
def multi_session_supabase(multi_session_server: LocalSupabase) -> LocalSupabase:
    """The server on a real Postgres, empty."""
    multi_session_server.clean()
    return multi_session_server


@pytest.fixture(scope="session")
def embedded_server(left_behind: Watch) -> Iterator[LocalSupabase]:
    """One isolated server with PGlite for the whole session."""
    yield from served(Home(left_behind.folder("mirror-lite-"), free_port()))


@pytest.fixture
def local_supabase(request: pytest.FixtureRequest) -> LocalSupabase:
    """The server, empty; on PGlite for tests that are marked so."""
    is_default = request.node.get_closest_marker("pglite") is not None
    name = "embedded_server" if is_default else "multi_session_server"
    server: LocalSupabase = request.getfixturevalue(name)
    server.clean()
    return server


@pytest.fixture
def database(local_supabase: LocalSupabase) -> Iterator[Database]:
    """An open Database on the empty server."""
    with open_database(local_supabase.settings()) as opened:
        yield opened


@pytest.fixture(scope="session")
def warm_commands() -> Iterator[WarmCommands]:
    """What runs commands as processes of their own, without loading their libraries each time."""
    warm = WarmCommands(PROJECT)
    yield warm
    warm.close()


MODULES = {"migrate": "migrate", "scrape": "scraper", "workflows": "workflows"}
RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]
StartCommand = Callable[..., Command]


@pytest.fixture
def start_command(warm_commands: WarmCommands) -> Iterator[StartCommand]:
    """Start a command, `start_command("migrate", "stats", env=…)`; it ends with the test."""
    commands: list[Command] = []

    def start(program: str, *arguments: str, env: dict[str, str]) -> Command:
        assert not starts_cold(env)
        environment = dict(os.environ) | env
        commands.append(warm_commands.start(MODULES[program], list(arguments), environment))
        return commands[-1]

    yield start
    for command in commands:
        command.kill()
        command.wait()


@pytest.fixture
def run_command(warm_commands: WarmCommands) -> RunCommand:
    """Run a command as a process of its own: `run_command("migrate", "stats", env=…)`."""

    def run(
        program: str, *arguments: str, env: dict[str, str] | None = None, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        module = MODULES[program]
        environment = dict(os.environ) | (env or {})
        if not starts_cold(env or {}):
            return warm_commands.run(module, list(arguments), environment, timeout_s=timeout_s)
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    return run
