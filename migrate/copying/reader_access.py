"""Whether a visitor without a key can see the copies; it changes nothing.

A private bucket changes nothing for whoever has a key: uploads, records and downloads go on, and no
visitor sees a picture. So the bucket is asked whether it is public, and copies are asked for the
way a visitor asks.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from migrate.errors import UnreadableCopiesError
from scraper.base.errors import StorageRejectedError
from scraper.base.report_blocks import plural
from scraper.database.client import Database
from scraper.database.faults import PUSH
from scraper.database.storage import BucketSettings

SAMPLE = 20
FEW = 5
"""Copies that a run or a health check asks for until one is had."""
_BUCKET = re.compile(r"/object/public/([^/]+)/")


@dataclass(frozen=True)
class Unreadable:
    """A copy that a visitor does not get; `is_lost` when nobody does, with a key neither."""

    storage_path: str
    reason: str
    is_lost: bool = False


@dataclass(frozen=True)
class ReadersView:
    """What a visitor without a key found; `elsewhere` are copies under another bucket's name."""

    bucket: str
    trouble: str | None = None
    remedy: str | None = None
    asked: int = 0
    unreadable: tuple[Unreadable, ...] = ()
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    settings: BucketSettings | None = None

    @property
    def refused(self) -> int:
        """Copies that are there and that a visitor does not get."""
        return sum(not one.is_lost for one in self.unreadable)

    @property
    def ok(self) -> bool:
        """Whether every copy that was asked for can be had without a key."""
        return self.trouble is None and not self.unreadable

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        if self.trouble is not None:
            return self.trouble
        if not self.asked:
            return f"The bucket {self.bucket!r} is public; it has no copy to ask for yet."
        if not self.unreadable:
            return f"{plural(self.asked, 'copy', 'copies')} asked for without a key, all had."
        first = self.unreadable[0]
        return (
            f"{len(self.unreadable)} of {plural(self.asked, 'copy', 'copies')} cannot be had "
            f"without a key, such as {first.storage_path} ({first.reason})."
        )

    @property
    def help(self) -> str | None:
        """The command or the place that mends it; None when nothing is wrong."""
        if self.remedy is not None or self.ok:
            return self.remedy
        if not self.refused:
            return "they are lost: run `migrate verify`, then `migrate`"
        return (
            "open the address of one in a browser that is not logged in, and look at the bucket's "
            "policies and at what stands before the project (a CDN, a firewall)"
        )

    def as_json(self) -> Mapping[str, Any]:
        return {
            "ok": self.ok,
            "asked": self.asked,
            "refused": self.refused,
            "lost": len(self.unreadable) - self.refused,
            "sentence": self.sentence,
            "remedy": self.help,
            "elsewhere": dict(self.elsewhere),
        }

    def refuse(self) -> None:
        """Raise UnreadableCopiesError when no visitor sees what there is to see."""
        if self.trouble is not None or self.refused:
            remedy = f" Remedy: {self.help}." if self.help else ""
            raise UnreadableCopiesError(f"{self.sentence}{remedy}")


def look_as_reader(database: Database, *, enough: int = FEW) -> ReadersView:
    """Ask for copies as a visitor does, one after another until one is had, at most `enough`.

    For the start of a run and for the rule `readers` of the health check.

    Raises:
        StorageError, DatabaseError: our own side did not answer; nothing is known about readers.
    """
    view = look_at_bucket(database)
    if view.trouble is not None:
        return view
    rows = _some_copies(database, enough)
    elsewhere = Counter(bucket_of(row["public_url"], database.bucket_name) for row in rows)
    paths = [
        row["storage_path"]
        for row in rows
        if bucket_of(row["public_url"], database.bucket_name) == database.bucket_name
    ]
    del elsewhere[database.bucket_name]
    met: list[Unreadable] = []
    for count, path in enumerate(paths, 1):
        found = look_at_copy(database, path)
        if found is None:
            return replace(view, asked=count, elsewhere=elsewhere)
        met.append(found)
    return replace(view, asked=len(paths), unreadable=tuple(met), elsewhere=elsewhere)


def look_at_bucket(database: Database) -> ReadersView:
    """Whether the bucket is there, public, and takes pictures at all."""
    name = database.bucket_name
    settings = database.bucket_settings()
    if settings is None:
        return ReadersView(
            name, f"There is no bucket {name!r}.", f"{PUSH}, or set STORAGE_BUCKET to yours"
        )
    if not settings.is_public:
        return ReadersView(
            name,
            f"The bucket {name!r} is private: no visitor sees any of its copies.",
            f"make it public (dashboard, Storage, {name}, Edit bucket, Public bucket)",
        )
    if not any(settings.takes(one) for one in KEPT_TYPES):
        return ReadersView(
            name,
            f"The bucket {name!r} takes none of the types that pictures have "
            f"(only {', '.join(settings.allowed_types or ())}).",
            "allow image/* there (dashboard, Storage, Edit bucket, allowed MIME types)",
        )
    return ReadersView(name, settings=settings)


def look_at_copy(database: Database, path: str) -> Unreadable | None:
    """Ask for one copy without a key; where that fails, also with it, to know which it is."""
    reason = database.look(path)
    if reason is None:
        return None
    try:
        is_lost = database.stat(path) is None
    except StorageRejectedError as error:
        if error.fatal:
            raise
        is_lost = False
    return Unreadable(path, reason, is_lost)


def bucket_of(public_url: str | None, otherwise: str) -> str:
    """The bucket that the address of a copy names."""
    found = _BUCKET.search(public_url or "")
    return unquote(found[1]) if found else otherwise


def elsewhere_sentence(elsewhere: Mapping[str, int | None], bucket: str) -> str:
    """What to say of copies under another bucket's name; None where they were not all counted."""
    parts = ", ".join(
        f"some in {name!r}" if count is None else f"{count:,} in {name!r}"
        for name, count in sorted(elsewhere.items())
    )
    return (
        f"Copies are in another bucket than {bucket!r} (STORAGE_BUCKET): {parts}. They are not "
        "missing and stay where they are; set STORAGE_BUCKET to that name if it was changed by "
        "mistake."
    )


KEPT_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif")


def _some_copies(database: Database, count: int) -> Sequence[Mapping[str, Any]]:
    """A few recorded copies, each time from another place."""
    newest = database.table("listings").select("id").order("id", desc=True).limit(1).execute().data
    start = random.randint(0, int(newest[0]["id"])) if newest else 0
    return _page(database, start, count) or _page(database, 0, count)


def _page(database: Database, after: int, count: int) -> Sequence[Mapping[str, Any]]:
    params = {
        "p_after_listing": after,
        "p_after_position": -1,
        "p_limit": count,
        "p_dealer_ids": None,
        "p_listing_ids": None,
    }
    rows: Sequence[Mapping[str, Any]] = database.rpc("recorded_copies", params, idempotent=True)
    return rows if isinstance(rows, list) else []
