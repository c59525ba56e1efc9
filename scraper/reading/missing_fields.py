"""What a page did not say of its item, named so that an operator sees a misread shop on its first
day; it counts, and reads nothing anew. What a page said once is `rows.lost_fields`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from scraper.pages.document import Document
from scraper.pages.listing import BY_DEFAULT, MissingField, Price, Status
from scraper.reading.generic import photographs_on

_FEW = 4  # rows of which nothing can be said
_KINDS = {
    MissingField.STATUS: "status by default on {}",
    MissingField.PRICE: "no price on {}",
    MissingField.NO_PICTURE: "no picture on {}",
    MissingField.ONE_PICTURE: "1 picture on {} pages that show more",
    MissingField.CUT_PICTURES: "pictures beyond max_images left out on {}",
}


def missing_fields_of(
    document: Document,
    *,
    price: Price,
    status: Status,
    layers: Mapping[str, str],
    images: tuple[str, ...],
    found: int,
) -> tuple[MissingField, ...]:
    """Return what the page did not say.

    Args:
        found: how many pictures there were before the dealer's cap.
    """
    told = {
        MissingField.STATUS: layers.get("status") != BY_DEFAULT,
        MissingField.PRICE: price.value is not None or status.is_sold,
        MissingField.NO_PICTURE: bool(images),
        MissingField.ONE_PICTURE: len(images) != 1 or len(photographs_on(document)) <= 1,
        MissingField.CUT_PICTURES: found <= len(images),
    }
    return tuple(kind for kind, is_told in told.items() if not is_told)


def missing_fields_sentence(
    rows: int, missing_fields: Iterable[MissingField], titles: Counter[str]
) -> str | None:
    """Return one sentence about a dealer's rows, None where each said everything.

    Args:
        titles: how many rows bear each title: one that most share is the shop's slogan.
    """
    counted = Counter(missing_fields)
    parts = [words.format(counted[kind]) for kind, words in _KINDS.items() if counted[kind]]
    title, bearing = titles.most_common(1)[0] if titles else ("", 0)
    if rows >= _FEW and bearing * 2 > rows:
        parts.append(f"the same title on {bearing} ({title[:40]})")
    return f"{rows} {'row' if rows == 1 else 'rows'}: {', '.join(parts)}" if parts else None
