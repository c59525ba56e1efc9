"""The dealer's own selectors become a reading; the selectors are data, this is what they mean."""

from __future__ import annotations

from scraper.pages.dealer import Dealer
from scraper.pages.document import Document
from scraper.pages.errors import UnexpectedPageError
from scraper.pages.readings import Reading
from scraper.parsing.status import status_of
from scraper.reading.images import pictures_in, settle


def read_by_selectors(dealer: Dealer, document: Document) -> Reading:
    """Read title, price, description, state and images where the dealer's selectors point."""
    price_text = _text(document, dealer.price_selector)
    status_text = _text(document, dealer.status_selector)
    description = _text(document, dealer.description_selector)
    return Reading(
        title=_text(document, dealer.title_selector),
        description=description,
        price=dealer.price(price_text) if price_text is not None else None,
        status=status_of(status_text) if status_text else None,
        images=_images(dealer, document),
        specification=_text(document, dealer.specification_selector),
    )


def _text(document: Document, selector: str | None) -> str | None:
    if selector is None:
        return None
    texts = [document.text_of(tag) for tag in document.all(selector)]
    return "\n".join(texts) if texts else None


def _images(dealer: Dealer, document: Document) -> tuple[str, ...] | None:
    for selector in dealer.image_selectors:
        try:
            found = settle(
                pictures_in(document, document.some(selector)), full_size=dealer.full_size
            )
        except UnexpectedPageError:
            continue
        if found:
            return found
    return None
