"""A small shop of our own on loopback, in the manner of WooCommerce; it knows no mirror.

Its photographs are drawn when it opens. One of them is missing until `finish_uploading`, as
happens while a dealer is still at it.
"""

from __future__ import annotations

import io
import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from PIL import Image, ImageDraw

NAME = "Sample Shop"
PER_PAGE = 4
LATE_PHOTO = "wakizashi-osafune-2.jpg"
UPLOADS = "/wp-content/uploads/2026/11/"


@dataclass(frozen=True)
class Product:
    """One thing for sale; a price of None is "on inquiry", in yen otherwise."""

    slug: str
    title: str
    category: str
    text: str
    price: int | None
    photos: int
    is_in_stock: bool = True

    @property
    def photo_names(self) -> list[str]:
        return [f"{self.slug}-{number}.jpg" for number in range(1, self.photos + 1)]


PRODUCTS = (
    Product("katana-bizen", "Katana, Bizen school", "Katana", "Nagasa 70.2 cm.", 1_250_000, 4),
    Product("katana-mino", "Katana, Mino school", "Katana", "Nagasa 68.5 cm.", 680_000, 3),
    Product("wakizashi-osafune", "Wakizashi, Osafune", "Wakizashi", "Nagasa 48.1 cm.", 420_000, 3),
    Product("tanto-yamato", "Tanto, Yamato school", "Tanto", "Nagasa 27.4 cm.", None, 3),
    Product("tsuba-wheel", "Iron tsuba, wheel", "Tsuba", "Height 7.8 cm.", 58_000, 2),
    Product("tsuba-crane", "Iron tsuba, cranes", "Tsuba", "Height 8.0 cm.", 64_000, 2, False),
    Product("menuki-dragon", "Menuki, dragons", "Menuki", "Width 3.4 cm each.", 45_000, 1),
    Product("naginata-kaga", "Naginata, Kaga", "Naginata", "Nagasa 44.0 cm.", 540_000, 3),
    Product("kabuto-plates", "Helmet of 32 plates", "Kabuto", "Iron, lacquered.", 890_000, 4),
)


class Shop:
    """The pages and photographs, by path."""

    def __init__(self) -> None:
        self.root = ""
        self._photos = {
            name: draw(product, number)
            for product in PRODUCTS
            for number, name in enumerate(product.photo_names, start=1)
        }
        self._is_complete = threading.Event()

    @property
    def images(self) -> int:
        """How many photographs there are."""
        return len(self._photos)

    def finish_uploading(self) -> None:
        """From now on the late photograph is there."""
        self._is_complete.set()

    def answer(self, target: str) -> tuple[int, str, bytes]:
        """Status, content type and body for a request's target."""
        parts = urlsplit(target)
        path = parts.path
        if path.startswith(UPLOADS):
            return self._photo(path.removeprefix(UPLOADS))
        if path == "/wp-json/wc/store/v1/products":
            return self._api({key: values[-1] for key, values in parse_qs(parts.query).items()})
        if path.startswith("/product/"):
            slug = path.removeprefix("/product/").strip("/")
            found = next((product for product in PRODUCTS if product.slug == slug), None)
            if found is not None:
                return _html(self._product_page(found))
        if path in {"/", "/shop/"}:
            return _html(self._catalogue(1))
        if path.startswith("/shop/page/"):
            number = path.removeprefix("/shop/page/").strip("/")
            if number.isdigit() and 1 < int(number) <= _pages():
                return _html(self._catalogue(int(number)))
        if path == "/robots.txt":
            return 200, "text/plain", b"User-agent: *\nDisallow: /cart/\n"
        return 404, "text/html; charset=utf-8", b"<h1>Not found</h1>"

    def _photo(self, name: str) -> tuple[int, str, bytes]:
        photo = self._photos.get(name)
        if photo is None or (name == LATE_PHOTO and not self._is_complete.is_set()):
            return 404, "text/html; charset=utf-8", b"<h1>Not found</h1>"
        return 200, "image/jpeg", photo

    def _api(self, query: dict[str, str]) -> tuple[int, str, bytes]:
        size, page = int(query.get("per_page", "10")), int(query.get("page", "1"))
        chosen = [p for p in PRODUCTS if query.get("slug", p.slug) == p.slug]
        body = [self._as_json(one) for one in chosen[(page - 1) * size : page * size]]
        return 200, "application/json; charset=utf-8", json.dumps(body).encode()

    def _as_json(self, product: Product) -> dict[str, object]:
        return {
            "id": PRODUCTS.index(product) + 101,
            "name": product.title,
            "slug": product.slug,
            "permalink": f"{self.root}/product/{product.slug}/",
            "description": f"<p>{escape(product.text)}</p>",
            "prices": {
                "price": str(product.price or ""),
                "currency_code": "JPY",
                "currency_minor_unit": 0,
            },
            "images": [
                {"id": number, "src": f"{self.root}{UPLOADS}{name}", "alt": ""}
                for number, name in enumerate(product.photo_names, start=1)
            ],
            "categories": [{"name": product.category}],
            "is_in_stock": product.is_in_stock,
            "is_purchasable": product.price is not None,
        }

    def _catalogue(self, number: int) -> str:
        first = (number - 1) * PER_PAGE
        shown = PRODUCTS[first : first + PER_PAGE]
        tiles = "".join(
            f'<li class="product type-product"><a class="woocommerce-LoopProduct-link" '
            f'href="{self.root}/product/{one.slug}/"><h2 class="woocommerce-loop-product__title">'
            f"{escape(one.title)}</h2></a></li>"
            for one in shown
        )
        links = "".join(
            f'<a class="page-numbers" href="{self.root}/shop/page/{other}/">{other}</a>'
            for other in range(2, _pages() + 1)
            if other != number
        )
        if number < _pages():
            following = f"{self.root}/shop/page/{number + 1}/"
            links += f'<a class="next page-numbers" href="{following}">Next</a>'
        return self._page(
            NAME,
            "archive post-type-archive-product woocommerce woocommerce-page",
            f'<p class="woocommerce-result-count">Showing {first + 1}–{first + len(shown)} of '
            f'{len(PRODUCTS)} results</p><ul class="products">{tiles}</ul>'
            f'<nav class="woocommerce-pagination">{links}</nav>',
        )

    def _product_page(self, product: Product) -> str:
        gallery = "".join(
            f'<div class="woocommerce-product-gallery__image"><a href="{self.root}{UPLOADS}{name}">'
            f'<img src="{self.root}{UPLOADS}{name}" alt=""></a></div>'
            for name in product.photo_names
        )
        price = f'<p class="price">{f"¥{product.price:,}" if product.price else ""}</p>'
        stock = "instock" if product.is_in_stock else "outofstock"
        words = "In stock" if product.is_in_stock else "Out of stock"
        return self._page(
            product.title,
            "single-product woocommerce woocommerce-page",
            f'<div class="product type-product {stock}">'
            f'<div class="woocommerce-product-gallery">{gallery}</div><div class="summary">'
            f'<h1 class="product_title">{escape(product.title)}</h1>{price}'
            f'<p class="stock {stock.replace("outof", "out-of-").replace("instock", "in-stock")}">'
            f"{words}</p></div>"
            f'<div class="woocommerce-Tabs-panel--description"><p>{escape(product.text)}</p></div>'
            f'<span class="posted_in"><a rel="tag">{escape(product.category)}</a></span></div>',
        )

    def _page(self, title: str, classes: str, body: str) -> str:
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
            '</title><meta name="generator" content="WooCommerce 10.3.0">'
            f'<link rel="https://api.w.org/" href="{self.root}/wp-json/"></head>'
            f'<body class="{classes}"><main>{body}</main></body></html>'
        )


