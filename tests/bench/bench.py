"""`make bench`: one command, one table a section, and the same as JSON in `.local/bench/`.

Each section compares within one run, contenders in turn; no number is worth anything without the
machine and the date that stand above it. `--only NAME` measures one section, `--quick` a tenth,
`--into FILE` puts what was measured into a document, below its marker; all of it is quoted in the
README, too.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "servers"), str(HERE.parents[1])]

import database  # noqa: E402
import documents  # noqa: E402
import goals  # noqa: E402
import growth  # noqa: E402
import hosts  # noqa: E402
import pages  # noqa: E402
import pictures  # noqa: E402
import real_queue  # noqa: E402
import triggers  # noqa: E402
from measuring import PROJECT, Scale, Section, last_line, machine, twice  # noqa: E402

SECTIONS = {
    "peers": pictures.against_peers,
    "legs": pictures.two_legs,
    "hosts": hosts.unequal_hosts,
    "queue": real_queue.on_both_servers,
    "idle": real_queue.nothing_due,
    "memory": pictures.memory,
    "pages": pages.reading,
    "crawl": pages.fetching,
    "growth": growth.growth,
    "runners": real_queue.several_runners,
    "start": real_queue.starting,
    "triggers": triggers.cost_of_triggers,
    "database": database.every_function,
}
RESULTS = PROJECT / ".local" / "bench"
USUAL = Scale()
TENTH = Scale(images=100, runs=1, rows=(1_000, 10_000), images_held=(1_000, 10_000))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="may be repeated")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, one run each")
    parser.add_argument("--into", type=Path, help="the document to put the tables into")
    arguments = parser.parse_args()
    if arguments.into is not None and not documents.has_place(arguments.into):
        parser.error(f"{arguments.into} has no line {documents.MARKER}")
    for stopping in (signal.SIGINT, signal.SIGTERM):  # also where a shell had it ignored
        signal.signal(stopping, signal.default_int_handler)
    where = machine()
    head = documents.heading(where, is_quick=arguments.quick)
    print(head, flush=True)
    measured: dict[str, Section] = {}
    try:
        measure(arguments.only or list(SECTIONS), TENTH if arguments.quick else USUAL, measured)
    except KeyboardInterrupt:
        print("Interrupted: what stands above was measured.", file=sys.stderr)
        sys.exit(130)
    finally:
        if measured:
            keep(measured, where)
    if arguments.into is not None:
        documents.put_into(arguments.into, head, measured)
        if not arguments.only and not arguments.quick:
            documents.quote_in(PROJECT / "README.md", where, measured)


def measure(names: list[str], scale: Scale, measured: dict[str, Section]) -> None:
    """Section after section, each shown as soon as it is there; the goals at the end."""
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        began = time.monotonic()
        measured[name] = section_of(name, scale)
        print(measured[name].show(), flush=True)
        print(f"  {name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    measured["goals"] = goals.goals(measured)
    if measured["goals"].rows:
        print(measured["goals"].show(), flush=True)


def section_of(name: str, scale: Scale) -> Section:
    """The section; one that fails twice says so in its place, and the others stay."""
    try:
        return twice(lambda: SECTIONS[name](scale))
    except Exception as error:
        traceback.print_exc()
        why = f"{type(error).__name__}: {last_line(error)}"
        return Section(name.capitalize(), "Not measured.", left_out=[f"all of it ({why})"])


def keep(measured: dict[str, Section], where: dict[str, Any]) -> None:
    """Write it all as JSON."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    sections = {name: dataclasses.asdict(section) for name, section in measured.items()}
    result = {"schema": 1, "at": stamp, "machine": where, "sections": sections}
    target = RESULTS / f"{stamp}.json"
    text = json.dumps(result, indent=2, ensure_ascii=False).replace(": NaN", ": null")
    target.write_text(text, "utf-8")
    print(f"Written to {target.relative_to(PROJECT)}.", file=sys.stderr)


if __name__ == "__main__":
    main()
