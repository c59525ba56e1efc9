"""Any sequence of edits, claims, results and lapses leaves the invariants true."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

ENTRIES = st.lists(
    st.sampled_from(
        [
            "https://i.example/a.jpg",
            "https://i.example/b.jpg",
            "https://i.example/c.jpg",
            None,
            "x.jpg",
        ]
    ),
    max_size=5,
)
OUTCOMES = st.sampled_from(
    [
        ("stored", None),
        ("stored", None),
        ("failed", "timeout"),
        ("failed", "http_404"),
        ("failed", "storage_unavailable"),
        ("rejected", "not_an_image"),
        ("untouched", None),
    ]
)
DIGESTS = st.sampled_from(["ab" * 32, "cd" * 32])


class Machine(RuleBasedStateMachine):
    mirror: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self.mirror.sql.execute("delete from listings")
        self.listings = [self.mirror.listing([]) for _ in range(2)]
        self.claims: list[tuple[dict[str, Any], bool]] = []

    @rule(which=st.integers(0, 1), images=ENTRIES)
    def edit(self, which: int, images: list[str | None]) -> None:
        self.mirror.set_images(self.listings[which], images)

    @rule(retry=st.booleans())
    def claim(self, retry: bool) -> None:
        held = {claim["listing_id"] for claim, is_live in self.claims if is_live}
        for claim in self.mirror.claim(p_retry_failed=retry):
            assert claim["listing_id"] not in held, "a listing was claimed twice"
            assert claim["images"], "a claim without work"
            self.claims = [
                (old, live and old["listing_id"] != claim["listing_id"])
                for old, live in self.claims
            ]
            self.claims.append((claim, True))

    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        if not self.claims:
            return
        claim, _ = self.claims.pop(data.draw(st.integers(0, len(self.claims) - 1)))
        results = []
        for image in claim["images"]:
            outcome, kind = data.draw(OUTCOMES)
            more = {"digest": data.draw(DIGESTS)} if outcome == "stored" else {}
            results.append(
                self.mirror.result(claim["listing_id"], image, outcome, error_kind=kind, **more)
            )
        holder = self.mirror.one(
            "select claim_token::text from image_queue where listing_id = %s", claim["listing_id"]
        )
        before = self.mirror.rows(
            "select to_jsonb(i) from listing_images i order by listing_id, position"
        )
        answer = self.mirror.finish(claim, results)
        assert answer["accepted"] is (holder == claim["token"])
        if not answer["accepted"]:
            after = self.mirror.rows(
                "select to_jsonb(i) from listing_images i order by listing_id, position"
            )
            assert after == before, "a runner that lost its claim changed something"

    @rule(hours=st.sampled_from([0.01, 1, 30]))
    def time_passes(self, hours: float) -> None:
        self.mirror.pass_time(hours)
        # Leases are 30 s: every claim may be taken by others now, and still finish until it is.
        self.claims = [(claim, False) for claim, _ in self.claims]

    @rule()
    def give_back(self) -> None:
        if self.claims:
            claim, _ = self.claims.pop()
            self.mirror.rpc("release_claims", p_tokens=[claim["token"]])

    @rule(which=st.integers(0, 1), title=st.sampled_from(["Katana Kanemitsu", "Tsuba Goto"]))
    def rename(self, which: int, title: str) -> None:
        before = self.mirror.stored_images(self.listings[which])
        self.mirror.sql.execute(
            "update listings set title = %s where id = %s", (title, self.listings[which])
        )
        assert self.mirror.stored_images(self.listings[which]) == before

    @rule()
    def recheck(self) -> None:
        self.mirror.rpc("recheck_copies")

    @rule(which=st.integers(0, 1))
    def clear_copies(self, which: int) -> None:
        self.mirror.sql.execute(
            "update listings set stored_images = null where id = %s", (self.listings[which],)
        )

    @invariant()
    def all_is_accounted_for(self) -> None:
        self.mirror.check_invariants()


@pytest.mark.timeout(240)
def test_any_sequence_keeps_the_invariants(mirror: Any) -> None:
    Machine.mirror = mirror
    Machine.TestCase.settings = settings(
        max_examples=25,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    Machine.TestCase("runTest").debug()
