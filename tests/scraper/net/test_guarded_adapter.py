"""What is asked is what requests itself would ask, although less is worked out for it."""

from __future__ import annotations

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from scraper.base.errors import BadUrlError
from scraper.net.guard import check_url
from scraper.net.guarded_adapter import Question

PARTS = st.text("aZ09_~.-", min_size=1, max_size=4)
QUERIES = st.text("aZ09_~.=&-", max_size=6)


def compare(url: str) -> None:
    at = check_url(url, allowed=["127.0.0.0/8"])
    usual = requests.Request("GET", at.url, headers={"X-Word": "w"}).prepare()
    question = Question(at, {"X-Word": "w"})
    assert (question.url, question.target) == (usual.url, usual.path_url)
    assert dict(question.headers) == {"X-Word": "w"}


@given(st.lists(PARTS, max_size=4), QUERIES)
def test_plain_addresses_are_asked_as_requests_would(parts: list[str], query: str) -> None:
    compare("http://127.0.0.1:8080/" + "/".join(parts) + (f"?{query}" if query else ""))


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://shop.example/a//b/./c/../d.jpg",
        "https://shop.example/刀/一 二.jpg?名=値#part",
        "https://shop.example/%e5%88%80%2F.jpg?a=%20b&c",
        "https://刀.example/a.jpg",
        "https://shop.example/a.jpg?",
        "https://shop.example/a.jpg?b=[1]&c='x'",
        "http://[2606:4700::1111]/a.jpg",
    ],
)
def test_odd_addresses_too(url: str) -> None:
    compare(url)


def test_what_no_header_may_hold_is_refused() -> None:
    with pytest.raises((requests.RequestException, BadUrlError)):
        Question(check_url("https://shop.example/a.jpg"), {"Referer": "a\r\nX-Other: b"})
