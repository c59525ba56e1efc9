"""Where the project's own files and the user's data lie, in a checkout and installed from a wheel.

In a checkout everything stays within it, so that removing the folder removes all. Installed, the
program's files are inside the package and the user's under the folders of the system (XDG,
Library, AppData). It knows no setting.
"""

from __future__ import annotations

from pathlib import Path

NAME = "listing-mirror"

_PACKAGE = Path(__file__).resolve().parents[1]
_ROOT = _PACKAGE.parent
IS_CHECKOUT = (_ROOT / "pyproject.toml").is_file() and (_ROOT / "supabase").is_dir()


def folder_of_user() -> Path:
    """Where this user's own files of ours go when they do not go into a checkout."""
    from platformdirs import user_data_path  # in a checkout it is of no use

    return user_data_path(NAME, appauthor=False)


def _log_folder_of_user() -> Path:
    from platformdirs import user_log_path

    return user_log_path(NAME, appauthor=False)


SUPABASE = _ROOT / "supabase" if IS_CHECKOUT else _PACKAGE / "supabase"
"""Migrations, the roll back, and the lock file of the local server."""
DATA = _ROOT / ".local" if IS_CHECKOUT else folder_of_user()
"""The local Supabase, its packages, the demonstration."""
LOGS = _ROOT / "logs" if IS_CHECKOUT else _log_folder_of_user()
