# ruff: noqa: E501 - markup in one line reads better than broken markup
"""A product marked in the page's own markup is read like one in JSON-LD; a tile's never is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.listing import Status
from scraper.reading import read_listing

DEALER = DealerSite(name="Sample", domain="s.example", catalog_url="https://s.example/")
OFFER = '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">{}</div>'
OWN = '<div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name">Tanto, Uda</h1>{}</div>'
TILE = '<div itemscope itemtype="https://schema.org/Product"><a href="/9.html" itemprop="url"><span itemprop="name">Tsuba, Owari</span></a>{}</div>'
GONE = '<meta itemprop="price" content="300"><meta itemprop="priceCurrency" content="EUR"><link itemprop="availability" href="http://schema.org/OutOfStock">'
HERE = '<meta itemprop="price" content="2400"><meta itemprop="priceCurrency" content="EUR"><link itemprop="availability" href="http://schema.org/InStock">'
RDFA = '<section vocab="https://schema.org/" typeof="Product"><h1 property="name">Tanto, Uda</h1><p property="offers" typeof="Offer"><span property="price" content="2400">2.400 €</span><span property="priceCurrency" content="EUR"></span><link property="availability" href="https://schema.org/SoldOut"></p></section>'
PREFIXED = '<section typeof="schema:Product"><h1 property="schema:name">Tanto, Uda</h1><p rel="x" property="schema:offers" typeof="schema:Offer"><span property="schema:price">€ 2.400,00</span><link property="schema:availability" href="schema:InStock"></p></section>'


@pytest.mark.parametrize(
    ("markup", "price", "status"),
    [
        (OWN.format(OFFER.format(HERE)), 2400, Status.AVAILABLE),
        (OWN.format(OFFER.format(GONE)), 300, Status.SOLD),
        (OWN.format(OFFER.format('<b itemprop="price">€ 2.400,00</b>')), 2400, Status.AVAILABLE),
        # the page's own among tiles, before and behind them, and around them
        (OWN.format(OFFER.format(HERE)) + TILE.format(OFFER.format(GONE)), 2400, Status.AVAILABLE),
        (TILE.format(OFFER.format(GONE)) + OWN.format(OFFER.format(HERE)), 2400, Status.AVAILABLE),
        (OWN.format(TILE.format(OFFER.format(GONE)) + OFFER.format(HERE)), 2400, Status.AVAILABLE),
        # the maker's name is not the item's
        (
            OWN.format(
                '<p itemprop="brand" itemscope itemtype="https://schema.org/Brand"><i itemprop="name">Uda</i></p>'
                + OFFER.format(HERE)
            ),
            2400,
            Status.AVAILABLE,
        ),
        (RDFA, 2400, Status.SOLD),
        (PREFIXED, 2400, Status.AVAILABLE),
    ],
)
def test_a_marked_product(markup: str, price: int, status: Status) -> None:
    html = f"<title>Tanto, Uda</title><img src='/1.jpg'>{markup}"
    found = read_listing(page_from_html("https://s.example/3.html", html), DEALER)
    assert (found.title, found.price.value, found.price.currency, found.status) == (
        "Tanto, Uda",
        Decimal(price),
        "EUR",
        status,
    )


def test_the_only_marked_product_is_not_the_pages_own_where_it_bears_another_name() -> None:
    html = f"<title>Tanto, Uda</title><h1>Tanto, Uda</h1><img src='/1.jpg'><p>Price: 2.400 €</p>{TILE.format(OFFER.format(GONE))}"
    found = read_listing(page_from_html("https://s.example/3.html", html), DEALER)
    assert (found.price.value, found.status) == (Decimal(2400), Status.AVAILABLE)


@pytest.mark.parametrize(("level", "status"), [(0, Status.SOLD), (2, Status.AVAILABLE)])
def test_a_stock_of_nothing_is_sold(level: int, status: Status) -> None:
    data = f'{{"@type":"Product","name":"Tanto, Uda","offers":{{"price":"2400","priceCurrency":"EUR","inventoryLevel":{{"value":{level}}}}}}}'
    html = (
        f'<h1>Tanto, Uda</h1><img src="/1.jpg"><script type="application/ld+json">{data}</script>'
    )
    found = read_listing(page_from_html("https://s.example/3.html", html), DEALER)
    assert found.status is status
