"""What a server means by Retry-After; pure text in, seconds out, bounded by whoever waits."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)


def parse_retry_after(
    value: str | None, *, server_date: str | None = None, now: datetime | None = None
) -> float | None:
    """Seconds to wait, or None when the header is missing, past, negative or nonsense.

    A date is compared with the server's own `Date` header where there is one: its clock may be
    wrong. `now` stands in for our clock, with a time zone.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text) or None
    until = _parse_date(text)
    if until is None:
        return None
    start = _parse_date((server_date or "").strip()) or now or datetime.now(UTC)
    seconds = (until - start).total_seconds()
    return seconds if seconds > 0 else None


def _parse_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
