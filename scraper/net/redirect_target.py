"""The address in a Location header, whatever characters it was sent in; it asks for nothing."""

from __future__ import annotations


def readable_target(location: str) -> str:
    """`location` as http.client gives it (bytes as Latin-1), with its real characters.

    UTF-8 is read as such. Of anything else the bytes themselves are escaped, which is how browsers
    send them on; in Shift_JIS whole characters, because their second byte may look like a
    backslash.
    """
    if location.isascii():
        return location
    raw = location.encode("latin-1", errors="replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        characters = raw.decode("cp932")
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 0x80 else _escaped(bytes((byte,))) for byte in raw)
    return "".join(one if one.isascii() else _escaped(one.encode("cp932")) for one in characters)


def _escaped(raw: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in raw)
