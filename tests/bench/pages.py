"""The section about the way of a page: CPU for one page, beside parsing alone, and how it grows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import lxml.html
from bs4 import BeautifulSoup
from measuring import PROJECT, Scale, Section

from scraper.pages.document import page_from_html
from scraper.pages.errors import PageError
from scraper.reading import read_listing
from scraper.rows.known_dealers import build_dealer
from workflows.sample_shop import PRODUCTS, Shop

RECORDED = PROJECT.parent / "shared" / "dealer-shop" / "product"
BASE = "http://127.0.0.1:8088/"
SELECTORS = ("h1", "p.price", ".stock", "img", "a[href]", "meta[property]", ".summary")


def reading(scale: Scale) -> Section:
    """(g) One product page: ours beside bs4 and lxml; then long pages."""
    pages = _pages()
    bodies = list(pages.values())
    section = Section(
        "Pages",
        f"{len(bodies)} product pages of {'the recorded' if RECORDED.is_dir() else 'the sample'} "
        f"shop, {sum(map(len, bodies)) / len(bodies) / 1000:.0f} kB on average; CPU, one thread.",
    )
    ways: dict[str, Callable[[str, bytes], object]] = {
        "lxml alone": lambda _, body: lxml.html.fromstring(body),
        "bs4 alone": lambda _, body: BeautifulSoup(body, "lxml"),
        f"bs4 and {len(SELECTORS)} selectors": _selected,
        "ours: one listing, all fields": _read,
    }
    for name, way in ways.items():
        each = [_cpu_ms(way, url, body) for _ in range(scale.runs) for url, body in pages.items()]
        section.rows.append({"what": name, "CPU ms a page": statistics.median(each)})
    for name, body in _long_pages().items():
        cpu_ms = _cpu_ms(_read, f"{BASE}product/long/", body)
        section.rows.append({"what": f"ours: {name}", "CPU ms a page": cpu_ms})
    return section


def _pages() -> dict[str, bytes]:
    if RECORDED.is_dir():
        files = sorted(RECORDED.glob("*.html"))
        return {f"{BASE}product/{file.stem}/": file.read_bytes() for file in files}
    shop = Shop()
    return {
        f"{BASE}product/{product.slug}/": shop.answer(f"/product/{product.slug}/")[2]
        for product in PRODUCTS
    }


def _long_pages() -> dict[str, bytes]:
    """A product page with 3,000 links, a table of 800 rows, and 2 MB of text."""
    _url, body = next(iter(_pages().items()))
    links = "".join(f'<p><a href="/product/other-{n}/">Item {n}</a></p>' for n in range(3000))
    rows = "".join(f"<tr><td>Part {n}</td><td>SOLD</td></tr>" for n in range(800))
    text = "<p>" + "A long description of one thing. " * 60_000 + "</p>"
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
    try:
        return read_listing(page_from_html(url, body), dealer)
    except PageError as error:
        return error


def _cpu_ms(way: Callable[[str, bytes], object], url: str, body: bytes) -> float:
    began_s = time.process_time()
    way(url, body)
    return 1000 * (time.process_time() - began_s)
