"""Which dealers a command line means."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.errors import UnknownDealerError
from migrate.queue import selection

KNOWN = {"Aoi Art": 1, "\x1b[31mred\n\u202egpj": 2, "red gpj": 3}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("aoi art ", 1),
        ("\x1b[31mred\n\u202egpj", 2),
        ("[31mred gpj", 2),  # as `migrate check` writes it into the command that mends
        ("RED GPJ", 3),
    ],
)
def test_a_dealer_is_found_by_its_name_and_as_reports_write_it(
    monkeypatch: pytest.MonkeyPatch, name: str, found: int
) -> None:
    nobody: Any = None
    monkeypatch.setattr(selection, "_known_dealers", lambda _: KNOWN)
    assert selection.select(nobody, dealers=[name]).dealer_ids == (found,)
    with pytest.raises(UnknownDealerError, match="Did you mean"):
        selection.select(nobody, dealers=[name.strip() + "x"])
