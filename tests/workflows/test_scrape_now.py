"""Scraping and uploading at once, and that there is one upload path in the whole product."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from parsed_sources import parsed_sources

from migrate.reports.watched_run import upload_images
from migrate.run.options import MigrateOptions
from scraper.rows.known_dealers import UnknownDealerError
from workflows.sample_shop import PRODUCTS
from workflows.scrape import scrape_dealers_now, scrape_urls, upload_listings

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def settings(local_supabase):
    return local_supabase.settings(PAGE_DELAY_S="0")


@pytest.fixture
def opened(shop, database):
    row = {"name": "Sample Shop", "domain": "127.0.0.1", "catalog_url": f"{shop.url}/"}
    database.table("dealers").insert(row | {"platform": "woocommerce", "currency": "JPY"}).execute()
    return shop


def statuses(database):
    rows = database.table("listings").select("id,images_upload_status").order("id").execute().data
    return {row["id"]: row["images_upload_status"] for row in rows}


def test_an_item_page_is_scraped_and_its_images_stored_and_nobody_elses(database, settings, opened):
    first = scrape_urls(database, settings, [f"{opened.url}/product/katana-mino/"])
    assert statuses(database) == {first.listing_ids[0]: "pending"}
    second = scrape_urls(database, settings, [f"{opened.url}/product/tsuba-wheel/"])
    opened.asked.clear()
    summary = upload_listings(database, settings, second.listing_ids, workers=2)
    assert (summary.claimed, summary.stored) == (1, 2)
    assert {"tsuba-wheel" in path for path in opened.pictures_asked()} == {True}
    assert statuses(database) == {
        first.listing_ids[0]: "pending",
        second.listing_ids[0]: "completed",
    }
    assert upload_images(database, settings, MigrateOptions()).claimed == 1


def test_a_dealer_is_scraped_and_what_was_written_is_uploaded(database, settings, opened):
    scraped = scrape_dealers_now(database, settings, ["Sample Shop"], limit=None)
    assert len(scraped.listing_ids) == len(PRODUCTS)
    upload_listings(database, settings, scraped.listing_ids, workers=4)
    assert set(statuses(database).values()) <= {"completed", "partial"}
    again = scrape_dealers_now(database, settings, ["Sample Shop"], limit=None)
    assert again.listing_ids == []


def test_a_page_that_cannot_be_read_does_not_stop_the_others(database, settings, opened):
    scraped = scrape_urls(
        database,
        settings,
        [f"{opened.url}/product/no-such-thing/", f"{opened.url}/product/katana-mino/"],
    )
    assert scraped.has_failed
    assert len(scraped.listing_ids) == 1


def test_a_page_of_nobody_we_know_is_refused_before_anything_is_fetched(database, settings, opened):
    urls = [f"{opened.url}/product/katana-mino/", "http://127.0.0.2:9/product/x/"]
    with pytest.raises(UnknownDealerError, match=r"127\.0\.0\.2"):
        scrape_urls(database, settings, urls)
    assert opened.asked == []


@pytest.mark.parametrize(
    "arguments",
    [(), ("http://127.0.0.1/x", "--dealer", "A"), ("http://127.0.0.1/x", "--limit", "3")],
)
def test_wrong_usage_ends_with_2_and_a_sentence(arguments, run_command):
    done = run_command("workflows", "scrape", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_command_uploads_unless_told_not_to(run_command, local_supabase, database, opened):
    environment = local_supabase.environment | {"PAGE_DELAY_S": "0"}
    url = f"{opened.url}/product/katana-mino/"
    done = run_command("workflows", "scrape", url, "--skip-image-upload", env=environment)
    assert (done.returncode, done.stdout) == (0, "")
    assert opened.pictures_asked() == []
    assert set(statuses(database).values()) == {"pending"}
    told = ("--skip-image-upload", "--format", "json")
    done = run_command("workflows", "scrape", url, *told, env=environment)
    assert json.loads(done.stdout)["run"]["claimed"] == 0
    done = run_command("workflows", "scrape", url, "--format", "json", env=environment)
    assert done.returncode == 0, done.stderr
    assert '"completed": 1' in done.stdout
    assert set(statuses(database).values()) == {"completed"}


# --------------------------------------------------------------------------------- one upload path


def callers(*names: str) -> set[str]:
    """The modules that call something of these names, whatever it is called on."""
    return {
        path
        for path, tree in parsed_sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id in names)
            or (isinstance(node.func, ast.Attribute) and node.func.attr in names)
        )
    }


def test_only_the_engine_puts_an_image_into_the_bucket():
    """The door, the engine's use of it, the one pixel that tries the door, and the stage that
    `incident` sets up.
    """
    assert callers("upload") == {
        "scraper/database/storage.py",
        "scraper/database/client.py",
        "migrate/copying/bucket.py",
        "migrate/copying/copy_placer.py",
        "migrate/copying/probe.py",
        "workflows/incident.py",
    }
    assert callers("ImageCopier") == {"migrate/copying/migration.py"}


def test_nobody_else_knows_the_address_of_the_storage():
    holders = {
        path
        for path, tree in parsed_sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "storage/v1" in node.value
    }
    assert holders <= {
        "scraper/database/storage.py",
        "scraper/database/client.py",
        "scraper/database/embedded/server.py",
    }


def test_every_command_that_uploads_runs_the_same_migration():
    assert callers("run_migration") == {"migrate/reports/watched_run.py"}
    assert callers("upload_images") == {
        "migrate/cli/drain.py",
        "workflows/daily.py",
        "workflows/scrape.py",
    }


def test_only_the_holder_of_a_claim_records_a_copy():
    recorders = {
        path
        for path, tree in parsed_sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and node.value in ("record_results", "record_images", "finish_listing")
    }
    assert recorders == {"migrate/queue/claims.py"}
