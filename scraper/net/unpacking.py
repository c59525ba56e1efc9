"""A packed body is unpacked piece by piece, and it is known whether its end came; no network."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_PIECE_BYTES = 65_536
_ANY_HEADER = 47  # gzip or zlib, by its first bytes
_NO_HEADER = -15  # what some servers send as "deflate"


class Unpacker:
    """Unpacks gzip and deflate in bounded pieces, so that a bomb can be refused half-way.

    A body that was cut before it was sent has a fitting Content-Length: only the missing end of its
    packing tells that a piece is missing.
    """

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_ANY_HEADER)
        self._has_begun = False
        self._padding = False

    @property
    def is_whole(self) -> bool:
        """Say whether the end came, or nothing at all."""
        return self._stream.eof or not self._has_begun

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        """Yield what `packed` adds. Raises zlib.error for what is not packed."""
        while packed and not self._padding:
            if self._stream.eof:  # a further gzip member, or bytes to fill a block
                if packed[:1] != b"\x1f":
                    self._padding = True
                    return
                self._stream = zlib.decompressobj(_ANY_HEADER)
            try:
                piece = self._stream.decompress(packed, _PIECE_BYTES)
            except zlib.error:
                if self._has_begun:
                    raise
                self._stream = zlib.decompressobj(_NO_HEADER)
                piece = self._stream.decompress(packed, _PIECE_BYTES)
            self._has_begun = True
            packed = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if piece:
                yield piece
