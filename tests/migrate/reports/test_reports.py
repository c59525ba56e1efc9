"""Statistics, health, explanations and the report page, on answers as the database gives them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.cells import cell_len
from rich.text import Text

from migrate.care.exclusions import exclude_image, list_exclusions, preview_exclusion
from migrate.errors import UnknownListingError, UsageError
from migrate.queue.selection import Selection
from migrate.reports.coverage import Statistics, read_statistics
from migrate.reports.explain import Explanation, explain_listing, next_step
from migrate.reports.health import Bounds, Rule, moment, parse_bounds
from migrate.reports.health_rules import judge
from migrate.reports.look_alikes import problem_of
from scraper.base.errors import DatabaseRejectedError, SettingsError
from scraper.base.report_blocks import Format, Heading, Line, Table, clean, render, size, span
from scraper.base.settings import Settings

HOSTILE = '<script>alert("x")</script>\x1b[31m| **bold** `x`\n::error::no'


EXCLUSION = {
    "id": 1, "dealer_id": 3, "dealer": "正宗", "sha256": None, "url_pattern": "/banner",
    "images": 40, "reason": HOSTILE,
}  # fmt: skip


def numbers(**changes: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "images": {
            "total": 5706, "stored": 3691, "pending": 1500, "failed": 400, "gone": 100,
            "rejected": 15, "missing": 2015, "lost_for_ever": 100, "coverage_percent": 64.6,
        },
        "listings": {
            "total": 1400,
            "without_images": 12,
            "by_status": {"pending": 418, "completed": 900, "partial": 60, "failed": 22},
        },
        "dealers": [
            {
                "dealer": HOSTILE, "dealer_id": 3, "domain": "hostile.example",
                "listings": 432, "images": 2000, "stored": 100, "missing": 1900,
                "pending": 1500, "failed": 310, "gone": 90, "rejected": 0, "excluded": 0,
                "lost_for_ever": 90, "coverage_percent": 5.0, "oldest_pending_seconds": 93_600,
                "missing_since": "2026-11-22T08:00:00+00:00", "last_scrape_at": None,
                "by_status": {"pending": 418, "completed": 14, "partial": 0, "failed": 0},
            },
            {
                "dealer": "正宗", "dealer_id": 4, "domain": None,
                "listings": 968, "images": 3706, "stored": 3591, "missing": 115,
                "pending": 0, "failed": 90, "gone": 10, "rejected": 15, "excluded": 0,
                "lost_for_ever": 10, "coverage_percent": 96.8, "oldest_pending_seconds": None,
                "missing_since": "2026-11-22T08:00:00+00:00",
                "last_scrape_at": "2026-11-23T06:00:00+00:00",
                "by_status": {"pending": 0, "completed": 886, "partial": 60, "failed": 22},
            },
        ],
        "errors": [
            {"kind": "pending", "images": 1500, "dealers": 1, "meaning": "not tried yet"},
            {"kind": "timeout", "images": 515, "dealers": 2, "meaning": "it took too long"},
        ],
        "months": [{"month": "2026-01", "listings_missing": 4, "images_missing": 20}],
        "look_alikes": {
            "groups": 3, "images": 12, "at_several_dealers": 1,
            "widest": [
                {
                    "images": 8, "digests": 3, "listings": 8, "dealers": [HOSTILE],
                    "examples": [{"listing_id": 204, "position": 3}],
                },
                {
                    "images": 2, "digests": 2, "listings": 2, "dealers": ["正宗", ""],
                    "examples": [
                        {"listing_id": 17, "position": 0}, {"listing_id": 18, "position": 1},
                    ],
                },
            ],
        },
        "suspects": [
            {
                "dealer": "正宗", "sha256": "ab" * 32, "listings": 40, "images": 41,
                "sample_url": "https://dealer.example/banner.jpg",
            }
        ],
        "due": {
            "listings_now": 418, "images_now": 1500, "listings_later": 60, "images_later": 200,
            "next_at": "2026-11-23T12:00:00+00:00", "next_in_seconds": 7200,
        },
        "last_runs": {"migrate": {"completed_at": "2026-11-23T09:00:00+00:00", "seconds": 3600}},
        "as_of": "2026-11-23T10:00:00+00:00",
        "oldest_pending_at": "2026-11-22T08:00:00+00:00",
        "oldest_failed_at": "2026-11-22T08:00:00+00:00",
        "hosts_left_alone": [],
        "not_adopted": 3,
        "rechecks_due": 2,
        "oldest_pending_seconds": 93_600,
        "host_holds": [{"host": "slow.example", "seconds": 120, "reason": "Retry-After"}],
        "exclusions": [EXCLUSION],
    } | changes  # fmt: skip


def healthy() -> dict[str, Any]:
    found = numbers(oldest_pending_seconds=None)
    found["listings"]["by_status"]["pending"] = 100
    found["images"]["failed"] = 0
    found["dealers"] = found["dealers"][1:]
    return found


def judged(found: dict[str, Any] | None = None) -> Statistics:
    found = numbers() if found is None else found
    return Statistics(found, judge(found))


class FakeDatabase:
    """Answers each function with what a test laid down, and notes the calls."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def rpc(self, name: str, params: dict[str, Any], *, idempotent: bool) -> Any:
        self.calls.append((name, params))
        answer = self.answers[name]
        return answer.pop(0) if isinstance(answer, list) and name == "exclude_image" else answer


