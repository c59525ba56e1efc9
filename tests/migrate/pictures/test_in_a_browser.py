"""What is kept shows in a real browser, and what shows is kept: a headless Chromium is the judge.

Skipped where there is none (Debian: `apt-get install chromium`).
"""

from __future__ import annotations

import functools
import html
import io
import json
import re
import shutil
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from migrate.errors import ImageError
from migrate.pictures.check import CheckedImage, check_image
from migrate.pictures.limits import Limits

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LIMITS = Limits(bytes=5_000_000, pixels=5_000_000, costly_pixels=5_000_000)
pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

PAGE = """<!doctype html><title>pictures</title><body><pre id="found"></pre><script>
const names = %s;
const look = name => new Promise(done => {
  const image = new Image();
  image.onload = () => done([name, [image.naturalWidth, image.naturalHeight]]);
  image.onerror = () => done([name, null]);
  image.src = "/" + name;
});
Promise.all(names.map(look)).then(found => {
  document.getElementById("found").textContent = JSON.stringify(found);
});
</script>"""


@functools.cache
def drawn() -> Image.Image:
    image = Image.linear_gradient("L").resize((200, 150)).convert("RGB")
    ImageDraw.Draw(image).ellipse((30, 20, 150, 130), fill=(180, 60, 20))
    return image


def encoded(image_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    drawn().save(file, image_format, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes, *, checksum: bytes | None = None) -> bytes:
    right = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + (checksum or right)


def png(*, before: bytes = b"", data: bytes = b"", end: bytes = chunk(b"IEND", b"")) -> bytes:
    """A PNG of our own making, so that each part can be broken."""
    rows = b"".join(b"\0" + drawn().tobytes()[at : at + 600] for at in range(0, 90_000, 600))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 200, 150, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + before + (data or chunk(b"IDAT", zlib.compress(rows))) + end
    )


def turned(image_format: str) -> bytes:
    exif = Image.Exif()
    exif[0x112] = 6
    return encoded(image_format, exif=exif.tobytes())


def bmp(bits: int, *masks: int, palette: bytes = b"", header: int = 40) -> bytes:
    """A BMP of 20 x 10 in a form that hardly any program writes."""
    row = bytes(range(80))[: -(-20 * bits // 32) * 4]
    compression = 3 if masks else 0
    info = struct.pack("<IiiHHIIiiII", header, 20, 10, 1, bits, compression, 0, 0, 0, 0, 0)
    info = (info + struct.pack(f"<{len(masks)}I", *masks)).ljust(header, b"\0")
    start = 14 + len(info) + len(palette)
    return (
        b"BM" + struct.pack("<IHHI", start + 10 * len(row), 0, 0, start) + info + palette + row * 10
    )


JPEG = encoded("JPEG", quality=90)
PACKED = zlib.compress(b"".join(b"\0" + bytes(600) for _ in range(150)))
CASES: dict[str, bytes] = {
    "whole.jpg": JPEG,
    "progressive.jpg": encoded("JPEG", progressive=True),
    "whole.png": png(),
    "whole.gif": encoded("GIF"),
    "whole.webp": encoded("WEBP"),
    "whole.avif": encoded("AVIF", speed=9),
    "no end.jpg": JPEG[:-2],
    "no end progressive.jpg": encoded("JPEG", progressive=True)[:-2],
    "no end.png": png(end=b""),
    "no end.gif": encoded("GIF")[:-1],
    "checksum.png": png(data=chunk(b"IDAT", PACKED, checksum=b"\0\0\0\1")),
    "own checksum.png": png(data=chunk(b"IDAT", PACKED[:-4] + b"\1\2\3\4")),
    "large text.png": png(before=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(9_000_000)))),
    "short density.png": png(before=chunk(b"pHYs", b"\0\1")),
    "broken profile.png": png(before=chunk(b"iCCP", b"x\0\0nothing")),
    "unknown critical.png": png(before=chunk(b"ABCD", b"x")),
    "two headers.png": png(before=chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 8, 2, 0, 0, 0))),
    "header checksum.png": png().replace(png()[29:33], b"\0\0\0\0", 1),
    "nearly.jpg": JPEG[: len(JPEG) * 97 // 100],
    "half.jpg": JPEG[: len(JPEG) // 2],
    "half.png": encoded("PNG")[: len(encoded("PNG")) // 2],
    "half.gif": encoded("GIF")[: len(encoded("GIF")) // 2],
    "turned.jpg": turned("JPEG"),
    "turned.png": turned("PNG"),
    "turned.avif": turned("AVIF"),
    "short adobe.jpg": JPEG[:2] + b"\xff\xee\0\7Adobe" + JPEG[2:],
    "between segments.jpg": JPEG[:2] + b"\xff\xe1\0\4ab" + b"junk" + JPEG[2:],
    "lossless.jpg": re.sub(rb"\xff\xc0", b"\xff\xc3", JPEG, count=1),
    "usual.bmp": encoded("BMP"),
    "two bits.bmp": bmp(2, palette=bytes(range(16))),
    "ten bits.bmp": bmp(32, 0x3FF00000, 0xFFC00, 0x3FF),
    "four bits.bmp": bmp(16, 0xF00, 0xF0, 0xF),
    "transparent.bmp": bmp(32, 0xFF0000, 0xFF00, 0xFF, 0xFF000000, header=108),
    "long palette.bmp": bmp(8, palette=bytes(1024)),
    "no such depth.bmp": bmp(3),
    "page.jpg": b"<!doctype html><title>Not found</title>",
    "text.png": b"no picture at all",
}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    """Serves the cases and the page that looks at them."""

    def __init__(self, files: dict[str, bytes], *args: object) -> None:
        self._files = files
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        body = self._files.get(self.path.lstrip("/").replace("%20", " "), b"")
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path == "/" else "image/jpeg")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[int] | None]]:
    """Width and height of each case in the browser, None where it shows nothing."""
    files = CASES | {"": (PAGE % json.dumps(list(CASES))).encode()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, files))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    profile: Path = tmp_path_factory.mktemp("chromium")
    try:
        seen = subprocess.run(
            [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", f"--user-data-dir={profile}", "--virtual-time-budget=20000",
             "--dump-dom", f"http://127.0.0.1:{server.server_port}/"],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()
    found = re.search(r'<pre id="found">(.+?)</pre>', seen.stdout, re.DOTALL)
    assert found is not None, seen.stdout[:500]
    yield dict(json.loads(html.unescape(found[1])))


def verdict(data: bytes) -> CheckedImage | None:
    try:
        checked = check_image(io.BytesIO(data), LIMITS)
    except ImageError:
        return None
    checked.file.close()
    return checked


@pytest.mark.parametrize("name", CASES)
def test_what_is_kept_shows_and_what_shows_is_kept(
    shown: dict[str, list[int] | None], name: str
) -> None:
    checked = verdict(CASES[name])
    assert (checked is not None) == (shown[name] is not None)
    if checked is not None:
        assert [checked.width, checked.height] == shown[name]
