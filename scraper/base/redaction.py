"""Takes secrets out of text; knows their shapes, not where they come from."""

from __future__ import annotations

import re

_SHAPES = (
    # Keys of Supabase, new and old: the old ones are JWTs.
    (re.compile(r"\bsb_(secret|publishable)_[A-Za-z0-9_-]+"), r"sb_\1_***"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?"), "***"),
    # user:password@ of a URL, also of postgres://.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/?#@]+@", re.IGNORECASE), r"\1***@"),
    # Parameters and headers that carry a secret by name.
    (
        re.compile(
            r"((?:api[_-]?key|access[_-]?token|secret|password|authorization|token|signature)"
            r"[\"']?\s*[=:]\s*[\"']?(?:bearer\s+|basic\s+)?)[^\s\"'&,;}]+",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
)


def redact(text: str) -> str:
    """The same text with every key, token and password replaced by stars."""
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text
