"""The report page: what it says, what it never does, and how it stands in a real browser."""

from __future__ import annotations

import html.parser
import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from migrate.errors import ReportNotWrittenError
from migrate.reports.charts import bars_by_month, line, line_of_counts, share_bar, stacked_days
from migrate.reports.coverage import STATES
from migrate.reports.report_page import ReportPage, read_page, write_page

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
COPIES = "https://project.example/storage/v1/object/public/listing-images/"
HOSTILE = '<script>alert("x")</script>\x1b[31m ##[add-mask] {{ 7*7 }}'
SHA = "ab" * 32


def dealer(name: str, number: int, **counts: int) -> dict[str, Any]:
    states = {state: counts.get(state, 0) for state in STATES}
    total = sum(states.values())
    return states | {
        "dealer": name, "dealer_id": number, "domain": "shop.example", "listings": 10,
        "images": total, "missing": total - states["stored"], "lost_for_ever": states["gone"],
        "excluded": 0, "given_up": 0,
        "oldest_pending_seconds": 93_600 if states["pending"] else None,
        "coverage_percent": round(100 * states["stored"] / total, 1) if total else None,
        "missing_since": "2026-11-22T08:00:00+00:00", "last_scrape_at": "2026-11-23T06:00:00+00:00",
        "by_status": {"pending": 3 * (states["pending"] > 0), "completed": 7, "partial": 0},
        "left_alone": [],
    }  # fmt: skip


