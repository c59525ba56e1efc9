"""Sections about the way of a page: CPU for one, how it grows, and pages a second beside others."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lxml.html
import page_contenders
import pictures
import serving
from bs4 import BeautifulSoup
from measuring import Row, Scale, Section, interleaved, median, spread
from page_contenders import SELECTORS

from scraper.pages.document import page_from_html
from scraper.reading import read_listing
from scraper.rows.known_dealers import build_dealer
from workflows.sample_shop import PRODUCTS, Shop

FOLDER = os.environ.get("BENCH_PAGES")
"""A folder of recorded product pages of a WooCommerce shop; the sample shop's without it."""
BASE = "http://127.0.0.1:8088/"
MANY = 300


def reading(scale: Scale) -> Section:
    """(g) One product page: ours beside bs4 and lxml; then long pages."""
    pages = _pages()
    bodies = list(pages.values())
    section = Section(
        "Reading a page",
        f"{len(bodies)} product pages of {'a recorded' if FOLDER else 'the sample'} "
        f"shop, {sum(map(len, bodies)) / len(bodies) / 1000:.0f} kB on average; CPU, one thread; "
        f"each page {scale.runs} times, one way after the other; medians.",
    )
    ways: dict[str, Callable[[str, bytes], object]] = {
        "lxml alone": lambda _, body: lxml.html.fromstring(body),
        "bs4 alone": lambda _, body: BeautifulSoup(body, "lxml"),
        f"bs4 and {len(SELECTORS)} selectors": _selected,
        "ours: one listing, all fields": _read,
    }
    each: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(scale.runs):
        for url, body in pages.items():
            for name, way in ways.items():
                each[name].append(_cpu_ms(way, url, body))
    for name, spent in each.items():
        section.rows.append(
            {
                "what": name,
                "CPU ms a page": statistics.median(spent),
                "of one half as long": None,
                "times": None,
            }
        )
    whole, half = _long_pages(1), _long_pages(2)
    for name, body in whole.items():
        spent_ms, half_ms = (
            statistics.median(
                _cpu_ms(_read, f"{BASE}product/long/", one) for _ in range(scale.runs)
            )
            for one in (body, half[name])
        )
        section.rows.append(
            {
                "what": f"ours: {name}, {len(body) / 1000:.0f} kB",
                "CPU ms a page": spent_ms,
                "of one half as long": half_ms,
                "times": f"{spent_ms / half_ms:.1f}",
            }
        )
    return section


def fetching(scale: Scale) -> Section:
    """(g) Pages a second, fetched and read, beside Scrapy and bare bs4."""
    pages = _pages()
    section = Section(
        "Pages a second",
        f"The same pages, {MANY * scale.images // 1000} of them, without any wait, fetched and "
        f"read one after another; medians. {serving.dealers_only()}",
    )
    present = [name for name in page_contenders.CONTENDERS if pictures.is_here(name, section)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, body in enumerate(pages.values()):
            (folder / f"{number}.html").write_bytes(body)
        asked = [f"{number % len(pages)}.html" for number in range(MANY * scale.images // 1000)]

        def measure(contender: str) -> Row:
            with serving.dealers(folder) as shop:
                base = f"http://127.0.0.1:{shop.port}/ok"
                urls = [f"{base}/{n}/{one}" for n, one in enumerate(asked)]
                task = {"urls": urls, "folder": "", "workers": 1}
                with serving.beside(shop) as servers:
                    result = pictures.run_contender(contender, task)
                return result | servers

        for contender, results in interleaved(present, scale.runs, measure, section).items():
            section.rows.append(
                {
                    "contender": contender,
                    "pages/s": len(asked) / median(results, "seconds"),
                    "CPU ms a page": 1000 * median(results, "cpu_s") / len(asked),
                    "servers' CPU": 1000 * median(results, "servers_cpu_s") / len(asked),
                    "peak MB": median(results, "peak_mb"),
                    "spread": spread(results),
                    "does less": page_contenders.DOES_LESS[contender],
                }
            )
    return section


def _pages() -> dict[str, bytes]:
    if FOLDER:
        files = sorted(Path(FOLDER).glob("*.html"))
        if not files:
            raise FileNotFoundError(f"no page (*.html) in BENCH_PAGES={FOLDER}")
        return {f"{BASE}product/{file.stem}/": file.read_bytes() for file in files}
    shop = Shop()
    return {
        f"{BASE}product/{product.slug}/": _with(
            shop.answer(f"/product/{product.slug}/")[2], _around()
        )
        for product in PRODUCTS
    }


def _around() -> str:
    """What stands around a product in a real shop: menus, scripts, a footer; 38 kB of it."""
    menu = "".join(
        f'<li class="menu-item menu-item-{n}"><a class="link" href="/product-category/part-{n}/">'
        f"<span>Part {n}</span></a></li>"
        for n in range(150)
    )
    script = "".join(f'"setting_{n}": {{"on": true, "value": "{n * n}"}},\n' for n in range(300))
    words = "".join(f'<div class="widget"><p>Note {n} of the shop.</p></div>' for n in range(60))
    return (
        f"<nav><ul class='menu'>{menu}</ul></nav><script>var shop = {{{script}}};</script>"
        f"<footer>{words}</footer>"
    )


def _long_pages(part: int) -> dict[str, bytes]:
    """A product page with 3,000 links, a table of 800 rows, and 2 MB of text, or a part of it."""
    _url, body = next(iter(_pages().items()))
    links = "".join(
        f'<p><a href="/product/other-{n}/">Item {n}</a></p>' for n in range(3000 // part)
    )
    rows = "".join(f"<tr><td>Part {n}</td><td>SOLD</td></tr>" for n in range(800 // part))
    text = "<p>" + "A long description of one thing. " * (60_000 // part) + "</p>"
    return {
        "3,000 links": _with(body, links),
        "a table of 800 rows": _with(body, f"<table>{rows}</table>"),
        "2 MB of text": _with(body, text),
    }


def _with(body: bytes, more: str) -> bytes:
    return body.replace(b"</body>", f"<div>{more}</div></body>".encode(), 1)


def _selected(_: str, body: bytes) -> object:
    soup = BeautifulSoup(body, "lxml")
    return [soup.select(selector) for selector in SELECTORS]


def _read(url: str, body: bytes) -> object:
    dealer = build_dealer("Bench", BASE, platform="woocommerce", currency="JPY", settings={})
    return read_listing(page_from_html(url, body), dealer)


def _cpu_ms(way: Callable[[str, bytes], object], url: str, body: bytes) -> float:
    began_s = time.process_time()
    way(url, body)
    return 1000 * (time.process_time() - began_s)
