"""What each rule of the health says to the numbers; it judges and reads nothing.

A broken rule says its number, since when, and the command that mends it. A count of pending
listings alone said "healthy" in the very states this project exists for (everything failed, one
dealer at 20 %, nothing scraped for months), so each of them has a rule of its own.
"""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from migrate.copying.reader_access import ReadersView
from migrate.reports.health import DEFAULT, HOUR_S, Bounds, Health, Rule, Verdict, plain_number
from scraper.base.report_blocks import plural, span
from scraper.base.untrusted_text import one_line

FEW_IMAGES = 20
"""Of a dealer with fewer images one more or less says nothing about a share."""
NAMED = 3
"""So many dealers or hosts stand in a sentence; `stats` has them all."""


def judge(
    numbers: Mapping[str, Any], bounds: Bounds = DEFAULT, *, readers: ReadersView | None = None
) -> Health:
    """What the rules say to the answer of image_statistics."""
    verdicts = [
        _pending(numbers, bounds),
        _age(numbers, bounds),
        _missing(numbers, bounds),
        _failed(numbers, bounds),
        _left_alone(numbers, bounds),
        _last_run(numbers, bounds, Rule.SCRAPE, bounds.scrape_runs),
        _last_run(numbers, bounds, Rule.MIGRATE, ("migrate",)),
        _readers(readers, bounds),
        _empty(numbers, bounds),
    ]
    return Health(
        tuple(
            one
            if bounds.allowed[one.rule] is not None
            else Verdict(one.rule, value=one.value, sentence="switched off")
            for one in verdicts
        ),
        as_of=numbers.get("as_of"),
    )


def _pending(numbers: Mapping[str, Any], bounds: Bounds) -> Verdict:
    bound = bounds.allowed[Rule.PENDING]
    pending = int(numbers["listings"]["by_status"].get("pending", 0))
    ok = bound is None or pending <= bound
    age_s = numbers.get("oldest_pending_seconds")
    oldest = "" if age_s is None else f", the oldest for {span(age_s)}"
    waiting = f"{plural(pending, 'listing')} pending{oldest}"
    if ok:
        return Verdict(
            Rule.PENDING,
            value=pending,
            bound=bound,
            sentence=f"{waiting} ({_number(bound)} allowed).",
        )
    dealers = _by_share(numbers, lambda one: one["by_status"].get("pending", 0))
    return Verdict(
        Rule.PENDING,
        ok=False,
        value=pending,
        bound=bound,
        since=numbers.get("oldest_pending_at"),
        sentence=f"{waiting}, more than the {_number(bound)} allowed: {_listed(dealers)}.",
        remedy="migrate" if pending <= 500 else f"migrate --limit {pending}",
    )


def _age(numbers: Mapping[str, Any], bounds: Bounds) -> Verdict:
    bound = bounds.allowed[Rule.AGE]
    seconds = numbers.get("oldest_pending_seconds")
    value = None if seconds is None else seconds / HOUR_S
    if seconds is None or value is None or bound is None or value <= bound:
        return Verdict(Rule.AGE, value=value, bound=bound)
    oldest = max(
        numbers["dealers"], key=lambda one: one.get("oldest_pending_seconds") or 0, default=None
    )
    name = _name(oldest) if oldest else "(no dealer)"
    return Verdict(
        Rule.AGE,
        ok=False,
        value=value,
        bound=bound,
        since=numbers.get("oldest_pending_at"),
        sentence=(
            f"The oldest pending listing has waited {span(seconds)}, longer than the "
            f"{_span_h(bound)} allowed; it is of {name}."
        ),
        remedy=_migrate([name]),
    )