def answers(dealers: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    totals = {state: sum(one[state] for one in dealers) for state in STATES}
    total = sum(totals.values())
    statistics = {
        "schema": 1,
        "images": totals | {
            "total": total, "missing": total - totals["stored"], "lost_for_ever": totals["gone"],
            "given_up": 0, "excluded": 0,
            "coverage_percent": round(100 * totals["stored"] / total, 1) if total else None,
        },
        "listings": {
            "total": 10 * len(dealers), "without_images": 0,
            "by_status": {"pending": 3, "completed": 7, "partial": 0, "failed": 0},
        },
        "dealers": dealers,
        "errors": [{"kind": "timeout", "images": totals["failed"], "dealers": 1}],
        "months": [{"month": "2026-10", "listings_missing": 4, "images_missing": 20}],
        "suspects": [
            {
                "dealer": one["dealer"], "sha256": SHA, "listings": 6, "images": 7,
                "sample_url": "https://shop.example/banner.jpg", "sample_copy": COPIES + "a/00.jpg",
            }
            for one in dealers[:1]
        ],
        "due": {}, "last_runs": {}, "as_of": "2026-11-23T10:00:00+00:00",
        "oldest_pending_seconds": None, "oldest_pending_at": None, "oldest_failed_at": None,
        "not_adopted": 2, "rechecks_due": 0, "host_holds": [], "hosts_left_alone": [],
        "exclusions": 0,
    }  # fmt: skip
    days = [
        {
            "day": f"2026-11-{day}", "images": 30, "stored": day - 20, "pending": 50 - day,
            "failed": 0, "gone": 0, "rejected": 0, "listings": 4, "coverage_percent": 10,
            "reasons": {"timeout": 3 * (day - 20), "pending": 50 - day},
        }
        for day in (21, 22, 23)
    ]  # fmt: skip
    history = {
        "days": days,
        "dealers": [
            {"dealer_id": one["dealer_id"], "coverage_percent": {"2026-11-21": 3, "2026-11-23": 9}}
            for one in dealers
        ],
        "runs": [
            {
                "started_at": "2026-11-23T06:00:00+00:00", "kind": "migrate", "dealer": None,
                "seconds": 90, "status": "completed", "processed": 4, "images": {"stored": 9},
                "error_message": None, "runner": "host:1",
            }
        ],
    }  # fmt: skip
    listing = {"listing_id": 4711, "title": HOSTILE, "url": "javascript:alert(1)"}
    pictures = {
        "latest": [
            listing | {
                "dealer": HOSTILE, "public_url": COPIES + "a/L04711/x/00.jpg",
                "at": "2026-11-23T06:00:00+00:00", "width": 4, "height": 3,
            },
            listing | {
                "dealer": "Else", "public_url": "https://elsewhere.example/00.jpg",
                "at": "2026-11-23T06:00:00+00:00", "width": 4, "height": 3,
            },
        ],
        "stuck": [
            {
                "dealer": "Aoi Art", "kind": "not_an_image", "state": "rejected", "images": 3,
                "listings": 2, "example_id": 12345, "example_url": "https://shop.example/1",
                "example_title": None,
            }
        ],
        "incomplete": [
            {
                "id": 12345, "dealer_id": one["dealer_id"], "url": "https://shop.example/1",
                "title": HOSTILE, "status": "pending",
            }
            for one in dealers
        ],
    }  # fmt: skip
    example = listing | {"position": 0, "dealer": HOSTILE, "sha256": "c" * 64}
    look_alikes = {
        "groups": 1, "images": 6, "at_several_dealers": 1,
        "widest": [
            {
                "images": 6, "digests": 2, "listings": 6, "dealers": [HOSTILE, "正宗"],
                "examples": [
                    example | {"copy": COPIES + "a/L04711/x/00.jpg"},
                    example | {"copy": "https://elsewhere.example/00.jpg"},
                ],
            }
        ],
    }  # fmt: skip
    return {
        "image_statistics": statistics, "mirror_history": history, "report_pictures": pictures,
        "look_alikes": look_alikes,
    } | changes  # fmt: skip


class FakeDatabase:
    def __init__(self, found: dict[str, Any]) -> None:
        self.found = found

    def rpc(self, name: str, params: dict[str, Any], *, idempotent: bool) -> Any:
        return self.found[name]

    def public_url(self, path: str) -> str:
        return COPIES + path


DEALERS = [
    dealer(HOSTILE, 3, stored=100, pending=1500, failed=300, gone=90, rejected=10),
    dealer("正宗", 4, stored=50),
    dealer("Without", 5),
]


def page_of(dealers: list[dict[str, Any]] | None = None, **options: Any) -> str:
    database: Any = FakeDatabase(answers(DEALERS if dealers is None else dealers))
    return read_page(database, now=AT, **options).html


class Elements(html.parser.HTMLParser):
    """Tags with their attributes, and whether every tag is closed again."""

    VOID = ("meta", "img", "br", "rect", "polyline")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def all(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.found if attribute in attrs]


def test_the_page_runs_nothing_and_asks_only_our_bucket() -> None:
    elements = Elements(page_of())
    assert not elements.open
    assert not {tag for tag, _ in elements.found} & {"script", "link", "iframe", "object", "form"}
    assert not [name for _, attrs in elements.found for name in attrs if name.startswith("on")]
    assert all(source.startswith(COPIES) for source in elements.all("src"))
    assert len(elements.all("src")) == 3
    assert all(re.match(r"https?://", address) for address in elements.all("href"))
    (policy,) = [text for text in elements.all("content") if "default-src" in text]
    assert "default-src 'none'" in policy and "img-src https://project.example;" in policy
    assert "unsafe" not in policy


def test_offline_the_page_asks_nobody() -> None:
    elements = Elements(page_of(offline=True))
    assert elements.all("src") == []
    assert [text for text in elements.all("content") if "img-src 'none'" in text]


def test_everything_foreign_is_escaped_and_no_template_of_theirs_is_run() -> None:
    page = page_of()
    assert "\x1b" not in page and "<script" not in page and "49" not in page.split("<style>")[0]
    assert "&lt;script&gt;" in page and "{{ 7*7 }}" in page
    assert "javascript:" not in page


def test_the_page_says_what_an_operator_needs() -> None:
    page = page_of()
    for said in (
        "Unhealthy: 2 rules broken",
        "1,500",
        "7.3 %",
        "migrate --dealer &#39;&lt;script&gt;",
        f"migrate exclude {SHA} --dealer",
        "migrate explain 12345",
        "2 listings of before the mirror",
        "the dealer&#39;s server took too long",
        "timeout by day, +6 since 2026-11-21",
        "1 dealer complete",
        "Without images: Without.",
        "4 listings, 9 stored, 0 not",
        "As of 2026-11-23 10:00 UTC.",
    ):
        assert said in page, said
    assert "100 %" not in page.split("1 dealer complete")[0]


def test_nothing_is_said_of_nothing() -> None:
    found = answers([])
    found["image_statistics"] |= {"months": [], "errors": [], "not_adopted": 0}
    found["image_statistics"]["listings"]["total"] = 0
    found["mirror_history"] |= {"days": [], "runs": []}
    found["report_pictures"] = {"latest": [], "stuck": [], "incomplete": []}
    database: Any = FakeDatabase(found)
    page = read_page(database, now=AT).html
    assert "There is nothing to judge" in page and "There are no images yet" in page
    assert "100" not in re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL)


