"""What a person sees: results on stdout, the rest on stderr, failures as one sentence."""

from __future__ import annotations

import functools
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from scraper.base.errors import ListingMirrorError, OutputError
from scraper.base.redaction import redact

INTERRUPTED = 130
PLAIN_WIDTH = 10_000

P = ParamSpec("P")
R = TypeVar("R")

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # before the log is open, nothing may go to stderr twice


def results() -> Console:
    """The console for results: stdout, without colours and line breaks of its own in a pipe."""
    return _console(stderr=False)


def progress() -> Console:
    """The console for everything that is not a result: stderr."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    # Made anew each time, because a test or a shell may have replaced the stream meanwhile.
    plain = not stream.isatty()
    return Console(
        file=stream, width=PLAIN_WIDTH if plain else None, highlight=False, soft_wrap=plain
    )


def is_terminal() -> bool:
    """Whether progress is watched by a person (a bar) or kept by a program (lines)."""
    return sys.stderr.isatty()


def show(text: str) -> None:
    """Print a result as it is, without markup. Raises OutputError when stdout cannot take it."""
    try:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # the reader has seen enough
    except OSError as exc:
        raise OutputError(f"The result cannot be written: {exc.strerror}.") from exc


def say(text: str) -> None:
    """Tell on stderr what is happening."""
    progress().print(Text(redact(text)), soft_wrap=True)


def warn(text: str) -> None:
    """Tell on stderr what needs attention although the command goes on; the log keeps it too."""
    _log.warning("%s", text)
    progress().print(Text(f"warning: {redact(text)}", style="yellow"), soft_wrap=True)


def fail(text: str) -> None:
    """Tell on stderr why the command ends here."""
    progress().print(Text(f"error: {redact(text)}", style="red"), soft_wrap=True)


def _prepare_streams() -> None:
    """Let no name, and no stream that is closed, end a command whose work is done."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for good
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def annotation(level: str, title: str, text: str) -> str:
    """A workflow command: GitHub shows it on the run's page (notice, warning or error)."""
    title = _one_line(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={title}::{_one_line(text)}"


def _one_line(text: str) -> str:
    """GitHub reads % and line breaks of a workflow command as escapes."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split()).replace(
        "%", "%25"
    )


def handles_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our own errors into a sentence and an exit code, and an interruption into 130.

    An error that is not ours is a bug: its traceback goes to the log, a sentence to the user.
    """

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        _prepare_streams()
        try:
            with terminable():
                return command(*args, **kwargs)
        except KeyboardInterrupt:
            fail("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
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

    return guarded


@contextmanager
def terminable() -> Iterator[None]:
    """Within, SIGTERM (a service manager, a cancelled job) stops a command as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before: Any = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
