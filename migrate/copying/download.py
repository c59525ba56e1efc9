"""Fetches one image into a small buffer that grows on disk; it decides nothing about the image."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from migrate.errors import LocalDiskError
from migrate.queue.claims import Claim, DueImage, StoredCopy
from scraper.net.host_access import HostAccess
from scraper.net.host_limits import HostHeldError
from scraper.net.session import Answer, DealerSession, Sink

IN_MEMORY_BYTES = 512 * 1024
"""A worker's buffer; what is larger goes to disk, so memory is bounded by the number of workers."""


@contextmanager
def spool() -> Iterator[BinaryIO]:
    """A temporary file that stays in memory while it is small.

    Raises:
        LocalDiskError: when this machine has no room for it.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        yield cast(BinaryIO, file)


def fetch_image(
    session: DealerSession,
    claim: Claim,
    image: DueImage,
    sink: Sink,
    *,
    kept: StoredCopy | None,
    held_for: Callable[[str], float],
) -> Answer:
    """Ask the dealer for an image; for a copy we still hold, only whether it has changed.

    Args:
        held_for: for how many seconds a host is to be left alone; no redirect is followed to it.

    Raises:
        HostHeldError: a redirect led to a host that is to be left alone.
        FetchError: what the source or the network did.
        BucketRefusesError: more bytes came than our bucket takes.
        LocalDiskError: the temporary file cannot take the bytes.
    """

    def before_hop(host: str) -> None:
        if (held_s := held_for(host)) > 0:
            raise HostHeldError(host, held_s)

    try:
        return session.fetch_file(
            image.source_url,
            sink,
            referer=_referer(claim),
            etag=None if kept is None else kept.etag,
            last_modified=None if kept is None else kept.last_modified,
            access=_access(claim.dealer_settings),
            before_hop=before_hop,
        )
    except OSError as error:
        raise disk_error(error) from error


def disk_error(error: OSError) -> LocalDiskError:
    """Our own machine's fault, said so that it can be mended."""
    return LocalDiskError(
        f"The temporary folder {tempfile.gettempdir()} cannot be written "
        f"({error.strerror or error}): "
        "make room there or set TMPDIR to another folder, then run `migrate` again."
    )


def _is_on(setting: Any) -> bool:
    """A flag as people store it: `scrape dealers add --setting verify_tls=false` keeps the text."""
    return str(setting).strip().lower() not in {"false", "0", "no", "off"}


def _access(settings: Mapping[str, Any]) -> HostAccess:
    language = settings.get("accept_language")
    return HostAccess(
        verify_tls=_is_on(settings.get("verify_tls", True)),
        old_tls=_is_on(settings.get("old_tls", False)),
        accept_language=language if isinstance(language, str) else None,
    )


def _referer(claim: Claim) -> str | None:
    """The page the image stands on, unless the dealer's setting says otherwise."""
    setting: Any = claim.dealer_settings.get("referer", True)
    if setting is None or not _is_on(setting):
        return None
    is_address = isinstance(setting, str) and setting.lower().startswith(("http://", "https://"))
    return setting if is_address else claim.page_url