def test_two_hundred_dealers_stay_below_a_megabyte() -> None:
    many = [dealer(f"Dealer {n} 刀剣", n, stored=50, pending=9, failed=3) for n in range(200)]
    assert len(page_of(many).encode()) < 1_000_000


# ------------------------------------------------------------------ charts


def test_a_day_is_a_column_of_its_states() -> None:
    days = [
        {"day": "2026-11-22", "images": 10, "stored": 4, "pending": 6, "failed": 0, "gone": 0,
         "rejected": 0},
        {"day": "2026-11-23", "images": 20, "stored": 15, "pending": 5, "failed": 0, "gone": 0,
         "rejected": 0},
    ]  # fmt: skip
    chart = stacked_days(days, STATES)
    assert chart is not None
    assert [box.kind for box in chart.boxes] == ["stored", "pending"] * 2
    heights = [box.height for box in chart.boxes]
    assert heights[0] + heights[1] == pytest.approx((heights[2] + heights[3]) / 2, abs=0.2)
    assert chart.says.endswith("4 of 10 images stored at first, 15 of 20 at last.")
    assert stacked_days([], STATES) is None


def test_a_bar_is_cut_by_state_and_never_longer_than_itself() -> None:
    chart = share_bar({"stored": 1, "pending": 0, "failed": 999, "gone": 0, "rejected": 0}, STATES)
    assert sum(box.width for box in chart.boxes) == pytest.approx(200, abs=0.2)
    assert chart.says == "1 stored, 999 failed"
    assert share_bar(dict.fromkeys(STATES, 0), STATES).says == "no images"


def test_a_line_needs_two_points_and_months_need_something_missing() -> None:
    assert line([None, 50.0]) == ""
    assert line([0.0, None, 100.0]) == "0.0,22.0 120.0,2.0"
    assert line_of_counts([0, 7]) == line([0, 100])
    assert line_of_counts([0, 0]) == line([0, 0])
    assert bars_by_month([{"month": "2026-10", "images_missing": 0, "listings_missing": 0}]) is None


# ------------------------------------------------------------------ the file


