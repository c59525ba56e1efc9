# ruff: noqa: E501 - markup in one line reads better than broken markup
"""Other items' tiles on the page of a shop that nobody described: neither their pictures nor their
prices nor their marks are the item's."""

from __future__ import annotations

from decimal import Decimal

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.listing import Status
from scraper.reading import read_listing

DEALER = DealerSite(name="Sample", domain="s.example", catalog_url="https://s.example/")
PAGE = """<html><head><title>Katana, Bizen</title></head><body><main><h1>Katana, Bizen</h1>
<a href="/p/k1_big.jpg"><img src="/p/k1.jpg"></a><img src="/p/k2.jpg"><p>Price: $4,000</p><p><a href="/contact">Ask about it</a></p>
<h2>You may like</h2><div class="grid">{}</div></main></body></html>"""
CASES = {
    "a price behind": '<div><a href="/tanto"><img src="/p/t.jpg"></a><h3><a href="/tanto">Tanto</a></h3><p>$900</p></div>',
    "a sign in an element of its own": '<div><a href="/tanto"><img src="/p/t.jpg"></a><h3><a href="/tanto">Tanto</a></h3><p><i>$</i><b>900</b></p></div>',
    "a badge in front": '<div><em>SOLD</em><a href="/tanto"><img src="/p/t.jpg"></a><a href="/tanto">Tanto</a><p>$900</p></div>',
    "a button and a way to the cart": '<div><a href="/tanto"><img src="/p/t.jpg"></a><h3><a href="/tanto">Tanto</a></h3><p>$900</p><button>Add to cart</button><span hidden><a href="/cart/">View cart</a></span></div>',
    "a wish list": '<div><a href="/wishlist?add=7" class="w"><i></i></a><a href="/tanto"><img src="/p/t.jpg"></a><p><a href="/tanto">Tanto</a></p><p>$900</p></div>',
    "one of several without a price": '<div><a href="/tsuba"><img src="/p/b.jpg"></a><p>Tsuba</p></div><div><a href="/tanto"><img src="/p/t.jpg"></a><p>Tanto</p><p>$900</p></div>',
    "one behind without a price": '<div><a href="/tanto"><img src="/p/t.jpg"></a><p>Tanto</p><p>$900</p></div><div><p><a href="/tsuba"><img src="/p/b.jpg"></a></p><p>Tsuba, on inquiry</p></div>',
}


@pytest.mark.parametrize("case", CASES)
def test_another_items_tile_lends_nothing(case: str) -> None:
    page = page_from_html("https://s.example/katana", PAGE.format(CASES[case]))
    found = read_listing(page, DEALER)
    assert (found.price.value, found.status) == (Decimal(4000), Status.AVAILABLE)
    assert found.images == ("https://s.example/p/k1_big.jpg", "https://s.example/p/k2.jpg")


def test_pictures_that_lead_to_their_own_pages_stay_the_items() -> None:
    views = "".join(f'<a href="/katana/view{n}.html"><img src="/p/v{n}.jpg"></a>' for n in (1, 2))
    found = read_listing(
        page_from_html("https://s.example/katana", PAGE.format(f"</div><div>{views}")), DEALER
    )
    assert len(found.images) == 4


@pytest.mark.parametrize(
    "own",
    [
        '<div>{view}<p>Price: $4,000</p><p>Length 70 cm</p><a href="mail.html">Ask us</a></div>',
        '<table><tr><td>{view}</td><td>Katana<br>Price: $4,000<br><a href="mail.html">Ask</a></td></tr></table>',
        '<center>{view}<p>$4,000 <a href="mailto:x@s.example">email us</a></center>',
        '<div>{view}<p>Price: $4,000</p><a href="/cart?add=3">Add to cart</a></div>',
        "<div>{view}<p><i>$</i><b>4,000</b></p></div>",
        "<div><b>Available</b>{view}<p>Price: $4,000</p></div>",
    ],
)
def test_the_only_picture_that_leads_to_a_larger_view_is_the_items_own(own: str) -> None:
    view = '<a href="view.html"><img src="/p/k1.jpg"></a>'
    page = f"<title>Katana, Bizen</title><font>Katana, Bizen</font>{own.format(view=view)}"
    found = read_listing(page_from_html("https://s.example/katana", page), DEALER)
    assert (found.price.value, found.images) == (Decimal(4000), ("https://s.example/p/k1.jpg",))


def test_a_tab_with_the_description_is_not_the_items_whole_part() -> None:
    page = """<body><div class="top"><h1>Katana, Bizen</h1><img src="/p/k1.jpg"><img src="/p/k2.jpg"><p>Price: $4,000</p></div>
    <div class="tabs"><div class="entry-content"><p>Signed Sukesada, of the Bizen school, in shirasaya.</p></div></div></body>"""
    found = read_listing(page_from_html("https://s.example/katana", page), DEALER)
    assert len(found.images) == 2
