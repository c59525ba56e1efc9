"""Reads past interim answers (1xx) to the real one and its header; it knows no URLs and no time.

http.client knows 100 only, and takes 103 (early hints) for the answer itself.
"""

from __future__ import annotations

from http.client import HTTPException, HTTPResponse
from typing import Any, Final

from scraper.net.header_lines import HeaderLines

MOST_INTERIM: Final = 20
MOST_LINES: Final = 100
LONGEST_LINE: Final = 65536
_SWITCHING_PROTOCOLS: Final = 101


class PatientResponse(HTTPResponse):
    """An answer that begins behind the interim ones, of which there may be a few."""

    fp: Any

    def begin(self) -> None:
        """Read status and header, the latter as a browser does (see header_lines)."""
        file = self.fp
        try:
            super().begin()
        finally:
            if isinstance(self.fp, HeaderLines):
                self.fp = file

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MOST_INTERIM):
            status: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if not 100 <= status[1] < 200 or status[1] == _SWITCHING_PROTOCOLS:
                self.fp = HeaderLines(self.fp)
                return status
            self._skip_headers()
        raise HTTPException(f"more than {MOST_INTERIM} interim answers")

    def _skip_headers(self) -> None:
        for _ in range(MOST_LINES):
            line = self.fp.readline(LONGEST_LINE + 1)
            if line in (b"\r\n", b"\n", b""):
                return
        raise HTTPException(f"an interim answer of more than {MOST_LINES} lines")
