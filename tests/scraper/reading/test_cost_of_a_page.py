"""What reading a page costs, counted: it grows with the page and not faster."""

from __future__ import annotations

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import Document, page_from_html, parse
from scraper.pages.listing import Page
from scraper.pages.tree import Index
from scraper.platforms import PLATFORMS
from scraper.reading import assemble

DEALER = DealerSite(name="S", domain="s.example", catalog_url="https://s.example/", currency="JPY")
HEAD = "<title>刀 兼房</title><body><h1>刀 兼房</h1><img src='1.jpg'><p>価格 350,000円</p><table>"
ROW = '<tr><td><a href="/i/{0}.html">脇差 {0}</a></td><td>{0}cm</td><td>売約済</td></tr>'


def read(rows: int, platform: str, monkeypatch: pytest.MonkeyPatch, more: str = "") -> Index:
    parsed: list[Document] = []

    def kept(page: Page) -> Document:
        parsed.append(parse(page))
        return parsed[-1]

    monkeypatch.setattr(assemble, "parse", kept)
    row = ROW.replace("{0}cm", f"{{0}}cm {more}")
    html = HEAD + "".join(row.format(number) for number in range(rows)) + "</table>"
    page = page_from_html("https://s.example/3.html", html)
    assert assemble.read_listing(page, DEALER, platform=PLATFORMS[platform]).price.value == 350_000
    assert len(parsed) == 1  # once, whatever is read from it
    return parsed[0].soup.index_of_elements


def test_a_page_costs_in_proportion_to_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = read(100, "static", monkeypatch), read(800, "static", monkeypatch)
    assert small.searched < 150
    assert large.looked_at <= 9 * small.looked_at
    assert large.selections <= 9 * small.selections
    # A selector meets but few of all elements, some dozen selectors all of them.
    assert large.looked_at < 20 * len(large.everything)


def test_two_megabytes_with_3000_links_cost_what_their_size_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = "古刀 新刀 " * 50
    small, large = (
        read(300, "static", monkeypatch, words),
        read(3_000, "static", monkeypatch, words),
    )
    assert len((ROW + words).encode()) * 3_000 > 2_000_000
    assert large.searched <= small.searched + 10  # whole-page searches do not grow with it
    assert large.looked_at <= 10 * small.looked_at
    assert large.selections <= 10 * small.selections