def draw(product: Product, number: int) -> bytes:
    """A JPEG that looks a little like its subject and is different for each number."""
    width, height = 900, 600
    base = Image.linear_gradient("L").resize((width, height))
    image = Image.merge("RGB", (base, base, base)).point(lambda level: 40 + level // 3)
    pen = ImageDraw.Draw(image)
    turn = number * 17 + sum(product.slug.encode()) % 23
    if product.category in {"Tsuba", "Menuki", "Kabuto"}:
        pen.ellipse((270, 120, 630, 480), outline=(196, 164, 108), width=30 + turn % 20)
        for spoke in range(8):
            angle = math.radians(45 * spoke + turn)
            end = (450 + 165 * math.cos(angle), 300 + 165 * math.sin(angle))
            pen.line(((450, 300), end), fill=(150, 120, 80), width=10)
    else:
        pen.arc((-600, 180 + turn, 1500, 1400), 230, 300, fill=(215, 222, 230), width=34)
        pen.arc((-600, 196 + turn, 1500, 1400), 230, 300, fill=(150, 160, 172), width=6)
    # Each photograph from another side: none is to look like another one.
    place = 4 * PRODUCTS.index(product) + number
    ground = Image.new("RGB", (width, height), (40 + 5 * place, 190 - 4 * place, 60 + place))
    image = image.rotate(67 * place % 360, fillcolor=(225 - 5 * place, 30 + 4 * place, 90))
    image = Image.blend(image, ground, 0.25)
    pen = ImageDraw.Draw(image)
    pen.text((30, 550), f"{product.title} ({number})", fill=(235, 235, 235))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()


@contextmanager
def open_shop() -> Iterator[Shop]:
    """The shop on a free port of 127.0.0.1; `root` is its address."""
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, kind, body = shop.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if kind.startswith("application/json"):
                self.send_header("X-WP-Total", str(len(PRODUCTS)))
                self.send_header("X-WP-TotalPages", "1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the commands' own lines are the demonstration."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        shop.root = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield shop
        finally:
            server.shutdown()
            thread.join()


def _pages() -> int:
    return math.ceil(len(PRODUCTS) / PER_PAGE)


def _html(text: str) -> tuple[int, str, bytes]:
    return 200, "text/html; charset=utf-8", text.encode()
