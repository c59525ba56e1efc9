"""What runs over a whole shop have in common."""

from __future__ import annotations

import pytest

from scraper.rows import dealer_run


@pytest.fixture(autouse=True)
def _second_looks_come_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was missing is looked for again after a moment instead of two seconds."""
    monkeypatch.setattr(dealer_run, "SECOND_LOOK_S", 0.05)
