"""The permit to ask a host, passed on from host to host where a fetch is redirected; each host has
its own pace.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from types import TracebackType

from scraper.base.errors import FinalFetchError
from scraper.net.guard import host_of
from scraper.net.host_limits import HostHeldError, HostLimits, HostTrippedError


class HostPermit:
    """One permit at a time: of the host that is asked now. How the block ends is its outcome.

    Where a redirect stays on a host, its pace holds between the two requests, too.
    """

    def __init__(self, limits: HostLimits, stop: threading.Event) -> None:
        self._limits = limits
        self._stop = stop
        self._held = ExitStack()

    def __enter__(self) -> HostPermit:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.__exit__(kind, error, trace)

    def at(self, url: str, *, spacing_s: float | None = None) -> None:
        """Wait until the host of `url` may be asked.

        Raises HostHeldError and HostTrippedError when it is to be left alone.
        """
        self._held.enter_context(
            self._limits.entered(host_of(url), self._stop, spacing_s=spacing_s)
        )

    def leave(self) -> None:
        """The host has answered well: it led elsewhere."""
        self._held.close()

    def led_to(self, url: str, *, spacing_s: float | None = None) -> None:
        """The same for where a redirect leads.

        Raises FinalFetchError when that host is to be left alone: it says nothing about the first.
        """
        self.leave()
        try:
            self.at(url, spacing_s=spacing_s)
        except (HostHeldError, HostTrippedError) as exc:
            detail = f"redirects to {host_of(url)}: {exc.detail}"
            raise FinalFetchError(url, exc.kind, detail) from exc
