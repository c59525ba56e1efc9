"""What Retry-After means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.net.retry_after import parse_retry_after

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "server_date", "seconds"),
    [
        ("30", None, 30.0),
        (" 30 ", None, 30.0),
        ("1.5", None, 1.5),
        ("86400", None, 86400.0),
        ("Mon, 23 Nov 2026 12:01:00 GMT", None, 60.0),
        ("Mon, 23 Nov 2026 13:01:00 +0100", None, 60.0),
        ("Monday, 23-Nov-26 12:01:00 GMT", None, 60.0),
        ("Mon Nov 23 12:01:00 2026", None, 60.0),
        # The server's clock is an hour ahead: what counts is the difference it meant.
        ("Mon, 23 Nov 2026 13:01:00 GMT", "Mon, 23 Nov 2026 13:00:00 GMT", 60.0),
        ("Mon, 23 Nov 2026 12:01:00 GMT", "nonsense", 60.0),
        ("Mon, 23 Nov 2026 11:59:00 GMT", None, None),
        ("Mon, 23 Nov 2026 12:00:00 GMT", None, None),
        (None, None, None),
        ("", None, None),
        ("0", None, None),
        ("-5", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("1e9", None, None),
        ("٣٠", None, None),
        ("99999999999999999999", None, None),
        ("soon", None, None),
        ("Mon, 99 Nov 2026 12:01:00 GMT", None, None),
        ("Mon, 23 Nov 99999 12:01:00 GMT", None, None),
    ],
)
def test_what_a_server_asks_for(
    value: str | None, server_date: str | None, seconds: float | None
) -> None:
    assert parse_retry_after(value, server_date=server_date, now=NOW) == seconds


@given(st.text(max_size=40), st.none() | st.text(max_size=40))
def test_any_text_is_a_positive_time_or_nothing(value: str, server_date: str | None) -> None:
    seconds = parse_retry_after(value, server_date=server_date, now=NOW)
    assert seconds is None or seconds > 0
