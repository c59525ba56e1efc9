"""The shop systems we know: how each lists its items; the registry is this literal mapping."""

from __future__ import annotations

from collections.abc import Mapping

from scraper.pages.dealer import PlatformName
from scraper.platforms.catalogue import Catalogue, Item, Platform
from scraper.platforms.detection import Detection, detect
from scraper.platforms.ec_cube import EcCube
from scraper.platforms.shopify import Shopify
from scraper.platforms.shopserve import Shopserve
from scraper.platforms.static_pages import StaticPages
from scraper.platforms.woocommerce import WooCommerce
from scraper.platforms.wordpress import WordPress

PLATFORMS: Mapping[PlatformName, Platform] = {
    PlatformName.WOOCOMMERCE: WooCommerce(),
    PlatformName.WORDPRESS: WordPress(),
    PlatformName.EC_CUBE: EcCube(),
    PlatformName.SHOPSERVE: Shopserve(),
    PlatformName.SHOPIFY: Shopify(),
    PlatformName.STATIC: StaticPages(),
}

__all__ = ["PLATFORMS", "Catalogue", "Detection", "Item", "Platform", "detect"]
