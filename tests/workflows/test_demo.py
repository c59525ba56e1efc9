"""The demonstration: it ends with every image stored, tells why one was late, leaves nothing."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from workflows import demo
from workflows.sample_shop import LATE_PHOTO, PRODUCTS, UPLOADS, open_shop


@pytest.mark.servers
def test_the_whole_chain_on_the_sample_shop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "HOME", tmp_path / "demo")
    demo.run_demo(keep=False)
    shown = capfd.readouterr()
    assert "0 of 25 images stored" in shown.out
    assert re.search(r"http_404 +1  the dealer does not have the file", shown.out)
    assert "25 of 25 images stored (100 %)" in shown.out
    assert "The demonstration is over: all 25 images are stored." in shown.out
    # One item is "on inquiry", which is said, and nothing else needs attention.
    warnings = [line for line in shown.err.splitlines() if "warning" in line]
    assert all("no price" in line for line in warnings), warnings
    assert not (tmp_path / "demo").exists()


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
