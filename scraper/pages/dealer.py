"""What a dealer may state about its site: settings and pure hooks; a dealer never fetches and
never writes. How a hook reads by itself is `scraper.dealers.dealer_site`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from scraper.pages.document import Document
from scraper.pages.item_address import canonical_url, without_way
from scraper.pages.listing import Measurements, Price, Status


class PlatformName(StrEnum):
    """The shop systems that we know how to read."""

    WOOCOMMERCE = "woocommerce"
    WORDPRESS = "wordpress"
    EC_CUBE = "ec_cube"
    SHOPSERVE = "shopserve"
    SHOPIFY = "shopify"
    STATIC = "static"


class Layer(StrEnum):
    """Where a field was read, most trusted first."""

    API = "api"
    STRUCTURED = "structured"  # JSON-LD, microdata, Open Graph
    PLATFORM = "platform"
    DEALER = "dealer"
    GENERIC = "generic"
    CATALOGUE = "catalogue"  # the item's tile in the shop's list


@dataclass(frozen=True)
class Reading:
    """What one layer says about the item; None means that it says nothing.

    `price` with a value of None is a statement ("on inquiry"), `price` None is silence;
    likewise `images` () and None.
    """

    title: str | None = None
    description: str | None = None
    price: Price | None = None
    status: Status | None = None
    images: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    sku: str | None = None
    out_of_stock: bool | None = None  # the shop's stock flag, before anybody decides what it means
    item_type: str | None = None
    measurements: Measurements | None = None
    specification: str | None = (
        None  # text to read measurements from, where it is not the description
    )


@dataclass(frozen=True)
class Dealer(ABC):
    """What everybody may know of a dealer: its site as data, and the hooks that read it.

    Every hook is pure: values in, value out. They are called after the page was fetched and cut.
    """

    name: str
    domain: str  # bare host: "aoijapan.com"
    catalog_url: str
    platform: PlatformName | None = None  # None: detected when it is first met
    country: str | None = None
    currency: str | None = None
    name_ja: str | None = None

    # Addresses.
    scheme: str = "https"
    host: str | None = None  # the one host of stored URLs; None: the host of catalog_url
    host_aliases: tuple[str, ...] = ()  # exact hosts that serve the same items
    archive_hosts: tuple[str, ...] = ()  # exact hosts whose every item is sold
    catalogue_urls: tuple[str, ...] = ()  # where to walk; empty: the platform finds out
    catalogue_pattern: str | None = None  # regex of linked addresses that list items too
    product_pattern: str | None = None  # regex searched in "path?query" of a canonical URL
    excluded_pages: tuple[str, ...] = ()  # regexes searched in "path?query": never items
    identity_parameters: tuple[
        str, ...
    ] = ()  # query parameters that name the item, beside the platform's
    trailing_slash: bool | None = False  # True adds, False strips, None leaves it as found

    # Markup (CSS selectors; the dealer layer of the default `read`).
    title_selector: str | None = None
    price_selector: str | None = None
    description_selector: str | None = None
    specification_selector: str | None = None
    image_selectors: tuple[str, ...] = ()  # tried in order; the first that yields images wins
    status_selector: str | None = None  # the only place whose text may say sold or reserved
    cut_selectors: tuple[str, ...] = ()  # removed before anything is read
    required: tuple[str, ...] = ("title",)  # fields whose absence is an error, e.g. "images"

    # Reading.
    encoding: str | None = None  # tried before all others when it decodes strictly
    decimal_comma: bool = False  # in measurements; prices always use it as a thousands mark
    image_pattern: str | None = None  # regex an image URL must match
    excluded_images: tuple[str, ...] = ()  # regexes; an excluded picture alone means no images
    zero_is_inquiry: bool = False  # a price of 0 means "ask us"; always so but in WooCommerce
    max_images: int = 100
    dealer_layer_first: frozenset[str] = (
        frozenset()
    )  # fields where the dealer's markup beats the API and JSON-LD
    selected: frozenset[str] = frozenset()  # fields whose selector an operator set: it decides
    uses_api: bool = True
    delay_s: float | None = None  # between two pages; None: the general setting
    shop_names: tuple[str, ...] = ()  # as written in titles; cleaned away in front and behind
    identity_fragment: str | None = (
        None  # regex of fragments that name an item ("item\\d+"); others are dropped
    )
    verify_tls: bool = True  # False: its certificate chain is broken; logged at each fetch

    @abstractmethod
    def read(self, document: Document) -> Reading:
        """Read what only this dealer's markup says."""

    @abstractmethod
    def clean_title(self, title: str) -> str:
        """Return the title without the shop's name and other decoration."""

    @abstractmethod
    def item_type(self, title: str, categories: tuple[str, ...], url: str) -> str | None:
        """Return the item's type in our vocabulary, None when neither title nor categories say."""

    @abstractmethod
    def price(self, text: str) -> Price:
        """Read the text of the price field."""

    @abstractmethod
    def measurements(self, text: str) -> Measurements:
        """Read sizes from the specification or description."""

    def status(self, found: Reading) -> Status | None:
        """Decide the state from what all layers together found; None keeps the general rule.

        The general rule: archive host -> sold; `found.status` when a layer stated one;
        out_of_stock -> sold;
        otherwise available. World Seiyudo overrides this: out of stock without a price is
        an inquiry, not a sale.
        """
        return None

    def full_size(self, image_url: str) -> str:
        """Return the address of the full-size picture behind a thumbnail's; never strips numeric
        tails by guess.
        """
        return image_url

    def canonical_url(self, url: str) -> str:
        """Return the one address under which the item behind `url` is stored."""
        spelled = canonical_url(
            url,
            scheme=self.scheme,
            host_aliases={alias: self.host for alias in self.host_aliases} if self.host else {},
            trailing_slash=self.trailing_slash,
            identity_parameters=self.identity_parameters,
            identity_fragment=self.identity_fragment,
        )
        return without_way(spelled, self.platform)

    def item_code(self, url: str) -> str | None:
        """Return what several pages of one item have in common, None where a page is an item.

        Of the pages that share a code one is the listing: the one that is known already, else the
        first that `is_main_page`, else the first.
        """
        return None

    def is_main_page(self, url: str) -> bool:
        """Say whether, of several pages of one item, this is the one to keep."""
        return True

    def is_item_url(self, url: str) -> bool | None:
        """Say whether a canonical URL is an item's; None leaves it to the platform."""
        return None

    @property
    def states_addresses(self) -> bool:
        """Say whether these settings tell an item's address from others."""
        is_hooked = type(self).is_item_url is not Dealer.is_item_url
        return self.product_pattern is not None or is_hooked
