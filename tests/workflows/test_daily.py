"""The daily chain: its order, its exit codes, and that a quiet day costs nothing."""

from __future__ import annotations

import dataclasses

import pytest

from migrate.errors import UnknownDealerError
from migrate.reports.coverage import read_statistics
from scraper.base.errors import DatabaseUnavailableError
from scraper.rows.known_dealers import UnknownDealerError as UnknownToScraperError
from workflows.daily import DailyOptions, Outcome, run_daily
from workflows.sample_shop import PRODUCTS

NAME = "Sample Shop"
ONLY = DailyOptions(dealers=(NAME,))
PHOTOS = sum(product.photos for product in PRODUCTS)


@pytest.fixture
def settings(local_supabase):
    return local_supabase.settings(PAGE_DELAY_S="0")


@pytest.fixture
def add_dealer(database):
    def add(name: str, url: str) -> int:
        row = {"name": name, "domain": "127.0.0.1", "catalog_url": url, "currency": "JPY"}
        return (
            database.table("dealers")
            .insert(row | {"platform": "woocommerce"})
            .execute()
            .data[0]["id"]
        )

    return add


@pytest.fixture
def opened(shop, add_dealer):
    """The sample shop, known to the database as a dealer."""
    add_dealer(NAME, f"{shop.url}/")
    return shop


def outcomes(report):
    return {step.name: step.outcome for step in report.steps}


def sentence(report, name):
    return next(step.sentence for step in report.steps if step.name == name)


def add_pending(database, dealer_id: int, url: str, count: int) -> None:
    rows = [
        {
            "url": f"{url}/items/{n}",
            "dealer_id": dealer_id,
            "status": "available",
            "title": f"No. {n}",
            "images": [f"{url}/pictures/{n}.jpg"],
        }
        for n in range(count)
    ]
    database.table("listings").insert(rows).execute()


def test_one_run_brings_a_new_shop_to_full_coverage(database, settings, opened):
    report = run_daily(database, settings, dataclasses.replace(ONLY, retry_failed=True))
    assert outcomes(report) == {
        "scrape": Outcome.DONE,
        "migrate": Outcome.DONE,
        "retry": Outcome.DONE,
        "check": Outcome.DONE,
    }
    assert report.exit_code == 0
    images = read_statistics(database).as_json()["images"]
    assert (images["total"], images["stored"]) == (PHOTOS, PHOTOS)


def test_a_day_without_news_costs_no_image_no_upload_and_no_row(
    database, settings, opened, all_rows
):
    run_daily(database, settings, dataclasses.replace(ONLY, retry_failed=True))

    def everything():
        objects = database.rpc(
            "bucket_objects",
            {"p_bucket": database.bucket_name, "p_prefix": "", "p_after": "", "p_limit": 1000},
            idempotent=True,
        )
        images = database.table("listing_images").select("*").order("listing_id").order("position")
        queue = database.table("image_queue").select("listing_id,next_due_at,priority,claim_token")
        rows = all_rows(database, "listings")
        return (  # "last seen" moves for each row that was seen, and nothing else does
            [{**row, "last_scraped_at": None} for row in rows],
            all_rows(database, "dealers"),
            all_rows(database, "discovered_urls"),
            all_rows(database, "listing_image_events"),
            images.execute().data,
            queue.order("listing_id").execute().data,
            objects,
        )

    before = everything()
    opened.asked.clear()
    report = run_daily(database, settings, ONLY)
    assert report.exit_code == 0
    assert "0 new and 0 updated" in sentence(report, "scrape")
    assert opened.asked, "the shop was not even looked at"
    assert opened.pictures_asked() == []
    assert everything() == before


def test_a_dead_dealer_costs_its_own_line_only(database, settings, opened, add_dealer):
    add_dealer("Dead Dealer", "http://127.0.0.1:9/")
    report = run_daily(database, settings, DailyOptions(dealers=("Dead Dealer", NAME)))
    assert report.exit_code == 0
    assert outcomes(report) == {
        "scrape": Outcome.DONE,
        "migrate": Outcome.DONE,
        "check": Outcome.DONE,
    }
    assert sentence(report, "scrape").endswith("; failed: Dead Dealer")
    assert f"1 of 2 dealers, {len(PRODUCTS)} new" in sentence(report, "scrape")


