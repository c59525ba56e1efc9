"""Those who fetch and read product pages, one page after another; what a peer does less is said.

Each takes a task's `urls`; which product a page shows is in the address, as in a shop.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

SELECTORS = ("h1", "p.price", ".stock", "img", "a[href]", "meta[property]", ".summary")
"""What a plain spider asks a page for."""

OURS = "ours: every field, checks"
BS4 = "requests, bs4"
SCRAPY = "Scrapy"
SCRAPY_8 = "Scrapy, 8 at once"
DOES_LESS = {
    OURS: "-",
    BS4: f"{len(SELECTORS)} selectors; no check, no limits",
    SCRAPY: f"{len(SELECTORS)} selectors; no check",
    SCRAPY_8: f"{len(SELECTORS)} selectors; no check, no pace",
}

Work = Callable[[], object]


class Task(Protocol):
    """The part of a contender's task that is about pages."""

    urls: list[str]


@contextlib.contextmanager
def ours(task: Task) -> Iterator[Work]:
    """The guarded session and the whole reading, as `scrape` does it; nothing is saved."""
    from scraper.base.settings import Settings
    from scraper.net.session import DealerSession
    from scraper.pages.document import page_from_html
    from scraper.reading import read_listing
    from scraper.rows.known_dealers import build_dealer

    settings = Settings.from_environment({"ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8"})
    base = task.urls[0].partition("/ok/")[0] + "/"
    dealer = build_dealer("Bench", base, platform="woocommerce", currency="JPY", settings={})
    with DealerSession(settings) as session:

        def read(url: str) -> None:
            fetched = session.fetch_page(url)
            read_listing(page_from_html(fetched.url, fetched.body), dealer)

        yield lambda: [read(url) for url in task.urls]


@contextlib.contextmanager
def requests_and_bs4(task: Task) -> Iterator[Work]:
    """What a first script does."""
    import requests
    from bs4 import BeautifulSoup

    session = requests.Session()

    def read(url: str) -> None:
        soup = BeautifulSoup(session.get(url, timeout=30).content, "lxml")
        for selector in SELECTORS:
            [found.get_text() for found in soup.select(selector)]

    yield lambda: [read(url) for url in task.urls]


def _scrapy(task: Task, at_once: int) -> Work:
    from scrapy import Request, Spider
    from scrapy.crawler import CrawlerProcess

    class Pages(Spider):
        name = "pages"

        async def start(self) -> Any:
            for url in task.urls:
                yield Request(url)

        def parse(self, response: Any) -> Any:
            yield {one: response.css(one).xpath("string()").getall() for one in SELECTORS}

    def crawl() -> None:
        process = CrawlerProcess(
            {
                "CONCURRENT_REQUESTS_PER_DOMAIN": at_once,
                "DOWNLOAD_DELAY": 0,
                "LOG_ENABLED": False,
                "TELNETCONSOLE_ENABLED": False,
            }
        )
        process.crawl(Pages)
        process.start()

    return crawl


@contextlib.contextmanager
def scrapy_one_at_a_time(task: Task) -> Iterator[Work]:
    """A plain spider."""
    yield _scrapy(task, 1)


@contextlib.contextmanager
def scrapy_eight_at_once(task: Task) -> Iterator[Work]:
    """The same with as many requests at once as Scrapy allows one domain by itself."""
    yield _scrapy(task, 8)


CONTENDERS = {
    OURS: ours,
    BS4: requests_and_bs4,
    SCRAPY: scrapy_one_at_a_time,
    SCRAPY_8: scrapy_eight_at_once,
}
