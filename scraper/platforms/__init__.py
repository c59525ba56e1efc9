"""The shop systems we know, in the order in which they are looked for: a new one is a line here.

Each is a module of this room, or a folder, whose PLATFORM is its difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from scraper.pages.dealer import Platform
from scraper.pages.document import Document
from scraper.platforms.detection import Detection, detect_among

_MODULES = (
    "woocommerce",
    "shopify",
    "ec_cube",
    "shopserve",
    "color_me",
    "thebase",
    "makeshop",
    "wix",
    "squarespace",
    "wordpress",
    "static_pages",
)


def _platform_of(module: str) -> Platform:
    platform: Platform = import_module(f"{__name__}.{module}").PLATFORM
    return platform


_LISTED = tuple(_platform_of(module) for module in _MODULES)
PLATFORMS: Mapping[str, Platform] = {platform.name: platform for platform in _LISTED}


def detect(document: Document) -> Detection:
    """Return the shop system of an uncut page with the reason."""
    return detect_among(_LISTED, document)


__all__ = ["PLATFORMS", "Detection", "detect"]
