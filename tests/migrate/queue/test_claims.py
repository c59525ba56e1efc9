"""What a run hears from the queue besides what it asked for."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.queue.claims import Claim, Claims, Hold, Told
from migrate.queue.selection import Selection

CLAIM = Claim(1, "token", 1, "Shop", "shop", None, ())
TOLD = Told(CLAIM, (), is_last=True)
HOLDS = [{"host": "shop.example", "seconds": 7.5, "reason": "Retry-After"}]


class Answering:
    """Stands in for the database: gives the same answer to every call."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    def rpc(self, name: str, params: dict[str, Any], *, idempotent: bool) -> Any:
        told = {"claims": [], "lost": [], "accepted": True, "answers": [{"accepted": True}]}
        return told | self.answer


def heard_with(answer: dict[str, Any], call: str) -> list[Hold]:
    claims = Claims(
        Answering(answer),  # type: ignore[arg-type]
        run_id=1,
        selection=Selection(),
        retry_failed=False,
        lease_s=30,
    )
    heard: list[Hold] = []
    claims.tell(heard.extend)
    {
        "claim": lambda: claims.claim(5),
        "extend": lambda: claims.extend(["token"]),
        "record": lambda: claims.record([TOLD]),
        "record alone": lambda: claims.record_alone(TOLD),
    }[call]()
    return heard


@pytest.mark.parametrize("call", ["claim", "extend", "record", "record alone"])
def test_each_answer_tells_which_hosts_are_to_be_left_alone(call: str) -> None:
    assert heard_with({"holds": HOLDS}, call) == [Hold("shop.example", 7.5)]
    assert heard_with({}, call) == []  # an older database does not say it
