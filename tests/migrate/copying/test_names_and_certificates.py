"""Name servers that do not answer and certificates nobody trusts: named, and mended later."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from scraper.rows.repository import Repository


class Names:
    """A name server of our own: shop.test is this machine, the others are as `ill` says."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.ill = {"slow.test", "unknown.test"}

    def __call__(self, host: str, port: int) -> Sequence[str]:
        if host in self.ill and host == "slow.test":
            self.over.wait(60)
        if host in self.ill:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return ["127.0.0.1"]


@pytest.fixture
def names() -> Any:
    server = Names()
    yield server
    server.over.set()


def test_a_name_server_that_is_slow_or_knows_nothing(world: Any, source: Any, names: Any) -> None:
    bad = [source.url("ok", "a", host=host) for host in ("slow.test", "unknown.test")]
    good = source.urls("ok", 6)
    world.add_listings("Aoi Art", [[url] for url in bad + good])

    summary = world.run(resolver=names)

    assert (summary.completed, summary.failed) == (6, 2)
    found = world.by_url()
    assert [(found[url]["state"], found[url]["error_kind"]) for url in bad] == [
        ("failed", "dns"),
        ("failed", "dns"),
    ]
    world.assert_sound(source)

    names.over.set()
    names.ill.clear()
    assert world.run(resolver=names, retry_failed=True).completed == 2
    assert world.states() == {"stored": 8}
    world.assert_sound(source)


def test_an_untrusted_chain_fails_until_the_dealer_is_said_to_have_one(
    world: Any, tls_source: Any, names: Any, caplog: pytest.LogCaptureFixture
) -> None:
    url = tls_source.url("ok", "a", host="shop.test")
    (listing_id,) = world.add_listings("Aoi Art", [[url]])

    world.run(resolver=names)

    row = world.by_url()[url]
    assert (row["state"], row["error_kind"], row["attempts"]) == ("failed", "tls", 1)
    assert tls_source.requests() == []

    dealer_id = world.listing(listing_id)["dealer_id"]
    Repository(world.database).dealers.set_settings(dealer_id, {"verify_tls": False})
    assert world.run(resolver=names, retry_failed=True).completed == 1
    assert "shop.test: its certificate is not checked, as set for this dealer" in caplog.messages
    world.assert_sound(tls_source)
