"""Which of the known names somebody probably meant; it knows nothing of what they name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

FEW = 8
"""So many names are all listed; of more only the nearest are."""


def known_ones(name: str, known: Sequence[str], *, what: str, lists: str) -> str:
    """A sentence that lists them all where they are few, and otherwise the nearest ones.

    Args:
        what: they are, in the plural.
        lists: the command that lists them all.
    """
    if len(known) <= FEW:
        return f"Known {what}: {', '.join(known)}." if known else f"No {what} are known yet."
    by_key = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), by_key, n=5, cutoff=0.4)
    # Who types a word of a long name means that one.
    near += [key for key in by_key if name.casefold() in key and key not in near]
    shown = ", ".join(by_key[key] for key in near[:5])
    nearest = f"the nearest: {shown}; " if shown else ""
    return f"{len(known)} {what} are known, {nearest}`{lists}` lists them all."


def suggestion(name: str, known: Sequence[str]) -> str:
    """A sentence for the end of a message, with its blank before; "" when no name is near."""
    by_key = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), by_key, n=1)
    return f" Did you mean {by_key[near[0]]!r}?" if near else ""
