"""The states this project exists for are never called healthy, whatever else is well."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.errors import UsageError
from migrate.reports.health import DEFAULT, Health, HealthReport, Rule, parse_bounds
from migrate.reports.health_rules import judge
from scraper.base.report_blocks import Format, render

URL = "https://img.example/{}.jpg"


def health_of(mirror: Any, *given: str, **selection: Any) -> Health:
    return judge(mirror.rpc("image_statistics", **selection), DEFAULT.changed(parse_bounds(given)))


def broken(health: Health) -> list[str]:
    return [one.rule.value for one in health.broken]


def ended_run(mirror: Any, run_type: str, *, hours_ago: float, dealer: int | None = None) -> None:
    mirror.sql.execute(
        "insert into scrape_runs (run_type, dealer_id, status, started_at, completed_at)"
        " values (%s, %s, 'completed', now() - make_interval(secs => %s),"
        " now() - make_interval(secs => %s))",
        (run_type, dealer, hours_ago * 3600 + 60, hours_ago * 3600),
    )


def make_older(mirror: Any, hours: float) -> None:
    """As if everything had been there for so long already."""
    mirror.sql.execute(
        "update listing_images set created_at = created_at - make_interval(secs => %s)",
        (hours * 3600,),
    )


# ------------------------------------------------------------------ the founding states


@pytest.fixture
def everything_failed(mirror: Any) -> Any:
    for n in range(30):
        mirror.listing([URL.format(f"{n}-{m}") for m in range(4)])
    mirror.work("failed", error_kind="http_403", http_status=403)
    return mirror


@pytest.fixture
def one_dealer_at_a_fifth(mirror: Any) -> Any:
    good, bad = mirror.dealer("Aoi Art"), mirror.dealer('World "Seiyudo" $(x)')
    for n in range(40):
        mirror.listing([URL.format(f"good-{n}")], dealer=good)
    for n in range(8):
        mirror.listing([URL.format(f"stored-{n}")], dealer=bad)
    mirror.work()
    for n in range(32):
        mirror.listing([URL.format(f"missing-{n}")], dealer=bad)
    return mirror


@pytest.fixture
def nothing_scraped_for_90_days(mirror: Any) -> Any:
    mirror.listing([URL.format("a")])
    mirror.work()
    ended_run(mirror, "daily_scrape", hours_ago=90 * 24, dealer=mirror.dealer())
    ended_run(mirror, "migrate", hours_ago=1)
    return mirror


def test_everything_failed_is_unhealthy(everything_failed: Any) -> None:
    health = health_of(everything_failed)
    assert broken(health) == ["missing", "failed"]
    failed = health.broken[1]
    assert (failed.value, failed.bound, failed.remedy) == (120, 100, "migrate --retry-failed")
    assert failed.sentence == (
        "120 images failed, mostly http_403, 0 of them given up; 100 allowed: Aoi Art 120."
    )
    assert failed.since is not None


def test_one_dealer_that_is_mostly_missing_is_unhealthy(one_dealer_at_a_fifth: Any) -> None:
    health = health_of(one_dealer_at_a_fifth)
    assert broken(health) == ["missing"]
    (missing,) = health.broken
    assert missing.value == 80
    assert 'World "Seiyudo" $(x) misses 32 of its 40 images (80.0 %)' in missing.sentence
    assert missing.remedy == "migrate --dealer 'World \"Seiyudo\" $(x)'"
    good = one_dealer_at_a_fifth.dealer("Aoi Art")
    assert health_of(one_dealer_at_a_fifth, p_dealer_ids=[good]).ok


def test_nothing_scraped_is_unhealthy(nothing_scraped_for_90_days: Any) -> None:
    health = health_of(nothing_scraped_for_90_days)
    assert broken(health) == ["scrape"]
    assert "The last completed scrape was 90 d ago" in health.sentence
    assert health.broken[0].remedy == "scrape daily"
    assert health_of(nothing_scraped_for_90_days, "scrape=off").ok
    assert health_of(nothing_scraped_for_90_days, "scrape=100d").ok


def test_an_empty_database_is_a_warning(mirror: Any) -> None:
    health = health_of(mirror)
    assert health.ok
    assert [one.rule for one in health.warnings] == [Rule.EMPTY]
    assert health.sentence == "There is nothing to judge: no listing at all."
    assert "::warning title=Listing images%3A empty::" in health.annotations[0]
    assert health_of(mirror, "empty=off").warnings == ()


# ------------------------------------------------------------------ each rule at its bound


def test_pending_listings_name_their_dealers_and_the_command(mirror: Any) -> None:
    for dealer, count in (("Aoi Art", 3), ("Sanmei", 1)):
        for n in range(count):
            mirror.listing([URL.format(f"{dealer}{n}")], dealer=mirror.dealer(dealer))
    assert health_of(mirror, "pending=4").ok
    (pending,) = health_of(mirror, "pending=3").broken
    assert pending.sentence.endswith("more than the 3 allowed: Aoi Art 3, Sanmei 1.")
    assert (pending.rule, pending.value, pending.remedy) == (Rule.PENDING, 4, "migrate")
    assert pending.since is not None


def test_the_oldest_pending_listing_may_not_wait_for_ever(mirror: Any) -> None:
    mirror.listing([URL.format("a")])
    make_older(mirror, 47.9)
    assert health_of(mirror).ok
    make_older(mirror, 0.2)
    (age,) = health_of(mirror).broken
    assert (age.rule, age.remedy) == (Rule.AGE, "migrate --dealer 'Aoi Art'")
    assert "has waited 2 d, longer than the 2 d allowed" in age.sentence.replace(" 6 min", "")


def test_what_is_lost_for_ever_or_excluded_is_not_missed(mirror: Any) -> None:
    for n in range(20):
        mirror.listing([URL.format(f"{n}-banner"), URL.format(n)])
    mirror.work()
    dealer = mirror.dealer()
    mirror.rpc("exclude_image", p_dealer_id=dealer, p_url_pattern="banner")
    assert health_of(mirror).ok
    mirror.sql.execute(
        "update listing_images set state = 'gone', storage_path = null, due_at = null"
        " where state = 'stored'"
    )
    assert health_of(mirror).ok
    found = mirror.rpc("image_statistics")["images"]
    assert (found["excluded"], found["gone"], found["stored"]) == (20, 20, 0)


def test_a_dealer_with_few_images_is_not_judged_by_its_share(mirror: Any) -> None:
    mirror.listing([URL.format(n) for n in range(19)])
    assert health_of(mirror).ok
    mirror.listing([URL.format("one more")])
    assert broken(health_of(mirror)) == ["missing"]


def test_a_run_counts_from_the_first_completed_one_on(mirror: Any) -> None:
    mirror.listing([URL.format("a")])
    mirror.work()
    mirror.sql.execute("delete from scrape_runs")
    assert health_of(mirror).ok
    ended_run(mirror, "migrate", hours_ago=37)
    assert broken(health_of(mirror)) == ["migrate"]
    ended_run(mirror, "migrate", hours_ago=1)
    ended_run(mirror, "own_scraper", hours_ago=50)
    assert health_of(mirror).ok


def test_every_rule_can_be_switched_off(everything_failed: Any) -> None:
    off = [f"{rule.value}=off" for rule in Rule]
    health = health_of(everything_failed, *off)
    assert health.ok and not health.warnings
    assert {one.sentence for one in health.verdicts} == {"switched off"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("age", "must be a number of hours"),
        ("age=soon", "must be a number of hours"),
        ("pending=-1", "must be a number, 0 or more, or off"),
        ("missing=nan", "number of percent"),
        ("scrap=off", "Did you mean 'scrape'?"),
    ],
)
def test_a_bound_that_makes_no_sense_is_wrong_usage(given: str, said: str) -> None:
    with pytest.raises(UsageError, match="bound of|no rule") as refused:
        parse_bounds([given])
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("given", "bound"),
    [("age=2d", 48), ("age=90min", 1.5), ("left-alone=36h", 36), ("missing=12.5%", 12.5)],
)
def test_a_bound_may_have_its_unit(given: str, bound: float) -> None:
    assert list(parse_bounds([given]).values()) == [bound]


# ------------------------------------------------------------------ how it is printed


def test_each_broken_rule_is_one_annotation(everything_failed: Any) -> None:
    annotations = health_of(everything_failed).annotations
    assert [one.split("::")[1] for one in annotations] == [
        "error title=Listing images%3A missing",
        "error title=Listing images%3A failed",
    ]
    assert annotations[1].endswith("Mend: migrate --retry-failed")


def test_each_broken_rule_is_printed_with_what_mends_it(everything_failed: Any) -> None:
    report = HealthReport(health_of(everything_failed))
    printed = render(report, Format.TEXT)
    assert printed.startswith("Unhealthy: 2 rules are broken.\nmissing: Aoi Art misses 120 of its")
    assert "\n    mend: migrate --retry-failed\n" in printed
    assert "| rule | what | since | mend |" in render(report, Format.MARKDOWN)
    found = json.loads(render(report, Format.JSON))["health"]
    assert (found["ok"], found["pending_listings"], found["max_pending"]) == (False, 0, 100)
    assert [one["rule"] for one in found["rules"]] == list(Rule)
    assert set(found["rules"][0]) >= {"rule", "ok", "value", "bound", "since", "sentence", "remedy"}


# ------------------------------------------------------------------ the sums

LISTINGS = st.lists(
    st.tuples(
        st.sampled_from(["Aoi Art", "Sanmei"]),
        st.lists(
            st.sampled_from(["stored", "pending", "failed", "gone", "rejected", "bad_url"]),
            max_size=4,
        ),
    ),
    max_size=8,
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(LISTINGS)
def test_the_sums_hold_over_any_database(mirror: Any, listings: Any) -> None:
    mirror.sql.execute("truncate listings cascade")
    for dealer, states in listings:
        images = [
            None if one == "bad_url" else URL.format(f"{one}-{n}") for n, one in enumerate(states)
        ]
        mirror.listing(images, dealer=mirror.dealer(dealer))
    mirror.work(lambda url: url.split("/")[-1].split("-")[0].replace("pending", "failed"))
    mirror.sql.execute(
        "update listing_images set state = 'pending', error_kind = null, due_at = now()"
        " where source_url like '%pending%'"
    )
    found = mirror.rpc("image_statistics")
    states = ("stored", "pending", "failed", "gone", "rejected")
    images = found["images"]
    assert images["total"] == sum(images[state] for state in states)
    assert images["missing"] == images["total"] - images["stored"]
    assert sum(one["images"] for one in found["errors"]) == images["missing"]
    assert sum(one["images_missing"] for one in found["months"]) == images["missing"]
    for name in ("images", "stored", "pending", "failed", "gone", "rejected", "missing"):
        total = images["total"] if name == "images" else images[name]
        assert sum(one[name] for one in found["dealers"]) == total
    for dealer in found["dealers"]:
        assert dealer["images"] == sum(dealer[state] for state in states)
        assert dealer["listings"] == sum(dealer["by_status"].values())
        assert dealer["missing"] == sum(dealer["reasons"].values())
    for reason in found["errors"]:
        held = [one["reasons"].get(reason["kind"], 0) for one in found["dealers"]]
        assert (sum(held), sum(map(bool, held))) == (reason["images"], reason["dealers"])
    mirror.rpc("note_coverage", p_dealers=json.dumps(found["dealers"]))
    for day in mirror.rpc("mirror_history")["days"]:
        assert day["missing"] == sum(day["reasons"].values()) == images["missing"]
    assert found["listings"]["total"] == sum(found["listings"]["by_status"].values())
