"""Runs that are killed or interrupted in the middle, and several pages of one dealer at once."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest

from scraper.base.errors import ErrorKind, InterruptedFetchError, TransientFetchError
from scraper.database.client import Database
from scraper.dealers.dealer_site import DealerSite
from scraper.net.host_limits import HostLimits
from scraper.net.robots import Robots
from scraper.rows.fetching import PageFetcher
from scraper.rows.known_dealers import build_dealer
from scraper.rows.repository import Repository

Scrape = Any  # start a `scrape daily` of the sample dealer as a process of its own


@pytest.fixture
def start(start_command: Any, database: Database, local_supabase: Any, shop: Any) -> Scrape:
    """Start `scrape daily`: `start()`, `start(PAGE_CONCURRENCY="1")`; whatever is left is ended."""
    dealer = build_dealer("Sample", shop.url, platform="woocommerce", currency=None, settings={})
    Repository(database).dealers.add(dealer, {})

    def run(**changes: str) -> Any:
        environment = local_supabase.environment | {"PAGE_DELAY_S": "0"} | changes
        return start_command("scrape", "daily", "--dealer", "Sample", env=environment)

    return run


def add_swords(shop: Any, count: int) -> None:
    kind = type(next(iter(shop.items.values())))
    shop.items = {
        f"sword-{n}": kind(f"Katana number {n}", price=n * 100_000) for n in range(1, count + 1)
    }


def rows(database: Database, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = database.table(table).select("*").order("id").execute().data
    return found


def test_a_run_that_was_killed_is_finished_by_the_next(
    start: Scrape, shop: Any, database: Database
) -> None:
    add_swords(shop, 8)
    shop.held = lambda path: path == "/product/sword-5/"
    killed = start()
    shop.wait_until(lambda: "/product/sword-5/" in shop.paths())
    killed.kill()
    killed.communicate()
    assert len(rows(database, "listings")) < 8
    assert rows(database, "scrape_runs")[0]["status"] == "running"
    shop.release()
    finished = start()
    finished.communicate(timeout=120)
    assert finished.returncode == 0
    saved = {row["url"].rsplit("/", 1)[-1]: row for row in rows(database, "listings")}
    assert len(saved) == len(rows(database, "listings")) == 8
    for slug, item in shop.items.items():
        row = saved[slug]
        assert (row["title"], row["price_value"], row["status"]) == (
            item.title,
            item.price,
            "available",
        )
        assert row["images"] == [shop.image(slug, "a"), shop.image(slug, "b")]
    first, second = rows(database, "scrape_runs")
    assert (first["status"], first["error_message"]) == ("failed", "it ended without a word")
    assert (second["status"], second["urls_processed"], second["errors"]) == ("completed", 8, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_pause_that_the_shop_asked_for_ends_at_once(
    number: signal.Signals, start: Scrape, shop: Any, database: Database
) -> None:
    shop.items["sword-2"].status, shop.items["sword-2"].retry_after = 429, "30"
    process = start()
    shop.wait_until(lambda: "/product/sword-2/" in shop.paths())
    process.send_signal(number)
    _, said = process.communicate(timeout=25)  # its pause alone would take 30 s
    assert process.returncode == 130
    assert "Traceback" not in said
    recorded = rows(database, "scrape_runs")[-1]
    assert recorded["status"] == "failed"
    assert recorded["completed_at"] is not None


class Throttled:
    """A session whose host always asks for a pause."""

    def fetch_page(self, url: str, **_: Any) -> Any:
        raise TransientFetchError(url, ErrorKind.HTTP_429, "429", status=429, retry_after_s=30)


def test_no_wait_of_a_fetcher_outlives_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    session: Any = Throttled()
    robots = Robots(session, user_agent="mirror", stop=stop)
    monkeypatch.setattr(robots, "refusal", lambda url, access: None)
    monkeypatch.setattr(robots, "crawl_delay_s", lambda url, access: None)
    dealer = DealerSite(name="S", domain="s.example", catalog_url="https://s.example/")
    fetcher = PageFetcher(session, HostLimits(), robots, dealer, 0.0, stop)
    waited: list[float] = []
    monkeypatch.setattr(stop, "wait", lambda seconds: waited.append(seconds) or True)
    with pytest.raises(InterruptedFetchError):
        fetcher.page("https://s.example/1")
    assert waited == [30.0]


@pytest.mark.parametrize(("allowed", "seen"), [("1", 1), ("2", 2), ("3", 3)])
def test_one_dealers_pages_are_fetched_as_many_at_once_as_was_promised(
    allowed: str, seen: int, start: Scrape, shop: Any, database: Database
) -> None:
    """A good host is given its whole share after some good answers: then pages wait for each
    other.
    """
    add_swords(shop, 30)
    late = {f"/product/sword-{n}/" for n in range(25, 31)}
    shop.held = lambda path: path in late and shop.most_running < seen
    process = start(PAGE_CONCURRENCY=allowed)
    process.communicate(timeout=150)
    assert process.returncode == 0
    assert shop.most_running == seen
    assert len(rows(database, "listings")) == 30