def _missing(numbers: Mapping[str, Any], bounds: Bounds) -> Verdict:
    bound = bounds.allowed[Rule.MISSING]
    shares = sorted(
        ((missing_percent(one), one) for one in numbers["dealers"] if one["images"] >= FEW_IMAGES),
        key=lambda found: -found[0],
    )
    worst = shares[0][0] if shares else None
    bad = [(share, one) for share, one in shares if bound is not None and share > bound]
    if not bad:
        return Verdict(Rule.MISSING, value=worst, bound=bound)
    said = [
        f"{_name(one)} misses {_missed(one):,} of its {one['images']:,} images ({share:.1f} %)"
        for share, one in bad[:NAMED]
    ]
    more = f", and {plural(len(bad) - NAMED, 'dealer')} more" if len(bad) > NAMED else ""
    untried = any(one.get("pending", 0) for _, one in bad)
    since = [one["missing_since"] for _, one in bad if one.get("missing_since")]
    return Verdict(
        Rule.MISSING,
        ok=False,
        value=worst,
        bound=bound,
        since=min(since, default=None),
        sentence=f"{'; '.join(said)}{more}: more than the {_number(bound)} % allowed.",
        remedy=_migrate([_name(one) for _, one in bad], retry_failed=not untried),
    )


def _failed(numbers: Mapping[str, Any], bounds: Bounds) -> Verdict:
    bound = bounds.allowed[Rule.FAILED]
    failed = int(numbers["images"]["failed"])
    if bound is None or failed <= bound:
        return Verdict(Rule.FAILED, value=failed, bound=bound)
    given_up = int(numbers["images"].get("given_up", 0))
    kinds = [one["kind"] for one in numbers["errors"] if one["kind"] != "pending"]
    mostly = f", mostly {kinds[0]}" if kinds else ""
    dealers = _listed(_by_share(numbers, lambda one: one.get("failed", 0)))
    return Verdict(
        Rule.FAILED,
        ok=False,
        value=failed,
        bound=bound,
        since=numbers.get("oldest_failed_at"),
        sentence=(
            f"{plural(failed, 'image')} failed{mostly}, {given_up:,} of them given up; "
            f"{_number(bound)} allowed: {dealers}."
        ),
        remedy="migrate --retry-failed",
    )


def _left_alone(numbers: Mapping[str, Any], bounds: Bounds) -> Verdict:
    bound = bounds.allowed[Rule.LEFT_ALONE]
    hosts = sorted(
        ((left_alone_s(one, numbers), one) for one in numbers.get("hosts_left_alone") or []),
        key=lambda found: -found[0],
    )
    value = hosts[0][0] / HOUR_S if hosts else None
    long = [(s, one) for s, one in hosts if bound is not None and s > bound * HOUR_S]
    if not long:
        return Verdict(Rule.LEFT_ALONE, value=value, bound=bound)
    said = [
        f"{one_line(one['host'])}{_of_dealer(one)} for {span(seconds)} "
        f"({one.get('kind') or 'no answer'}, {plural(one.get('images') or 0, 'image')} waiting)"
        for seconds, one in long[:NAMED]
    ]
    more = f", and {len(long) - NAMED} more" if len(long) > NAMED else ""
    names = [_name(one) for _, one in long if one.get("dealer")]
    return Verdict(
        Rule.LEFT_ALONE,
        ok=False,
        value=value,
        bound=bound,
        since=long[0][1].get("since"),
        sentence=f"Left alone: {'; '.join(said)}{more}. {_span_h(bound)} are allowed.",
        remedy=_migrate(names if len(names) == len(long) else [], retry_failed=True),
    )


def left_alone_s(host: Mapping[str, Any], numbers: Mapping[str, Any]) -> float:
    """For how long a host has been left alone when the numbers were read."""
    as_of = dt.datetime.fromisoformat(numbers["as_of"])
    return (as_of - dt.datetime.fromisoformat(host["since"])).total_seconds()


