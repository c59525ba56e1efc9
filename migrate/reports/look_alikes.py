"""The same picture under another digest, as people read it; the database says which those are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from migrate.queue.selection import Selection
from scraper.base.errors import DatabaseError
from scraper.base.report_blocks import Block, Heading, Line, Table, plural
from scraper.database.client import Database

GROUPS = 10
"""Groups named in full; their number is said for all of them."""
BANNER_LISTINGS = 5
"""Of one dealer: an item is hardly listed so often, its banner is."""


def read_look_alikes(database: Database, selection: Selection) -> Mapping[str, Any]:
    """The groups that touch the chosen dealers; only a `problem` where the database failed.

    A busy small server may not get through within its time limit, and the rest is still to be told.
    """
    asked = {"p_dealer_ids": selection.as_params()["p_dealer_ids"], "p_groups": GROUPS}
    try:
        found: Mapping[str, Any] = database.rpc("look_alikes", asked, idempotent=True)
    except DatabaseError as error:
        return {"problem": str(error)}
    return found


def problem_of(found: Mapping[str, Any] | None) -> str | None:
    """Why nobody knows whether there are any, as a sentence."""
    if not found or "problem" not in found:
        return None
    return f"Whether pictures look alike could not be looked up: {found['problem']}"


def what_it_may_be(group: Mapping[str, Any]) -> str:
    """A guess for whoever has to look: by how many show it."""
    if len(group["dealers"]) > 1:
        return f"at {len(group['dealers'])} dealers"
    if group["listings"] >= BANNER_LISTINGS:
        return "a banner?"
    return "listed twice?"


def blocks_of(found: Mapping[str, Any] | None) -> Iterable[Block]:
    """A section of the statistics; nothing where there is nothing to say."""
    heading = Heading("The same picture under another digest")
    if problem := problem_of(found):
        yield from (heading, Line(problem))
        return
    if not found or not found["groups"]:
        return
    yield heading
    groups, images = found["groups"], found["images"]
    yield Line(
        f"{plural(groups, 'picture')} in {plural(images, 'copy', 'copies')}, "
        f"{found['at_several_dealers']:,} of them at several dealers: encoded anew, "
        "or an item that is listed twice."
    )
    yield Table(
        ("listings", "digests", "dealers", "what it may be", "for example"),
        [_row(one) for one in found["widest"]],
    )


def _row(group: Mapping[str, Any]) -> Sequence[str | int]:
    return (
        group["listings"],
        group["digests"],
        ", ".join(name or "(no dealer)" for name in group["dealers"]),
        what_it_may_be(group),
        " ".join(f"{one['listing_id']}/{one['position']}" for one in group["examples"]),
    )
