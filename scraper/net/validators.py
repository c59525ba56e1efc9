"""ETag and Last-Modified: what a conditional request sends, and what is kept of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import requests

LONGEST_VALIDATOR: Final = 1024


def sent_validators(etag: str | None, last_modified: str | None) -> dict[str, str]:
    given = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in given.items() if value and _is_header_text(value)}


def stated_validator(response: requests.Response, name: str) -> str | None:
    """What may be stored and sent back: a server may put anything into a header, even a NUL."""
    value = response.headers.get(name, "").strip()
    return value if value and _is_header_text(value) else None


def _is_header_text(value: str) -> bool:
    is_plain = value.isascii() and value.isprintable() and value == value.strip()
    return is_plain and len(value) <= LONGEST_VALIDATOR


def is_unchanged(response: requests.Response, validators: Mapping[str, str]) -> bool:
    if response.status_code != 304 or not validators:
        return False
    response.raw.release_conn()
    return True
