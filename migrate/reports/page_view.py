"""What stands where on the report page: the numbers turned into the template's words and charts."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from migrate.reports import charts
from migrate.reports.coverage import STATES, STATUSES, Statistics, due_sentence, unmeasured_sentence
from migrate.reports.error_meanings import meaning
from migrate.reports.health import Rule, moment
from migrate.reports.health_rules import missing_percent
from migrate.reports.history import counted, reasons_by_day
from migrate.reports.look_alikes import problem_of, what_it_may_be
from scraper.base.report_blocks import clean, plural, span

SHOWN_DEALERS = 12
"""Cards that stand open; the others are folded, for the worst come first."""
TREND_DAYS = 7
MEANING_OF_STATE = {
    "stored": "in the bucket",
    "pending": "never tried",
    "failed": "tried in vain, due again or given up",
    "gone": "removed by the dealer",
    "rejected": "not kept: no image, or excluded",
}


@dataclass(frozen=True)
class Place:
    """Where pictures may come from; `offline` shows none."""

    copies_url: str
    offline: bool = False

    @property
    def origin(self) -> str:
        parts = urlsplit(self.copies_url)
        return f"{parts.scheme}://{parts.netloc}"

    def thumbnail(self, url: object) -> str | None:
        """The copy's address, if it is one of our bucket."""
        text = str(url or "")
        return text if text.startswith(self.copies_url) and not self.offline else None


def view_of(
    statistics: Statistics,
    history: Mapping[str, Any],
    pictures: Mapping[str, Any],
    place: Place,
    *,
    at: datetime,
    is_narrowed: bool,
) -> dict[str, Any]:
    """Everything that the template shows."""
    numbers = statistics.numbers
    images, listings = numbers["images"], numbers["listings"]
    days = history["days"]
    bound = statistics.health.of(Rule.MISSING).bound
    dealers = [_dealer(one, days, history, pictures, bound) for one in numbers["dealers"]]
    missing = [one for one in dealers if one["missing"]]
    return {
        "at": f"{at:%Y-%m-%d %H:%M} UTC",
        "is_narrowed": is_narrowed,
        "health": statistics.health,
        "moment": moment,
        "images": images,
        "listings": listings,
        "states": [
            {
                "name": state,
                "count": images[state],
                "meaning": MEANING_OF_STATE[state],
                "trend": _trend(days, [int(one[state]) for one in days]),
            }
            for state in STATES
        ],
        "statuses": [(name, listings["by_status"].get(name, 0)) for name in STATUSES],
        "share": charts.share_bar(images, STATES, width=720),
        "due": due_sentence(numbers.get("due") or {}),
        "notes": _notes(numbers),
        "days": days,
        "over_time": charts.stacked_days(days, STATES),
        "runs": [_run(one) for one in history["runs"]],
        "open": missing[:SHOWN_DEALERS],
        "folded": missing[SHOWN_DEALERS:],
        "complete": [one for one in dealers if not one["missing"] and one["images"]],
        "without": [one for one in dealers if not one["images"]],
        "errors": [_reason(one, images["missing"], days) for one in numbers["errors"]],
        "months": numbers["months"],
        "by_month": charts.bars_by_month(numbers["months"]),
        "latest": [_picture(one, place) for one in pictures["latest"]],
        "suspects": [_suspect(one, place) for one in numbers.get("suspects") or []],
        "look_alikes": [
            _look_alike(one, place) for one in (numbers.get("look_alikes") or {}).get("widest", [])
        ],
        "stuck": [_stuck(one) for one in pictures["stuck"]],
        "exclusions": [
            {**one, "what": one["sha256"] or one["url_pattern"]} for one in numbers["exclusions"]
        ],
        "hosts": numbers.get("hosts_left_alone") or [],
        "holds": numbers.get("host_holds") or [],
        "web": web,
        "plural": plural,
        "offline": place.offline,
    }


def web(url: object) -> str | None:
    """The address if a browser may be sent there; None for anything but a web page."""
    text = str(url or "").strip()
    return text if urlsplit_or_none(text) in ("http", "https") else None


def urlsplit_or_none(text: str) -> str | None:
    """The scheme of an address; None where there is no making it out."""
    try:
        return urlsplit(text).scheme.lower()
    except ValueError:
        return None


