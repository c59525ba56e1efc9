"""What a dealer's settings change about fetching its images."""

from __future__ import annotations

import io
from typing import Any

import pytest

from migrate.copying.download import fetch_image
from migrate.queue.claims import Claim, DueImage
from scraper.net.host_access import HostAccess
from scraper.net.host_limits import HostHeldError

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
    held = {"held.example": 7.0}
    fetch_image(
        session,  # type: ignore[arg-type]
        claim,
        IMAGE,
        io.BytesIO(),
        kept=None,
        held_for=lambda host: held.get(host, 0.0),
    )
    return session.asked


def test_no_redirect_is_followed_to_a_host_that_is_to_be_left_alone() -> None:
    before_hop = asked_with({})["before_hop"]
    before_hop("cdn.example")
    with pytest.raises(HostHeldError) as held:
        before_hop("held.example")
    assert held.value.retry_after_s == 7.0


@pytest.mark.parametrize(
    ("stored", "verified"),
    [(None, True), (True, True), ("true", True), (False, False), ("false", False), ("0", False)],
)
def test_a_broken_chain_is_a_setting_however_it_is_stored(stored: object, verified: bool) -> None:
    settings = {} if stored is None else {"verify_tls": stored}
    assert asked_with(settings)["access"] == HostAccess(verify_tls=verified)


def test_old_tls_and_the_language_are_settings() -> None:
    settings = {"old_tls": "yes", "accept_language": "ja"}
    assert asked_with(settings)["access"] == HostAccess(old_tls=True, accept_language="ja")


@pytest.mark.parametrize(
    ("settings", "referer"),
    [
        ({}, PAGE),
        ({"referer": True}, PAGE),
        ({"referer": "true"}, PAGE),
        ({"referer": False}, None),
        ({"referer": "false"}, None),
        ({"referer": "https://a.example/"}, "https://a.example/"),
    ],
)
def test_the_referer_is_the_page_unless_the_dealer_wants_another(
    settings: dict[str, Any], referer: str | None
) -> None:
    assert asked_with(settings)["referer"] == referer