def test_the_page_is_written_at_once(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("the old page")
    written = write_page(target, ReportPage("the new page", True))
    assert (written.path, written.is_healthy) == (target, True)
    assert target.read_text("utf-8") == "the new page"
    assert os.listdir(tmp_path) == ["report.html"]


@pytest.mark.parametrize("place", ["missing/report.html", "folder"])
def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ReportNotWrittenError, match="cannot be written"):
        write_page(tmp_path / place, ReportPage("page", True))
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize(
    "kind", ["a folder", "a pipe", "a device", "a link to a device", "a circle"]
)
def test_a_report_is_not_written_over_what_is_no_file(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "report.html"
    if kind == "a folder":
        place.mkdir()
    elif kind == "a pipe":
        os.mkfifo(place)
    elif kind == "a device":
        place = Path("/dev/null")
    else:
        place.symlink_to("/dev/null" if kind == "a link to a device" else place)
    before = place.lstat()
    with pytest.raises(ReportNotWrittenError):
        write_page(place, ReportPage("<p>page</p>", True))
    assert place.lstat().st_mode == before.st_mode
    assert [one for one in tmp_path.iterdir() if one != place] == []


def test_a_report_is_written_where_its_link_leads(tmp_path: Path) -> None:
    (tmp_path / "link.html").symlink_to("real.html")
    write_page(tmp_path / "link.html", ReportPage("<p>page</p>", True))
    assert (tmp_path / "real.html").read_text() == "<p>page</p>"
    assert (tmp_path / "link.html").is_symlink()


# ------------------------------------------------------------------ in a browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next((found for name in BROWSERS if (found := shutil.which(name))), None)
in_a_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here to look at the page with (apt install chromium)"
)


def seen(tmp_path: Path, page: str, script: str, *options: str) -> Any:
    """What a script finds in the page as the browser has laid it out; the policy is taken off."""
    free = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", page)
    says = f"document.title = 'SEEN' + JSON.stringify({script}) + 'END'"
    file = tmp_path / "page.html"
    file.write_text(free.replace("</body>", f"<script>{says}</script></body>"), "utf-8")
    shown = browse(tmp_path, "--dump-dom", *options, file.as_uri())
    found = re.search(r"<title>SEEN(.*?)END</title>", shown, re.DOTALL)
    assert found is not None, shown[-2000:]
    return json.loads(html.unescape(found[1]))


def browse(tmp_path: Path, *options: str) -> str:
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    done = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'browser'}", *options],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return done.stdout.decode()


WIDER = "document.documentElement.scrollWidth - window.innerWidth"


@pytest.mark.servers
@in_a_browser
@pytest.mark.parametrize("width", [1280, 500])
def test_nothing_runs_over_the_edge_of_the_screen(tmp_path: Path, width: int) -> None:
    long = [dealer("W" * 300, 3, stored=10, failed=20), *DEALERS]
    assert seen(tmp_path, page_of(long), WIDER, f"--window-size={width},800") <= 0


@pytest.mark.servers
@in_a_browser
def test_the_policy_lets_our_own_style_through_and_no_script(tmp_path: Path) -> None:
    page = page_of(offline=True).replace(
        "</body>", "<script>document.title = 'ran'</script></body>"
    )
    file = tmp_path / "page.html"
    file.write_text(page, "utf-8")
    assert "<title>ran</title>" not in browse(tmp_path, "--dump-dom", file.as_uri())
    picture = tmp_path / "page.png"
    browse(tmp_path, f"--screenshot={picture}", "--window-size=800,600", file.as_uri())
    assert picture.stat().st_size > 10_000  # unstyled it is mostly white


@pytest.mark.servers
@in_a_browser
@pytest.mark.parametrize("scheme", ["0", "1"], ids=["dark", "light"])
def test_axe_finds_nothing(tmp_path: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    code = (Path(axe.__file__).parent / "axe.min.js").read_text("utf-8")
    free = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", page_of(offline=True))
    run = (
        "document.querySelectorAll('details').forEach(one => one.open = true);"
        "axe.run().then(found => { document.body.textContent = 'AXE' + JSON.stringify("
        "found.violations.map(one => [one.id, one.nodes[0].html])) + 'END' })"
    )
    code = code.replace("</script", "<\\/script")
    scripts = f"<script>{code}</script><script>{run}</script>"
    file = tmp_path / "page.html"
    file.write_text(free.replace("</body>", f"{scripts}</body>"), "utf-8")
    shown = browse(
        tmp_path,
        "--virtual-time-budget=20000",
        f"--blink-settings=preferredColorScheme={scheme}",
        "--dump-dom",
        file.as_uri(),
    )
    found = re.search(r"AXE(.*?)END", shown, re.DOTALL)
    assert found is not None
    assert json.loads(html.unescape(found[1])) == []
