"""Moves claims: listings leased to a run, handed back or finished; it never sees image bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.queue.outcome import ImageResult
from migrate.queue.selection import Selection
from scraper.database.client import Database


@dataclass(frozen=True, slots=True)
class DueImage:
    """One image to work on now; what is None is not known (yet)."""

    position: int
    source_url: str
    state: str = "pending"
    attempts: int = 0
    error_kind: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    copy_from: str | None = None
    sha256: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    placeholder: str | None = None
    average_color: str | None = None
    phash: int | None = None
    defect: str | None = None
    damaged_sha256: str | None = None
    """Of damaged bytes that came before, `damaged_s_ago` seconds ago for the first time."""
    damaged_s_ago: float | None = None
    is_wanted: bool = False
    """An operator has said to keep it although it is damaged."""


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """A copy the listing already has in the bucket."""

    position: int
    source_url: str
    storage_path: str
    public_url: str = ""
    sha256: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    etag: str | None = None
    last_modified: str | None = None
    placeholder: str | None = None
    average_color: str | None = None
    phash: int | None = None
    defect: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A listing that is this run's to work on while its lease lasts; the token proves it."""

    listing_id: int
    token: str
    dealer_id: int
    dealer: str
    slug: str
    page_url: str | None
    images: tuple[DueImage, ...]
    stored: tuple[StoredCopy, ...] = ()
    dealer_settings: Mapping[str, Any] = field(default_factory=dict)
    excluded_sha256: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Hold:
    """A host that asked to be left alone, and for how much longer."""

    host: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A host, or one dealer's part of it, that is left alone: since when, why, until when."""

    host: str
    dealer_id: int | None
    """None: the whole host."""
    since: str
    kind: str
    detail: str | None
    next_look: str
    next_look_in_s: float = 0.0
    tries: int = 1
    dealer: str | None = None
    listings: int = 0
    images: int = 0

    def as_json(self) -> dict[str, Any]:
        """As the run's result and the statistics show it."""
        return {
            "since": self.since,
            "kind": self.kind,
            "detail": self.detail,
            "next_look": self.next_look,
            "dealer": self.dealer,
        }


@dataclass(frozen=True, slots=True)
class Waiting:
    """What other runners hold that this run could take; the shorter lease tells a dead one."""

    listings: int
    longest_s: float
    shortest_s: float
    lapsed: int = 0
    """Due listings whose claim has run out, on hosts that may be asked."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a run tells of one claim: results that are new, and whether they are the last ones."""

    claim: Claim
    results: Sequence[ImageResult]
    is_last: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """The database's answer: refused when the claim was somebody else's by then."""

    accepted: bool
    status: str | None = None
    """Of the listing, with the last results."""
    gone: int = 0
    """Images of these results that are confirmed absent now."""
    reason: str | None = None
    is_busy: bool = False
    """Nothing was recorded: somebody is changing the listing. Alone it would wait for them."""


