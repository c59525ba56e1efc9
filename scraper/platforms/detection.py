"""Which shop system answers at an address, and why we think so; it reads a page, it fetches
nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scraper.pages.dealer import Platform
from scraper.pages.document import Document
from scraper.platforms.unsupported import unsupported_platform


@dataclass(frozen=True)
class Detection:
    """The shop system found (None: no shop we know), the reason in words, and the address where
    the page was in the end.
    """

    platform: Platform | None
    reason: str
    url: str = ""


def detect_among(platforms: Iterable[Platform], document: Document) -> Detection:
    """Return the first shop system that is sure of a page, else the first that takes it for its
    own.
    """
    unsure: Detection | None = None
    for platform in platforms:
        found = platform.recognise(document)
        if found is not None and found.is_sure:
            return Detection(platform, found.reason)
        if found is not None and unsure is None:
            unsure = Detection(platform, found.reason)
    unclaimed = unsupported_platform(document)
    if unclaimed is not None:
        return Detection(None, unclaimed)
    return unsure or Detection(None, "nothing on it belongs to a shop system that we know")
