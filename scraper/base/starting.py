"""How each command begins: a signal while it is still loading ends it as quietly as one later.

It must import nothing of ours: loading takes a second on a busy machine, and this comes first.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from importlib import import_module
from types import FrameType

INTERRUPTED = 130


def start(module: str) -> None:
    """Load `module` and call its `main`."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is None:
            continue
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and shells' & mean it
            signal.signal(number, _interrupt)
    try:
        import_module(module).main()
    except KeyboardInterrupt:
        with suppress(OSError, ValueError, AttributeError):  # nobody has to be told
            sys.stderr.write("error: interrupted\n")
        sys.exit(INTERRUPTED)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
