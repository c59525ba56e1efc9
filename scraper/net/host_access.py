"""How one dealer's hosts want to be asked, as values; it knows no sockets and no settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class HostAccess:
    """What a dealer's settings say of the way to its hosts; it holds for its own site only."""

    verify_tls: bool = True
    """False: the certificate chain is broken; logged at each fetch."""
    old_tls: bool = False
    """True: also what today's TLS leaves out (RSA key exchange, CBC, TLS 1.0, short keys)."""
    accept_language: str | None = None
    """What a shop that answers by language is asked for; None: the general setting."""


USUAL: Final = HostAccess()
"""What holds for a dealer of whom nothing is said, and for every host that is not its own."""
