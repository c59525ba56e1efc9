"""The demonstration: it ends with every image stored, tells why one was late, leaves nothing."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from migrate.pictures.appearance import appearance_of
from workflows import demo
from workflows.gallery_page import write_gallery
from workflows.placeholder_picture import placeholder_picture
from workflows.sample_shop import LATE_PHOTO, PRODUCTS, UPLOADS, open_shop

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.servers
@pytest.mark.usefixtures("homes_are_migrated")
def test_the_whole_chain_on_the_sample_shop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "HOME", tmp_path / "demo")
    monkeypatch.setattr(demo, "GALLERY", tmp_path / "gallery")
    demo.run_demo(keep=False)
    shown = capfd.readouterr()
    assert "0 of 25 images stored" in shown.out
    assert re.search(r"http_404 +1  the dealer does not have the file", shown.out)
    assert "25 of 25 images stored (100 %)" in shown.out
    assert "another digest" not in shown.out  # each photograph shows something else
    assert "The demonstration is over: all 25 images are stored." in shown.out
    # One item is "on inquiry", which is said, and nothing else needs attention.
    warnings = [line for line in shown.err.splitlines() if "warning" in line]
    assert all("no price" in line for line in warnings), warnings
    assert not (tmp_path / "demo").exists()
    page = tmp_path / "gallery" / "index.html"
    assert str(page) in shown.out
    pictures = re.findall(
        r'<img src="([^"]+)"[^>]* width="900" height="600"', page.read_text("utf-8")
    )
    assert len(pictures) == len(set(pictures)) == 25
    if CHROMIUM is None:
        pytest.skip("no Chromium here to look at the page with (apt install chromium)")
    seen = check_connection(page, tmp_path / "profile")
    assert seen == {
        "images": 25, "broken": 0, "shift": 0, "grown": 0, "twice": 0, "placeholders": 25, "left": 0
    }  # fmt: skip


LOOK = """<script>
let shift = 0, before = 0
addEventListener('DOMContentLoaded', () => before = document.body.scrollHeight)
const grounds = new Map()  // what each image showed when it came, before the page took it away
document.addEventListener('load', event => {
  const [, address] = /url\\("(data:[^"]+)"/.exec(event.target.style?.background) || []
  if (event.target.tagName == 'IMG') grounds.set(event.target, address)
}, true)
new PerformanceObserver(list => { for (const one of list.getEntries()) shift += one.value })
  .observe({ type: 'layout-shift', buffered: true })
