"""The founding incident, to the digit, at every level and in every format."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from migrate.reports.coverage import Statistics, read_statistics
from migrate.reports.health import Rule
from migrate.reports.prometheus import exposition
from migrate.reports.report_page import read_page
from scraper.base.report_blocks import Format, render
from workflows.incident_data import DEALERS, NEVER_TRIED, listings

COPIES = "https://project.example/storage/v1/object/public/listing-images/"
STATUSES = {"pending": 443, "completed": 319, "partial": 200, "failed": 38}
NUMBERS = {"total": 5706, "stored": 3484, "pending": 1410, "failed": 812, "missing": 2222}


class Asked:
    """What the reports ask a database, answered by the real one."""

    def __init__(self, mirror: Any) -> None:
        self.mirror = mirror

    def rpc(self, name: str, params: dict[str, Any], *, idempotent: bool) -> Any:
        return self.mirror.rpc(name, **params)

    def public_url(self, path: str) -> str:
        return COPIES + path


@pytest.fixture(scope="module")
def incident(shared_mirror: Any) -> Any:
    ids = {one.slug: shared_mirror.dealer(one.name, f"{one.slug}.example") for one in DEALERS}
    known = list(listings())
    with shared_mirror.sql.cursor() as cursor:
        cursor.executemany(
            "insert into listings (id, url, dealer_id, title, first_seen_at, images, stored_images)"
            " values (%s, %s, %s, %s, %s, %s::jsonb, %s::jsonb)",
            [
                (
                    number, f"https://{one.dealer.slug}.example/{one.number}", ids[one.dealer.slug],
                    f"Item {one.number}", one.first_seen_at,
                    json.dumps([f"https://a.example/{name}" for name in one.image_names()]),
                    json.dumps([
                        f"{COPIES}{one.dealer.slug}/L{number:05d}/{position:02d}.jpg"
                        for position in range(one.stored)
                    ]),
                )
                for number, one in enumerate(known, start=1)
            ],
        )  # fmt: skip
        cursor.executemany(
            "update listing_images set state = 'failed', error_kind = %s::image_error_kind,"
            " attempts = 3, due_at = now() + interval '12 hours'"
            " where listing_id = %s and state = 'pending'",
            [
                (one.cause, number)
                for number, one in enumerate(known, start=1)
                if one.cause not in (None, NEVER_TRIED)
            ],
        )
    shared_mirror.sql.execute("update listing_images set created_at = now() - interval '4 days'")
    shared_mirror.check_invariants()
    return Asked(shared_mirror)


@pytest.fixture
def statistics(incident: Any) -> Statistics:
    return read_statistics(incident)


def test_the_totals_are_those_of_the_incident(statistics: Statistics) -> None:
    found = statistics.as_json()
    assert {name: found["images"][name] for name in NUMBERS} == NUMBERS
    assert found["listings"] == {"total": 1000, "without_images": 0, "by_status": STATUSES}
    reasons = Counter({one["kind"]: one["images"] for one in found["errors"]})
    assert (reasons["pending"], reasons.total(), len(reasons)) == (1410, 2222, 4)
    assert sum(one["images_missing"] for one in found["months"]) == 2222
    assert [one["month"] for one in found["months"]] == [
        "2025-08", "2025-09", "2025-10", "2025-11", "2025-12", "2026-01",
    ]  # fmt: skip


def test_so_are_those_of_each_dealer(statistics: Statistics) -> None:
    found = {one["dealer"]: one for one in statistics.as_json()["dealers"]}
    for dealer in DEALERS:
        seen = found[dealer.name]
        counted = (seen["images"], seen["missing"], sum(seen["reasons"].values()))
        assert counted == (dealer.images, dealer.missing, dealer.missing)
        assert seen["by_status"] == {name: getattr(dealer, name) for name in STATUSES}
    shares = [round(found[one.name]["coverage_percent"]) for one in DEALERS[:5]]
    assert shares == [13, 50, 45, 19, 71]


def test_it_is_shouted_by_the_right_rules(statistics: Statistics) -> None:
    assert [one.rule for one in statistics.health.broken] == [
        Rule.PENDING, Rule.AGE, Rule.MISSING, Rule.FAILED,
    ]  # fmt: skip
    pending, _, missing, failed = statistics.health.broken
    assert pending.sentence.startswith(
        "443 listings pending, the oldest for 4 d, more than the 100"
    )
    assert "World Seiyudo 418" in pending.sentence
    assert "World Seiyudo misses 1,308 of its 1,504 images (87.0 %)" in missing.sentence
    assert failed.sentence.startswith("812 images failed, mostly http_403")


@pytest.mark.parametrize("form", [Format.TEXT, Format.MARKDOWN])
def test_people_read_the_same_numbers(statistics: Statistics, form: Format) -> None:
    text = render(statistics, form)
    assert "3,484 of 5,706 images stored (61 %), 2,222 missing: 1,410 pending, 812 failed" in text
    rows = [re.split(r" *\| *| {2,}", line.strip("| ")) for line in text.splitlines()]
    for dealer in DEALERS:
        row = next(one for one in rows if one[0] == dealer.name)
        assert {f"{dealer.missing:,}", f"{dealer.images:,}"} <= set(row)
    for name, count in STATUSES.items():
        assert [name, str(count)] in rows


def test_prometheus_reads_the_same_numbers(statistics: Statistics) -> None:
    found: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(exposition(statistics)):
        for sample in family.samples:
            kind = sample.labels.get("state") or sample.labels.get("status") or ""
            found[sample.name, kind] += int(sample.value)
    for state in ("stored", "pending", "failed"):
        assert found["listing_mirror_images", state] == NUMBERS[state]
    for status, count in STATUSES.items():
        assert found["listing_mirror_listings", status] == count
    assert found["listing_mirror_missing_images", ""] == 2222
    assert found["listing_mirror_healthy", ""] == 0


def test_the_page_shows_the_same_numbers(incident: Any) -> None:
    page = read_page(incident, now=datetime(2026, 1, 31, tzinfo=UTC)).html
    text = re.sub(r"<[^>]+>", "", page)
    for said in ("61 % stored", "3,484 of 5,706 images", "2,222 missing", "1,000 listings"):
        assert said in re.sub(r"\s+", " ", text), said
    for dealer in DEALERS:
        assert f"{dealer.missing:,} of {dealer.images:,} images missing" in text
    assert len(page.encode()) < 1_000_000
