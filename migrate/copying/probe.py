"""A tiny object of our own, written to the storage to see whether it works; it judges no copy."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from scraper.base.errors import StorageRejectedError, StorageUnavailableError
from scraper.database.client import Database
from scraper.database.faults import repeat

PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff2c00000000010001000002024401003b")


def prove_that_it_takes(database: Database) -> None:
    """Write and remove an object.

    Raises:
        StorageRejectedError (fatal): it is full, over its quota or refuses the key.
        StorageUnavailableError: it does not work at all.
    """
    try:
        with _written(database):
            return
    except StorageRejectedError as error:
        if error.fatal:  # otherwise it is about this object: a bucket that takes no GIF works
            raise


def prove_that_it_reads(database: Database, error: StorageUnavailableError) -> None:
    """Write an object, read it back and remove it. Raises `error` when that does not work."""
    try:
        with _written(database) as name:
            digest = hashlib.sha256(database.download(name)).digest()
    except StorageUnavailableError:
        raise error from None
    if digest != hashlib.sha256(PIXEL).digest():
        raise error


@contextmanager
def _written(database: Database) -> Iterator[str]:
    # In the shape of our own copies: what a kill leaves behind is found by `migrate prune`.
    name = f"listing-mirror-check/L00000/{uuid.uuid4().hex[:12]}/00.gif"
    repeat(lambda: database.upload(name, PIXEL, content_type="image/gif"))
    try:
        yield name
    finally:
        with suppress(StorageUnavailableError, StorageRejectedError):
            database.remove([name])