def test_a_scrape_that_cannot_run_does_not_keep_the_rest_from_running(
    database, settings, shop, add_dealer
):
    dealer = add_dealer("Dead Dealer", "http://127.0.0.1:9/")
    add_pending(database, dealer, shop.url, 3)
    report = run_daily(database, settings, DailyOptions(dealers=("Dead Dealer",)))
    assert outcomes(report) == {
        "scrape": Outcome.FAILED,
        "migrate": Outcome.DONE,
        "check": Outcome.DONE,
    }
    assert "3 images stored" in sentence(report, "migrate")
    assert report.exit_code == 1


def test_150_listings_left_pending_are_unhealthy(database, settings, shop, add_dealer):
    add_pending(database, add_dealer(NAME, f"{shop.url}/"), shop.url, 155)
    report = run_daily(database, settings, DailyOptions(limit=5, skip_scrape=True))
    assert outcomes(report) == {
        "scrape": Outcome.LEFT_OUT,
        "migrate": Outcome.DONE,
        "check": Outcome.UNHEALTHY,
    }
    assert "150" in sentence(report, "check")
    assert report.exit_code == 3
    assert len(shop.asked) == 5


def test_on_actions_the_check_annotates(database, settings, shop, add_dealer, capsys):
    add_pending(database, add_dealer(NAME, f"{shop.url}/"), shop.url, 102)
    on_actions = dataclasses.replace(settings, on_github_actions=True)
    report = run_daily(database, on_actions, DailyOptions(limit=1, skip_scrape=True))
    assert report.exit_code == 3
    assert "::error title=" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("skip", "error"), [(False, UnknownToScraperError), (True, UnknownDealerError)]
)
def test_an_unknown_dealer_is_refused_first_of_all(skip, error, database, settings, opened):
    with pytest.raises(error, match="Sample Shop") as caught:
        run_daily(database, settings, DailyOptions(dealers=("Nobody",), skip_scrape=skip))
    assert caught.value.exit_code == 2
    assert opened.asked == []


def test_a_failing_step_leaves_the_check_its_turn(database, settings, opened, monkeypatch):
    def vanish(*_args, **_kwargs):
        raise DatabaseUnavailableError("The database does not answer.")

    monkeypatch.setattr("workflows.daily.upload_images", vanish)
    report = run_daily(database, settings, ONLY)
    assert outcomes(report)["migrate"] is Outcome.FAILED
    assert outcomes(report)["check"] in (Outcome.DONE, Outcome.UNHEALTHY)
    assert report.exit_code == 1


def test_an_interruption_ends_the_chain_at_once(database, settings, opened, monkeypatch):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("workflows.daily.scrape_dealers", interrupt)
    report = run_daily(database, settings, ONLY)
    assert outcomes(report) == {"scrape": Outcome.INTERRUPTED}
    assert report.exit_code == 130


def test_the_deadline_counts_from_the_start(database, settings, opened, monkeypatch):
    given = []
    monkeypatch.setattr(
        "workflows.daily.upload_images",
        lambda _database, _settings, options: given.append(options) or vanished(),
    )

    def vanished():
        raise DatabaseUnavailableError("enough seen")

    ticks = iter([0.0, 100.0, 590.0])
    options = dataclasses.replace(ONLY, retry_failed=True, deadline_s=600.0, limit=7, workers=2)
    run_daily(database, settings, options, clock=lambda: next(ticks))
    assert [(one.deadline_s, one.retry_failed) for one in given] == [(500.0, False), (60.0, True)]
    assert {(one.limit, one.workers, len(one.selection.dealer_ids)) for one in given} == {(7, 2, 1)}


@pytest.mark.servers  # it takes its time by nature
def test_the_command_without_a_database_says_so(run_command):
    nowhere = {"SUPABASE_URL": "http://127.0.0.1:9", "SUPABASE_SECRET_KEY": "sb_secret_x"}
    done = run_command("workflows", "daily", env=nowhere | {"DATABASE_PATIENCE_S": "0"})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "127.0.0.1:9" in done.stderr


def test_the_command_prints_its_steps_and_ends_with_their_code(run_command, local_supabase, opened):
    done = run_command(
        "workflows", "daily", "--dealer", NAME, "--retry-failed",
        env=local_supabase.environment | {"PAGE_DELAY_S": "0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "scrape",
        "migrate",
        "retry",
        "check",
    ]
