"""`make release`: everything that must be true of a release, and its files in `dist/`.

It uploads nothing and tags nothing; what is left to do is printed at its end.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import frozen

from scraper.base.version import VERSION

ROOT = frozen.ROOT
DIST = ROOT / "dist"
NEEDED = (
    "scraper/supabase/package-lock.json",
    "scraper/supabase/roll_back.sql",
    "scraper/py.typed",
    "migrate/py.typed",
    "workflows/py.typed",
)


def main() -> int:
    problems = [*changelog_faults(), *frozen.faults(), *working_tree_faults()]
    if not problems:
        new = frozen.freeze()
        if new:
            problems.append(
                f"{new} migrations are new: they are written to {frozen.RECORD.relative_to(ROOT)} "
                "now. Commit that, then run this again."
            )
    if not problems:
        problems = build_faults()
    for problem in problems:
        print(f"not yet: {problem}", file=sys.stderr)
    if not problems:
        print(f"dist/ holds {VERSION}. Left to do: git tag v{VERSION} && git push --tags")
        print("and twine upload dist/*")
    return 1 if problems else 0


def changelog_faults() -> list[str]:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    if re.search(rf"^## \[{re.escape(VERSION)}\] - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE):
        return []
    return [f"CHANGELOG.md has no heading `## [{VERSION}] - date`"]


def working_tree_faults() -> list[str]:
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [f"not committed: {line[3:]}" for line in done.stdout.splitlines()]


def build_faults() -> list[str]:
    shutil.rmtree(DIST, ignore_errors=True)
    python = Path(sys.executable)
    faults = _fault([python, "-m", "build", "--no-isolation", "--outdir", DIST, ROOT])
    if faults:
        return faults
    wheel = DIST / f"listing_mirror-{VERSION}-py3-none-any.whl"
    faults += _fault([python, "-m", "twine", "check", "--strict", *sorted(DIST.iterdir())])
    faults += _fault([python.with_name("check-wheel-contents"), wheel])
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    wanted = {*NEEDED, *(f"scraper/supabase/migrations/{one}" for one in frozen.frozen())}
    return faults + [f"the wheel lacks {name}" for name in sorted(wanted - names)]


def _fault(command: list[str | Path]) -> list[str]:
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    return [f"{words[-1]}: {done.stdout}{done.stderr}".strip()] if done.returncode else []


if __name__ == "__main__":
    sys.exit(main())
