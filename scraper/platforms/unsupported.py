"""Shop systems that we recognise and do not claim to read: their pages could not be checked."""

from __future__ import annotations

from scraper.pages.document import Document
from scraper.platforms.detection_signs import first_sign

_KNOWN = (
    (
        "script[src*='stores.jp'], link[href*='stores.jp'], meta[property='og:url'][content*='."
        "stores.jp/'], [src*='imageflux.jp']",
        "it is a shop of STORES, whose pages are made by a script; its items stand under "
        "/items/ and 24 letters and digits",
    ),
    (
        "meta[name=generator][content*=Jimdo], [src*='jimcdn.com'], [href*='jimstatic.com'], "
        "[src*='jimstatic.com']",
        "it is a site of Jimdo, where one page may hold several items",
    ),
)


def unsupported_platform(document: Document) -> str | None:
    """Say which of them a page belongs to and why it is not claimed, None for none."""
    found = first_sign(document, _KNOWN)
    return found.reason if found is not None else None
