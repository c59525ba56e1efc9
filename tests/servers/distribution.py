"""Which worker runs which test when; it knows the tests by their addresses only.

Two kinds of long tests take most of the time: those that keep a core busy, and those that wait, for
time-outs, signals and leases. Side by side they cost the time of one. So half of the workers take
the waiting ones and the others the busy ones, longest first and one by one, and all end with the
short tests of one file after another.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScheduling
from xdist.workermanage import WorkerController

WAITING = [
    "migrate/run/test_faults.py::test_a_mix_of_faults",
    "migrate/run/test_fairness.py",
    "migrate/run/test_our_side.py::test_a_database_gone",
    "scraper/rows/test_daily.py::test_three_404s",
    "migrate/run/test_faults.py",
    "scraper/rows/test_daily.py",
    "migrate/run/test_our_side.py",
    "migrate/run/test_stopping.py",
    "migrate/run/test_dealers_of_the_incident.py",
    "migrate/run/test_endurance.py",
    "workflows/test_stopped_processes.py",
    "workflows/test_four_runners.py",
    "migrate/care/test_rechecks.py",
    "migrate/copying/test_copies_end_to_end.py",
    "migrate/copying/test_names_and_certificates.py",
    "scraper/rows/test_learned_habits.py",
    "scraper/rows/test_two_scrapes.py",
    "scraper/rows/test_endurance.py",
    "migrate/run/test_damaged_pictures.py",
]
BUSY = [
    "workflows/test_documents_played.py",
    "workflows/test_incident.py",
    "test_package.py",
    "scraper/database/embedded/test_life_cycle.py",
    "workflows/test_workflow_run.py",
    "workflows/test_demo.py",
    "workflows/test_adopt.py",
    "workflows/test_daily.py",
    "scraper/cli/test_commands.py",
    "migrate/cli/test_command.py",
]
"""Beginnings of addresses below tests/, by what `--durations` says, the longest first; what is in
neither list is short, and a name that is gone does no harm."""

WHOLE = [
    "test_package.py",
    "database/test_at_size.py",
    "database/test_incident_numbers.py",
    "migrate/pictures/test_in_a_browser.py",
    "scraper/platforms/test_template.py",
]
"""Files whose tests share what was made for them: one worker takes all of them."""

AT_ONCE = 30
"""Short tests that a worker is given at a time, of one file."""


def order(address: str) -> int:
    """Where in the line a test stands, the long ones first."""
    return _place(address, WAITING + BUSY)


def _place(address: str, beginnings: list[str]) -> int:
    below = address.removeprefix("tests/")
    for number, beginning in enumerate(beginnings):
        if below.startswith(beginning):
            return number
    return len(beginnings)


class WaitingBesideBusy(LoadScheduling):
    """What `pending` holds is given out in its order, each worker's kind of long tests first."""

    def schedule(self) -> None:
        if self.collection is None and self._check_nodes_have_same_collection():
            self.collection = next(iter(self.node2collection.values()))
            self.pending[:] = range(len(self.collection))
            self._waits = [_place(one, WAITING) < len(WAITING) for one in self.collection]
            self._is_long = [order(one) < len(WAITING + BUSY) for one in self.collection]
        for node in self.nodes:
            self.check_schedule(node)

    def check_schedule(self, node: WorkerController, duration: float = 0) -> None:
        """Keep two tests at the worker, which begins one when it knows the next."""
        while not node.shutting_down and len(self.node2pending[node]) < 2:
            if not self.pending:
                node.shutdown()
            else:
                self._send(node, self._next(node))

    def _next(self, node: WorkerController) -> list[int]:
        assert self.collection is not None
        for_waiting = self.nodes.index(node) % 2 == 0
        first = next((n for n in self.pending if self._is_for(n, for_waiting)), self.pending[0])
        file = self.collection[first].partition("::")[0]
        mates = [n for n in self.pending if self.collection[n].startswith(file + "::")]
        if file.removeprefix("tests/") in WHOLE:
            return mates
        return [first] if self._is_long[first] else mates[:AT_ONCE]

    def _is_for(self, test: int, for_waiting: bool) -> bool:
        return self._waits[test] == for_waiting

    def _send(self, node: WorkerController, tests: list[int]) -> None:
        given = set(tests)
        self.pending[:] = [test for test in self.pending if test not in given]
        self.node2pending[node].extend(tests)
        node.send_runtest_some(tests)


def make_scheduler(config: pytest.Config) -> LoadScheduling:
    return WaitingBesideBusy(config)
