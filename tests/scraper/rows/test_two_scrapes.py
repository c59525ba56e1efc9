"""Two scrapes at once share the dealers: nothing is asked twice, a dead one's are taken over."""

from __future__ import annotations

import signal
from collections import Counter
from typing import Any

import pytest

from scraper.database.client import Database
from scraper.database.dealer_leases import DealerLeases
from scraper.dealers.dealer_site import DealerSite
from scraper.platforms import PLATFORMS
from scraper.rows.repository import Repository

HOSTS = [f"127.0.0.{n}" for n in range(11, 15)]


@pytest.fixture
def dealers(database: Database, shop: Any) -> list[int]:
    """Four dealers, each the same shop at an address of its own."""
    return [
        Repository(database)
        .dealers.add(
            DealerSite(
                name=f"Dealer {host}",
                domain=f"{host}:{shop.port}",
                catalog_url=f"http://{host}:{shop.port}/",
                platform=PLATFORMS["woocommerce"],
            ),
            {},
        )
        .id
        for host in HOSTS
    ]


@pytest.fixture
def start(start_command: Any, local_supabase: Any) -> Any:
    def run(*arguments: str, **changes: str) -> Any:
        environment = local_supabase.environment | {"PAGE_DELAY_S": "0", "LEASE_S": "6"} | changes
        return start_command("scrape", "daily", *arguments, env=environment)

    return run


def names() -> list[str]:
    return [word for host in HOSTS for word in ("--dealer", f"Dealer {host}")]


def test_two_scrapes_at_once_ask_for_each_page_once(
    start: Any, shop: Any, dealers: list[int], database: Database
) -> None:
    shop.latency_s = 0.1
    first, second = start(*names()), start(*names())
    outs = [process.communicate(timeout=120) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), outs
    # One robots.txt a scrape and dealer, one look at each page in all.
    asked = Counter(path for path in shop.paths() if path.startswith("/product/"))
    assert asked == {f"/product/sword-{n}/": len(HOSTS) for n in (1, 2, 3)}
    saved = database.table("listings").select("url").execute().data
    assert len(saved) == 3 * len(HOSTS)
    told = outs[0][0] + outs[1][0]
    assert told.count("left to another scrape") == len(HOSTS)


def test_what_a_dead_scrape_had_is_taken_over(
    start: Any, shop: Any, dealers: list[int], database: Database
) -> None:
    shop.held = lambda path: path.startswith("/product/")
    first = start(*names())
    shop.wait_until(lambda: any(path.startswith("/product/") for path in shop.paths()))
    second = start(*names())
    first.send_signal(signal.SIGKILL)
    first.wait()
    shop.release()
    second.communicate(timeout=120)
    assert second.returncode == 0
    assert len(database.table("listings").select("url").execute().data) == 3 * len(HOSTS)


def test_a_lease_is_fenced_and_lapses(database: Database, dealers: list[int]) -> None:
    (dealer, other, *_) = dealers
    first = DealerLeases(database, lease_s=60, shares=True)
    second = DealerLeases(database, lease_s=60, shares=True)
    named = DealerLeases(database, lease_s=60, shares=False)
    assert first.take(dealer).is_granted
    assert first.take(dealer).is_granted  # asked again, after an answer that was lost
    refused = second.take(dealer)
    assert (refused.is_granted, refused.is_done) == (False, False)
    assert 55 < refused.seconds <= 60
    with second.giving_back(dealer):
        pass  # not its to give back
    assert not second.take(dealer).is_granted
    with first.giving_back(dealer) as done:
        done()
    assert second.take(dealer).is_done  # since it began
    assert first.take(dealer).is_granted  # its own work is no reason
    with first.giving_back(dealer) as done:
        done()
    later = DealerLeases(database, lease_s=60, shares=True)
    assert later.take(dealer).is_granted  # nobody of that time works any more
    with later.giving_back(dealer):
        pass
    assert first.take(other).is_granted
    third = DealerLeases(database, lease_s=60, shares=True)
    assert third.take(dealer).is_done  # by one who is at others still
    assert not named.take(dealer).is_granted
    assert DealerLeases(database, lease_s=60, shares=False).take(dealer).is_granted
