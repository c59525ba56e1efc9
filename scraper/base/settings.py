"""Every variable that changes what the commands do; the only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from scraper.base import env_file
from scraper.base.errors import SettingsError
from scraper.base.folders import DATA, LOGS, folder_of_user
from scraper.base.setting_values import (
    Network,
    bucket,
    count,
    count_or_zero,
    flag,
    header,
    hours,
    languages,
    level,
    log_format,
    most,
    networks,
    on_or_off,
    path,
    percent,
    port,
    positive_seconds,
    seconds,
    words,
)
from scraper.base.supabase_address import KEY_NAMES, supabase_of
from scraper.base.version import AGENT

PROXY_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def _variable(
    name: str, default: Any, parse: Callable[[str], Any], help_text: str, shown: str = ""
) -> Any:
    """A field that is read from the variable `name`; `shown` is its default in the README."""
    return field(
        default=default,
        metadata={"name": name, "parse": parse, "help": help_text, "shown": shown or str(default)},
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The values one command runs with. Sizes in bytes, times in seconds, both in the name."""

    supabase_url: str | None = field(default=None)
    supabase_key: str | None = field(default=None, repr=False)
    local: bool = field(default=True)
    local_by_name: bool = field(default=False)
    on_github_actions: bool = field(default=False)
    proxy_variables: tuple[str, ...] = field(default=())
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)

    bucket: str = _variable("STORAGE_BUCKET", "listing-images", bucket, "bucket of the copies")
    local_home: Path = _variable(
        "LOCAL_SUPABASE_HOME",
        DATA / "supabase",
        path,
        "folder of the local Supabase: its data, keys and log",
        ".local/supabase",
    )
    local_port: int = _variable("LOCAL_SUPABASE_PORT", 54321, port, "port of the local Supabase")
    private_networks: tuple[Network, ...] = _variable(
        "ALLOW_PRIVATE_NETWORKS",
        (),
        networks,
        "networks that dealers may live in although they are not public, "
        "such as `127.0.0.0/8` for a test shop",
        "none",
    )
    allow_proxy: bool = _variable(
        "ALLOW_PROXY",
        False,
        flag,
        "`1` uses the proxy of `HTTP_PROXY` and its relatives; "
        "it then chooses the addresses, so ours are no longer checked",
        "0",
    )
    user_agent: str = _variable(
        "USER_AGENT",
        AGENT,
        header,
        "the name dealers see; put a contact in it, "
        "such as `listing-mirror (+https://your.site/about)`",
        "listing-mirror/VERSION",
    )
    accept_language: str = _variable(
        "ACCEPT_LANGUAGE",
        "",
        languages,
        "languages dealers are asked for, such as `ja, en;q=0.5`, where a shop answers by them; "
        "a dealer's setting `accept_language` goes before it",
        "none",
    )
    database_patience_s: float = _variable(
        "DATABASE_PATIENCE_S",
        30.0,
        seconds,
        "how long a command that begins waits for a project that does not answer",
        "30",
    )
    connect_timeout_s: float = _variable(
        "CONNECT_TIMEOUT_S", 5.0, positive_seconds, "longest wait for a connection", "5"
    )
    read_timeout_s: float = _variable(
        "READ_TIMEOUT_S", 10.0, positive_seconds, "longest silence while reading", "10"
    )
    total_timeout_s: float = _variable(
        "TOTAL_TIMEOUT_S", 30.0, positive_seconds, "longest time for one page or image", "30"
    )
    max_redirects: int = _variable(
        "MAX_REDIRECTS", 3, count_or_zero, "redirects followed for one request"
    )
    max_page_bytes: int = _variable(
        "MAX_PAGE_BYTES", 10 * 1024 * 1024, count, "largest page or feed that is read"
    )
    max_image_bytes: int = _variable(
        "MAX_IMAGE_BYTES", 50 * 1024 * 1024, count, "largest image that is copied"
    )
    max_image_pixels: int = _variable(
        "MAX_IMAGE_PIXELS", 120_000_000, count, "most pixels (width x height) of an image"
    )
    max_costly_image_pixels: int = _variable(
        "MAX_COSTLY_IMAGE_PIXELS",
        50_000_000,
        count,
        "the same where decoding takes much memory: all but baseline JPEG",
    )
    page_delay_s: float = _variable(
        "PAGE_DELAY_S", 1.0, seconds, "pause between two page requests to one host", "1"
    )
    page_concurrency: int = _variable(
        "PAGE_CONCURRENCY", 2, count, "most page requests at once to one host"
    )
    health_pending: float | None = _variable(
        "HEALTH_PENDING", 100.0, most, "pending listings that are still healthy, or `off`", "100"
    )
    health_age_h: float | None = _variable(
        "HEALTH_AGE", 48.0, hours, "longest wait of a pending listing, or `off`", "48h"
    )
    health_missing_percent: float | None = _variable(
        "HEALTH_MISSING",
        10.0,
        percent,
        "images that may be missing of a dealer with 20 or more, or `off`",
        "10%",
    )
    health_failed: float | None = _variable(
        "HEALTH_FAILED", 100.0, most, "images that may have failed, or `off`", "100"
    )
    health_left_alone_h: float | None = _variable(
        "HEALTH_LEFT_ALONE", 24.0, hours, "longest time a host may be left alone, or `off`", "24h"
    )
    health_scrape_h: float | None = _variable(
        "HEALTH_SCRAPE", 36.0, hours, "longest time without a completed scrape, or `off`", "36h"
    )
    health_migrate_h: float | None = _variable(
        "HEALTH_MIGRATE", 36.0, hours, "longest time without a completed migration, or `off`", "36h"
    )
    health_readers: float | None = _variable(
        "HEALTH_READERS", 0.0, on_or_off, "`off`: do not ask for a copy as a visitor would", "on"
    )
    health_empty: float | None = _variable(
        "HEALTH_EMPTY", 0.0, on_or_off, "`off`: no word about a database without listings", "on"
    )
    health_scrape_runs: tuple[str, ...] = _variable(
        "HEALTH_SCRAPE_RUNS",
        ("daily_scrape", "scrape"),
        words,
        "`run_type` of the runs that count as a scrape, for a project with a scraper of its own",
        "daily_scrape, scrape",
    )
    retired_copies_days: float = _variable(
        "RETIRED_COPIES_DAYS",
        30.0,
        seconds,
        "days that `migrate prune` leaves a copy which no listing shows any more: until then it "
        "serves again, without a download, when its address returns",
        "30",
    )
    alert_url: str | None = _variable(
        "ALERT_URL",
        None,
        str,
        "a chat's webhook: told when the health turns bad, when good again, and once a day while "
        "bad",
        "none",
    )
    ping_url: str | None = _variable(
        "PING_URL",
        None,
        str,
        "a dead man's switch in the form of healthchecks.io: told of the start and end of runs",
        "none",
    )
    lease_s: float = _variable(
        "LEASE_S",
        30.0,
        positive_seconds,
        "a claim not renewed for this long returns to the queue",
        "30",
    )
    log_dir: Path = _variable("LOG_DIR", LOGS, path, "folder of the log files", "logs")
    log_level: str = _variable(
        "LOG_LEVEL", "INFO", level, "what the log keeps: `DEBUG`, `INFO`, `WARNING` or `ERROR`"
    )
    log_format: str = _variable(
        "LOG_FORMAT",
        "text",
        log_format,
        "`json`: one object a line, in the log files and on stderr",
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read `environ` (default: the process's own, and `.env` of the working folder beside it).

        An empty variable counts as not set.

        Raises SettingsError with the variable's name for a value that makes no sense.
        """
        if environ is None:
            given = {name: value for name, (value, _) in sources().items()}
        else:
            given = {name: value.strip() for name, value in environ.items() if value.strip()}
        values = {
            one.name: _parsed(one, given[one.metadata["name"]])
            for one in fields(cls)
            if one.metadata.get("name") in given
        }
        for name, folder in (("local_home", "supabase"), ("log_dir", "logs")):
            if name not in values and not is_usable(getattr(cls, name)):
                values[name] = folder_of_user() / folder
        return cls(
            **values,
            **supabase_of(given),
            on_github_actions="GITHUB_ACTIONS" in given,
            proxy_variables=tuple(name for name in PROXY_NAMES if name in given),
            proxies={
                name.lower().removesuffix("_proxy"): given[name]
                for name in PROXY_NAMES
                if name in given
            },
        )


def sources() -> dict[str, tuple[str, str]]:
    """Every variable of this process that is set, with where it came from. Raises SettingsError."""
    return env_file.merged(os.environ, KEY_NAMES)


def is_usable(folder: Path) -> bool:
    """Whether this user may write into a folder, or make it."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    return os.access(there, os.W_OK | os.X_OK)


def variables() -> list[tuple[str, str, str]]:
    """Name, default and meaning of every variable, in the order of the README."""
    return [
        ("SUPABASE_URL", "local", "address of a hosted Supabase project, or `local`"),
        (
            " / ".join(KEY_NAMES),
            "none",
            "secret key of that project; the first one that is set wins",
        ),
        (
            env_file.NAME,
            env_file.DEFAULT,
            "file with settings, NAME=VALUE a line, read beside the environment; `none` for none",
        ),
        *(
            (one.metadata["name"], one.metadata["shown"], one.metadata["help"])
            for one in fields(Settings)
            if one.metadata
        ),
    ]


def child_environment(**changes: str) -> dict[str, str]:
    """The environment for a program we start, without the keys that are not its business."""
    kept = {name: value for name, value in os.environ.items() if name not in KEY_NAMES}
    return kept | changes


def wants_json_log() -> bool:
    """Whether the environment asks for it; said before there are settings, or when they fail."""
    return os.environ.get("LOG_FORMAT", "").strip().lower() == "json"


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Within, this process's environment has these variables, and none of Supabase's others."""
    before = dict(os.environ)
    for name in (*KEY_NAMES, "SUPABASE_URL"):
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _parsed(one: Field[Any], raw: str) -> Any:
    try:
        return one.metadata["parse"](raw)
    except ValueError as exc:
        raise SettingsError(
            f"{one.metadata['name']} is {raw!r}, but must be {exc}. "
            f"Meaning: {one.metadata['help']} (default {one.metadata['shown']})."
        ) from exc
