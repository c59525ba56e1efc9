"""The log files: rotating, shared by several processes at once, and never holding a secret.

Keeping them is no part of the work: a log that cannot be written is said once, and nothing stops.
"""

from __future__ import annotations

import logging
import sys
import time
from contextlib import suppress
from pathlib import Path

from concurrent_log_handler import ConcurrentRotatingFileHandler

from scraper.base import console
from scraper.base.redaction import redact
from scraper.base.settings import Settings
from scraper.base.untrusted_text import harmless, one_line, to_json
from scraper.base.version import VERSION

FILE_NAME = "listing-mirror.log"
MAX_BYTES = 5 * 1024 * 1024
KEPT_FILES = 5
PACKAGES = ("scraper", "migrate", "workflows")


_log = logging.getLogger(__name__)


class RedactingFormatter(logging.Formatter):
    """One line an entry, UTC, with the process; secrets are taken out of the finished text,
    so that one inside an exception's message or an argument cannot slip through."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(process)d %(levelname)s %(name)s %(message)s",
            datefmt="%Y-%m-%dT%H:%M:%S",
        )
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = one_line(record.message)  # nobody's text looks like an entry of its own
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return harmless(redact(super().format(record)))


class JsonFormatter(RedactingFormatter):
    """One object a line, for programs that collect logs; as free of secrets as the other."""

    def format(self, record: logging.LogRecord) -> str:
        moment = self.formatTime(record, self.datefmt)
        entry = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "process": record.process,
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            entry["exception"] = redact(self.formatException(record.exc_info))
        return to_json(entry, indent=None)


def _formatter(settings: Settings) -> logging.Formatter:
    return JsonFormatter() if settings.log_format == "json" else RedactingFormatter()


class _File(ConcurrentRotatingFileHandler):
    """The file; the first entry that it does not take is told on stderr, no other one."""

    is_told = False

    def handleError(self, record: logging.LogRecord) -> None:
        if not self.is_told:
            self.is_told = True
            _tell(self.baseFilename, sys.exc_info()[1])

    def close(self) -> None:
        with suppress(OSError):  # what it still held has no room either
            super().close()


def start_logging(settings: Settings) -> Path:
    """Send what our packages log to the folder of `settings`; calling again replaces the target.

    Where that folder cannot be written it is said, and nothing is logged.
    """
    console.tell_programs(settings.log_format == "json")
    file = settings.log_dir / FILE_NAME
    handler: logging.Handler = logging.NullHandler()
    try:
        settings.log_dir.mkdir(parents=True, exist_ok=True)
        with file.open("a"):  # the handler itself opens it only at its first entry
            pass
        handler = _File(str(file), maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8")
    except OSError as exc:
        _tell(str(file), exc)
    handler.setFormatter(_formatter(settings))
    for name in PACKAGES:
        logger = logging.getLogger(name)
        for old in logger.handlers[:]:
            logger.removeHandler(old)
            old.close()
        logger.addHandler(handler)
        logger.setLevel(settings.log_level)
        logger.propagate = False
    _log.info("listing-mirror %s on Python %s, %s", VERSION, sys.version.split()[0], sys.platform)
    return file


def _tell(file: str, trouble: BaseException | None) -> None:
    reason = getattr(trouble, "strerror", None) or trouble
    console.say(
        f"warning: The log {file} cannot be written ({reason}); the work goes on without it. "
        "Make room, or set LOG_DIR to a folder that can be written."
    )
