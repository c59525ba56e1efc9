"""The shop systems we know, in the order in which they are looked for; the list is literal."""

from __future__ import annotations

from collections.abc import Mapping

from scraper.pages.dealer import Platform
from scraper.pages.document import Document
from scraper.platforms.color_me import ColorMe
from scraper.platforms.detection import Detection, detect_among
from scraper.platforms.ec_cube import EcCube
from scraper.platforms.makeshop import MakeShop
from scraper.platforms.shopify import Shopify
from scraper.platforms.shopserve import Shopserve
from scraper.platforms.squarespace import Squarespace
from scraper.platforms.static_pages import StaticPages
from scraper.platforms.thebase import TheBase
from scraper.platforms.wix import Wix
from scraper.platforms.woocommerce import WooCommerce
from scraper.platforms.wordpress import WordPress

_LISTED: tuple[Platform, ...] = (
    WooCommerce(),
    Shopify(),
    EcCube(),
    Shopserve(),
    ColorMe(),
    TheBase(),
    MakeShop(),
    Wix(),
    Squarespace(),
    WordPress(),
    StaticPages(),
)
PLATFORMS: Mapping[str, Platform] = {platform.name: platform for platform in _LISTED}


def detect(document: Document) -> Detection:
    """Return the shop system of an uncut page with the reason."""
    return detect_among(_LISTED, document)


__all__ = ["PLATFORMS", "Detection", "detect"]