class Claims:
    """The queue as one run sees it. Thread-safe as far as the database client is."""

    def __init__(
        self,
        database: Database,
        *,
        run_id: int,
        selection: Selection,
        retry_failed: bool,
        lease_s: float,
    ) -> None:
        self._database = database
        self._run_id = run_id
        self._selection = selection
        self._retry_failed = retry_failed
        self._lease_s = round(lease_s)
        self._heard: Callable[[Sequence[Hold]], None] = lambda holds: None
        self._left_alone: Callable[[Sequence[LeftAlone]], None] = lambda hosts: None

    def tell(
        self,
        heard: Callable[[Sequence[Hold]], None],
        left_alone: Callable[[Sequence[LeftAlone]], None] = lambda hosts: None,
    ) -> None:
        """Call `heard` with each answer that says which hosts asked to be left alone.

        Other runners hear such wishes too, and this one is to heed them before it claims again.
        `left_alone` gets, with each claim, all that are left alone because they do not answer.
        """
        self._heard = heard
        self._left_alone = left_alone

    def claim(self, limit: int, *, skip_hosts: Iterable[str] = ()) -> tuple[Claim, ...]:
        """Lease up to `limit` listings that have an image due on a host not in `skip_hosts`.

        Not repeated after a lost answer: the listings of the lost one come back with their lease.
        """
        answer = self._database.rpc(
            "claim_listings",
            {
                "p_run_id": self._run_id,
                "p_limit": limit,
                "p_lease_s": self._lease_s,
                **self._selection.as_params(),
                "p_retry_failed": self._retry_failed,
                "p_skip_hosts": sorted(skip_hosts),
            },
            idempotent=False,
        )
        self._hear(answer)
        self._left_alone([_left_alone(one) for one in answer.get("left_alone") or ()])
        return tuple(_claim(item) for item in answer["claims"])

    def extend(self, tokens: Sequence[str]) -> frozenset[str]:
        """Lease these for another while; returns the tokens that are no longer ours."""
        answer = self._database.rpc(
            "extend_claims",
            {"p_tokens": list(tokens), "p_lease_s": self._lease_s},
            idempotent=True,
        )
        self._hear(answer)
        return frozenset(answer["lost"])

    def release(self, tokens: Sequence[str]) -> None:
        """Give listings back with their images untouched."""
        if tokens:
            self._database.rpc("release_claims", {"p_tokens": list(tokens)}, idempotent=True)

    def record(self, told: Sequence[Told]) -> list[Recorded]:
        """Record what became of images of several claims; a claim is freed with its last results.

        One answer each, in their order. A result is applied once, however often it is told.
        """
        answer = self._database.rpc(
            "record_results",
            {"p_claims": json.dumps([_told(one) for one in told])},
            idempotent=True,  # the database knows the token it has finished last
        )
        self._hear(answer)
        return [_recorded(one) for one in answer["answers"]]

    def record_alone(self, told: Told) -> Recorded:
        """The same for one claim, waiting for whoever is changing its listing."""
        answer = self._database.rpc(
            "finish_listing" if told.is_last else "record_images",
            {
                "p_listing_id": told.claim.listing_id,
                "p_token": told.claim.token,
                "p_results": json.dumps([result.as_json() for result in told.results]),
            },
            idempotent=True,
        )
        self._hear(answer)
        return _recorded(answer)

    def waiting(self) -> Waiting:
        """What other runners hold and this run could otherwise take."""
        answer = self._database.rpc(
            "waiting_claims",
            {"p_run_id": self._run_id, **self._selection.as_params()},
            idempotent=True,
        )
        longest_s = float(answer.get("seconds") or 0.0)
        shortest_s = answer.get("stale_seconds")
        return Waiting(
            listings=int(answer["listings"]),
            longest_s=longest_s,
            shortest_s=longest_s if shortest_s is None else float(shortest_s),
            lapsed=int(answer.get("lapsed") or 0),
        )

    def hold_host(self, host: str, seconds: float, reason: str) -> None:
        """Remember, for every runner and the next run, that a host wants to be left alone."""
        self._database.rpc(
            "hold_host",
            {"p_host": host, "p_seconds": seconds, "p_reason": reason},
            idempotent=True,
        )

    def leave_alone(
        self, host: str, dealer_id: int | None, *, kind: str, detail: str, status: int | None
    ) -> LeftAlone:
        """Remember, for every runner and the next run, that a host does not answer.

        With a dealer only that dealer's part of it; the pause grows with each look that ends so.
        """
        answer = self._database.rpc(
            "leave_host_alone",
            {
                "p_host": host,
                "p_dealer_id": dealer_id,
                "p_kind": kind,
                "p_detail": detail.replace("\0", ""),
                "p_http_status": status,
            },
            idempotent=True,
        )
        return _left_alone({**answer, "kind": kind, "detail": detail})

    def host_answered(self, host: str, dealer_id: int | None) -> None:
        """A host that was left alone has answered; with a dealer, for that dealer too."""
        self._database.rpc(
            "host_answered", {"p_host": host, "p_dealer_id": dealer_id}, idempotent=True
        )

    def _hear(self, answer: Mapping[str, Any]) -> None:
        holds = [Hold(one["host"], float(one["seconds"])) for one in answer.get("holds") or ()]
        if holds:
            self._heard(holds)


def _told(one: Told) -> dict[str, Any]:
    return {
        "listing_id": one.claim.listing_id,
        "token": one.claim.token,
        "is_last": one.is_last,
        "results": [result.as_json() for result in one.results],
    }


def _recorded(answer: Mapping[str, Any]) -> Recorded:
    return Recorded(
        accepted=bool(answer["accepted"]),
        status=answer.get("status"),
        gone=int(answer.get("gone") or 0),
        reason=answer.get("reason"),
        is_busy=bool(answer.get("busy")),
    )


def _left_alone(row: Mapping[str, Any]) -> LeftAlone:
    return LeftAlone(
        host=row["host"],
        dealer_id=row["dealer_id"],
        since=row["since"],
        kind=row["kind"],
        detail=row["detail"],
        next_look=row["next_look"],
        next_look_in_s=float(row["seconds"]),
        tries=int(row["tries"]),
        dealer=row.get("dealer"),
        listings=int(row.get("listings") or 0),
        images=int(row.get("images") or 0),
    )


def _claim(item: Mapping[str, Any]) -> Claim:
    return Claim(
        listing_id=item["listing_id"],
        token=item["token"],
        dealer_id=item["dealer_id"],
        dealer=item["dealer"],
        slug=item["slug"],
        page_url=item["page_url"],
        images=tuple(DueImage(**_known(DueImage, image)) for image in item["images"]),
        stored=tuple(StoredCopy(**_known(StoredCopy, copy)) for copy in item["stored"] or ()),
        dealer_settings=item["dealer_settings"] or {},
        excluded_sha256=frozenset(item.get("excluded_sha256") or ()),
    )


def _known(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values this version knows, so that a newer database may say more."""
    return {name: values[name] for name in kind.__slots__ if name in values}  # type: ignore[attr-defined]
