"""The `scrape` command: one clear sentence, the right exit code, never a traceback."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest


@pytest.fixture
def scrape(run_command: Any, local_supabase: Any) -> Any:
    """Run `scrape` as a process against the local Supabase, with loopback shops allowed."""
    environment = local_supabase.environment | {
        "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        "PAGE_DELAY_S": "0",
    }

    def run(*arguments: str, **changes: str) -> Any:
        done = run_command("scrape", *arguments, env=environment | changes)
        assert "Traceback" not in done.stderr
        return done

    return run


def test_a_shop_is_added_and_scraped_without_code(scrape: Any, shop: Any) -> None:
    added = scrape("dealers", "add", "Sample", shop.url)
    assert (added.returncode, "woocommerce" in added.stdout) == (0, True)
    done = scrape("daily", "--dealer", "sample", "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)[0]["new"] == 3
    listed = json.loads(scrape("dealers", "--format", "json").stdout)
    assert {"Sample", "Aoi Art", "World Seiyudo"} <= {dealer["name"] for dealer in listed}
    # Its pages print a sign of several currencies: that decides for a run, not for good.
    assert next(d for d in listed if d["name"] == "Sample")["currency"] is None
    checked = scrape("check", "--dealer", "Sample", "--pages", "1")
    assert (checked.returncode, "title: platform" in checked.stdout) == (0, True)
    again = scrape("dealers", "add", "Sample", shop.url)
    assert (again.returncode, "known already" in again.stderr) == (2, True)
    saved = scrape("url", f"{shop.url}product/sword-1/")
    assert (saved.returncode, saved.stdout.split(":")[0]) == (0, "unchanged")


@pytest.mark.pglite  # on a real Postgres the local server passes jsonb as a string
def test_a_shop_that_left_its_domain_is_followed_by_the_command_it_names(
    scrape: Any, shop: Any
) -> None:
    scrape("dealers", "add", "Sample", shop.url)
    scrape("daily", "--dealer", "Sample")
    new = shop.url.replace("127.0.0.1", "localhost")
    shop.front_leads_to, shop.items = new, {}
    done = scrape("daily", "--dealer", "Sample")
    named = re.search(r"scrape (dealers set 'Sample' moved_to=\S+)", done.stdout + done.stderr)
    assert (done.returncode, named is not None) == (1, True)
    assert named is not None
    followed = scrape(*shlex.split(named[1]))
    assert (followed.returncode, "3 rows" in followed.stderr) == (0, True)
    assert ["moved_to", new] in [line.split() for line in followed.stdout.splitlines()]
    listed = json.loads(scrape("dealers", "--format", "json").stdout)
    sample = next(dealer for dealer in listed if dealer["name"] == "Sample")
    assert (sample["domain"], sample["catalog_url"]) == ("localhost", new)
    wrong = scrape("dealers", "set", "Aoi Art", f"moved_to={new}")
    assert (wrong.returncode, "belongs to the dealer 'Sample'" in wrong.stderr) == (2, True)


def test_what_could_not_be_checked_of_a_shop_system_is_said(scrape: Any) -> None:
    done = scrape("dealers", "add", "Kept", "https://kept.example/", "--platform", "makeshop")
    assert (done.returncode, done.stdout) == (0, "added Kept: makeshop\n")
    assert "could not be checked of makeshop: the markup of its pages" in done.stderr
    wrong = scrape("dealers", "add", "Other", "https://other.example/", "--platform", "makshop")
    assert (wrong.returncode, "Did you mean 'makeshop'?" in wrong.stderr) == (2, True)


def test_a_dealer_is_set_right_without_code(scrape: Any) -> None:
    unset = scrape("dealers", "set", "Yushindou")
    assert unset.stdout == "Nothing is set about Yushindou.\n"
    assert "What can be set: " in unset.stderr
    done = scrape(
        *(
            "dealers",
            "set",
            "yushindou",
            "--platform",
            "ec_cube",
            "--currency",
            "usd",
            "--inactive",
        ),
        *("verify_tls=false", "cut_selectors=.a", "cut_selectors=.b", "--format", "json"),
    )
    assert done.returncode == 0, done.stderr
    settings = {"verify_tls": "false", "cut_selectors": [".a", ".b"]}
    assert json.loads(done.stdout) == settings
    listed = json.loads(scrape("dealers", "--format", "json").stdout)
    (found,) = (dealer for dealer in listed if dealer["name"] == "Yushindou")
    assert found["settings"] == settings
    assert (found["platform"], found["currency"], found["is_active"]) == ("ec_cube", "USD", False)
    fewer = scrape("dealers", "set", "Yushindou", "verify_tls=", "-f", "markdown")
    assert fewer.stdout.splitlines()[2:] == ["| cut_selectors | .a, .b |"]
    for wrong in (("colour=red",), ("delay_s=soon",), ("verify_tls",), ("--currency", "yen!")):
        assert scrape("dealers", "set", "Yushindou", *wrong).returncode == 2
    assert scrape("dealers", "set", "Nobody", "delay_s=3").returncode == 2


def test_an_unknown_dealer_lists_the_known_ones(scrape: Any) -> None:
    done = scrape("daily", "--dealer", "Nobody")
    assert done.returncode == 2
    assert "Nobody" in done.stderr
    assert "Aoi Art" in done.stderr


@pytest.mark.parametrize(
    "arguments", [("daily", "--limit", "0"), ("dealers", "add", "X", "shop.example"), ("fetch",)]
)
def test_wrong_usage_is_exit_code_2(scrape: Any, arguments: tuple[str, ...]) -> None:
    assert scrape(*arguments).returncode == 2


def test_help_and_wrong_usage_are_plain_lines(scrape: Any) -> None:
    for arguments in (("--help",), ("dealers", "--help"), ("daily", "--limit", "0")):
        done = scrape(*arguments)
        assert "│" not in done.stdout + done.stderr
        assert "completion" not in done.stdout


def test_on_actions_a_failed_dealer_is_on_the_runs_page(scrape: Any, shop: Any) -> None:
    scrape("dealers", "add", "100 %: Away", "http://127.0.0.1:9/", "--platform", "static")
    done = scrape("discover", "--dealer", "100 %: Away", GITHUB_ACTIONS="true")
    assert done.returncode == 1
    title = "::warning title=Scrape of 100 %25%3A Away failed::"
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("::"))
    assert line.startswith(title) and "127.0.0.1" in line


def test_a_url_that_is_no_shop_is_one_sentence(scrape: Any, shop: Any) -> None:
    shop.catalogue = lambda path: (
        "<html><body><h1>My garden</h1><p>" + "Roses. " * 400 + "</p></body></html>"
    )
    done = scrape("dealers", "add", "Garden", shop.url)
    assert (done.returncode, "no shop that we know" in done.stderr) == (1, True)


def test_a_dry_run_shows_each_fields_layer_and_needs_no_database(scrape: Any, shop: Any) -> None:
    done = scrape(
        "url",
        "--dry-run",
        f"{shop.url}product/sword-1/?a=1&amp;b=2",
        SUPABASE_URL="http://127.0.0.1:9",
        SUPABASE_SECRET_KEY="sb_secret_x",
        DATABASE_PATIENCE_S="0",
    )
    assert done.returncode == 0
    shown = json.loads(done.stdout)
    assert shown["fetched"] == f"{shop.url}product/sword-1/?a=1&b=2"
    assert shown["listing"]["price_value"] == 100_000
    assert shown["layers"]["price"] == "platform"


def test_what_is_set_is_applied_to_pages_that_have_not_changed(scrape: Any, shop: Any) -> None:
    shop.sends_etag = True
    scrape("dealers", "add", "Sample", shop.url)
    once = json.loads(scrape("daily", "--dealer", "Sample", "--format", "json").stdout)[0]
    scrape("dealers", "set", "Sample", "max_images=1")
    again = json.loads(scrape("daily", "--dealer", "Sample", "--format", "json").stdout)[0]
    assert (once["new"], again["updated"], again["unchanged"]) == (3, 3, 0)


def test_a_dry_run_reads_with_what_is_set_about_the_dealer(scrape: Any, shop: Any) -> None:
    assert scrape("dealers", "add", "Sample", shop.url, "--setting", "max_images=1").returncode == 0
    done = scrape("url", "--dry-run", f"{shop.url}product/sword-1/")
    shown = json.loads(done.stdout)
    assert (shown["dealer"], len(shown["listing"]["images"])) == ("Sample", 1)
    clash = scrape("dealers", "add", "SAMPLE!", "http://127.0.0.9:1/")
    assert (clash.returncode, "same folder name 'sample'" in clash.stderr) == (2, True)


def test_a_dealer_is_kept_under_the_address_its_shop_leads_to(scrape: Any, shop: Any) -> None:
    shop.front_leads_to = f"http://127.0.0.2:{shop.port}/shop/"
    done = scrape("dealers", "add", "Sample", shop.url)
    assert (done.returncode, "leads to" in done.stderr) == (0, True)
    listed = json.loads(scrape("dealers", "--format", "json").stdout)
    assert next(d["catalog_url"] for d in listed if d["name"] == "Sample") == shop.front_leads_to


def test_a_page_that_is_no_item_is_exit_code_1(scrape: Any, shop: Any) -> None:
    done = scrape("url", "--dry-run", f"{shop.url}shop/")
    assert (done.returncode, "is not the page of one item" in done.stderr) == (1, True)