# ------------------------------------------------------------------ formats


def test_json_is_one_object_and_nothing_else() -> None:
    found = json.loads(render(judged(), Format.JSON))
    assert found.pop("health")["ok"] is False
    assert found == numbers()


def test_columns_line_up_with_wide_characters_and_numbers_to_the_right() -> None:
    table = Table(("dealer", "images"), [("正宗", 5), ("Aoi Art", 1200)])
    assert render(Blocks(table), Format.TEXT) == (
        "dealer   images\n正宗          5\nAoi Art   1,200\n"
    )


class Blocks:
    def __init__(self, *blocks: Any) -> None:
        self.blocks = blocks

    def as_json(self) -> dict[str, Any]:
        return {}

    def as_blocks(self) -> Any:
        return self.blocks


def test_markdown_is_a_table_that_a_hostile_name_cannot_leave() -> None:
    printed = render(
        Blocks(Heading("Dealers"), Table(("dealer", "n"), [(HOSTILE, 1)])), Format.MARKDOWN
    )
    assert printed == (
        "### Dealers\n\n| dealer | n |\n| --- | ---: |\n"
        '| \\<script\\>alert("x")\\</script\\> '
        "\\[31m\\| \\*\\*bold\\*\\* \\`x\\` ::error::no | 1 |\n"
    )


@pytest.mark.parametrize("terminal", [False, True])
def test_no_control_character_of_a_dealer_reaches_the_terminal(terminal: bool) -> None:
    printed = render(Blocks(Line(HOSTILE)), Format.TEXT, terminal=terminal, width=200)
    assert "\x1b[31m" not in printed
    assert printed.count("\n") == 1


def test_a_window_too_narrow_for_a_table_gets_sentences() -> None:
    printed = render(judged(), Format.TEXT, terminal=True, width=40)
    said = " ".join(printed.split())
    assert "正宗: coverage 96.8 %, missing 115, pending 0" in said
    assert "pending 418" in said  # what is narrow enough is drawn all the same
    assert max(cell_len(line) for line in Text.from_ansi(printed).plain.splitlines()) <= 40


def test_a_terminal_gets_drawn_tables() -> None:
    printed = render(judged(), Format.TEXT, terminal=True, width=120)
    assert "█" in printed and "正宗" in printed


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (93_600, "1 d 2 h"), (90, "1 min")],
)
def test_spans_are_said_in_words(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2_500_000, "2.5 MB"), (3e9, "3.0 GB")],
)
def test_sizes_are_said_in_a_unit(count: int, said: str) -> None:
    assert size(count) == said


def test_clean_keeps_a_text_on_its_line() -> None:
    assert clean("a\r\nb\x1b[2J\u202ec\x00") == "a b [2J c"


