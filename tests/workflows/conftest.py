"""What the workflows' tests share: a shell that runs a workflow file's steps as Actions would."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from local_servers import free_port, migrated
from PIL import Image
from ruamel.yaml import YAML

from scraper.base.settings import Settings
from scraper.database.client import Database, embedded
from scraper.database.embedded import home
from scraper.database.embedded.home import Engine
from workflows import sample_shop

REPOSITORY = Path(__file__).parents[2]
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")


def read_workflow(name: str) -> dict[str, Any]:
    return YAML(typ="safe").load((REPOSITORY / ".github/workflows" / name).read_text("utf-8"))


@dataclass
class StepResult:
    name: str
    outcome: str  # success, failure, skipped
    code: int | None = None
    stdout: str = ""
    stderr: str = ""

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


@dataclass
class ActionsShell:
    """Runs the `run:` steps of one job one after another, with only the declared environment.

    `uses:` steps count as done: check-out and Python are what the folder it runs in already has.
    """

    folder: Path
    secrets: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    runner_environment: Mapping[str, str] = field(default_factory=dict)
    results: list[StepResult] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        path = self.folder / "step-summary.md"
        return path.read_text("utf-8") if path.exists() else ""

    @property
    def outputs(self) -> dict[str, str]:
        path = self.folder / "step-outputs.txt"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return dict(line.split("=", 1) for line in lines)

    def result(self, name: str) -> StepResult:
        return next(result for result in self.results if result.name == name)

    def run(self, steps: list[dict[str, Any]]) -> list[StepResult]:
        for step in steps:
            if not self._wanted(step.get("if")):
                result = StepResult(step["name"], "skipped")
            elif "run" in step:
                result = self._run_step(step)
            else:
                result = StepResult(step["name"], "success")
            self.results.append(result)
            if "id" in step:
                self.outcomes[step["id"]] = result.outcome
        return self.results

    def _run_step(self, step: dict[str, Any]) -> StepResult:
        environment = {name: self._fill(str(text)) for name, text in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env={**self._base_environment(), **environment},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        outcome = "success" if done.returncode == 0 else "failure"
        return StepResult(step["name"], outcome, done.returncode, done.stdout, done.stderr)

    def _base_environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(self.folder / "step-summary.md"),
            "GITHUB_OUTPUT": str(self.folder / "step-outputs.txt"),
            **self.runner_environment,
        }

    def _fill(self, text: str) -> str:
        return EXPRESSION.sub(lambda found: _as_text(self._evaluate(found[1])), text)

    def _wanted(self, condition: str | None) -> bool:
        if condition is None:
            return self._evaluate("success()")
        text = condition.strip().removeprefix("${{").removesuffix("}}")
        implied = (
            "" if re.search(r"\b(always|cancelled|failure|success)\(", text) else "success() && "
        )
        return bool(self._evaluate(implied + text))

    def _evaluate(self, expression: str) -> Any:
        """Just what our files use: and, or, not, comparison, status functions, four contexts."""
        python = expression.strip().replace("&&", " and ").replace("||", " or ")
        python = re.sub(r"!(?!=)", " not ", python)
        python = re.sub(
            r"\b(secrets|inputs|steps)\.([\w.]+)",
            lambda found: f"look_up({found[1]!r}, {found[2]!r})",
            python,
        )
        names = {
            "look_up": self._look_up,
            "success": lambda: all(result.outcome != "failure" for result in self.results),
            "failure": lambda: any(result.outcome == "failure" for result in self.results),
            "always": lambda: True,
            "cancelled": lambda: False,
        }
        return eval(python, {"__builtins__": {}}, names)

    def _look_up(self, context: str, path: str) -> Any:
        if context == "steps":
            step, _, what = path.partition(".")
            assert what == "outcome", path
            return self.outcomes.get(step, "")
        return (self.secrets if context == "secrets" else self.inputs).get(path)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.fixture
def actions_shell() -> type[ActionsShell]:
    return ActionsShell


@pytest.fixture
def workflow():
    """The parsed workflow file of that name."""
    return read_workflow


# ------------------------------------------------------------------------------- a dealers' server


def picture(path: str) -> bytes:
    """A real JPEG that no other path shares: the comment in it is the path."""
    note = path.encode()
    return PLAIN[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note + PLAIN[2:]


def _plain_jpeg() -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((160, 120)).convert("RGB").save(file, "JPEG")
    return file.getvalue()


PLAIN = _plain_jpeg()


class Crowd:
    """Who is being served at one moment; nobody is answered before `until` were there at once."""

    def __init__(self) -> None:
        self.until = 0
        self.agents: set[str] = set()
        self.most = 0
        self.most_at: Counter[str] = Counter()
        self._now: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def joined(self, host: str, agent: str) -> Iterator[None]:
        with self._changed:
            self.agents.add(agent)
            self._now[host] += 1
            self.most = max(self.most, self._now.total())
            self.most_at[host] = max(self.most_at[host], self._now[host])
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self.until, timeout=60)
        try:
            yield
        finally:
            with self._changed:
                self._now[host] -= 1


class Shop:
    """Sells the sample shop's products, has a picture for any other .jpg, keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.dead = False
        self.latency_s = 0.0
        self.crowd = Crowd()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                shop.asked.append(self.path)
                host = str(self.server.server_address[0])
                with shop.crowd.joined(host, self.headers.get("User-Agent", "")):
                    time.sleep(shop.latency_s)
                status, kind, body = shop.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.handler = Handler
        self.servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []
        self.port = 0
        self.listen("127.0.0.1")
        self.site = sample_shop.Shop()
        self.site.root = self.url
        self.site.finish_uploading()

    def listen(self, address: str) -> str:
        """Be there under one more address; returns the root of its URLs."""
        server = ThreadingHTTPServer((address, self.port), self.handler)
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self.servers.append((server, thread))
        return f"http://{address}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, path: str) -> tuple[int, str, bytes]:
        if self.dead:
            return 503, "text/plain", b"closed"
        if path.endswith(".jpg") and not path.startswith(sample_shop.UPLOADS):
            return 200, "image/jpeg", picture(path)
        return self.site.answer(path)

    def pictures_asked(self) -> list[str]:
        return [path for path in self.asked if path.endswith(".jpg")]

    def close(self) -> None:
        for server, thread in self.servers:
            server.shutdown()
            server.server_close()
            thread.join()


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.close()