def _dealer(
    dealer: Mapping[str, Any],
    days: Sequence[Mapping[str, Any]],
    history: Mapping[str, Any],
    pictures: Mapping[str, Any],
    bound: float | None,
) -> dict[str, Any]:
    by_day = next(
        (
            one["coverage_percent"]
            for one in history["dealers"]
            if one["dealer_id"] == dealer["dealer_id"]
        ),
        None,
    )
    values = [(by_day or {}).get(one["day"]) for one in days]
    name = dealer["dealer"] or "(no dealer)"
    oldest = dealer.get("oldest_pending_seconds")
    return {
        **dealer,
        "name": name,
        "url": f"https://{dealer['domain']}/" if dealer.get("domain") else None,
        "share": charts.share_bar(dealer, STATES),
        "severity": "bad" if bound is not None and missing_percent(dealer) > bound else "warning",
        "line": charts.line([None if one is None else float(one) for one in values]),
        "pending_listings": dealer["by_status"].get("pending", 0),
        "oldest": None if oldest is None else span(oldest),
        "since": moment(dealer.get("missing_since")),
        "last_scrape": moment(dealer.get("last_scrape_at")) or "not yet",
        "todo": _todo(dealer),
        "examples": [
            one for one in pictures["incomplete"] if one["dealer_id"] == dealer["dealer_id"]
        ],
    }


def _todo(dealer: Mapping[str, Any]) -> str | None:
    """The command that is worth a try; None where nothing helps."""
    words = ["migrate"]
    if not dealer.get("pending"):
        if not (dealer.get("failed") or dealer.get("rejected")):
            return None
        words.append("--retry-failed")
    name = clean(dealer["dealer"] or "")
    return shlex.join([*words, "--dealer", name] if name else words)


def _trend(days: Sequence[Mapping[str, Any]], counts: Sequence[int]) -> str | None:
    """How a count of each day has changed in a week: "+12 since 2026-11-16"."""
    if len(days) < 2:
        return None
    at = max(len(days) - 1 - TREND_DAYS, 0)
    change, day = counts[-1] - counts[at], days[at]["day"]
    return f"{change:+,} since {day}" if change else f"as on {day}"


def _notes(numbers: Mapping[str, Any]) -> list[str]:
    said = []
    if count := numbers.get("not_adopted"):
        said.append(
            f"{plural(count, 'listing')} of before the mirror, counted by what the listing itself "
            "says: run python -m workflows adopt."
        )
    if count := numbers.get("kept_though_damaged"):
        said.append(f"{plural(count, 'copy', 'copies')} kept though damaged.")
    if count := numbers.get("unmeasured"):
        said.append(unmeasured_sentence(count))
    if problem := problem_of(numbers.get("look_alikes")):
        said.append(problem)
    if count := numbers.get("rechecks_due"):
        copies = plural(count, "copy", "copies")
        said.append(f"{copies} waiting to be compared with the source again.")
    return said


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **run,
        "started": moment(run["started_at"]),
        "took": None if run["seconds"] is None else span(run["seconds"]),
        "counts": counted(run),
    }


def _reason(
    row: Mapping[str, Any], missing: int, days: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    counts = reasons_by_day(days).get(row["kind"]) or [0] * len(days)
    return {
        **row,
        "meaning": _meaning(row["kind"]),
        "percent": 100 * row["images"] / missing if missing else 0,
        "line": charts.line_of_counts(counts),
        "trend": _trend(days, counts),
    }


def _meaning(kind: str) -> str:
    """What a reason means, without the backticks of a terminal."""
    return meaning(kind).replace("`", "")


def _picture(row: Mapping[str, Any], place: Place) -> dict[str, Any]:
    return {**row, "thumbnail": place.thumbnail(row["public_url"]), "at": moment(row["at"])}


def _suspect(row: Mapping[str, Any], place: Place) -> dict[str, Any]:
    name = clean(row["dealer"])
    command = shlex.join(["migrate", "exclude", row["sha256"], "--dealer", name])
    return {**row, "command": command, "thumbnail": place.thumbnail(row.get("sample_copy"))}


def _look_alike(group: Mapping[str, Any], place: Place) -> dict[str, Any]:
    examples = [{**one, "thumbnail": place.thumbnail(one["copy"])} for one in group["examples"]]
    return {**group, "examples": examples, "guess": what_it_may_be(group)}


def _stuck(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "meaning": _meaning(row["kind"]),
        "how": "given up" if row["state"] == "failed" else row["state"],
        "command": f"migrate explain {row['example_id']}",
    }
