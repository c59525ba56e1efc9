"""The shop system that CONTRIBUTING shows works as it stands there, with nothing else changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.dealer import Platform
from scraper.pages.document import page_from_html, parse
from scraper.pages.errors import NotAnItemPageError
from scraper.pages.listing import Page, Status
from scraper.platforms import PLATFORMS
from scraper.platforms.detection import detect_among
from scraper.reading import read_listing

ROOT = Path(__file__).parents[3]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
SHOP = "https://kura.example"
LIST = """<html><head><script src="https://static.kura-cart.example/a.js"></script></head><body>
<h1>試し蔵</h1><a href="/goods/{0}"><img src="/p/{0}s.jpg"></a><a href="/about">店について</a>
<div class="pager"><a href="/list?page={1}">次</a><a href="https://ads.example/x">広告</a></div>
</body></html>"""
GOODS = """<html><head><script src="https://static.kura-cart.example/a.js"></script></head><body>
<h1 class="goods-name">脇差 無銘</h1><p class="goods-price">￥220,000</p>
<p class="goods-state">売約済</p>
<div class="goods-photos"><a href="/p/7.jpg"><img src="/p/7s.jpg"></a><img src="/p/8.jpg"></div>
<div class="goods-text">時代の拵が附属します。</div></body></html>"""


def template() -> str:
    blocks: list[str] = re.findall(
        r"```python\n(.*?)```", CONTRIBUTING.read_text("utf-8"), re.DOTALL
    )
    return next(block for block in blocks if "(Platform)" in block)


@pytest.fixture(scope="module")
def platform() -> Platform:
    names: dict[str, Any] = {}
    exec(compile(template(), "kura_cart.py", "exec"), names)
    made: Platform = names["KuraCart"]()
    return made


@pytest.fixture
def dealer(platform: Platform) -> DealerSite:
    return DealerSite("Kura", "kura.example", f"{SHOP}/list", platform=platform, currency="JPY")


class Lists:
    """Two pages of goods, each leading to the other."""

    def page(self, url: str, **_: str | None) -> Page:
        return page_from_html(url, LIST.format(8, 1) if "page=2" in url else LIST.format(7, 2))

    def json(self, url: str) -> tuple[Any, Page]:
        raise AssertionError(url)

    def sitemaps(self, url: str) -> tuple[str, ...]:
        return ()


def test_it_is_found_by_its_sign_among_all_others(platform: Platform) -> None:
    document = parse(page_from_html(f"{SHOP}/list", LIST.format(7, 2)))
    found = detect_among([*PLATFORMS.values(), platform], document)
    assert (found.platform, found.reason) == (platform, "it loads Kura Cart's files")


def test_it_lists_the_goods_of_all_pages(platform: Platform, dealer: DealerSite) -> None:
    found = platform.catalogue(dealer, Lists())
    assert [item.canonical for item in found.items] == [f"{SHOP}/goods/7", f"{SHOP}/goods/8"]


def test_it_reads_a_page_of_goods(dealer: DealerSite) -> None:
    found = read_listing(page_from_html(f"{SHOP}/goods/7", GOODS), dealer)
    assert (found.title, found.price.value, found.status, found.images, found.description) == (
        "脇差 無銘",
        Decimal(220000),
        Status.SOLD,
        (f"{SHOP}/p/7.jpg", f"{SHOP}/p/8.jpg"),
        "時代の拵が附属します。",
    )


def test_a_page_without_goods_is_refused(dealer: DealerSite) -> None:
    with pytest.raises(NotAnItemPageError):
        read_listing(page_from_html(f"{SHOP}/about", LIST.format(7, 2)), dealer)


@pytest.mark.parametrize("place", ["kura_cart.py", "kura_cart/__init__.py"])
def test_one_folder_and_one_line_are_all_that_it_takes(tmp_path: Path, place: str) -> None:
    """In a copy of the packages: the new shop system is found, and the command's help names it."""
    for package in ("scraper", "migrate"):
        shutil.copytree(ROOT / package, tmp_path / package)
    home = tmp_path / "scraper/platforms" / place
    home.parent.mkdir(exist_ok=True)
    home.write_text(template(), "utf-8")
    registry = tmp_path / "scraper/platforms/__init__.py"
    lines = registry.read_text("utf-8").splitlines()
    lines.insert(lines.index('    "static_pages",'), '    "kura_cart",')
    registry.write_text("\n".join(lines), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "scraper", "dealers", "add", "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "kura_cart" in done.stdout


def test_every_shop_system_of_the_room_is_listed() -> None:
    """A folder without its line would be dead: no page would ever be taken for its own."""
    room = ROOT / "scraper/platforms"
    written = {
        name
        for path in room.rglob("*.py")
        for name in re.findall(r"^class (\w+)\(Platform\)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert written == {type(platform).__name__ for platform in PLATFORMS.values()}
