"""Each day's numbers are kept, and migrations are told apart from scrapes."""

from __future__ import annotations

import json
import re
from typing import Any

from migrate.reports.history import History
from scraper.base.report_blocks import Format, render

URL = "https://img.example/{}.jpg"


def note(mirror: Any) -> None:
    dealers = mirror.rpc("image_statistics")["dealers"]
    mirror.rpc("note_coverage", p_dealers=json.dumps(dealers))


def a_day_passes(mirror: Any) -> None:
    mirror.sql.execute("update coverage_by_day set day = day - 1")


def test_a_day_has_one_row_a_dealer_however_often_it_is_noted(mirror: Any) -> None:
    mirror.listing([URL.format(1), URL.format(2), None], dealer=mirror.dealer("Aoi Art"))
    mirror.listing([], dealer=mirror.dealer("Sanmei"))
    note(mirror)
    mirror.work()
    note(mirror)
    rows = mirror.rows(
        "select d.name, c.listings, c.images, c.stored, c.pending, c.failed, c.gone, c.rejected"
        " from coverage_by_day c join dealers d on d.id = c.dealer_id order by d.name"
    )
    assert rows == [("Aoi Art", 1, 3, 2, 0, 0, 0, 1), ("Sanmei", 1, 0, 0, 0, 0, 0, 0)]


def test_a_dealers_own_scrape_notes_that_dealer(mirror: Any) -> None:
    dealers = [mirror.dealer(name) for name in ("Aoi Art", "Sanmei")]
    for dealer in dealers:
        mirror.listing([URL.format(dealer)], dealer=dealer)
    assert mirror.rpc("record_coverage", p_dealer_ids=[dealers[1]]) == {"dealers": 1}
    assert mirror.rows("select dealer_id from coverage_by_day") == [dealers[1]]


def test_a_dealer_nobody_looked_at_counts_as_the_day_before(mirror: Any) -> None:
    first, second = mirror.dealer("Aoi Art"), mirror.dealer("Sanmei")
    mirror.listing([URL.format(1)], dealer=first)
    note(mirror)
    a_day_passes(mirror)
    mirror.work()
    mirror.listing([URL.format(2), URL.format(3)], dealer=second)
    mirror.rpc("record_coverage", p_dealer_ids=[second])
    found = mirror.rpc("mirror_history", p_days=30, p_runs=5)
    assert [(d["images"], d["stored"], d["coverage_percent"]) for d in found["days"]] == [
        (1, 0, 0),
        (3, 0, 0),
    ]
    note(mirror)
    found = mirror.rpc("mirror_history", p_days=30, p_runs=5)
    assert [(d["images"], d["stored"], d["coverage_percent"]) for d in found["days"]] == [
        (1, 0, 0),
        (3, 1, 33.3),
    ]
    of_one = mirror.rpc("mirror_history", p_days=1, p_dealer_ids=[first])
    assert [(d["images"], d["coverage_percent"]) for d in of_one["days"]] == [(1, 100)]
    assert [list(d["coverage_percent"].values()) for d in of_one["dealers"]] == [[100]]


def test_why_images_are_missing_is_kept_by_day_and_dealer(mirror: Any) -> None:
    first, second = mirror.dealer("Aoi Art"), mirror.dealer("Sanmei")
    mirror.listing([URL.format(1), URL.format(2), None], dealer=first)
    mirror.listing([URL.format(3)], dealer=second)
    note(mirror)
    a_day_passes(mirror)
    mirror.work("failed", error_kind="timeout")
    mirror.rpc("record_coverage", p_dealer_ids=[first])
    days = mirror.rpc("mirror_history", p_days=30)["days"]
    assert [one["reasons"] for one in days] == [
        {"pending": 3, "bad_url": 1},
        {"pending": 1, "timeout": 2, "bad_url": 1},
    ]
    of_one = mirror.rpc("mirror_history", p_days=30, p_dealer_ids=[second])["days"]
    assert [one["reasons"] for one in of_one] == [{"pending": 1}]
    text = render(History(mirror.rpc("mirror_history", p_days=30)), Format.TEXT)
    assert re.search(r"\ntimeout +2  ▁█ +the dealer's server took too long\n", text)
    assert re.search(r"\npending +1  █▃ +not tried yet", text)


