"""Runs a server whose waits are as long as they are said to be.

epoll rounds a wait up to whole milliseconds, half a millisecond on average: of 50 ms that is the
hundredth part of what a benchmark wants to see. select() does not round; it takes 1,000 files.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


def run(server: Coroutine[Any, Any, None]) -> None:
    """Run it until it ends, as asyncio.run does."""

    def loop() -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(selectors.SelectSelector())

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(server)
