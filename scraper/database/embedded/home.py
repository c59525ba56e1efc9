"""The folder a local Supabase lives in: its configuration, keys, migrations and data."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scraper.base.errors import EmbeddedError
from scraper.base.folders import SUPABASE
from scraper.base.settings import Settings

MIGRATIONS = SUPABASE / "migrations"
URL_NAME, SECRET_NAME, PUBLISHABLE_NAME = (
    "SUPABASE_URL",
    "SUPABASE_SECRET_KEY",
    "SUPABASE_PUBLISHABLE_KEY",
)


@dataclass(frozen=True)
class Engine:
    """What keeps the rows: PGlite inside the server, or a Postgres that runs already."""

    driver: str = "pglite"
    url: str = "./data"


@dataclass(frozen=True)
class Endpoint:
    """Where a running local Supabase is reached, and with which keys."""

    url: str
    secret_key: str
    publishable_key: str


@dataclass(frozen=True)
class Home:
    """Paths in one home; nothing outside of it is written."""

    folder: Path
    port: int
    engine: Engine = Engine()

    @classmethod
    def of(cls, settings: Settings) -> Home:
        """The home of these settings, with PGlite."""
        return cls(settings.local_home, settings.local_port)

    @property
    def config(self) -> Path:
        return self.folder / "supabase" / "lite.toml"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def record(self) -> Path:
        """What is known about the running server, as JSON."""
        return self.folder / "server.json"

    @property
    def pid_file(self) -> Path:
        """Written by the server's process itself, before it does anything."""
        return self.folder / "server.pid"

    @property
    def start_lock(self) -> Path:
        """Held while somebody starts or stops the server."""
        return self.folder / "start.lock"

    @property
    def life_lock(self) -> Path:
        """Held by the server, or by the process that migrates its data, as long as that lives."""
        return self.folder / "server.lock"

    @property
    def users_lock(self) -> Path:
        """Shared by every command that uses the server."""
        return self.folder / "users.lock"

    @property
    def endpoint(self) -> Endpoint:
        """Address and keys; the keys are made at the first look and kept."""
        keys = self._keys()
        return Endpoint(f"http://127.0.0.1:{self.port}", keys[SECRET_NAME], keys[PUBLISHABLE_NAME])

    def create(self) -> None:
        """Make the folder, readable for its owner only. Raises EmbeddedError when it cannot."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.folder / "supabase").mkdir(exist_ok=True)
            self.users_lock.touch()
        except OSError as exc:
            raise EmbeddedError(
                f"The folder {self.folder} of the local Supabase cannot be made "
                f"({exc.strerror}): set LOCAL_SUPABASE_HOME to one that can."
            ) from exc

    def write_config(self) -> None:
        """Write the server's configuration and put this version's migrations in place."""
        if not MIGRATIONS.is_dir():
            raise EmbeddedError(
                f"{MIGRATIONS} is missing: this installation is not whole, install it again."
            )
        self._keys()
        with self.explained():
            self._write_config()
            target = self.config.parent / "migrations"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(MIGRATIONS, target)

    def _write_config(self) -> None:
        self.config.write_text(
            f"""[api]
port = {self.port}
max_rows = 1000

[db]
driver = {json.dumps(self.engine.driver)}
url = {json.dumps(self.engine.url)}

[db.seed]
enabled = false

[auth]
jwt_secret = "env(LOCAL_JWT_SECRET)"
publishable_key = "env({PUBLISHABLE_NAME})"
secret_key = "env({SECRET_NAME})"
""",
            encoding="utf-8",
        )

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Around what is written into the home, and nothing else. Raises EmbeddedError."""
        try:
            yield
        except OSError as exc:
            raise EmbeddedError(
                f"The folder {self.folder} of the local Supabase cannot be written "
                f"({exc.strerror}): make room, or set LOCAL_SUPABASE_HOME to another one."
            ) from exc

    def without_keys(self, text: str) -> str:
        """The same text without any of this home's keys."""
        for key in self._keys().values():
            text = text.replace(key, "***")
        return text

    def is_migrated(self) -> bool:
        """Whether its data have this version's migrations; never before the first start."""
        has_data = self.engine.driver != "pglite" or (self.folder / "data").exists()
        return has_data and self._stamp.is_file() and self._stamp.read_text() == self._wanted()

    def mark_migrated(self) -> None:
        """Remember that its data have this version's migrations."""
        with self.explained():
            self._stamp.write_text(self._wanted())

    def read_record(self) -> dict[str, object]:
        """What `write_record` wrote; empty when there is nothing readable."""
        try:
            known = json.loads(self.record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def write_record(self, **known: object) -> None:
        """Remember what is needed to find and stop the server."""
        draft = self.record.with_suffix(".new")
        with self.explained():
            draft.write_text(json.dumps(known), encoding="utf-8")
            draft.replace(self.record)

    @property
    def _stamp(self) -> Path:
        return self.folder / "migrated"

    def _wanted(self) -> str:
        digest = hashlib.sha256()
        for file in sorted(MIGRATIONS.glob("*.sql")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
        return f"{digest.hexdigest()} {self.engine.driver} {self.engine.url}"

    def _keys(self) -> dict[str, str]:
        file = self.folder / ".env"
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            lines = []
        keys = dict(line.split("=", 1) for line in lines if "=" in line)
        if not {SECRET_NAME, PUBLISHABLE_NAME} <= keys.keys():
            keys = {
                SECRET_NAME: f"sb_secret_{secrets.token_hex(24)}",
                PUBLISHABLE_NAME: f"sb_publishable_{secrets.token_hex(24)}",
                "LOCAL_JWT_SECRET": secrets.token_urlsafe(48),
            }
            self.create()
            with self.explained():
                file.touch(mode=0o600)
                file.write_text("".join(f"{name}={key}\n" for name, key in keys.items()))
        return keys
