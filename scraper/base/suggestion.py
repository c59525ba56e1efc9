"""Which of the known names somebody probably meant; it knows nothing of what they name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def suggestion(name: str, known: Sequence[str]) -> str:
    """A sentence for the end of a message, with its blank before; "" when no name is near."""
    by_key = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), by_key, n=1)
    return f" Did you mean {by_key[near[0]]!r}?" if near else ""
