"""What a run was asked to do, as one value; it reads no command line and no environment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from migrate.queue.selection import Selection


@dataclass(frozen=True)
class MigrateOptions:
    """The options of one run, with the defaults of the command."""

    selection: Selection = field(default_factory=Selection)
    limit: int = 500
    batch_size: int = 50
    workers: int = 10
    per_host: int = 4
    retry_failed: bool = False
    deadline_s: float | None = None

    @property
    def threads(self) -> int:
        """One for each transfer that may go on at once (`workers`), and a tenth more: while one
        checks a picture or waits until it is recorded, another has its turn on the wire. No more,
        since a run that is killed has what its threads had in hand fetched again.
        """
        return self.workers + self.workers // 10

    def narrowed(self, selection: Selection) -> MigrateOptions:
        """The same run over fewer listings."""
        return replace(self, selection=selection)
