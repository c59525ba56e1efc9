"""A dealer with a broken certificate chain is read when its own setting says so, others never."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest
import trustme
from misbehaving import Server, reply, sends

from scraper.base.errors import RobotsRefusedError
from scraper.dealers.settings import parse_settings
from scraper.net.host_limits import HostLimits
from scraper.net.robots import Robots
from scraper.net.session import DealerSession
from scraper.pages.dealer import Dealer
from scraper.rows.fetching import PageFetcher
from scraper.rows.known_dealers import build_dealer


@pytest.fixture
def shop(new_server: Callable[..., Server]) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    shop: Server = new_server(tls=context)
    shop.on("/robots.txt", sends(reply(b"User-agent: *\nDisallow: /cart\n")))
    shop.on("/item", sends(reply(b"<h1>Katana</h1>")))
    return shop


def fetcher(session: DealerSession, dealer: Dealer) -> PageFetcher:
    robots = Robots(session, user_agent="listing-mirror/0.1")
    return PageFetcher(session, HostLimits(), robots, dealer, 0.0)


def dealer_of(shop: Server, **settings: object) -> Dealer:
    return build_dealer("Shop", shop.url, platform="static", currency="JPY", settings=settings)


def test_its_pages_and_robots_are_read(shop: Server, session: DealerSession) -> None:
    page = fetcher(session, dealer_of(shop, verify_tls="false")).page(shop.url + "/item")
    assert page is not None
    assert page.text == "<h1>Katana</h1>"
    assert shop.paths == ["/robots.txt", "/item"]


def test_without_the_setting_nothing_is_read_and_the_remedy_is_named(
    shop: Server, session: DealerSession
) -> None:
    with pytest.raises(RobotsRefusedError, match="verify_tls=false"):
        fetcher(session, dealer_of(shop)).page(shop.url + "/item")
    assert shop.paths == []


def test_settings_of_the_migration_are_no_mistake_here() -> None:
    assert parse_settings({"verify_tls": False, "referer": "https://shop.example/"}) == {
        "verify_tls": False
    }
