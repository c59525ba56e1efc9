"""What a dealer's settings change about fetching its images."""

from __future__ import annotations

import io
from typing import Any

import pytest

from migrate.claims import Claim, DueImage
from migrate.download import fetch_image

IMAGE = DueImage(0, "https://shop.example/a.jpg")
PAGE = "https://shop.example/item"


class RecordingSession:
    """Stands in for the session: keeps what it was asked with."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def fetch_file(self, url: str, sink: object, **options: Any) -> None:
        self.asked = options


def asked_with(settings: dict[str, Any]) -> dict[str, Any]:
    session = RecordingSession()
    claim = Claim(1, "token", 1, "Shop", "shop", PAGE, (IMAGE,), dealer_settings=settings)
    fetch_image(session, claim, IMAGE, io.BytesIO(), kept=None)  # type: ignore[arg-type]
    return session.asked


@pytest.mark.parametrize(
    ("stored", "verified"),
    [(None, True), (True, True), ("true", True), (False, False), ("false", False), ("0", False)],
)
def test_a_broken_chain_is_a_setting_however_it_is_stored(stored: object, verified: bool) -> None:
    settings = {} if stored is None else {"verify_tls": stored}
    assert asked_with(settings)["verify_tls"] is verified


@pytest.mark.parametrize(
    ("settings", "referer"),
    [({}, PAGE), ({"referer": False}, None), ({"referer": "https://a.example/"}, "https://a.example/")],
)  # fmt: skip
def test_the_referer_is_the_page_unless_the_dealer_wants_another(
    settings: dict[str, Any], referer: str | None
) -> None:
    assert asked_with(settings)["referer"] == referer
