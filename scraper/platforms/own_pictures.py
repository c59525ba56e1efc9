"""Pictures whose names carry their item's number: which of all on a page are the item's own."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from scraper.pages.document import Document
from scraper.pages.readings import Picture
from scraper.reading.images import pictures_in


def own_pictures(
    document: Document,
    name: str,
    *,
    any_item: str,
    smaller: str = r"(?!)",
) -> tuple[Picture, ...] | None:
    """Return the pictures whose file is called like `name`, each once; None where the page has no
    picture that is called after an item at all.

    Args:
        name: a pattern that the name of the item's files fits from its beginning.
        any_item: the same for any item.
        smaller: a pattern of names that are smaller copies.
    """
    found: dict[str, Picture] = {}
    is_telling = False
    for picture in pictures_in(document, [document.soup]):
        file = urlsplit(picture.url).path.rsplit("/", 1)[-1]
        is_telling |= re.match(any_item, file) is not None
        if re.match(name, file) and re.search(smaller, file) is None:
            whole = urlsplit(picture.url)._replace(query="").geturl()
            found.setdefault(whole, Picture(picture.url, True))
    return tuple(found.values()) if is_telling else None
