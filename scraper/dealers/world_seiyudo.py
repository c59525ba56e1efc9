"""World Seiyudo (銀座誠友堂): WooCommerce whose `outofstock` means two things; it knows no other
shop.

Checked against: real titles, prices and one product address; the rule for `outofstock` was read
in a system that
scraped this shop. The markup was not seen: it is plain WooCommerce here, and pages that differ
fail loudly.
"""

from __future__ import annotations

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.listing import Status
from scraper.pages.readings import Reading
from scraper.platforms import PLATFORMS


class WorldSeiyudo(DealerSite):
    """About 600 of its 900 items have no price and are sold on inquiry, many of them flagged out
    of stock."""

    def status(self, found: Reading) -> Status | None:
        """Out of stock with an amount is sold; without one it is an inquiry item and can be
        bought."""
        if found.status is not None and found.status is not Status.AVAILABLE:
            return found.status
        has_amount = found.price is not None and found.price.value is not None
        return Status.AVAILABLE if found.out_of_stock and not has_amount else None


DEALER = WorldSeiyudo(
    name="World Seiyudo",
    name_ja="銀座誠友堂",
    domain="world-seiyudo.com",
    catalog_url="https://world-seiyudo.com/shop/",
    platform=PLATFORMS["woocommerce"],
    country="JP",
    currency="JPY",
    host="world-seiyudo.com",
    host_aliases=("www.world-seiyudo.com",),
    # /product/ka-010725: two letters, then digits that are no order
    product_pattern=r"^/product/[^/?]+",
    excluded_pages=(r"^/(?:contact-us|rule|cart|checkout|my-account)(?:/|$)",),
    zero_is_inquiry=True,
    excluded_images=(r"/wp-content/themes/", r"[/_-](?:logo|payment|visa|paypal)[^/]*$"),
    shop_names=("World Seiyudo", "WORLD SEIYUDO", "銀座誠友堂"),
)