# ------------------------------------------------------------------ statistics and health


def test_statistics_say_every_number() -> None:
    printed = render(judged(), Format.TEXT)
    for said in (
        "3,691 of 5,706 images stored (64.6 %), 2,015 missing: 1,500 pending, 400 failed, "
        "100 gone, 15 rejected.",
        "Lost for ever (gone at the dealer before a copy was made): 100.",
        "3 listings of before the mirror",
        "2 copies waiting to be compared with the source again.",
        "3 pictures in 12 copies, 1 of them at several dealers",
        "a banner?",
        "at 2 dealers",
        "17/0 18/1",
        "/banner",
        "slow.example",
        "ab" * 32,
        "2026-01",
        "timeout",
    ):
        assert said in printed


def test_statistics_are_asked_for_the_selection() -> None:
    others = {**EXCLUSION, "dealer_id": 4}
    answers = {"image_statistics": numbers(exclusions=2), "list_exclusions": [EXCLUSION, others]}
    database: Any = FakeDatabase(**answers)
    chosen = Selection(dealer_ids=(3,), listing_ids=(7, 8))
    assert read_statistics(database, chosen).numbers["exclusions"] == [EXCLUSION]
    assert database.calls[0] == (
        "image_statistics",
        {"p_dealer_ids": [3], "p_listing_ids": [7, 8]},
    )


def test_pictures_that_look_alike_are_asked_for_where_they_are_shown() -> None:
    found = {"groups": 0, "images": 0, "at_several_dealers": 0, "widest": []}
    database: Any = FakeDatabase(image_statistics=numbers(exclusions=0), look_alikes=found)
    asked = Selection(dealer_ids=(3,))
    assert read_statistics(database, asked, with_look_alikes=True).numbers["look_alikes"] == found
    assert database.calls[1] == ("look_alikes", {"p_dealer_ids": [3], "p_groups": 10})
    assert "another digest" not in render(judged(numbers(look_alikes=None)), Format.TEXT)


def test_look_alikes_that_could_not_be_looked_up_are_said_and_nothing_else_is_lost() -> None:
    class Busy(FakeDatabase):
        def rpc(self, name: str, params: dict[str, Any], *, idempotent: bool) -> Any:
            if name == "look_alikes":
                raise DatabaseRejectedError("canceling statement due to statement timeout")
            return super().rpc(name, params, idempotent=idempotent)

    database: Any = Busy(image_statistics=numbers(exclusions=0))
    found = read_statistics(database, Selection(), with_look_alikes=True).numbers
    assert found["images"] == numbers()["images"]
    said = "could not be looked up: canceling statement"
    assert said in render(judged(dict(found)), Format.TEXT)
    assert said in str(problem_of(found["look_alikes"]))


def test_statistics_give_each_dealer_what_an_operator_looks_for() -> None:
    printed = render(judged(), Format.TEXT, terminal=True, width=80)
    said = Text.from_ansi(printed).plain
    assert max(cell_len(line) for line in said.splitlines()) <= 80
    row = next(line for line in said.splitlines() if line.startswith("正宗  "))
    assert "███████░  96.8 %" in row and "115" in row
    assert "1 d 2 h" in said and "4 h ago" in row
    wide = Text.from_ansi(render(judged(), Format.TEXT, terminal=True, width=200)).plain
    assert "rejected" in wide and "listings" in wide


def test_nothing_is_never_said_to_be_complete() -> None:
    empty = {key: 0 for key in numbers()["images"]} | {"coverage_percent": None}
    listings = {"total": 0, "without_images": 0, "by_status": {}}
    found = numbers(images=empty, listings=listings, dealers=[], oldest_pending_seconds=None)
    for output in Format:
        assert "100" not in render(judged(found), output).replace("(100 allowed)", "").replace(
            '"bound": 100', ""
        ).replace('"max_pending": 100', "")
    assert "There are no images yet, of 0 listings." in render(judged(found), Format.TEXT)


# ------------------------------------------------------------------ explain