# ------------------------------------------------------------------- a local Supabase of our own


@pytest.fixture
def legacy_project(multi_session_server, shop, tmp_path_factory, monkeypatch):
    """legacy_project(listings) -> Settings of a local Supabase that holds an existing project.

    Only the first `lacking` of its listings lack images; every one that does costs its downloads.
    Each in a database of its own beside the shared one: PGlite would take seconds to fill it.
    """
    with ExitStack() as stack:

        def make(listings: int, *, lacking: int | None = None) -> Settings:
            folder = tmp_path_factory.mktemp("supabase")
            migrations = tmp_path_factory.mktemp("migrations")
            for source in home.MIGRATIONS.glob("*.sql"):
                shutil.copy(source, migrations)
            theirs = legacy_files(shop_url=shop.url, listings=listings, lacking=lacking or listings)
            for name, text in theirs.items():
                (migrations / name).write_text(text, encoding="utf-8")
            engine = new_database(multi_session_server.home.engine)
            with monkeypatch.context() as patch:
                patch.setattr(home, "MIGRATIONS", migrations)
                place = home.Home(folder, free_port(), engine)
                endpoint = stack.enter_context(embedded.using_home(place))
            return Settings.from_environment(
                {
                    "SUPABASE_URL": endpoint.url,
                    "SUPABASE_SECRET_KEY": endpoint.secret_key,
                    "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
                    "LOG_DIR": str(folder / "logs"),
                }
            )

        yield make


@pytest.fixture
def homes_are_migrated(monkeypatch):
    """New local Supabases begin with a copy of a migrated database, made once a machine.

    test_package plays a demonstration that makes its own.
    """
    using = embedded.using

    def using_migrated(settings: Settings) -> AbstractContextManager[home.Endpoint]:
        place = home.Home.of(settings)
        if not place.folder.exists():
            migrated(place)
        return using(settings)

    monkeypatch.setattr(embedded, "using", using_migrated)


def new_database(engine: Engine) -> Engine:
    """An empty database of its own on the server that keeps this one."""
    name = f"project_{uuid.uuid4().hex}"
    with psycopg.connect(engine.url, autocommit=True) as admin:
        admin.execute(f"create database {name} template template0".encode())
    return Engine(engine.driver, f"{engine.url.rpartition('/')[0]}/{name}")


def legacy_files(*, shop_url: str, listings: int, lacking: int) -> dict[str, str]:
    """The SQL that makes a project as it was before the mirror, by migration name."""
    filled = {
        "{{shop}}": shop_url,
        "{{listings}}": str(listings),
        "{{lacking}}": str(lacking),
        "{{storage}}": "https://project.supabase.co",
    }
    files = {}
    for file in sorted((Path(__file__).parent / "legacy").glob("*.sql")):
        text = file.read_text("utf-8")
        for name, value in filled.items():
            text = text.replace(name, value)
        files[file.name] = text
    return files


def read_rows(database: Database, table: str, columns: str = "*") -> list[dict[str, Any]]:
    """Every row of a table by id, read in pages."""
    rows: list[dict[str, Any]] = []
    while True:
        last = rows[-1]["id"] if rows else 0
        query = database.table(table).select(columns).gt("id", last).order("id").limit(1000)
        page = query.execute().data
        rows += page
        if len(page) < 1000:
            return rows


@pytest.fixture
def all_rows():
    return read_rows
