"""The files that an installed program brings along for other tools: the database's migrations."""

from __future__ import annotations

import shutil
from pathlib import Path

from migrate.errors import UsageError
from scraper.base.folders import SUPABASE

OTHERS = ("config.toml", "roll_back.sql")


def write_migrations(folder: Path) -> list[Path]:
    """Write `migrations/`, `config.toml` and `roll_back.sql` as the Supabase CLI wants them.

    They go into `folder/supabase`, or into `folder` itself where that is its name. What is there
    stays: a migration of another project beside ours, and a `config.toml` of one's own.

    Raises:
        UsageError: when a file of ours is there with other contents, or the folder cannot be
            written.
    """
    target = folder if folder.name == "supabase" else folder / "supabase"
    sources = sorted((SUPABASE / "migrations").glob("*.sql"))
    pairs = [(one, target / "migrations" / one.name) for one in sources]
    pairs += [(SUPABASE / name, target / name) for name in OTHERS]
    try:
        changed = [
            there
            for ours, there in pairs
            if there.exists()
            and there.name != "config.toml"
            and there.read_bytes() != ours.read_bytes()
        ]
        if changed:
            raise UsageError(
                f"{changed[0]} is there with other contents ({len(changed)} such): an applied "
                "migration is never changed. Choose another folder, or move it away."
            )
        written = [(ours, there) for ours, there in pairs if not there.exists()]
        for ours, there in written:
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ours, there)
    except OSError as exc:
        raise UsageError(f"{exc.filename or target} cannot be written: {exc.strerror}.") from exc
    return [there for _, there in written]