def test_a_program_that_knows_no_reasons_notes_a_day_too(mirror: Any) -> None:
    mirror.listing([URL.format(1)], dealer=mirror.dealer("Aoi Art"))
    dealers = mirror.rpc("image_statistics")["dealers"]
    for one in dealers:
        del one["reasons"]
    mirror.rpc("note_coverage", p_dealers=json.dumps(dealers))
    assert mirror.rpc("mirror_history")["days"][0]["reasons"] == {}


def test_a_dealer_without_listings_left_counts_no_more(mirror: Any) -> None:
    for name in ("Aoi Art", "Sanmei"):
        mirror.listing([URL.format(name)], dealer=mirror.dealer(name))
    mirror.listing([URL.format("nobody")])
    note(mirror)
    a_day_passes(mirror)
    mirror.sql.execute(
        "delete from listings where dealer_id is distinct from %s", (mirror.dealer("Sanmei"),)
    )
    note(mirror)
    days = mirror.rpc("mirror_history")["days"]
    assert [(one["listings"], one["images"], one["reasons"]) for one in days] == [
        (3, 3, {"pending": 3}),
        (1, 1, {"pending": 1}),
    ]


def test_history_outlives_a_dealer(mirror: Any) -> None:
    gone = mirror.dealer("Aoi Art")
    listing = mirror.listing([URL.format(1)], dealer=gone)
    note(mirror)
    mirror.sql.execute("delete from listings where id = %s", (listing,))
    mirror.sql.execute("delete from dealers where id = %s", (gone,))
    assert mirror.one("select images from coverage_by_day") == 1


def test_a_reader_of_scrapes_meets_no_migration(mirror: Any) -> None:
    scrape = mirror.rpc("start_run", p_run_type="daily_scrape", p_runner="test")["run_id"]
    mirror.run()
    assert mirror.rows("select id from scrapes order by started_at desc") == [scrape]
    kinds = [run["kind"] for run in mirror.rpc("mirror_history")["runs"]]
    assert kinds == ["migrate", "daily_scrape"]
    assert mirror.one("select has_table_privilege('service_role', 'scrapes', 'select')")
    assert not mirror.one("select has_table_privilege('anon', 'scrapes', 'select')")


def test_history_is_printed_in_every_format(mirror: Any) -> None:
    mirror.listing([URL.format(1), URL.format(2)], dealer=mirror.dealer("Aoi Art"))
    note(mirror)
    a_day_passes(mirror)
    mirror.work(lambda url: "stored" if "1.jpg" in url else "failed", error_kind="timeout")
    note(mirror)
    history = History(mirror.rpc("mirror_history", p_days=30, p_runs=5))
    text = render(history, Format.TEXT)
    days = history.found["days"]
    assert f"{days[0]['day']} ▁▅ {days[1]['day']}" in text
    assert "Aoi Art  50.0 %  ▁▅" in text
    assert "migrate" in text and "0 listings, 0 stored, 0 not" in text
    assert "| day | coverage | images | stored |" in render(history, Format.MARKDOWN)
    assert json.loads(render(history, Format.JSON))["days"] == days


def test_nothing_noted_yet_is_said(mirror: Any) -> None:
    text = render(History(mirror.rpc("mirror_history")), Format.TEXT)
    assert "Nothing was noted yet" in text and "There was no run yet." in text


# ------------------------------------------------------------------ what was told


def news(mirror: Any, ok: bool) -> Any:
    return mirror.rpc("health_news", p_ok=ok)["news"]


def hours_pass(mirror: Any, hours: int) -> None:
    mirror.sql.execute(
        "update health_told set told_at = told_at - make_interval(hours => %s)", (hours,)
    )


def test_each_change_is_told_once_and_bad_news_once_a_day(mirror: Any) -> None:
    assert [news(mirror, ok) for ok in (True, True)] == [None, None]
    assert [news(mirror, ok) for ok in (False, False)] == ["bad", None]
    hours_pass(mirror, 23)
    assert news(mirror, False) is None
    hours_pass(mirror, 2)
    assert [news(mirror, False), news(mirror, False)] == ["still bad", None]
    assert [news(mirror, ok) for ok in (True, True, False)] == ["good", None, "bad"]


def test_what_nobody_took_is_told_again(mirror: Any) -> None:
    news(mirror, True)
    before = mirror.rpc("health_news", p_ok=False)["told_before"]
    mirror.rpc("health_untold", p_told_ok=before["ok"], p_told_at=before["at"])
    assert [news(mirror, False), news(mirror, False)] == ["bad", None]
