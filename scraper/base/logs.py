"""The log files: rotating, shared by several processes at once, and never holding a secret."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from concurrent_log_handler import ConcurrentRotatingFileHandler

from scraper.base.errors import SettingsError
from scraper.base.redaction import redact
from scraper.base.settings import Settings

FILE_NAME = "listing-mirror.log"
MAX_BYTES = 5 * 1024 * 1024
KEPT_FILES = 5
PACKAGES = ("scraper", "migrate", "workflows")


class RedactingFormatter(logging.Formatter):
    """One line an entry, UTC, with the process; secrets are taken out of the finished text,
    so that one inside an exception's message or an argument cannot slip through."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(process)d %(levelname)s %(name)s %(message)s",
            datefmt="%Y-%m-%dT%H:%M:%S",
        )
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def start_logging(settings: Settings) -> Path:
    """Send what our packages log to the folder of `settings`; calling again replaces the target."""
    file = settings.log_dir / FILE_NAME
    try:
        settings.log_dir.mkdir(parents=True, exist_ok=True)
        handler = ConcurrentRotatingFileHandler(
            str(file), maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8"
        )
    except OSError as exc:
        raise SettingsError(
            f"The log folder {settings.log_dir} cannot be written ({exc.strerror}): "
            "set LOG_DIR to a folder that can."
        ) from exc
    handler.setFormatter(RedactingFormatter())
    for name in PACKAGES:
        logger = logging.getLogger(name)
        for old in logger.handlers[:]:
            logger.removeHandler(old)
            old.close()
        logger.addHandler(handler)
        logger.setLevel(settings.log_level)
        logger.propagate = False
    return file
