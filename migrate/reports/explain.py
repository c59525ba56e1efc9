"""Everything known about one listing's images, in words: state, history, what happens next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.errors import UnknownListingError
from migrate.queue.selection import LARGEST_ID
from migrate.reports.coverage import STATES
from migrate.reports.health import moment
from scraper.base.report_blocks import Block, Heading, Line, Table, plural, span
from scraper.database.client import Database

HISTORY_SHOWN = 200


@dataclass(frozen=True)
class Explanation:
    """One listing as the database knows it, and what that means."""

    facts: Mapping[str, Any]

    def as_json(self) -> Mapping[str, Any]:
        images = [dict(one, next=next_step(one)) for one in self.facts["images"]]
        return {"schema": 1, **self.facts, "images": images, "next": self.next_sentence}

    @property
    def next_sentence(self) -> str:
        return _queue_sentence(self.facts["queue"], self.facts["images"])

    def as_blocks(self) -> Sequence[Block]:
        listing, images = self.facts["listing"], self.facts["images"]
        events = self.facts["events"][-HISTORY_SHOWN:]
        return [
            Heading(f"Listing {listing['id']}: {listing['title'] or '(no title)'}"),
            Line(", ".join(part for part in (listing["dealer"], listing["status"]) if part)),
            Line(listing["url"]),
            *_seen(listing),
            Line(f"{plural(len(images), 'image')}, {_states(images)}."),
            Line(f"Status of the images: {listing['images_upload_status'] or 'not set yet'}."),
            Line(self.next_sentence),
            *([Heading("Images")] if images else []),
            Table(
                ("image", "state", "since", "why", "attempts", "next", "source", "copy"),
                [_image_row(one, self.facts["events"]) for one in images],
                is_list=True,
            ),
            *([Heading("History, oldest first")] if events else []),
            Table(
                ("when", "position", "event", "state", "why", "run"),
                [_event_row(one) for one in events],
            ),
        ]


def explain_listing(database: Database, listing_id: int) -> Explanation:
    """Read what is known.

    Raises:
        UnknownListingError: there is no such listing.
    """
    if listing_id > LARGEST_ID:
        raise UnknownListingError(listing_id)
    facts = database.rpc("explain_listing", {"p_listing_id": listing_id}, idempotent=True)
    if not facts.get("listing"):
        raise UnknownListingError(listing_id)
    return Explanation(facts)


def next_step(image: Mapping[str, Any]) -> str:
    """What becomes of one image from here, and when."""
    step = _NEXT[image["state"]](image)
    if image["due_at"] is not None and image.get("held_for_s"):
        step += f"; its host asked to be left alone for another {span(image['held_for_s'])}"
    return step


def _pending(image: Mapping[str, Any]) -> str:
    how = "copied inside the bucket, no download" if image.get("copy_from") else "downloaded"
    return f"{how} {_when(image)}"


def _failed(image: Mapping[str, Any]) -> str:
    keep = ""
    if image.get("damaged_sha256") and not image.get("keep_at"):
        keep = (
            f"; migrate keep {image['listing_id']}/{image['position']} stores it as it is, "
            f"migrate keep {image['damaged_sha256'][:12]} wherever the same came"
        )
    if image["due_at"] is None:
        return f"not tried by itself any more; {_retry(image)}{keep}"
    return f"tried again {_when(image)}{keep}"


def _gone(image: Mapping[str, Any]) -> str:
    return f"nothing: the dealer removed it; {_retry(image)}"


def _rejected(image: Mapping[str, Any]) -> str:
    if image.get("exclusion_id") is not None:
        return "nothing: an operator excluded it"
    if image["error_kind"] == "bad_url":
        return "nothing until the dealer's page names a usable URL"
    if image["position"] > 99:
        return "nothing: a copy's name has room for 100 positions"
    return f"nothing; {_retry(image)}"


def _stored(image: Mapping[str, Any]) -> str:
    copy = f"the copy is {image['storage_path']}"
    if image["due_at"] is None:
        return f"nothing: {copy}"
    return f"compared with its source {_when(image)}; {copy}"


_NEXT = {
    "pending": _pending,
    "failed": _failed,
    "gone": _gone,
    "rejected": _rejected,
    "stored": _stored,
}


def _when(image: Mapping[str, Any]) -> str:
    due_in_s = image.get("due_in_s")
    if due_in_s is None or due_in_s <= 0:
        return "by the next run"
    return f"in {span(due_in_s)} (from {moment(image['due_at'])})"


def _retry(image: Mapping[str, Any]) -> str:
    return f"migrate --retry-failed --listing {image['listing_id']} tries again"


def _queue_sentence(queue: Mapping[str, Any] | None, images: Sequence[Mapping[str, Any]]) -> str:
    if queue is None:
        if images:
            return "It is not in the queue."
        return (
            "The mirror has not adopted this listing yet, because it is older than the mirror's "
            "tables: run `python -m workflows adopt`."
        )
    if queue["is_claimed"]:
        run = queue["claimed_by_run"]
        by = "a run" if run is None else f"run {run}"
        return f"Claimed by {by}, for another {span(queue['lease_s'])} unless it is extended."
    lapsed = "The claim of a run that died has lapsed. " if queue["leased_until"] else ""
    if queue["next_due_at"] is None:
        return f"{lapsed}Nothing is due."
    if (queue["due_in_s"] or 0) <= 0:
        return f"{lapsed}Not claimed; the next run takes it."
    due_at = moment(queue["next_due_at"])
    return f"{lapsed}Not claimed; due in {span(queue['due_in_s'])} (from {due_at})."


def _states(images: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(str(one["state"]) for one in images)
    said = [f"{counts[state]} {state}" for state in STATES if counts[state]]
    return ", ".join(said) or "nothing to store"


def _seen(listing: Mapping[str, Any]) -> list[Line]:
    said = [
        f"{name} {moment(listing[key])}"
        for name, key in (("First seen", "first_seen_at"), ("last scraped", "last_scraped_at"))
        if listing.get(key)
    ]
    return [Line(", ".join(said) + ".")] if said else []


def _image_row(
    image: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> tuple[str | int | None, ...]:
    return (
        f"image {image['position']}",
        image["state"],
        moment(_since(image, events)),
        _why(image),
        image["attempts"] or None,
        next_step(image),
        image["source_url"],
        image.get("public_url"),
    )


def _since(image: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str | None:
    """Since when the image is in its state, as far back as its history goes."""
    since: str | None = None
    for event in reversed(events):
        if event["position"] != image["position"] or event["state"] is None:
            continue
        if event["state"] != image["state"]:
            break
        since = event["at"]
    return since or image.get("stored_at") or image.get("created_at")


def _event_row(event: Mapping[str, Any]) -> tuple[str | int | None, ...]:
    run = event.get("run_id")
    return (
        moment(event["at"]),
        event["position"],
        event["event"],
        event["state"],
        _why(event) or event.get("storage_path"),
        None if run is None else str(run),
    )


def _why(row: Mapping[str, Any]) -> str:
    parts = [row.get("error_kind"), row.get("error_detail")]
    if row.get("defect"):
        parts.append(f"kept though damaged: {row['defect']}")
    if row.get("keep_at") and row.get("state") != "stored":
        parts.append("an operator wants it kept although damaged")
    if row.get("http_status") and not str(row.get("error_kind")).startswith("http_"):
        parts.append(f"HTTP {row['http_status']}")
    return ": ".join(str(part) for part in parts if part)
