"""From one page (and what the shop's API said) to one listing, layer by layer; pure, no network,
no rows.
"""

from __future__ import annotations

from scraper.reading.assemble import read_listing

__all__ = ["read_listing"]
