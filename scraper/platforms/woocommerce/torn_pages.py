"""Signs that a piece of a WooCommerce page is missing; each one contradicts something else on it.

A page with a hole in it, or a theme that changed, must be refused: what is left reads like an item
without a price, or with fewer pictures, or with another item's.
"""

from __future__ import annotations

import itertools
import re

from bs4 import Tag

from scraper.pages.document import Document
from scraper.pages.listing import Price
from scraper.pages.readings import Picture
from scraper.pages.unclosed_markup import has_torn_tags
from scraper.platforms.woocommerce.part_selectors import GALLERIES, META, PRICE, TITLE
from scraper.reading.images import is_picture_url, is_placeholder, uploads_of

HIDDEN_PRICE = "no price where it can be bought"
_ENTRY = ".woocommerce-product-gallery__image"
_NEVER_IN_A_GALLERY = (
    ".entry-summary, .product_title, p.price, .woocommerce-tabs, form.cart, footer, li.product, "
    ".woocommerce-LoopProduct-link, .woocommerce-loop-product__title, .add_to_cart_button"
)
# WooCommerce prints it for what can be bought, and a product without a price cannot be.
_IN_THE_CART = "form.cart [name=add-to-cart]"
_NEVER_IN_A_DESCRIPTION = "footer, #colophon, li.product, .add_to_cart_button, .product_title"


def check_whole(
    document: Document,
    root: Tag | None,
    classes: set[str],
    *,
    price: Price | None,
    pictures: list[Picture] | None,
) -> None:
    """Note where the page contradicts itself."""
    if document.unclosed.containers and (root is None or pictures is None):
        missing = "div.product" if root is None else GALLERIES[0]
        document.doubt(
            "markup that does not close around the product",
            missing,
            "exactly 1",
            0,
            "and the markup does not close",
        )
    _check_promises(document, classes, price, pictures)
    entries = document.all(_ENTRY)
    for entry in entries:
        _check_entry(document, entry)
    if entries:
        _check_strays(document)
        _check_numbers(document, entries)
    _check_borders(document, root)
    for picture in pictures or ():
        if re.search(r"[<>\"\s]|%20|=$", picture.url) and not is_picture_url(picture.url):
            _doubt_gallery(document, "addresses of pictures", f"{picture.url[:80]} is none")


def _check_promises(
    document: Document,
    classes: set[str],
    price: Price | None,
    pictures: list[Picture] | None,
) -> None:
    """Compare with what WordPress states in the product's own classes."""
    if "has-post-thumbnail" in classes and not pictures:
        document.doubt(
            "no picture where the page says that it has one",
            GALLERIES[0],
            "at least 1 picture",
            0,
            "the page says that it has one",
        )
    can_be_bought = "purchasable" in classes or document.first(_IN_THE_CART) is not None
    is_silent = price is None or (price.value is None and not price.raw)
    if can_be_bought and is_silent:
        document.doubt(
            HIDDEN_PRICE, PRICE, "exactly 1 price", 0, "the page says that it can be bought"
        )
    if price is None and document.first(META) is None:
        document.doubt(
            "neither a price nor categories", PRICE, "at least a price or the item's categories", 0
        )


def _check_entry(document: Document, entry: Tag) -> None:
    """Note where one gallery entry names several pictures: two entries run into each other."""
    images = entry.select("img")
    named = [str(entry.get("data-thumb") or "")]
    named += [str(link["href"]) for link in entry.select("a[href]")]
    named += [
        text
        for image in images
        for name in ("src", "data-src", "data-large_image", "srcset", "data-srcset")
        for text in re.split(r",?\s+", str(image.get(name) or ""))
    ]
    torn = [
        str(image["src"])
        for image in images
        if str(image.get("src") or "").startswith("http")
        and not is_picture_url(str(image["src"]).strip())
        and any(is_picture_url(url) for url in named)
    ]
    pictures = [url for url in named if is_picture_url(url) and not is_placeholder(url)]
    stems = {name.rsplit(".", 1)[0] for name in uploads_of(pictures)}
    texts = [entry.get("data-thumb-alt"), *(image.get("alt") for image in images)]
    numbers = {_number_in(document, text) for text in texts} - {None}
    differs = len(numbers) > 1
    incomplete = bool(stems) and not images
    if len(stems) > 1 or torn or differs or incomplete or has_torn_tags(entry):
        document.doubt(
            "entries of the gallery with several pictures",
            _ENTRY,
            "one picture in each",
            len(stems),
        )


def _check_strays(document: Document) -> None:
    """Note where a piece of a gallery entry has lost the entry around it."""
    for tag in document.all("[data-thumb], [data-thumb-alt], img[data-large_image]"):
        around = [tag, *tag.parents]
        if not any("woocommerce-product-gallery__image" in (t.get("class") or []) for t in around):
            _doubt_gallery(document, "whole entries", "a piece of one stands alone")


def _check_numbers(document: Document, entries: list[Tag]) -> None:
    """Note where WooCommerce's own numbering has a gap: it writes "Title - Image 3" into the third
    entry unless somebody described the picture.
    """
    numbered = [
        (place, number)
        for place, entry in enumerate(entries, 1)
        if (number := _number_of(document, entry)) is not None
    ]
    if not any(entry.select_one(".wp-post-image") for entry in entries):
        numbered.insert(0, (0, 0))
    for (place, number), (next_place, next_number) in itertools.pairwise(numbered):
        if next_number - number > next_place - place:
            _doubt_gallery(document, "no gap", f"entry {number} is followed by {next_number}")


def _number_of(document: Document, entry: Tag) -> int | None:
    image = entry.select_one("img[alt]")
    alt = None if image is None else image["alt"]
    return _number_in(document, entry.get("data-thumb-alt") or alt)


def _number_in(document: Document, text: object) -> int | None:
    """The number in WooCommerce's own words; a shop's own ("Tsuba - No. 5") is none."""
    found = re.fullmatch(r"(.+) - \D{1,20}?(\d{1,3})\)?", str(text or ""), re.DOTALL)
    title = document.first(TITLE)
    if found is None or title is None or _letters(found[1]) != _letters(title.get_text()):
        return None
    return int(found[2])


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _check_borders(document: Document, root: Tag | None) -> None:
    """Note where the rest of the page stands inside the gallery or the description."""
    gallery = document.first(GALLERIES[0])
    if (
        gallery is not None
        and gallery is not root
        and root is not None
        and gallery.select_one(_NEVER_IN_A_GALLERY)
    ):
        _doubt_gallery(document, "a closed gallery", "the rest of the page is inside it")
    description = document.first("#tab-description")
    if description is not None and description.select_one(_NEVER_IN_A_DESCRIPTION):
        document.doubt(
            "other parts of the page inside the description",
            "#tab-description",
            "a closed description",
            1,
            "other parts of the page are inside it",
        )


_KINDS = {
    "addresses of pictures": "addresses in the gallery that are none",
    "whole entries": "slides outside the gallery's entries",
    "no gap": "gaps in the numbers of the gallery",
    "a closed gallery": "other parts of the page inside the gallery",
}


def _doubt_gallery(document: Document, expected: str, detail: str) -> None:
    document.doubt(_KINDS[expected], GALLERIES[0], expected, 1, detail)
