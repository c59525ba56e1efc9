"""Text made comparable, and made fit for a database."""

from __future__ import annotations

import json

from scraper.parsing.text import storable


def test_what_no_database_can_hold_becomes_a_mark() -> None:
    read = json.loads(
        r'{"a\u0000": ["\ud83d", "\ud83d\ude00", "\udc00x", 1, null, {"b": "\u5200"}]}'
    )
    assert storable(read) == {"a\ufffd": ["\ufffd", "😀", "\ufffdx", 1, None, {"b": "刀"}]}
