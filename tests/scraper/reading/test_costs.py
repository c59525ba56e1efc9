"""What reading a page costs, in counts: selections asked, and elements that they had to look at."""

from __future__ import annotations

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages import tree
from scraper.pages.document import page_from_html
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing

MOST_SELECTIONS = 110
TILE = (
    '<div class="card"><a href="/x/{n}"><img src="/i/{n}.jpg"><h3>Tsuba {n}</h3></a>'
    "<p>¥1,000</p></div>"
)


def cost_of(html: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Selections, and elements looked at, of one reading."""
    made: list[tree.Index] = []
    begin = tree.Index.__init__

    def kept(self: tree.Index, *args: object, **kwargs: object) -> None:
        made.append(self)
        begin(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(tree.Index, "__init__", kept)
    dealer = DealerSite(
        name="Sample",
        domain="shop.example",
        catalog_url="https://shop.example/",
        platform=PLATFORMS["wordpress"],
        currency="JPY",
    )
    read_listing(page_from_html("https://shop.example/tsuba/", html.encode()), dealer)
    return sum(one.selections for one in made), sum(one.looked_at for one in made)


def page(tiles: int) -> str:
    around = "".join(TILE.format(n=n) for n in range(tiles))
    return (
        "<html><head><title>Tsuba, Edo period</title></head><body class='single-post'><main>"
        "<article class='post'><h1 class='entry-title'>Tsuba, Edo period</h1>"
        "<div class='entry-content'><p>価格 ¥50,000</p>"
        "<a href='/wp-content/uploads/a.jpg'><img src='/wp-content/uploads/a-300x200.jpg'></a>"
        f"</div></article></main><aside>{around}</aside></body></html>"
    )


def test_a_page_is_asked_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    few = cost_of(page(5), monkeypatch)
    many = cost_of(page(200), monkeypatch)
    assert few[0] <= MOST_SELECTIONS
    assert many[0] <= few[0] + 10, "selections do not grow with the page"
    assert many[1] <= few[1] + 195 * 15, "what they look at grows with it, and not faster"
