"""Our own modules as trees, parsed once a worker for all tests; nobody changes them."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("scraper", "migrate", "workflows")


@functools.cache
def parsed_sources() -> dict[str, ast.Module]:
    """Each module by its path in the project."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }
