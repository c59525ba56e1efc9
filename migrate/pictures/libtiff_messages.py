"""What libtiff would write to stderr by itself goes to whoever listens; it knows no image.

Its messages (those of the JPEG library inside a TIFF, too) come through a handler that may be set,
which Pillow leaves as it is: lines on stderr without a time, a level or an address. Where the
library cannot be found (another platform, another build of Pillow) they stay there.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from PIL import Image

_MAPS = Path("/proc/self/maps")
_LIBRARY = re.compile(r"\s(/\S*libtiff[^/\s]*\.so[^/\s]*)$", re.MULTILINE)
_LONGEST = 500

Hear = Callable[[str], None]
_hear: ContextVar[Hear | None] = ContextVar("who hears the lines of libraries", default=None)
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)


@contextmanager
def heard_by(hear: Hear | None) -> Iterator[None]:
    """Hand lines of this thread's libraries to `hear` while a picture is decoded."""
    token = _hear.set(hear)
    try:
        yield
    finally:
        _hear.reset(token)


def _take(module: bytes | None, form: bytes | None, values: int | None) -> None:
    """The handler: libtiff gives its text as printf's pattern and values."""
    hear = _hear.get()
    if hear is None or form is None:
        return
    text = ctypes.create_string_buffer(_LONGEST)
    ctypes.CDLL(None).vsnprintf(text, ctypes.c_size_t(_LONGEST), form, ctypes.c_void_p(values))
    said = text.value.decode("utf-8", errors="replace")
    hear(f"{module.decode(errors='replace')}: {said}" if module else said)


def _install() -> Any:
    """Set the handlers; what is returned must live as long as the library."""
    Image.preinit()  # now Pillow is loaded, and the library with it
    try:
        found = _LIBRARY.search(_MAPS.read_text())
        if found is None:
            return None
        library = ctypes.CDLL(found[1])
        handler = _HANDLER(_take)
        for name in ("TIFFSetWarningHandler", "TIFFSetErrorHandler"):
            setter = getattr(library, name)
            setter.argtypes, setter.restype = [_HANDLER], ctypes.c_void_p
            setter(handler)
    except (OSError, AttributeError):
        return None
    return handler


_handler = _install()
