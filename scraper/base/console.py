"""The one outlet: what a person sees goes through here, and nothing else prints.

Results go to stdout, everything else to stderr, a failure as one sentence. What is told is made
harmless for terminals and job logs (`untrusted_text`), and telling is no part of the work: a stream
that is full, closed or not read by anybody stops nothing. A result that could not be written is
said at the end of the command, whose exit code is the work's own; where the result was all that was
asked for, it is not 0 then.
"""

from __future__ import annotations

import functools
import io
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, ParamSpec, TextIO, TypeVar, cast

import typer
from rich.console import Console
from rich.text import Text

from scraper.base.errors import ListingMirrorError, OutputError
from scraper.base.redaction import redact
from scraper.base.settings import wants_json_log
from scraper.base.untrusted_text import Harmless, command, harmless, one_line, to_json

INTERRUPTED = 130
PLAIN_WIDTH = 10_000
STUCK_S = 5.0
"""How long a line waits for somebody to read the ones before it; it is then left out."""
_PIECE = 1000
"""Characters that a pipe with any room at all takes at once: 4,096 bytes."""

_TROUBLES = (OSError, ValueError, AttributeError)
"""Of a stream: it is full or broken, it was closed, there is none."""

P = ParamSpec("P")
R = TypeVar("R")

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # before the log is open, nothing may go to stderr twice


def _itself(stream: Any) -> Any:
    """The stream, also while a progress bar stands before it: that one writes through us."""
    return getattr(stream, "rich_proxied_file", stream)


class _Outlet:
    """A stream that cannot fail: what it does not take is left out, and why is remembered."""

    def __init__(self) -> None:
        self.trouble: OSError | ValueError | None = None
        self._is_stuck = False

    def stream(self) -> Any:
        """The stream as it is now: a test or a shell may have replaced it."""
        return _itself(sys.stderr)

    def write(self, text: str) -> int:
        try:
            for at in range(0, len(text), _PIECE):
                if not self._has_room():
                    break
                self.stream().write(text[at : at + _PIECE])
                self.stream().flush()
        except _TROUBLES as exc:
            self._note(exc)
        return len(text)

    def flush(self) -> None:
        try:
            self.stream().flush()
        except _TROUBLES as exc:
            self._note(exc)

    def close(self) -> None:
        """Let Python's own last flush find nothing that fails."""
        self.flush()
        if self.trouble is not None:
            with suppress(*_TROUBLES):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.stream().fileno())
                os.close(nowhere)

    def isatty(self) -> bool:
        try:
            return bool(self.stream().isatty())
        except _TROUBLES:
            return False

    def fileno(self) -> int:
        return int(self.stream().fileno())

    @property
    def encoding(self) -> str:
        return getattr(self.stream(), "encoding", None) or "utf-8"

    def _has_room(self) -> bool:
        """Whether the reader of a pipe or terminal takes more; anything else always does."""
        try:
            wait_s = 0.0 if self._is_stuck else STUCK_S
            _, free, _ = select.select([], [self.stream().fileno()], [], wait_s)
        except _TROUBLES:  # no descriptor: a test's buffer, a notebook
            return True
        self._is_stuck = not free
        return bool(free)

    def _note(self, exc: Exception) -> None:
        if self.trouble is None:
            self.trouble = exc if isinstance(exc, OSError | ValueError) else ValueError(str(exc))


class _Results(_Outlet):
    """stdout: whoever reads it decides how fast, and may have seen enough.

    `is_all` says that something was shown for its own sake, not only to tell of work.
    """

    is_all = False

    def stream(self) -> Any:
        return _itself(sys.stdout)

    def _has_room(self) -> bool:
        return True


_told = _Outlet()
_results = _Results()
_is_for_programs = False


def tell_programs(wanted: bool) -> None:
    """Whether stderr is read by a program: then it gets one object a line, and no bars."""
    global _is_for_programs
    _is_for_programs = wanted


def progress() -> Console:
    """The console for everything that is not a result: stderr."""
    # Made anew each time, because a test or a shell may have replaced the stream meanwhile.
    plain = not _told.isatty()
    # While a progress bar is drawn, its own stand-in puts what is said above it.
    is_drawn = hasattr(sys.stderr, "rich_proxied_file")
    return Console(
        file=cast(TextIO, sys.stderr if is_drawn else _told),
        width=PLAIN_WIDTH if plain else None,
        highlight=False,
        soft_wrap=plain,
    )


