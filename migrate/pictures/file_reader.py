"""A file read by its own lengths: running out of bytes is a cut file. It knows no format."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from mmap import mmap
from typing import Any, BinaryIO

from migrate.errors import TruncatedImageError

ZEROS_SOUGHT = 65536
BUFFER_BYTES = 64 * 1024


class Reader:
    """Reads forward and skips; raises TruncatedImageError where the file ends too early."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)

    @property
    def position(self) -> int:
        return self.file.tell()

    def take(self, count: int) -> bytes:
        data = self.file.read(count)
        if len(data) < count:
            raise TruncatedImageError(f"the file ends early, after {self.size} bytes")
        return data

    def skip_to(self, position: int) -> None:
        if position > self.size:
            missing = position - self.size
            raise TruncatedImageError(f"the file lacks at least {missing} of its bytes")
        self.file.seek(position)

    def zeros_before(self, end: int) -> int:
        """How many zero bytes lie before `end`, counted up to 64 KiB."""
        start = max(0, end - ZEROS_SOUGHT)
        self.file.seek(start)
        tail = self.file.read(end - start)
        return len(tail) - len(tail.rstrip(b"\0"))


def parts_of(file: BinaryIO, parts: Sequence[tuple[int, int]]) -> BinaryIO:
    """Some parts of a file, one after the other, as a file that is read; little is copied at once.

    Pillow gets what a browser needs of a picture this way; what is stored stays as it came. It asks
    for a few bytes at a time, so they come from a buffer.
    """
    return io.BufferedReader(_Parts(file, parts), BUFFER_BYTES)


class _Parts(io.RawIOBase):
    def __init__(self, file: BinaryIO, parts: Sequence[tuple[int, int]]) -> None:
        self._file = file
        self._parts = [(start, end) for start, end in parts if end > start]
        self._size = sum(end - start for start, end in self._parts)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """What is left of one part, at most: whoever wants more asks again."""
        passed = 0
        for start, end in self._parts:
            inside = self._at - passed
            passed += end - start
            if 0 <= inside < end - start:
                self._file.seek(start + inside)
                piece = self._file.read(min(len(buffer), end - start - inside))
                buffer[: len(piece)] = piece
                self._at += len(piece)
                return len(piece)
        return 0


def without(size: int, left_out: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of a file of `size` bytes that remain without `left_out` (in order)."""
    starts = [0, *(end for _, end in left_out)]
    ends = [*(start for start, _ in left_out), size]
    return list(zip(starts, ends, strict=True))


@contextlib.contextmanager
def mapped(file: BinaryIO, *, spare: int = 0) -> Iterator[mmap]:
    """The bytes of the file in memory that goes back to the system at once.

    A thread's heap would keep the size of the largest file that it has seen.
    """
    with mmap(-1, file.seek(0, os.SEEK_END) + spare) as data:
        file.seek(0)
        while block := file.read(1 << 16):
            data.write(block)
        yield data
