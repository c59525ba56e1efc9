"""Sitemaps of any size: what is kept of them is what they cost, and a bound is said."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable

import pytest

from scraper.base.errors import ErrorKind, FinalFetchError
from scraper.pages.fetcher import Body
from scraper.platforms import sitemaps
from scraper.platforms.sitemaps import Sitemap, sitemap_urls

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
URLSET = b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
HOME = "https://shop.example/"


class Files:
    """A shop's sitemaps by address, sent in pieces of an awkward size."""

    def __init__(self, files: dict[str, bytes], *, named: tuple[str, ...]) -> None:
        self.files = files
        self.named = named

    def stream(self, url: str, begin: Callable[[], Body], *, max_bytes: int) -> Body:
        if url not in self.files:
            raise FinalFetchError(url, ErrorKind.HTTP_404, "HTTP 404", status=404)
        body, data = begin(), self.files[url]
        for at in range(0, len(data), 777):
            body.write(data[at : at + 777])
        return body

    def sitemaps(self, url: str) -> tuple[str, ...]:
        return self.named


def entries(numbers: range, *, more: str = "") -> bytes:
    return "".join(f"<url><loc>{HOME}p/{n}</loc>{more}</url>" for n in numbers).encode()


def listed(files: dict[str, bytes], *named: str) -> sitemaps.Listed:
    fetcher = Files(files, named=named or (HOME + "a.xml",))
    return sitemap_urls(fetcher, HOME, lambda url: "/p/" in url)  # type: ignore[arg-type]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_sitemap_is_read_piece_by_piece(pack: Callable[[bytes], bytes]) -> None:
    image = "<image:image><image:loc>https://cdn/p/1.jpg</image:loc></image:image>"
    other = f"<url><loc>{HOME}about</loc></url>".encode()
    body = b"\n\n" + HEAD + URLSET + entries(range(300), more=image) + other + b"</urlset>"
    found = listed({HOME + "a.xml": pack(body)})
    assert found.urls == tuple(f"{HOME}p/{n}" for n in range(300))
    assert found.notes == ()


def test_an_index_leads_to_the_products() -> None:
    index = f"""<sitemapindex><sitemap><loc>{HOME}post-sitemap.xml</loc></sitemap>
      <sitemap><loc> {HOME}product-sitemap1.xml </loc></sitemap></sitemapindex>"""
    files = {
        HOME + "a.xml": index.encode(),
        HOME + "product-sitemap1.xml": URLSET + entries(range(2)) + b"</urlset>",
        HOME + "post-sitemap.xml": URLSET + entries(range(5, 9)) + b"</urlset>",
    }
    assert listed(files).urls == (f"{HOME}p/0", f"{HOME}p/1")


@pytest.mark.parametrize(
    "body",
    [
        b"not xml at all",
        b"",
        b"\x1f\x8b broken",
        gzip.compress(HEAD + URLSET, mtime=0)[:20],
        b"<html><body><p>no sitemap<br><loc>https://shop.example/p/1</loc></body></html>",
        b"<urlset><url><loc></loc></url></urlset>",
    ],
)
def test_what_is_no_sitemap_lists_nothing(body: bytes) -> None:
    assert listed({HOME + "a.xml": body}).urls == ()


def test_a_sitemap_that_breaks_off_lists_what_came() -> None:
    assert len(listed({HOME + "a.xml": HEAD + URLSET + entries(range(9)) + b"<url><lo"}).urls) == 9


@pytest.mark.servers  # it takes its time by nature
def test_memory_follows_what_is_kept() -> None:
    more = "<lastmod>2026-01-01</lastmod><image:image><image:loc>x</image:loc></image:image>" * 3
    body = HEAD + URLSET + entries(range(20_000), more=more) + b"</urlset>"
    assert len(body) > 4_000_000
    tracemalloc.start()
    sitemap = Sitemap(lambda url: url.endswith("/77"))
    for at in range(0, len(body), 65_536):
        sitemap.write(body[at : at + 65_536])
    sitemap.close()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(sitemap.urls) == [f"{HOME}p/77"]
    assert peak < 1_000_000


def test_a_bomb_ends_where_the_format_does() -> None:
    bomb = gzip.compress(URLSET + entries(range(10)) + b" " * 60_000_000)
    found = listed({HOME + "a.xml": bomb})
    assert len(found.urls) == 10
    assert found.notes == (f"{HOME}a.xml is larger than 50 MB: the rest was not read",)


def test_the_most_items_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemaps, "_MAX_KEPT", 15)
    files = {
        HOME + "a.xml": URLSET + entries(range(10)) + b"</urlset>",
        HOME + "b.xml": URLSET + entries(range(5, 30)) + b"</urlset>",
    }
    found = listed(files, HOME + "a.xml", HOME + "b.xml")
    assert found.urls == tuple(f"{HOME}p/{n}" for n in range(15))
    assert found.notes == ("more than 15 items in sitemaps: the others were left out",)


def test_the_most_files_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemaps, "_MAX_FILES", 3)
    files = {f"{HOME}{n}.xml": URLSET + entries(range(n, n + 1)) + b"</urlset>" for n in range(5)}
    found = listed(files, *files)
    assert len(found.urls) == 3
    assert found.notes == ("more than 3 sitemaps: the others were not read",)
