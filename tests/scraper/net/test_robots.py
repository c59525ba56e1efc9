"""robots.txt is read once, obeyed, and not guessed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from misbehaving import Behaviour, Server, in_turn, reply, resets, sends, stalls

from scraper.base.errors import InterruptedFetchError
from scraper.net.host_limits import HostLimits
from scraper.net.robots import Robots
from scraper.net.session import DealerSession

NAME = "listing-mirror/0.1 (+https://ours.example)"
RULES = b"""\xef\xbb\xbfUser-agent: *
Disallow: /

User-agent: Listing-Mirror
Disallow: /cart
Disallow: /*?sort=
Allow: /cart/help
Crawl-delay: 2.5

Sitemap: https://shop.example/sitemap.xml
Sitemap: /relative.xml
"""


@pytest.fixture
def robots(session: DealerSession) -> Robots:
    return Robots(session, user_agent=NAME, pause_s=0.01)


def test_the_rules_for_our_name_are_obeyed(server: Server, robots: Robots) -> None:
    server.on("/robots.txt", sends(reply(RULES)))
    allowed = {
        path: robots.allowed(server.url + path)
        for path in ("/", "/item/1", "/cart", "/cart/1", "/cart/help", "/item?sort=price")
    }
    assert allowed == {
        "/": True,
        "/item/1": True,
        "/cart": False,
        "/cart/1": False,
        "/cart/help": True,
        "/item?sort=price": False,
    }
    assert robots.crawl_delay_s(server.url) == 2.5
    assert robots.sitemaps(server.url) == ("https://shop.example/sitemap.xml", "/relative.xml")
    assert "robots.txt" in str(robots.refusal(server.url + "/cart"))
    assert server.paths == ["/robots.txt"]


def test_many_threads_read_it_once(server: Server, robots: Robots) -> None:
    server.on("/robots.txt", sends(reply(RULES)))
    threads = [
        threading.Thread(target=robots.allowed, args=(server.url + "/item",)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.record) == 1


@pytest.mark.parametrize(
    ("behaviour", "why_not"),
    [
        (sends(reply(b"no", status=404)), None),
        (sends(reply(b"no", status=403)), None),
        (sends(reply(b"no", status=401)), None),
        (sends(reply(b"no", status=410)), None),
        (sends(reply(status=302, Location="/robots.txt")), None),
        (sends(reply(b"")), None),
        (sends(reply(b"<!doctype html><html><body>Hello: *</body></html>")), None),
        (sends(reply(b"\xff\xfe\x00 nonsense\r\n\r\n")), None),
        (sends(reply(b"no", status=500)), "cannot be read"),
        (sends(reply(b"no", status=503)), "cannot be read"),
        (sends(reply(b"no", status=429)), "cannot be read"),
        (sends(reply(status=302, Location="http://10.0.0.1/robots.txt")), "is not public"),
        (resets(), "cannot be read"),
        (stalls(), "cannot be read"),
    ],
)
def test_without_rules_in_hand(
    server: Server, robots: Robots, behaviour: Behaviour, why_not: str | None
) -> None:
    server.on("/robots.txt", behaviour)
    assert robots.allowed(server.url + "/item") is (why_not is None)
    if why_not is not None:
        assert why_not in str(robots.refusal(server.url + "/item"))
        assert robots.crawl_delay_s(server.url) is None
        assert robots.sitemaps(server.url) == ()


def test_a_fault_in_passing_forbids_nothing(server: Server, robots: Robots) -> None:
    server.on("/robots.txt", in_turn(sends(reply(b"", status=503)), resets(), sends(reply(RULES))))
    assert robots.allowed(server.url + "/item")
    assert not robots.allowed(server.url + "/cart")
    assert len(server.record) == 3


@pytest.mark.parametrize(
    ("said", "delay_s"), [("86400", 30.0), ("-1", None), ("nan", None), ("inf", None), ("x", None)]
)
def test_the_delay_asked_for_is_bounded(
    server: Server, robots: Robots, said: str, delay_s: float | None
) -> None:
    server.on("/robots.txt", sends(reply(f"User-agent: *\nCrawl-delay: {said}\n".encode())))
    assert robots.crawl_delay_s(server.url) == delay_s


def test_only_the_first_half_megabyte_is_read_as_rules(server: Server, robots: Robots) -> None:
    body = b"User-agent: *\n" + b"# padding\n" * 60_000 + b"Disallow: /\n"
    server.on("/robots.txt", sends(reply(body)))
    assert robots.allowed(server.url + "/item")


def test_each_site_has_rules_of_its_own(new_server: Callable[..., Server], robots: Robots) -> None:
    closed, opened = new_server(), new_server(host="127.0.0.2")
    closed.on("/robots.txt", sends(reply(b"User-agent: *\nDisallow: /\n")))
    opened.on("/robots.txt", sends(reply(b"User-agent: *\nDisallow:\n")))
    assert not robots.allowed(closed.url + "/item")
    assert robots.allowed(opened.url + "/item")


def test_its_fetch_counts_as_a_request_to_the_host(server: Server, session: DealerSession) -> None:
    limits = HostLimits()
    server.on("/robots.txt", sends(reply(RULES)))
    Robots(session, user_agent=NAME, limits=limits).allowed(server.url + "/item")
    assert [report.requests for report in limits.snapshot()] == [1]


def test_an_interrupted_read_decides_nothing(server: Server, session: DealerSession) -> None:
    server.on("/robots.txt", sends(reply(RULES)))
    robots = Robots(session, user_agent=NAME)
    session.abort()
    with pytest.raises(InterruptedFetchError):
        robots.allowed(server.url + "/item")
