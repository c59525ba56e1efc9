"""The local Supabase: started by whoever needs it, stopped by the last one out.

Three locks in its home keep that true through kill -9, because the kernel frees them: one for
starting and stopping, one that lives as long as the server, one shared by all who use it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from scraper.base.console import say
from scraper.base.errors import EmbeddedError, SettingsError
from scraper.base.settings import Settings
from scraper.database.embedded import locks, server
from scraper.database.embedded.home import Endpoint, Home

PIECE_OF_LOG_BYTES = 16 * 2**20
"""PostgreSQL takes room for its write-ahead log in pieces of 16 MB."""

__all__ = ["Endpoint", "Home", "down", "running", "up", "using"]


@contextmanager
def using(settings: Settings) -> Iterator[Endpoint]:
    """A running local Supabase for as long as a command needs it.

    Raises:
        SettingsError: on GitHub Actions when nobody asked for the local one by name, because a
            forgotten secret must not look like success.
        EmbeddedError: when it cannot be started.
    """
    if settings.on_github_actions and not settings.local_by_name:
        raise SettingsError(
            "SUPABASE_URL is not set. On GitHub Actions the database must be named: add the "
            "secrets SUPABASE_URL and SUPABASE_SECRET_KEY, or set SUPABASE_URL=local."
        )
    with using_home(Home.of(settings)) as endpoint:
        yield endpoint


@contextmanager
def using_home(home: Home) -> Iterator[Endpoint]:
    """The same for any home; tests bring their own."""
    _refuse_windows()
    home.create()
    with _opened(home.users_lock) as users:
        with _locked(home.start_lock):
            home = _started(home, stays=False)
            locks.share(users)
        try:
            yield home.endpoint
        finally:
            locks.release(users)
            _stop_if_last(home)


def up(settings: Settings) -> tuple[Endpoint, bool]:
    """Start it for good; the second value tells whether it ran already."""
    _refuse_windows()
    home = Home.of(settings)
    home.create()
    with _locked(home.start_lock):
        ran = server.is_alive(home)
        home = _started(home, stays=True)
        home.write_record(**home.read_record() | {"stays": True})
    return home.endpoint, ran


def down(settings: Settings) -> bool:
    """Stop it; False when it did not run. Raises EmbeddedError while a command still uses it."""
    home = Home.of(settings)
    if not home.folder.is_dir():
        return False
    with _locked(home.start_lock):
        if not server.is_alive(home):
            return False
        if not _stopped_unless_used(home):
            raise EmbeddedError(
                "A command is still using the local Supabase: let it end, then try again."
            )
    return True


def running(settings: Settings) -> Endpoint | None:
    """Address and keys of the running server; None when it does not run."""
    home = Home.of(settings)
    if not server.is_alive(home):
        return None
    home = _as_recorded(home)
    return home.endpoint if server.answers(home) else None


def ended(settings: Settings) -> str | None:
    """What to say of a server that was running and answers no more; None when it still may."""
    home = Home.of(settings)
    if server.is_alive(home):
        return _full_disk(home)
    return (
        f"The local Supabase has ended while it was used: see {home.log}. Nothing that was saved "
        "is lost; run the command again, which starts it again."
    )


def _full_disk(home: Home) -> str | None:
    """A server without room for its next piece of log lives on, and answers nobody."""
    left = shutil.disk_usage(home.folder).free
    if left >= PIECE_OF_LOG_BYTES:
        return None
    return (
        f"The local Supabase does not answer, and the disk of {home.folder} is full "
        f"({left / 2**20:.0f} MB left): make room there, run `python -m workflows local down`, "
        "then this again. Nothing that was saved is lost."
    )


def _refuse_windows() -> None:
    # The server itself runs there; how it is detached, found and ended here is POSIX's way.
    if sys.platform == "win32":
        raise EmbeddedError(
            "The local Supabase runs on Linux and macOS only: set SUPABASE_URL and "
            "SUPABASE_SECRET_KEY to use a hosted project, or run this in WSL."
        )


def _started(home: Home, *, stays: bool) -> Home:
    found = _as_recorded(home)
    _end_if_moved(found)
    if server.settle(found):
        if found.is_migrated() or not _stopped_unless_used(home):
            return found
        # It ran since before an upgrade of this program, which brought migrations.
        stays = stays or bool(home.read_record().get("stays"))
        server.start(found, tell=say, stays=stays)
        return found
    if server.is_alive(home) and not _stopped_unless_used(home):
        raise EmbeddedError(
            f"The local Supabase is in use but does not answer: see {home.log}, end the "
            "commands that use it, then try again."
        )
    server.start(home, tell=say, stays=stays)
    return home


def _end_if_moved(home: Home) -> None:
    """A server whose folder was moved away under it writes to where that was: it is no use."""
    began_in = home.read_record().get("folder")
    if began_in in (None, str(home.folder)) or not server.is_alive(home):
        return
    say(f"The local Supabase was moved from {began_in} while it ran: it is started anew.")
    if not _stopped_unless_used(home):
        raise EmbeddedError(
            f"The folder of the local Supabase was moved from {began_in} to {home.folder} while it "
            "is used: let the commands that use it end, then try again."
        )


def _stopped_unless_used(home: Home) -> bool:
    with _opened(home.users_lock) as users:
        if not locks.try_hold(users):
            return False
        server.stop(home)
    return True


def _as_recorded(home: Home) -> Home:
    """The home with the port its server really listens on."""
    port = home.read_record().get("port")
    return Home(home.folder, port if isinstance(port, int) else home.port, home.engine)


def _stop_if_last(home: Home) -> None:
    with _locked(home.start_lock), _opened(home.users_lock) as users:
        if not home.read_record().get("stays", True) and locks.try_hold(users):
            server.stop(home)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with _opened(path) as lock:
        locks.hold(lock)
        yield


def _opened(path: Path) -> TextIO:
    try:
        return path.open("a")
    except OSError as exc:
        raise EmbeddedError(
            f"The folder {path.parent} of the local Supabase cannot be written ({exc.strerror}): "
            "make room, or set LOCAL_SUPABASE_HOME to another one."
        ) from exc
