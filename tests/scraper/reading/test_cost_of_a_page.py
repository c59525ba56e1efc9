"""What reading a page costs, counted: it grows with the page and not faster."""

from __future__ import annotations

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import Document, page_from_html, parse
from scraper.pages.listing import Page, ScrapedListing
from scraper.pages.tree import Index
from scraper.platforms import PLATFORMS
from scraper.reading import assemble

DEALER = DealerSite(name="S", domain="s.example", catalog_url="https://s.example/", currency="JPY")
HEAD = "<title>刀 兼房</title><body><h1>刀 兼房</h1><img src='1.jpg'><p>価格 350,000円</p><table>"
ROW = '<tr><td><a href="/i/{0}.html">脇差 {0}</a></td><td>{0}cm</td><td>売約済</td></tr>'


def read(rows: int, platform: str, monkeypatch: pytest.MonkeyPatch, more: str) -> Index:
    row = ROW.replace("{0}cm", f"{{0}}cm {more}")
    html = HEAD + "".join(row.format(number) for number in range(rows)) + "</table>"
    listing, index = read_html(html, platform, monkeypatch)
    assert listing.price.value == 350_000
    return index


def read_html(
    html: str, platform: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[ScrapedListing, Index]:
    """What a page says, and what it cost."""
    parsed: list[Document] = []

    def kept(page: Page) -> Document:
        parsed.append(parse(page))
        return parsed[-1]

    monkeypatch.setattr(assemble, "parse", kept)
    page = page_from_html("https://s.example/3.html", html)
    listing = assemble.read_listing(page, DEALER, platform=PLATFORMS[platform])
    assert len(parsed) == 1  # once, whatever is read from it
    return listing, parsed[0].soup.index_of_elements


def test_a_page_costs_in_proportion_to_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to two megabytes with 3,000 links."""
    words = "古刀 新刀 " * 50
    small = read(300, "static", monkeypatch, words)
    large = read(3_000, "static", monkeypatch, words)
    assert len((ROW + words).encode()) * 3_000 > 2_000_000
    assert small.searched < 150
    assert large.searched <= small.searched + 10  # whole-page searches do not grow with it
    assert large.looked_at <= 10 * small.looked_at
    assert large.selections <= 10 * small.selections
    # A selector meets but few of all elements, some dozen selectors all of them.
    assert large.looked_at < 20 * len(large.everything)


MOST_SELECTIONS = 110
TILE = (
    '<div class="card"><a href="/x/{n}"><img src="/i/{n}.jpg"><h3>Tsuba {n}</h3></a>'
    "<p>¥1,000</p></div>"
)


def with_tiles(tiles: int) -> str:
    around = "".join(TILE.format(n=n) for n in range(tiles))
    return (
        "<html><head><title>Tsuba, Edo period</title></head><body class='single-post'><main>"
        "<article class='post'><h1 class='entry-title'>Tsuba, Edo period</h1>"
        "<div class='entry-content'><p>価格 ¥50,000</p>"
        "<a href='/wp-content/uploads/a.jpg'><img src='/wp-content/uploads/a-300x200.jpg'></a>"
        f"</div></article></main><aside>{around}</aside></body></html>"
    )


def test_a_page_is_asked_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (read_html(with_tiles(n), "wordpress", monkeypatch)[1] for n in (5, 200))
    assert few.selections <= MOST_SELECTIONS
    assert many.selections <= few.selections + 10, "selections do not grow with the page"
    assert many.looked_at <= few.looked_at + 195 * 15, "it grows with the page, and not faster"