def _last_run(
    numbers: Mapping[str, Any], bounds: Bounds, rule: Rule, kinds: Iterable[str]
) -> Verdict:
    """Counts from the first completed run on: nobody misses what never was."""
    bound = bounds.allowed[rule]
    wanted = set(kinds)
    runs = [run for kind, run in (numbers.get("last_runs") or {}).items() if kind in wanted]
    last = min(runs, key=lambda run: run["seconds"], default=None)
    value = None if last is None else last["seconds"] / HOUR_S
    if last is None or bound is None or last["seconds"] <= bound * HOUR_S:
        return Verdict(rule, value=value, bound=bound, since=last and last["completed_at"])
    name = "scrape" if rule is Rule.SCRAPE else "migration"
    return Verdict(
        rule,
        ok=False,
        value=value,
        bound=bound,
        since=last["completed_at"],
        sentence=(
            f"The last completed {name} was {span(last['seconds'])} ago, longer than the "
            f"{_span_h(bound)} allowed: does its schedule still run?"
        ),
        remedy="scrape daily" if rule is Rule.SCRAPE else "migrate",
    )


def _readers(readers: ReadersView | None, bounds: Bounds) -> Verdict:
    bound = bounds.allowed[Rule.READERS]
    if readers is None:
        return Verdict(Rule.READERS, bound=bound, sentence="not asked")
    if readers.ok:
        return Verdict(Rule.READERS, value=0, bound=bound, sentence=readers.sentence)
    return Verdict(
        Rule.READERS,
        ok=False,
        value=len(readers.unreadable),
        bound=bound,
        sentence=readers.sentence,
        remedy=readers.help or "migrate verify",
    )


def _empty(numbers: Mapping[str, Any], bounds: Bounds) -> Verdict:
    bound = bounds.allowed[Rule.EMPTY]
    total = int(numbers["listings"]["total"])
    if total or bound is None:
        return Verdict(Rule.EMPTY, value=total, bound=bound)
    return Verdict(
        Rule.EMPTY,
        value=total,
        bound=bound,
        sentence="There is nothing to judge: no listing at all.",
        remedy="scrape daily",
        is_warning=True,
    )


def missing_percent(dealer: Mapping[str, Any]) -> float:
    """The share that the rule judges; 0 of a dealer with so few images that it says nothing."""
    images = int(dealer["images"])
    return 100.0 * _missed(dealer) / images if images >= FEW_IMAGES else 0.0


def _missed(dealer: Mapping[str, Any]) -> int:
    """Missing and not lost for ever; what an operator excluded nobody misses."""
    lost = int(dealer.get("lost_for_ever") or 0) + int(dealer.get("excluded") or 0)
    return max(int(dealer["missing"]) - lost, 0)


def _by_share(numbers: Mapping[str, Any], count: Any) -> list[tuple[str, int]]:
    found = [(_name(one), int(count(one))) for one in numbers["dealers"] if count(one)]
    return sorted(found, key=lambda one: -one[1])


def _listed(dealers: Sequence[tuple[str, int]]) -> str:
    said = [f"{name} {count:,}" for name, count in dealers[:NAMED]]
    more = len(dealers) - NAMED
    return ", ".join(said) + (f" and {plural(more, 'dealer')} more" if more > 0 else "")


def _name(dealer: Mapping[str, Any]) -> str:
    return one_line(str(dealer["dealer"] or "")) or "(no dealer)"


def _of_dealer(host: Mapping[str, Any]) -> str:
    return f" (for {_name(host)})" if host.get("dealer") else ""


def _migrate(dealers: Sequence[str], *, retry_failed: bool = False) -> str:
    """The command for these dealers; for all where they are many or have no name."""
    words = ["migrate", *(["--retry-failed"] if retry_failed else [])]
    named = [name for name in dealers if name != "(no dealer)"]
    if len(named) == len(dealers) <= NAMED:
        words += [word for name in named for word in ("--dealer", name)]
    return shlex.join(words)


def _number(value: float | None) -> str:
    found = plain_number(value)
    return f"{found:,}" if found is not None else "any number"


def _span_h(hours: float | None) -> str:
    return span((hours or 0) * HOUR_S)
