"""The migration put together: a run over the queue whose tasks are settled by copying images; every
command's upload path.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from migrate.copying.bucket import Bucket
from migrate.copying.image_copier import ImageWorker
from migrate.run.counts import RunSummary, Tally
from migrate.run.options import MigrateOptions
from migrate.run.runner import RunView, drain_queue
from migrate.run.stopping import Stop
from scraper.base.settings import Settings
from scraper.database.client import Database
from scraper.net.host_limits import HostLimits
from scraper.net.session import DealerSession

_log = logging.getLogger(__name__)


def run_migration(
    database: Database,
    session: DealerSession,
    settings: Settings,
    options: MigrateOptions,
    *,
    progress: Callable[[RunView], None] = lambda view: None,
    say: Callable[[str], None] = _log.info,
    stop: Stop | None = None,
) -> RunSummary:
    """Copy the images that are due, within the options.

    Dealers' failures are data in the summary. `progress` gets a view to look at meanwhile.

    Raises:
        DatabaseError, StorageError, MigrateError: our own side cannot go on. Claims have been given
            back (or come back with their lease), and no image is to blame.
    """

    def settler(tally: Tally, limits: HostLimits, stop: Stop) -> ImageWorker:
        bucket = Bucket(database, stop)
        return ImageWorker(
            session, bucket, settings, tally, transfers=options.workers, limits=limits
        )

    return drain_queue(
        database,
        session,
        settings,
        options,
        settler=settler,
        progress=progress,
        say=say,
        stop=stop,
    )