def image(**changes: Any) -> dict[str, Any]:
    return {
        "listing_id": 7, "position": 0, "source_url": "https://a.example/0.jpg", "state": "pending",
        "error_kind": None, "error_detail": None, "http_status": None, "attempts": 0,
        "due_at": "2026-11-23T10:00:00+00:00", "due_in_s": -5, "storage_path": None,
        "copy_from": None, "exclusion_id": None, "held_for_s": None,
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (image(), "downloaded by the next run"),
        (image(copy_from="a/b"), "copied inside the bucket, no download by the next run"),
        (
            image(state="failed", due_in_s=5400),
            "tried again in 1 h 30 min (from 2026-11-23 10:00 UTC)",
        ),
        (
            image(held_for_s=120),
            "downloaded by the next run; its host asked to be left alone for another 2 min",
        ),
        (
            image(state="failed", due_at=None, due_in_s=None),
            "not tried by itself any more; migrate --retry-failed --listing 7 tries again",
        ),
        (
            image(state="gone", due_at=None),
            "nothing: the dealer removed it; migrate --retry-failed --listing 7 tries again",
        ),
        (image(state="rejected", exclusion_id=3), "nothing: an operator excluded it"),
        (
            image(state="rejected", error_kind="bad_url"),
            "nothing until the dealer's page names a usable URL",
        ),
        (
            image(state="rejected", position=100, error_kind="other"),
            "nothing: a copy's name has room for 100 positions",
        ),
        (
            image(state="rejected", error_kind="not_an_image"),
            "nothing; migrate --retry-failed --listing 7 tries again",
        ),
        (
            image(state="stored", storage_path="a/L1/b/00.jpg", due_at=None, due_in_s=None),
            "nothing: the copy is a/L1/b/00.jpg",
        ),
        (
            image(state="stored", storage_path="a/L1/b/00.jpg"),
            "compared with its source by the next run; the copy is a/L1/b/00.jpg",
        ),
    ],
)
def test_explain_says_what_happens_next_and_when(row: dict[str, Any], said: str) -> None:
    assert next_step(row) == said


def facts(**changes: Any) -> dict[str, Any]:
    listing = {
        "id": 7, "url": "https://a.example/7", "title": HOSTILE, "dealer": "Aoi Art",
        "status": "available", "images_upload_status": "partial",
    }  # fmt: skip
    queue = {
        "is_claimed": False, "claimed_by_run": None, "leased_until": None, "lease_s": None,
        "next_due_at": "2026-11-23 12:00:00+00", "due_in_s": 600,
    }  # fmt: skip
    event = {
        "at": "2026-11-23T09:59:59.123+00:00", "position": 0, "event": "failed", "state": "failed",
        "error_kind": "http_404", "error_detail": "Not Found", "http_status": 404, "run_id": 12,
    }  # fmt: skip
    return {"listing": listing, "queue": queue, "images": [image()], "events": [event]} | changes


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        ({}, "Not claimed; due in 10 min (from 2026-11-23 12:00 UTC)."),
        ({"due_in_s": -1}, "Not claimed; the next run takes it."),
        ({"next_due_at": None, "due_in_s": None}, "Nothing is due."),
        (
            {"is_claimed": True, "claimed_by_run": 12, "lease_s": 20, "leased_until": "x"},
            "Claimed by run 12, for another 20 s unless it is extended.",
        ),
        (
            {"leased_until": "x", "lease_s": -20, "due_in_s": -1},
            "The claim of a run that died has lapsed. Not claimed; the next run takes it.",
        ),
    ],
)
def test_explain_says_who_holds_the_listing(queue: dict[str, Any], said: str) -> None:
    explained = Explanation(facts(queue=facts()["queue"] | queue))
    assert explained.next_sentence == said
    assert said in render(explained, Format.TEXT)


def test_explain_shows_the_history() -> None:
    printed = render(Explanation(facts()), Format.TEXT)
    assert "2026-11-23 09:59 UTC" in printed
    assert "\n    source: https://a.example/0.jpg\n" in printed
    assert "copy:" not in printed and "None" not in printed and "attempts" not in printed
    assert "http_404: Not Found" in printed
    assert json.loads(render(Explanation(facts()), Format.JSON))["images"][0]["next"] == (
        "downloaded by the next run"
    )


