"""Whether a page that does not close what it opens is like the shop's other pages, or has a piece
missing; it counts and compares, and reads nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scraper.pages.errors import PageError, SloganTitleError
from scraper.reading.page_shape import PageShape

_FEW = 3  # pages that say nothing about a shop's habits
_KEPT = 50
_KEPT_PAGES = 1_000


class DamagedPageError(PageError):
    """A page with a piece missing."""

    reason = "seems to have a piece missing"
    remedy = "Nothing was saved from it; the next run tries again."


def _kind_of(detail: str) -> str:
    """Return what a careless author does on many pages, each time a little differently."""
    return "unclosed" if re.search(r"[+-]\d", detail) else detail


def _may_have_a_hole(oddities: str) -> bool:
    """Say whether a page is odd in more than places that a theme may leave out ("no gallery")."""
    return any(not odd.startswith("no ") for odd in oddities.split(", ") if odd)


@dataclass
class SiblingPages:
    """The pages of one shop that were read, in this run and in the last good one."""

    shapes: Counter[str] = field(default_factory=Counter)
    frames: set[str] = field(default_factory=set)  # of the pages that close what they open
    details: Counter[str] = field(default_factory=Counter)
    headings: Counter[str] = field(default_factory=Counter)  # that are a page's only title
    doubted: Counter[str] = field(default_factory=Counter)  # by the kinds of a page's doubts
    before: Mapping[str, Any] = field(default_factory=dict)  # `counts` of the last good run
    believed: dict[str, None] = field(default_factory=dict)  # pages found odd three times
    refused: int = 0  # pages of this run that are not as expected

    def add(self, shape: PageShape) -> None:
        """Count a page that was read."""
        self.shapes[shape.oddities] += 1
        self.details[shape.details] += 1
        if shape.heading:
            self.headings[shape.heading] += 1
        if shape.doubts:
            self.doubted[", ".join(sorted(doubt.kind for doubt in shape.doubts))] += 1
        if not shape.oddities:
            self.frames.add(shape.frame)

    def vouch_for(self, shape: PageShape) -> bool:
        """Say whether that is how this shop's pages are, or only the description is to blame.

        Where many pages are refused, what is left of the others is no measure either.
        """
        return (
            self._is_usual_shape(shape)
            and self._has_usual_details(shape)
            and all(self._is_usual_doubt(doubt.kind) for doubt in shape.doubts)
        )

    def may_be_slogan(self, shape: PageShape) -> bool:
        """Say whether it is too early to tell a page's heading from the shop's slogan, or it is
        one.
        """
        is_early = self._with_before("shapes", self.shapes).total() <= _FEW
        return bool(shape.heading) and (is_early or self._bearing(shape.heading) is not None)

    def _bearing(self, heading: str) -> tuple[int, int] | None:
        """Return how many pages of how many have a heading, None where that is no more than
        chance.
        """
        having = self._with_before("headings", self.headings)[heading]
        everything = self._with_before("shapes", self.shapes).total()
        is_slogan = having >= _FEW and having * 2 > everything
        if not is_slogan:
            return None
        everything = self._today("shapes", self.shapes).total()
        return self._today("headings", self.headings)[heading], everything

    def _is_usual_doubt(self, kind: str) -> bool:
        """Say whether most pages of this shop are like that: its theme, no hole."""
        having, everything = self._pages_with_doubt(kind)
        return having >= _FEW and having * 2 > everything

    def _pages_with_doubt(self, kind: str) -> tuple[int, int]:
        doubted = self._with_before("doubted", self.doubted)
        having = sum(count for kinds, count in doubted.items() if kind in kinds.split(", "))
        return having, self._with_before("shapes", self.shapes).total()

    def _refused(self) -> int:
        """Return how many pages of this run are not as expected, nor as all others are."""
        return self.refused + sum(
            count
            for kinds, count in self.doubted.items()
            if not all(self._is_usual_doubt(kind) for kind in kinds.split(", "))
        )

    def habits(self) -> str | None:
        """Return one sentence about what is odd on most pages, and believed therefore."""
        kinds = {kind for kinds in self.doubted for kind in kinds.split(", ")}
        usual = sorted(kind for kind in kinds if self._is_usual_doubt(kind))
        if not usual:
            return None
        doubted = self._today("doubted", self.doubted)
        having = sum(count for kinds, count in doubted.items() if usual[0] in kinds.split(", "))
        everything = self._today("shapes", self.shapes).total()
        return f"{having} of {everything} pages: {', '.join(usual)}; taken for its theme"

    def _is_usual_shape(self, shape: PageShape) -> bool:
        if not shape.oddities or shape.frame in self.frames | set(self.before.get("frames") or ()):
            return True
        shapes = self._with_before("shapes", self.shapes)
        usual, everything = shapes[shape.oddities], shapes.total()
        if usual < 2:
            return False
        refused = self._refused()
        is_common = usual * 10 >= everything and refused * 10 <= everything
        return is_common or usual * 2 >= everything + refused

    def _has_usual_details(self, shape: PageShape) -> bool:
        """Judge each detail by itself: where nearly all pages are without its kind, it is common or
        the page is odd.
        """
        pages = self._with_before("details", self.details)
        everything = pages.total()
        kinds, exact = Counter[str](), Counter[str]()
        for details, count in pages.items():
            for detail in filter(None, details.split(", ")):
                kinds[_kind_of(detail)] += count
                exact[detail] += count
        return everything < _FEW or not any(
            kinds[_kind_of(detail)] * 5 <= everything
            and (exact[detail] < 2 or exact[detail] * 10 < everything)
            for detail in filter(None, shape.details.split(", "))
        )

    def _with_before(self, name: str, now: Counter[str]) -> Counter[str]:
        return now + Counter({k: int(n) for k, n in (self.before.get(name) or {}).items()})

    def refuse_odd(self, url: str, shape: PageShape) -> None:
        """Raise the page's first doubt, or DamagedPageError, where its neighbours do not vouch, and
        SloganTitleError where most of them have its title.
        """
        if (bearing := self._bearing(shape.heading) if shape.heading else None) is not None:
            having, everything = bearing
            raise SloganTitleError(
                url, f"its heading ({shape.heading[:60]}) stands on {having} of {everything} pages"
            )
        if self._key_of(url, shape) in self._believed():
            return
        for doubt in shape.doubts:  # where the markup does not close either, all may have a hole
            if _may_have_a_hole(shape.oddities) or not self._is_usual_doubt(doubt.kind):
                raise doubt.error
        if not self.vouch_for(shape):
            odd = ", ".join(filter(None, (shape.oddities, shape.details)))
            raise DamagedPageError(url, f"{odd}, unlike the shop's other pages")

    def believe(self, url: str, shape: PageShape) -> None:
        """Remember that a page is simply like that."""
        self.believed[self._key_of(url, shape)] = None

    def _believed(self) -> dict[str, None]:
        return {**dict.fromkeys(self.before.get("believed") or ()), **self.believed}

    @staticmethod
    def _key_of(url: str, shape: PageShape) -> str:
        odd = (shape.oddities, shape.details, *(doubt.kind for doubt in shape.doubts))
        return hashlib.sha256(repr((url, odd)).encode()).hexdigest()[:12]

    def as_counts(self) -> dict[str, Any]:
        """Return what the next run needs to know of this one, and of earlier ones for the pages
        that were not read today: unchanged ones are as they were.
        """
        left, _ = self._unread()
        frames = self.frames | set(self.before.get("frames") or ()) if left else self.frames
        shared = Counter({heading: n for heading, n in self.headings.items() if n > 1})

        def kept(name: str, now: Counter[str]) -> dict[str, int]:
            return dict(self._today(name, now).most_common(_KEPT))

        return {
            "shapes": kept("shapes", self.shapes),
            "frames": sorted(frames)[:_KEPT],
            "details": kept("details", self.details),
            "doubted": kept("doubted", self.doubted),
            "headings": kept("headings", shared),
            "believed": list(self._believed())[-_KEPT_PAGES:],
        }

    def _unread(self) -> tuple[int, int]:
        """Return how many pages of the last run were not read today, of how many."""
        known = Counter(self.before.get("shapes") or {}).total()
        return max(0, known - self.shapes.total()), known

    def _today(self, name: str, now: Counter[str]) -> Counter[str]:
        """Return how many pages are so: those read today, and the others as they were."""
        left, known = self._unread()
        before: Mapping[str, int] = (self.before.get(name) or {}) if left else {}
        return now + Counter({kind: count * left // known for kind, count in before.items()})
