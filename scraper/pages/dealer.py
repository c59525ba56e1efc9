"""A dealer's site and the shop system it runs on, as everybody may know them: settings and pure
hooks. How they read is `scraper.dealers` and `scraper.platforms`; neither ever writes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from scraper.pages.catalogue import Catalogue
from scraper.pages.document import Document
from scraper.pages.fetcher import Fetcher
from scraper.pages.item_address import canonical_url
from scraper.pages.listing import Measurements, Price, Status
from scraper.pages.readings import Markup, Reading


class Recognition(NamedTuple):
    """Why a page is taken for a shop system's; an unsure sign gives way to a sure one of others."""

    reason: str
    is_sure: bool = True


class Platform(ABC):
    """A shop system: all that reading and runs need to know of it, in one folder of
    `scraper.platforms`. What is not stated here is as on any page.
    """

    name: ClassVar[str]
    unverified: ClassVar[str] = ""  # what could not be checked, said when a dealer is added
    is_shop: ClassVar[bool] = True  # False: only a dealer's product_pattern tells its items

    # What may be believed on its pages.
    has_places: ClassVar[bool] = True  # for price and state: free text supplies neither
    marks_titles: ClassVar[bool] = False  # its title element stands on pages of items only
    always_has_price_element: ClassVar[bool] = False  # if only an empty one
    zero_is_a_price: ClassVar[bool] = False  # elsewhere 0 is how a shop writes "ask us"
    shares_only_items: ClassVar[bool] = True  # Open Graph names no picture of the shop's own
    descriptions: ClassVar[str] = ""  # selectors of its places for them, unlike any other shop's

    @abstractmethod
    def recognise(self, document: Document) -> Recognition | None:
        """Say why an uncut page is this shop system's, None where it does not look like it."""

    @abstractmethod
    def catalogue(self, dealer: Dealer, fetcher: Fetcher) -> Catalogue:
        """Return what the shop lists. Raises FetchError and PageError."""

    def api_address(self, document: Document) -> str | None:
        """Return where the shop's API describes the item of a page, None where it does not."""
        return None

    def api_product(self, answer: Any) -> Mapping[str, Any] | None:
        """Return the product in what that address answered, None where it is something else."""
        return None

    def read_api(self, product: Mapping[str, Any]) -> Reading:
        """Read a product as the API gives it, alone or in the catalogue."""
        return Reading()

    def changed_at(self, product: Mapping[str, Any]) -> str | None:
        """Return when the shop last changed a product, whatever of it, by its API's own word; None
        where the API does not say: then only the page tells.
        """
        return None

    def read_data(self, document: Document) -> Reading | None:
        """Read what an uncut page carries for its own scripts; it is lost when the page is cut."""
        return None

    def cut(self, document: Document) -> None:
        """Remove what this shop system marks as other items or as the shop's furniture."""
        return None

    def read(self, document: Document, dealer: Dealer, data: Reading | None) -> Markup | None:
        """Read the cut page, with what `read_data` found on it; None where it is no item's.

        Raises UnexpectedPageError where a piece is missing that such a page always has.
        """
        return None if data is None else Markup(data)

    def missing_places(self, document: Document) -> list[str]:
        """Name the places that this shop system gives every item and that the cut page has not."""
        return []

    def same_item(self, url: str) -> str:
        """Return a canonical address without the way that led to it (category, variant)."""
        return url

    def full_size(self, image_url: str) -> str:
        """Return the address of the whole picture behind one that the shop system has scaled."""
        return image_url


@dataclass(frozen=True)
class Dealer(ABC):
    """What everybody may know of a dealer: its site as data, and the hooks that read it.

    Every hook is pure: values in, value out. They are called after the page was fetched and cut.
    """

    name: str
    domain: str  # bare host: "aoijapan.com"
    catalog_url: str
    platform: Platform | None = None  # None: detected when it is first met
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
    zero_is_inquiry: bool = False  # a price of 0 means "ask us", also where it is a price
    max_images: int = 100
    description_images: bool = False  # beside the gallery's; where that is empty, in any case
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
    old_tls: bool = False  # True: its server speaks only what today's TLS leaves out
    accept_language: str | None = None  # for a shop that answers by language

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
        return self.platform.same_item(spelled) if self.platform is not None else spelled

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
