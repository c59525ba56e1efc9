"""`.env` in the working folder: read beside the environment, which it never overrides.

It knows which names are keys, and nothing else about what a variable means.
"""

from __future__ import annotations

import stat
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from scraper.base.errors import SettingsError

NAME = "ENV_FILE"
"""The variable that names another file, or `none`."""
DEFAULT = ".env"
URL_NAME = "SUPABASE_URL"


def merged(environ: Mapping[str, str], key_names: Collection[str]) -> dict[str, tuple[str, str]]:
    """Every variable that is set, with where it came from: "environment", or the file's name.

    An empty variable counts as not set. A key of the file belongs to the file's project: it is left
    out where the environment names another key, or another project.

    Raises:
        SettingsError: when the file was named and is not there, cannot be read, is no list of
            NAME=VALUE, or holds a key that others may read.
    """
    given = {name: value.strip() for name, value in environ.items() if value.strip()}
    where = Path(given.get(NAME, DEFAULT))
    found = {} if str(where) == "none" else _read(where, is_named=NAME in given)
    if any(name in found for name in key_names):
        _refuse_if_open(where)
    if any(name in given for name in key_names) or _names_another_project(given, found):
        found = {name: value for name, value in found.items() if name not in key_names}
    both = {name: (value, str(where)) for name, value in found.items()}
    return both | {name: (value, "environment") for name, value in given.items()}


def _names_another_project(given: Mapping[str, str], found: Mapping[str, str]) -> bool:
    return URL_NAME in given and found.get(URL_NAME, given[URL_NAME]) != given[URL_NAME]


def _read(file: Path, *, is_named: bool) -> dict[str, str]:
    if not file.is_file():
        if is_named:
            raise SettingsError(f"{NAME} names {file}, which is no file.")
        return {}
    from dotenv import dotenv_values  # most have no such file
    from dotenv.parser import parse_stream

    try:
        with file.open(encoding="utf-8-sig") as stream:
            wrong = [
                one.original.line
                for one in parse_stream(stream)
                if one.error or (one.key and one.value is None)
            ]
        if wrong:
            raise SettingsError(f"Line {wrong[0]} of {file} is not NAME=VALUE.")
        values = dotenv_values(file, interpolate=False, encoding="utf-8-sig")
    except OSError as exc:
        raise SettingsError(f"{file} cannot be read ({exc.strerror}).") from exc
    except UnicodeDecodeError as exc:
        raise SettingsError(f"{file} is not in UTF-8: save it as such.") from exc
    return {name: value.strip() for name, value in values.items() if value and value.strip()}


def _refuse_if_open(file: Path) -> None:
    if sys.platform == "win32":  # its rights are not in these bits
        return
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            f"{file} holds a key and may be read by others on this machine: chmod 600 {file}"
        )
