"""The numbers and the health as Prometheus reads them, for node exporter's textfile folder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from migrate.reports.coverage import STATES, STATUSES, Statistics
from migrate.reports.health import Health, Rule

Sample = tuple[Mapping[str, str], float]
Metric = tuple[str, str, Iterator[Sample]]
"""A name, what it means, and its values by their labels."""


def exposition(statistics: Statistics) -> str:
    """Every metric with its help and type, in the text format 0.0.4."""
    lines: list[str] = []
    for name, meaning, samples in _metrics(statistics):
        known = list(samples)
        if not known:
            continue
        full = f"listing_mirror_{name}"
        lines += [f"# HELP {full} {meaning}", f"# TYPE {full} gauge"]
        lines += [f"{full}{_labels(labels)} {_number(value)}" for labels, value in known]
    return "\n".join(lines) + "\n"


def _metrics(statistics: Statistics) -> Iterator[Metric]:
    yield from _of_dealers(statistics.numbers)
    yield from _of_all(statistics.numbers)
    yield from _of_health(statistics.health)


def _of_dealers(numbers: Mapping[str, Any]) -> Iterator[Metric]:
    dealers = [(one["dealer"] or "", one) for one in numbers["dealers"]]
    yield (
        "images",
        "Images by dealer and state.",
        (
            ({"dealer": name, "state": state}, one[state])
            for name, one in dealers
            for state in STATES
        ),
    )
    yield (
        "listings",
        "Listings by dealer and status of their images.",
        (
            ({"dealer": name, "status": status}, one["by_status"].get(status, 0))
            for name, one in dealers
            for status in STATUSES
        ),
    )
    yield (
        "coverage_ratio",
        "Stored share of the images, by dealer that has any.",
        (
            ({"dealer": name}, one["stored"] / one["images"])
            for name, one in dealers
            if one["images"]
        ),
    )
    yield (
        "oldest_pending_seconds",
        "Longest wait of a pending listing, by dealer.",
        (
            ({"dealer": name}, one["oldest_pending_seconds"])
            for name, one in dealers
            if one.get("oldest_pending_seconds") is not None
        ),
    )


def _of_all(numbers: Mapping[str, Any]) -> Iterator[Metric]:
    yield (
        "missing_images",
        "Missing images by reason.",
        (({"kind": one["kind"]}, one["images"]) for one in numbers["errors"]),
    )
    due = numbers.get("due") or {}
    yield (
        "due_images",
        "Images that are due now or later.",
        (({"when": when}, due[f"images_{when}"]) for when in ("now", "later") if due),
    )
    yield (
        "hosts_left_alone",
        "Hosts that are left alone.",
        iter([({}, float(len(numbers.get("hosts_left_alone") or [])))]),
    )
    yield (
        "last_run_timestamp_seconds",
        "When the last run of a kind completed.",
        (
            ({"kind": kind}, dt.datetime.fromisoformat(run["completed_at"]).timestamp())
            for kind, run in (numbers.get("last_runs") or {}).items()
        ),
    )


def _of_health(health: Health) -> Iterator[Metric]:
    yield "healthy", "1 while no rule of the health is broken.", iter([({}, float(health.ok))])
    yield (
        "rule_ok",
        "1 while this rule of the health is not broken.",
        (({"rule": one.rule.value}, float(one.ok)) for one in health.verdicts),
    )
    yield (
        "rule_value",
        "What a rule found, in its own unit.",
        (
            ({"rule": one.rule.value}, one.value)
            for one in health.verdicts
            if one.value is not None and one.rule is not Rule.EMPTY
        ),
    )


def _number(value: float) -> str:
    """Whole numbers stay whole, others keep what they have."""
    return str(int(value)) if float(value).is_integer() else repr(round(float(value), 6))


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
