"""Which migrations are released, and what each held then: an applied migration never changes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).with_name("frozen_migrations.json")


def migrations() -> list[Path]:
    return sorted((ROOT / "supabase" / "migrations").glob("*.sql"))


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def frozen() -> dict[str, str]:
    """Name and digest of each released migration; empty before the first release."""
    return dict(json.loads(RECORD.read_text("utf-8"))) if RECORD.exists() else {}


def faults() -> list[str]:
    """What was done to released migrations that must not be done."""
    known = frozen()
    there = {file.name: digest(file) for file in migrations()}
    last = max(known, default="")
    return [
        *(f"{name} was removed" for name in known if name not in there),
        *(f"{name} was changed" for name, was in known.items() if there.get(name, was) != was),
        *(
            f"{name} stands before a released one"
            for name in there
            if name not in known and name < last
        ),
    ]


def freeze() -> int:
    """Write down the migrations that are there; how many of them are new."""
    before = frozen()
    there = {file.name: digest(file) for file in migrations()}
    RECORD.write_text(json.dumps(there, indent=1) + "\n", "utf-8")
    return len(there.keys() - before.keys())


if __name__ == "__main__":
    # Until the release is tagged, its migrations may still be written down anew.
    print(f"{freeze()} migrations more are written down; {len(frozen())} in all.")
