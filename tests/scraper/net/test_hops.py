"""robots.txt and the pace hold for every hop of a page, each on its own host."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from misbehaving import Server, reply, sends

from scraper.base.errors import FetchError, RobotsRefusedError
from scraper.net.host_limits import HostLimits
from scraper.net.robots import Robots
from scraper.net.session import DealerSession
from scraper.rows.fetching import PageFetcher
from scraper.rows.known_dealers import build_dealer

PAGE = sends(reply(b"<h1>Katana</h1>"))


def moved(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


class Body(list[bytes]):
    """A body that is kept piece by piece."""

    def write(self, data: bytes, /) -> None:
        self.append(data)


@pytest.fixture
def shop(new_server: Callable[..., Server]) -> Server:
    shop: Server = new_server()
    shop.on("/robots.txt", sends(reply(b"User-agent: *\nDisallow: /private/\n")))
    shop.on("/private/", PAGE)
    shop.on("/item", PAGE)
    return shop


@pytest.fixture
def other(new_server: Callable[..., Server]) -> Server:
    other: Server = new_server(host="127.0.0.2")
    other.on("/robots.txt", sends(reply(b"User-agent: *\nDisallow: /\nCrawl-delay: 1\n")))
    other.on("/item", PAGE)
    return other


@pytest.fixture
def limits() -> HostLimits:
    return HostLimits(per_host_max=1, start=1)


@pytest.fixture
def fetcher(shop: Server, session: DealerSession, limits: HostLimits) -> PageFetcher:
    dealer = build_dealer("Shop", shop.url, platform="static", currency="JPY", settings={})
    robots = Robots(session, user_agent="listing-mirror/0.1", limits=limits)
    return PageFetcher(session, limits, robots, dealer, 0.0)


def test_a_redirect_leads_past_no_robots_txt(shop: Server, fetcher: PageFetcher) -> None:
    shop.on("/a", sends(moved("/private/")))
    with pytest.raises(RobotsRefusedError, match="/private/"):
        fetcher.page(shop.url + "/a")
    assert shop.paths == ["/robots.txt", "/a"]


def test_a_redirect_to_another_host_asks_for_its_rules(
    shop: Server, other: Server, fetcher: PageFetcher
) -> None:
    shop.on("/a", sends(moved(other.url + "/item")))
    with pytest.raises(RobotsRefusedError, match="127.0.0.2"):
        fetcher.page(shop.url + "/a")
    assert other.paths == ["/robots.txt"]
    with pytest.raises(RobotsRefusedError):  # what is streamed has the same manners
        fetcher.stream(shop.url + "/a", Body, max_bytes=1000)
    assert other.paths == ["/robots.txt"]


def test_the_pace_of_each_host_holds_between_hops(
    shop: Server, other: Server, fetcher: PageFetcher
) -> None:
    other.on("/robots.txt", sends(reply(b"User-agent: *\nCrawl-delay: 0.6\n")))
    other.on("/first", sends(moved("/second")))
    other.on("/second", sends(moved("/item")))
    shop.on("/a", sends(moved(other.url + "/first")))
    page = fetcher.page(shop.url + "/a")
    assert page is not None
    assert (page.url, page.requested_url) == (other.url + "/item", shop.url + "/a")
    # Waiting for a turn is not counted as the host's time: 1.2 s, where 1 s is allowed in all.
    began = {seen.path: seen.at for seen in other.record}
    assert began["/second"] - began["/first"] >= 0.55
    assert began["/item"] - began["/second"] >= 0.55


def test_a_host_that_is_left_alone_is_not_asked_by_a_redirect_either(
    shop: Server, other: Server, fetcher: PageFetcher, limits: HostLimits
) -> None:
    shop.on("/a", sends(moved(other.url + "/item")))
    other.on("/robots.txt", sends(reply(b"User-agent: *\nAllow: /\n")))
    limits.hold("127.0.0.2:" + str(other.port), 600)
    with pytest.raises((FetchError, RobotsRefusedError)):
        fetcher.page(shop.url + "/a")
    assert other.paths == []
    page = fetcher.page(shop.url + "/item")  # and the dealer's own host goes on
    assert page is not None
    assert limits.running("127.0.0.1:" + str(shop.port)) == 0


def test_each_host_answers_for_itself(
    shop: Server, other: Server, fetcher: PageFetcher, limits: HostLimits
) -> None:
    other.on("/robots.txt", sends(reply(b"User-agent: *\nAllow: /\n")))
    other.on("/item", sends(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"))
    shop.on("/a", sends(moved(other.url + "/item")))
    with pytest.raises(FetchError):
        fetcher.page(shop.url + "/a")
    failed = {report.host: report.failed for report in limits.snapshot()}
    assert failed == {f"127.0.0.1:{shop.port}": 0, f"127.0.0.2:{other.port}": 1}
