"""The migration put together: a run over the queue whose tasks are settled by copying images; every
command's upload path.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from migrate.copying.bucket import Bucket
from migrate.copying.bucket_limits import BucketLimits
from migrate.copying.image_copier import ImageCopier
from migrate.copying.probe import prove_that_it_takes
from migrate.copying.reader_access import elsewhere_sentence, look_as_reader
from migrate.run.counts import RunCounter, RunSummary
from migrate.run.options import MigrateOptions
from migrate.run.runner import RunView, drain_queue
from migrate.run.stopping import Stop
from migrate.run.wire import Wire
from scraper.base.settings import Settings
from scraper.database.client import Database
from scraper.database.storage import BucketSettings
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
        UnreadableCopiesError: no visitor would see what is copied; nothing was claimed.
        DatabaseError, StorageError, MigrateError: our own side cannot go on. Claims have been given
            back (or come back with their lease), and no image is to blame.
    """

    settings_of_bucket = _look_first(database, say)

    def settler(counter: RunCounter, limits: HostLimits, wire: Wire, stop: Stop) -> ImageCopier:
        bucket = Bucket(database, stop, limits=BucketLimits(settings_of_bucket))
        return ImageCopier(session, bucket, settings, counter, wire=wire, limits=limits)

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


def _look_first(database: Database, say: Callable[[str], None]) -> BucketSettings | None:
    """What the bucket takes, after a look whether a visitor sees what is in it.

    After a run that failed one small object is written, too: a storage that is full is then known
    before the first download and not after it, again and again.
    """
    view = look_as_reader(database)
    view.refuse()
    if view.unreadable:
        say(f"warning: {view.sentence} Remedy: {view.help}.")
    if view.elsewhere:
        say(f"warning: {elsewhere_sentence(dict.fromkeys(view.elsewhere), view.bucket)}")
    if _has_failed(database):
        prove_that_it_takes(database)
    return view.settings


def _has_failed(database: Database) -> bool:
    query = database.table("scrape_runs").select("status").eq("run_type", "migrate")
    last = query.order("id", desc=True).limit(1).execute().data
    return bool(last) and last[0]["status"] == "failed"