def test_explain_counts_in_the_order_of_every_report() -> None:
    images = [image(state=state) for state in ("rejected", "failed", "stored", "failed")]
    printed = render(Explanation(facts(images=images)), Format.TEXT)
    assert "\n4 images, 1 stored, 2 failed, 1 rejected.\n" in printed


def test_explain_points_to_adoption() -> None:
    explained = Explanation(facts(queue=None, images=[], events=[]))
    assert "python -m workflows adopt" in render(explained, Format.TEXT)


def test_explain_of_an_unknown_listing_is_wrong_usage() -> None:
    database: Any = FakeDatabase(explain_listing={"listing": None})
    with pytest.raises(UnknownListingError, match="no listing 12") as refused:
        explain_listing(database, 12)
    assert refused.value.exit_code == 2


# ------------------------------------------------------------------ exclusions


def excluded(listings: int, images: int, remaining: int) -> dict[str, int]:
    return {"exclusion_id": 1, "listings": listings, "images": images, "remaining": remaining}


def taking(images: int, *, of: int = 100_000) -> dict[str, Any]:
    example = {"listing_id": 7, "position": 2, "source_url": "https://a.example/banner.gif"}
    return {
        "images": images,
        "listings": 2,
        "stored": 1,
        "dealer_images": of,
        "examples": [{**example, "copy": None}],
    }


def test_excluding_goes_on_until_nothing_is_left() -> None:
    database: Any = FakeDatabase(
        exclude_image=[excluded(2000, 2100, 50), excluded(50, 50, 0)],
        preview_exclusion=taking(2150),
    )
    report = exclude_image(database, "AB" * 32, dealer_ids=[4], reason="banner")
    assert (report.listings, report.images, report.busy_listings) == (2050, 2150, 0)
    assert database.calls[1][1] == {
        "p_dealer_id": 4, "p_sha256": "ab" * 32, "p_url_pattern": None, "p_reason": "banner",
    }  # fmt: skip


def test_excluding_says_who_was_busy_and_does_not_spin() -> None:
    database: Any = FakeDatabase(
        exclude_image=[excluded(1, 1, 2), excluded(0, 0, 2)], preview_exclusion=taking(3)
    )
    report = exclude_image(database, "/banner", dealer_ids=[4])
    assert report.busy_listings == 2
    assert "run the same command again" in render(report, Format.TEXT)
    assert database.calls[1][1]["p_url_pattern"] == "/banner"


def test_a_pattern_that_takes_over_a_quarter_needs_somebody_who_is_sure() -> None:
    for images, is_refused in ((25, False), (26, True)):
        database: Any = FakeDatabase(
            exclude_image=[excluded(40, 60, 0)], preview_exclusion=taking(images, of=100)
        )
        if is_refused:
            with pytest.raises(UsageError, match=r"26\.0 % .*/banner\.gif.*--yes"):
                exclude_image(database, "/banner", dealer_ids=[4])
        else:
            exclude_image(database, "/banner", dealer_ids=[4])
        assert len(database.calls) == (1 if is_refused else 2)
    database = FakeDatabase(
        exclude_image=[excluded(40, 60, 0)] * 2, preview_exclusion=taking(26, of=100)
    )
    exclude_image(database, "/banner", dealer_ids=[4], is_sure=True)
    exclude_image(database, "ab" * 32, dealer_ids=[4])  # a digest is one picture, not a guess


def test_an_exclusion_is_shown_before_it_is_made() -> None:
    database: Any = FakeDatabase(preview_exclusion=taking(26, of=100))
    preview = preview_exclusion(database, "/banner", dealer_ids=[4])
    printed = render(preview, Format.TEXT)
    assert "Would exclude URLs with /banner: 26 images of 2 listings, 26.0 %" in printed
    assert "https://a.example/banner.gif" in printed and "--yes" in printed
    assert json.loads(render(preview, Format.JSON))["images"] == 26
    assert [name for name, _ in database.calls] == ["preview_exclusion"]