const drawn = address => new Promise(done => {
  const one = new Image()
  one.onload = () => done(one.naturalWidth == 32)
  one.onerror = () => done(false)
  one.src = address || 'data:,'
})
addEventListener('load', () => setTimeout(async () => {
  const all = [...document.images]
  const placeholders = await Promise.all(all.map(one => drawn(grounds.get(one))))
  document.title = JSON.stringify({
    images: all.length, broken: all.filter(one => !one.naturalWidth).length, shift,
    grown: document.body.scrollHeight - before,
    twice: all.length - new Set(all.map(one => one.src)).size,
    placeholders: placeholders.filter(Boolean).length,
    left: all.filter(one => one.style.backgroundImage.includes('url')).length })
}, 300))
</script>"""


def check_connection(page: Path, profile: Path) -> dict[str, float]:
    """What a real browser makes of the page: pictures, broken ones, layout shift."""
    watched = page.with_name("watched.html")
    watched.write_text(page.read_text("utf-8").replace("<style>", LOOK + "<style>", 1), "utf-8")
    seen = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={profile}", "--virtual-time-budget=15000", "--dump-dom",
         watched.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r"<title>(\{.+?\})</title>", seen.stdout)
    assert found is not None, seen.stdout[:500]
    told: dict[str, float] = json.loads(html.unescape(found[1]))
    return told


def test_a_reader_without_a_copy_is_shown_the_dealers_address(tmp_path: Path) -> None:
    image = {"position": 0, "url": "https://a.example/1.jpg?a=1&b=2", "is_copy": False}
    image |= {"width": None, "height": None, "average_color": None, "placeholder": None}
    listing = {
        "listing_id": 7,
        "title": "<b>刀</b>",
        "images": [image],
    }
    page = write_gallery([listing], tmp_path, fetch=lambda url: b"").read_text("utf-8")
    assert '<img src="https://a.example/1.jpg?a=1&amp;b=2" alt="&lt;b&gt;刀&lt;/b&gt;"' in page
    assert "<b>" not in page
    assert 'class="unmeasured"' in page  # so that its place is kept all the same


def test_a_placeholder_is_the_picture_itself_blurred() -> None:
    picture = Image.linear_gradient("L").resize((600, 400)).convert("RGB")
    picture.paste((200, 40, 30), (0, 0, 250, 400))
    found = placeholder_picture(base64.b64decode(appearance_of(picture).placeholder))
    expected = picture.resize(found.size, Image.Resampling.BOX)
    assert found.size == (32, 23)
    for at in ((4, 4), (4, 18), (26, 3), (26, 20)):
        parts = zip(found.getpixel(at)[:3], expected.getpixel(at), strict=True)  # type: ignore[index, arg-type]
        assert max(abs(one - other) for one, other in parts) < 60
    assert found.getchannel("A").getextrema() == (255, 255)


def test_a_placeholder_knows_what_is_transparent() -> None:
    picture = Image.new("RGBA", (400, 600), (10, 90, 200, 255))
    picture.paste((0, 0, 0, 0), (0, 300, 400, 600))
    found = placeholder_picture(base64.b64decode(appearance_of(picture).placeholder))
    assert found.size[1] == 32
    above, below = found.getpixel((11, 4)), found.getpixel((11, 28))
    assert above[3] > 200 and below[3] < 60  # type: ignore[index]
    assert abs(above[2] - 200) < 20  # type: ignore[index]


# Pixels that the format's own decoder (npm thumbhash 0.1.1) makes of a placeholder of ours.
KNOWN = "3dcFNYw6HKpuqJs2t/FrfsiEf6X5"
KNOWN_PIXELS = ((32, 23), [(208, 160, 112, 255), (76, 137, 202, 255), (86, 83, 0, 255)])


def test_a_placeholder_is_read_as_its_format_says() -> None:
    found = placeholder_picture(base64.b64decode(KNOWN))
    assert (found.size, [found.getpixel(at) for at in ((0, 0), (16, 12), (31, 20))]) == KNOWN_PIXELS


@pytest.mark.parametrize("broken", ["", "AAAA", "????", "AAAAAAAA"])
def test_what_is_no_placeholder_leaves_the_colour(tmp_path: Path, broken: str) -> None:
    image = {"position": 0, "url": "https://a.example/1.jpg", "is_copy": False, "width": 3}
    image |= {"height": 2, "average_color": "#102030", "placeholder": broken}
    listing = {"listing_id": 7, "title": "Katana", "images": [image]}
    page = write_gallery([listing], tmp_path, fetch=lambda url: b"").read_text("utf-8")
    assert 'style="background:#102030"' in page


def test_every_photograph_of_the_shop_is_a_picture_of_its_own() -> None:
    with open_shop() as shop:
        shop.finish_uploading()
        addresses = [
            shop.root + UPLOADS + name for product in PRODUCTS for name in product.photo_names
        ]
        photos = [urllib.request.urlopen(address) for address in addresses]
        sizes = {Image.open(photo).size for photo in photos}
        for photo in photos:
            photo.close()
    assert sizes == {(900, 600)}
    assert len(addresses) == shop.images == 25


def test_one_photograph_is_late() -> None:
    with open_shop() as shop:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(shop.root + UPLOADS + LATE_PHOTO)
        caught.value.close()
        shop.finish_uploading()
        with urllib.request.urlopen(shop.root + UPLOADS + LATE_PHOTO) as photo:
            assert photo.status == 200