def is_terminal() -> bool:
    """Whether progress is watched by a person (a bar) or kept by a program (lines)."""
    return _told.isatty() and not _is_for_programs


def show(text: str, *, of_work: bool = False) -> None:
    """Print a result, without markup; one that only tells `of_work` may get lost."""
    shown = harmless(text)
    _results.is_all |= not of_work
    _results.write(shown if shown.endswith("\n") else shown + "\n")
    _results.flush()


def show_json(value: Any) -> None:
    """Print a result for programs."""
    show(to_json(value))


def say(text: str = "") -> None:
    """Tell on stderr what is happening, in one line."""
    _tell(text)


def warn(text: str) -> None:
    """Tell on stderr what needs attention although the command goes on; the log keeps it too."""
    _log.warning("%s", text)
    _tell(text, level="WARNING", prefix="warning: ", style="yellow")


def fail(text: str) -> None:
    """Tell on stderr why the command ends here."""
    _tell(text, level="ERROR", prefix="error: ", style="red")


def annotation(level: str, title: str, text: str) -> Harmless:
    """A workflow command: GitHub shows it on the run's page (notice, warning or error)."""
    return command(level, title, redact(text))


def _tell(text: str, *, level: str = "INFO", prefix: str = "", style: str = "") -> None:
    ours = isinstance(text, Harmless)
    if _is_for_programs and not ours:
        if text:
            _told.write(_entry(level, text) + "\n")
        return
    line = text if ours else harmless(prefix + one_line(redact(text)))
    progress().print(Text(line, style=style), soft_wrap=True)


def _entry(level: str, text: str) -> str:
    """The line as an object with the keys of the log files' ones."""
    now = time.time()
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    entry = {
        "time": f"{moment}.{int(now % 1 * 1000):03d}Z",
        "process": os.getpid(),
        "level": level,
        "logger": "console",
        "message": redact(text),
    }
    return to_json(entry, indent=None)


def _prepare_streams() -> None:
    """Let no name, and no stream that is closed, end a command whose work is done."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for good
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _told.trouble = _results.trouble = None
    _results.is_all = False


def handles_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our own errors into a sentence and an exit code, and an interruption into 130.

    An error that is not ours is a bug: its traceback goes to the log, a sentence to the user.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        _prepare_streams()
        tell_programs(wants_json_log())
        try:
            with terminable():
                return _with_results(lambda: command(*args, **kwargs))
        except KeyboardInterrupt:
            fail("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except ListingMirrorError as exc:
            _log.error("%s", exc)
            fail(str(exc))
            raise typer.Exit(exc.exit_code) from exc
        except Exception as exc:
            _log.exception("unexpected error")
            fail(
                f"unexpected {type(exc).__name__}: {exc}. This is a mistake in the program; "
                "the log holds the details, please report it with them."
            )
            raise typer.Exit(1) from exc
        finally:
            _results.close()
            _told.close()

    return guarded


def _with_results(command: Callable[[], R]) -> R:
    """Do the whole work, and only then say that its result could not be written.

    Raises OutputError when that was all that was asked for.
    """
    try:
        done = command()
    except typer.Exit as exc:
        if (lost := _lost_result()) is not None:
            if _results.is_all and not exc.exit_code:
                raise lost from None
            fail(str(lost))
        raise
    if (lost := _lost_result()) is not None:
        if _results.is_all:
            raise lost
        fail(str(lost))
    return done


def _lost_result() -> OutputError | None:
    """Why nobody has got the result; a reader who left has seen enough."""
    trouble = _results.trouble
    if trouble is None or isinstance(trouble, BrokenPipeError):
        return None
    reason = getattr(trouble, "strerror", None) or trouble
    return OutputError(f"The result cannot be written: {reason}.")


# Windows has no SIGHUP.
ENDING = tuple(getattr(signal, one) for one in ("SIGTERM", "SIGHUP") if hasattr(signal, one))
"""A service manager, a cancelled job, a terminal that was closed: they end a command as Ctrl-C."""


@contextmanager
def terminable() -> Iterator[None]:
    """Within, these signals stop a command as Ctrl-C does; one that is ignored (nohup) stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before: dict[signal.Signals, Any] = {}
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