@pytest.mark.parametrize("what", ["9f2c11aa33bb", "ab" * 31])
def test_half_a_digest_is_refused(what: str) -> None:
    with pytest.raises(UsageError, match="all 64 digits"):
        exclude_image(FakeDatabase(), what, dealer_ids=[4])  # type: ignore[arg-type]


def test_an_exclusion_needs_a_dealer() -> None:
    with pytest.raises(UsageError, match="--dealer"):
        exclude_image(FakeDatabase(), "/banner", dealer_ids=None)  # type: ignore[arg-type]


def test_a_pattern_that_matches_everything_is_refused_in_the_databases_words() -> None:
    database: Any = FakeDatabase(preview_exclusion={"error": "the pattern would match everything"})
    with pytest.raises(UsageError, match="would match everything"):
        exclude_image(database, "*", dealer_ids=[4])


def test_exclusions_are_listed() -> None:
    row = {"dealer": None, "sha256": None, "url_pattern": "/ad/", "images": 3, "reason": "ads"}
    database: Any = FakeDatabase(list_exclusions=[row])
    assert "every dealer  /ad/" in render(list_exclusions(database), Format.TEXT)


def test_explain_says_since_when_and_where_the_copy_is() -> None:
    stored = image(
        state="stored", due_at=None, storage_path="a/00.jpg", public_url="https://c/00.jpg"
    )
    events = [
        facts()["events"][0],
        facts()["events"][0]
        | {"event": "stored", "state": "stored", "at": "2026-11-23T19:05:00+09:00"},
    ]
    printed = render(Explanation(facts(images=[stored], events=events)), Format.TEXT)
    assert "image 0: stored\n    since: 2026-11-23 10:05 UTC\n" in printed
    assert "\n    copy: https://c/00.jpg\n" in printed
    assert moment("2026-11-23 19:05:00+09") == "2026-11-23 10:05 UTC"


def test_explain_says_when_the_listing_was_seen() -> None:
    listing = facts()["listing"] | {
        "first_seen_at": "2026-11-01T10:00:00+00:00",
        "last_scraped_at": None,
        "dealer": None,
    }
    printed = render(Explanation(facts(listing=listing)), Format.TEXT)
    assert "\navailable\n" in printed
    assert "\nFirst seen 2026-11-01 10:00 UTC.\n" in printed


# ------------------------------------------------------------------ bounds

OTHER_BOUNDS = {
    Rule.PENDING: ("7", 7), Rule.AGE: ("3d", 72), Rule.MISSING: ("25%", 25),
    Rule.FAILED: ("0", 0), Rule.LEFT_ALONE: ("30min", 0.5), Rule.SCRAPE: ("48", 48),
    Rule.MIGRATE: ("12h", 12), Rule.READERS: ("on", 0), Rule.EMPTY: ("on", 0),
}  # fmt: skip


@pytest.mark.parametrize("rule", Rule)
def test_each_rule_has_its_variable_and_its_option_and_can_be_off(rule: Rule) -> None:
    variable = f"HEALTH_{rule.upper()}"
    given, bound = OTHER_BOUNDS[rule]
    for text, meant in ((given, bound), ("off", None), ("OFF", None)):
        settings = Settings.from_environment({variable: text})
        assert Bounds.of(settings).allowed[rule] == meant
        assert parse_bounds([f"{rule}={text}"]) == {rule: meant}
    switched_off = Bounds.of(Settings.from_environment({variable: "off"}))
    assert switched_off.changed(parse_bounds([f"{rule}={given}"])).allowed[rule] == bound
    with pytest.raises(SettingsError, match=variable):
        Settings.from_environment({variable: "soon"})


def test_a_scraper_of_the_projects_own_is_named() -> None:
    settings = Settings.from_environment({"HEALTH_SCRAPE_RUNS": "nightly, crawl"})
    assert Bounds.of(settings).scrape_runs == ("nightly", "crawl")
