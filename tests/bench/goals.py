"""What the bench is to show, in numbers, and whether it did; it measures nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from measuring import Row, Section
from serving import SUPABASES

Sections = Mapping[str, Section]


@dataclass(frozen=True)
class Goal:
    """One number: of which section, what it may be at most (or at least), and how it is had."""

    section: str
    what: str
    bound: float
    of: Callable[[Section], float]
    is_floor: bool = False
    unit: str = ""

    def row(self, section: Section) -> Row:
        """The goal beside what was measured; a number that is missing is said to be."""
        bound = f"{'at least' if self.is_floor else 'at most'} {self.bound:g}{self.unit}"
        try:
            measured = self.of(section)
        except LookupError:
            return {"goal": self.what, "bound": bound, "measured": "not measured", "met": "-"}
        is_met = measured >= self.bound if self.is_floor else measured <= self.bound
        return {
            "goal": self.what,
            "bound": bound,
            "measured": f"{measured:.3g}{self.unit}",
            "met": "yes" if is_met else "NO",
        }


def goals(measured: Sections) -> Section:
    """The goals of those sections that were to be measured."""
    section = Section("Goals", "What each number is to be on a quiet machine of two cores.")
    section.rows = [goal.row(measured[goal.section]) for goal in GOALS if goal.section in measured]
    return section


def _one(section: Section, **wanted: object) -> Row:
    """The row with these cells; LookupError when it was not measured."""
    for row in section.rows:
        if all(row[name] == cell for name, cell in wanted.items()):
            return row
    raise LookupError(wanted)


def _without_waits(contender: str) -> Callable[[Section], Row]:
    return lambda section: _one(section, contender=contender, **{"wait ms": "2 x 0"})


def _percent(cell: str) -> float:
    return float(cell.split()[0])


_ours = _without_waits("migrate")
_unchecked = _without_waits("migrate, pictures unchecked")
_plain = _without_waits("plain pool, two legs")


def _over(stalling: str) -> Callable[[Section], float]:
    """The larger of both servers' numbers."""

    def of(section: Section) -> float:
        rows = [_one(section, server=n, **{"one that never answers": stalling}) for n in SUPABASES]
        return max(_percent(row["over the run's bound"]) for row in rows)

    return of


def cpu_ms_an_image(section: Section) -> float:
    """With all checks, 16 workers and no wait."""
    return float(_ours(section)["CPU ms an image"])


def of_the_bound(section: Section) -> float:
    """With ten workers, in percent: their bound is 100 images a second."""
    return float(_one(section, contender="migrate", workers=10)["images/s"])


def cpu_ms_a_page(section: Section) -> float:
    """Of a product page like those of the shop that was read."""
    return float(_one(section, what="ours: one listing, all fields")["CPU ms a page"])


def idle_s(section: Section) -> float:
    """A run with nothing to do, over the most listings."""
    return float(section.rows[-1]["seconds"])


GOALS = (
    Goal("legs", "CPU an image, all checks", 4.5, cpu_ms_an_image, unit=" ms"),
    Goal(
        "legs", "CPU an image, unchecked", 2.5, lambda s: _unchecked(s)["CPU ms an image"],
        unit=" ms",
    ),
    Goal(
        "legs", "images a second, of a plain pool's", 100,
        lambda s: 100 * _ours(s)["images/s"] / _plain(s)["images/s"], is_floor=True, unit=" %",
    ),
    Goal("legs", "two legs with 10 workers, of the bound", 95, of_the_bound, is_floor=True,
         unit=" %"),
    Goal("hosts", "unequal hosts, over the bound", 10, _over("without"), unit=" %"),
    Goal("hosts", "the same with one that stalls", 10, _over("with"), unit=" %"),
    Goal("queue", "data-API calls a listing", 1.1,
         lambda s: max(float(_one(s, server=name)["calls a listing"]) for name in SUPABASES)),
    Goal("idle", "nothing to do", 2, idle_s, unit=" s"),
    Goal("idle", "requests to dealers then", 0, lambda s: s.rows[-1]["requests to dealers"]),
    Goal("pages", "CPU a page", 25, cpu_ms_a_page, unit=" ms"),
    Goal("start", "CPU of --help", 0.3, lambda s: _one(s, command="migrate --help")["CPU s"],
         unit=" s"),
    Goal("start", "CPU of --version", 0.3, lambda s: _one(s, command="migrate --version")["CPU s"],
         unit=" s"),
    Goal("start", "CPU of stats", 0.6, lambda s: _one(s, command="migrate stats")["CPU s"],
         unit=" s"),
)  # fmt: skip
