"""Objects in a page's scripts: what a shop system tells its own programs; it knows none of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from scraper.pages.document import Document
from scraper.parsing.text import storable

_MAX_BLOCK = 2_000_000
_MAX_OBJECTS = 20
_MAX_DEPTH = 40
_DECODER = json.JSONDecoder()


def objects_after(
    document: Document, name: re.Pattern[str], *, holding: str
) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects that stand behind a name in scripts, or are a script of data whole.

    Args:
        holding: a text that a script must have to be looked at, such as `"variants"`.
    """
    for script in document.all("script"):
        text = script.get_text()
        if holding not in text or len(text) > _MAX_BLOCK:
            continue
        starts = [0] if "json" in str(script.get("type") or "") else []
        starts += [found.end() for found in islice(name.finditer(text), _MAX_OBJECTS)]
        for start in starts:
            try:
                block, _ = _DECODER.raw_decode(text[start:].lstrip())
            except (ValueError, RecursionError):
                continue
            if isinstance(block := storable(block), dict):
                yield block


def object_within(data: Any, is_wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
    """Return the first object inside `data` that is wanted, the outer ones first."""
    waiting: list[tuple[Any, int]] = [(data, 0)]
    while waiting:
        node, depth = waiting.pop(0)
        if isinstance(node, dict) and is_wanted(node):
            return node
        inner = node.values() if isinstance(node, dict) else node
        if isinstance(node, (dict, list)) and depth < _MAX_DEPTH:
            waiting += [(each, depth + 1) for each in inner if isinstance(each, (dict, list))]
    return None
