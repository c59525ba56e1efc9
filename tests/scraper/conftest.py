# ruff: noqa: E501 - markup in one line reads better than broken markup
"""A small shop of our own on loopback whose stock, faults and robots.txt a test may change."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest


@dataclass
class Item:
    """One product of the shop; price None is "on inquiry"."""

    title: str
    price: int | None = 100_000
    in_stock: bool = True
    images: tuple[str, ...] = ("a", "b")
    listed: bool = True
    status: int = 200
    page: str | None = None  # served instead of the product page
    retry_after: str | None = None
    leads_to: str | None = None  # the path of another page


@dataclass
class Shop:
    """The stock by slug, what was asked, and what goes wrong."""

    items: dict[str, Item] = field(default_factory=dict)
    robots: str = "User-agent: *\nAllow: /\n"
    asked: list[tuple[float, str]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    latency_s: float = 0.0
    sends_etag: bool = False
    stale_etag: str = ""  # a cache that never notices a change
    answers_api: bool = False
    front_leads_to: str | None = None
    port: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    held: Callable[[str], bool] = lambda path: False  # paths answered only when this turns false

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def paths(self) -> list[str]:
        return [path for _, path in self.asked]

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that requests bring about; a minute is never needed."""
        with self.changed:
            assert self.changed.wait_for(is_so, timeout=60)

    def release(self) -> None:
        """Answer whatever is held."""
        with self.changed:
            self.held = lambda path: False
            self.changed.notify_all()

    def image(self, slug: str, name: str) -> str:
        return f"{self.url}wp-content/uploads/2026/01/{slug}-{name}.jpg"

    def answer(self, path: str) -> tuple[int, str]:
        if path == "/robots.txt":
            return 200, self.robots
        if path in ("/", "/shop/"):
            return 200, self.catalogue(path)
        if path == "/wp-json/wc/store/v1/products" and self.answers_api:
            return 200, self.api()
        slug = unquote(path).removeprefix("/product/").rstrip("/")
        item = self.items.get(slug) if path.startswith("/product/") and path.endswith("/") else None
        if item is None or item.status != 200:
            return (item.status if item else 404), "<title>Not found</title>"
        return 200, item.page if item.page is not None else self.product(slug, item)

    def api(self) -> str:
        return json.dumps(
            [
                {
                    "name": item.title,
                    "permalink": f"{self.url}product/{slug}/",
                    "prices": {
                        "price": str(item.price),
                        "currency_code": "JPY",
                        "currency_minor_unit": 0,
                    },
                    "images": [{"src": self.image(slug, name)} for name in item.images],
                    "is_in_stock": item.in_stock,
                }
                for slug, item in self.items.items()
                if item.listed
            ]
        )

    def catalogue(self, path: str) -> str:
        tiles = "".join(
            f'<li class="product"><a class="woocommerce-LoopProduct-link" href="/product/{slug}/"><h2>{item.title}</h2></a></li>'
            for slug, item in self.items.items()
            if item.listed
        )
        count = tiles.count("<li ")
        tiles = tiles or "<p>No products were found.</p>"
        classes = "woocommerce-shop post-type-archive-product" if path == "/shop/" else "home"
        body = (
            f'<p class="woocommerce-result-count">{count} results</p><ul class="products">{tiles}</ul>'
            if path == "/shop/"
            else '<a href="/shop/">Shop</a>'
        )
        return f'<html><head><meta name="generator" content="WooCommerce 9"></head><body class="{classes}"><main><h1>Shop</h1>{body}</main></body></html>'

    def product(self, slug: str, item: Item) -> str:
        number = int(hashlib.sha256(slug.encode()).hexdigest()[:6], 16)
        gallery = "".join(
            f'<div class="woocommerce-product-gallery__image"><a href="{self.image(slug, n)}"><img src="{self.image(slug, n)}"></a></div>'
            for n in item.images
        )
        amount = (
            f'<span class="woocommerce-Price-amount amount"><span class="woocommerce-Price-currencySymbol">&yen;</span>{item.price:,}</span>'
            if item.price is not None
            else ""
        )
        stock = "instock" if item.in_stock else "outofstock"
        return (
            f'<html><head><title>{item.title}</title></head><body class="single-product postid-{number}"><main>'
            f'<div id="product-{number}" class="product type-product {stock}"><div class="woocommerce-product-gallery">{gallery}</div>'
            f'<div class="summary entry-summary"><h1 class="product_title">{item.title}</h1><p class="price">{amount}</p>'
            '<div class="product_meta"><span class="posted_in"><a href="/c/">Katana</a></span></div></div>'
            f'<div class="woocommerce-tabs"><div id="tab-description"><p>About {item.title}.</p></div></div></div></main></body></html>'
        )


@pytest.fixture
def shop() -> Iterator[Shop]:
    """The shop, serving, with three items in stock."""
    served = Shop({f"sword-{n}": Item(f"Katana number {n}", price=100_000 * n) for n in (1, 2, 3)})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with served.changed:
                served.asked.append((time.monotonic(), self.path))
                served.running += 1
                served.most_running = max(served.most_running, served.running)
                served.changed.notify_all()
                served.changed.wait_for(lambda: not served.held(self.path), timeout=60)
            time.sleep(served.latency_s)
            status, text = served.answer(urlsplit(self.path).path)
            body = text.encode(errors="replace")
            with served.changed:
                served.running -= 1
            etag = ""
            item = served.items.get(self.path.removeprefix("/product/").rstrip("/"))
            leads_to = item.leads_to if item is not None else None
            host = str(self.headers["Host"])
            if self.path == "/" and host not in (served.front_leads_to or ""):
                leads_to = served.front_leads_to
            if leads_to is not None:
                status = 301
            elif served.sends_etag and status == 200:
                etag = f'"{served.stale_etag or hashlib.sha256(body).hexdigest()}"'
                status = 304 if self.headers.get("If-None-Match") == etag else 200
                body = b"" if status == 304 else body
            self.send_response(status)
            if item is not None and item.retry_after is not None:
                self.send_header("Retry-After", item.retry_after)
            if leads_to is not None:
                self.send_header("Location", leads_to)
            elif served.sends_etag:
                self.send_header("ETag", etag)
            self.send_header(
                "Content-Type",
                "text/plain" if self.path == "/robots.txt" else "text/html; charset=utf-8",
            )
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # the scraper was killed
                super().handle()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)
    server.daemon_threads = True
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.release()
        server.shutdown()
        server.server_close()
        thread.join()
