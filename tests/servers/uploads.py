"""What a body of an upload holds, as a client of the storage API sends it; it knows no server."""

from __future__ import annotations

import hashlib


def digest_of_file(body: bytes | bytearray, content_type: str) -> str:
    """The digest of the file inside a multipart body, or of the body itself."""
    _, found, boundary = content_type.partition("boundary=")
    if found:
        mark = b"--" + boundary.strip('"').encode()
        for part in body.split(mark):
            head, _, content = part.partition(b"\r\n\r\n")
            if b"filename=" in head:
                return hashlib.sha256(content.removesuffix(b"\r\n")).hexdigest()
    return hashlib.sha256(body).hexdigest()
