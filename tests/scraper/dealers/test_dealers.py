"""What the five dealers state beside their pages: addresses, hosts, catalogue pages, twins."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from scraper import dealers
from scraper.dealers import DEALERS, aoi_art, nihonto_art, touken_komachi, world_seiyudo
from scraper.pages.catalogue import Item
from scraper.pages.dealer import Dealer
from scraper.pages.document import page_from_html
from scraper.pages.listing import Price, Status
from scraper.pages.readings import Reading
from scraper.reading import read_listing
from scraper.rows.discovery import one_page_each
from scraper.rows.known_dealers import dealer_for_url, known_dealers


@pytest.mark.parametrize("dealer", DEALERS, ids=lambda dealer: dealer.name)
def test_a_module_opens_with_what_it_was_checked_against(dealer: Dealer) -> None:
    name = re.sub(r"[^a-z0-9]+", "_", dealer.name.lower())
    text = (Path(dealers.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    assert "Checked against:" in text.split('"""')[1]
    assert "requests" not in text and "http.client" not in text


@pytest.mark.parametrize(
    "url",
    [
        "http://aoijapan.com/tsuba-mumeiunsigned-2",
        "https://www.aoijapan.com/tsuba-mumeiunsigned-2/",
        "https://aoijapan.com/tsuba-mumeiunsigned-2?utm_source=mail#top",
    ],
)
def test_aoi_art_has_one_address_an_item(url: str) -> None:
    expected = "https://www.aoijapan.com/tsuba-mumeiunsigned-2"
    assert aoi_art.DEALER.canonical_url(url) == expected


def test_aoi_art_keeps_shop_and_archive_and_numeric_tails_apart() -> None:
    shop = aoi_art.DEALER.canonical_url("https://aoijapan.com/katana-mumei-2")
    archive = aoi_art.DEALER.canonical_url("https://aoijapan.net/katana-mumei-2/")
    assert (shop, archive) == (
        "https://www.aoijapan.com/katana-mumei-2",
        "https://www.aoijapan.net/katana-mumei-2",
    )
    assert shop != aoi_art.DEALER.canonical_url("https://aoijapan.com/katana-mumei-3")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://NihontoArt.com:443/katana", "Nihonto Art"),
        ("http://www.nihontoart.com./katana", "Nihonto Art"),
        ("https://www.aoijapan.net/katana-x/", "Aoi Art"),
        ("https://nihonart.com/portfolio/gojo-tachi", None),
        ("https://nihonto.art/a", None),
        ("https://nihonto.com.au/product/a", None),
        ("https://aoi-art.com/items/1", None),
        ("https://world-seiyudo.com.evil.example/product/ka-010725", None),
        ("https://world-seiyudo.com@evil.example/product/ka-010725", None),
        ("https://evil.example/world-seiyudo.com", None),
        ("world-seiyudo.com/product/ka-010725", None),
        ("https://[::1", None),
    ],
)
def test_an_address_belongs_to_the_dealer_of_exactly_its_host(url: str, name: str | None) -> None:
    dealer = dealer_for_url(known_dealers([]), url)
    assert (dealer.name if dealer else None) == name


def test_nihonto_art_is_none_of_the_shops_that_sound_like_it() -> None:
    for other in ("https://nihonart.com/a", "https://nihonto.art/a", "https://nihonto.com.au/a"):
        assert nihonto_art.DEALER.canonical_url(other) == other


@pytest.mark.parametrize(
    ("url", "is_item", "code"),
    [
        ("http://www.toukenkomachi.com/index_ja_tachi&katanaA040820.html", True, "A040820"),
        ("https://toukenkomachi.com/index_ja_tachi%26katana_A040820.html", True, "A040820"),
        ("http://www.toukenkomachi.com/index_en_tachi&katana_A040820.html", True, "A040820"),
        ("https://www.toukenkomachi.com/index_en_tokuteisyoutorihiki.html", False, None),
        ("https://www.toukenkomachi.com/", False, None),
    ],
)
def test_touken_komachi_knows_an_item_by_its_code(
    url: str, is_item: bool, code: str | None
) -> None:
    assert touken_komachi.DEALER.is_item_url(url) is is_item
    assert touken_komachi.DEALER.item_code(url) == code


@pytest.mark.parametrize(
    ("known", "kept"),
    [
        ((), ("ja_katana_A000001", "en_tsuba_B000002")),
        (("en_katana_A000001",), ("en_katana_A000001", "en_tsuba_B000002")),
        (("ja_katana_A000001", "en_katana_A000001"), ("ja_katana_A000001", "en_tsuba_B000002")),
    ],
)
def test_an_item_with_two_pages_is_one_listing_and_english_alone_is_not_missed(
    known: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    def address(name: str) -> str:
        return f"https://www.toukenkomachi.com/index_{name}.html"

    names = ("en_katana_A000001", "ja_katana_A000001", "en_tsuba_B000002")
    items = [Item(address(name), address(name)) for name in names]
    found = one_page_each(touken_komachi.DEALER, items, {address(name) for name in known})
    assert [item.canonical for item in found] == [address(name) for name in kept]


_YEN = '<span class="woocommerce-Price-currencySymbol">&yen;</span>'
_AMOUNT, _STOCK = f"<bdi>{_YEN}480,000</bdi></span>", '<p class="stock out-of-stock">在庫切れ</p>'


@pytest.mark.parametrize(
    ("old", "new", "status", "amount"),
    [
        (_STOCK, "", Status.SOLD, 480_000),  # the class alone
        (_STOCK, '<p class="stock on-hold">On Hold</p>', Status.RESERVED, 480_000),
        (_STOCK, "<p>商談中</p>", Status.RESERVED, 480_000),
        (_AMOUNT, f"{_AMOUNT} SOLD OUT", Status.SOLD, 480_000),
        (f"{_YEN}480,000", "４８０，０００円", Status.SOLD, 480_000),
        (f"{_YEN}480,000", f"{_YEN}0", Status.AVAILABLE, None),
        ("</h1><p", "</h1><p>12 sold</p><p", Status.SOLD, 480_000),
        ("outofstock", "instock", Status.AVAILABLE, 480_000),
    ],
)
def test_world_seiyudo_reads_what_stands_beside_the_price(
    old: str, new: str, status: Status, amount: int | None
) -> None:
    sold = (Path(__file__).parent / "world_seiyudo" / "sold" / "page.html").read_text("utf-8")
    html = sold.replace(_STOCK, "") if new == "instock" else sold
    assert old in html
    page = page_from_html("https://world-seiyudo.com/product/wa-010203/", html.replace(old, new, 1))
    listing = read_listing(page, world_seiyudo.DEALER)
    assert (listing.status, listing.price.value) == (status, amount)


@pytest.mark.parametrize(
    ("out_of_stock", "amount", "expected"),
    [
        (True, 480_000, None),
        (True, None, Status.AVAILABLE),
        (False, None, None),
        (None, None, None),
    ],
)
def test_world_seiyudo_tells_inquiry_from_sold(
    out_of_stock: bool | None, amount: int | None, expected: Status | None
) -> None:
    price = Price(None if amount is None else Decimal(amount), "JPY", None)
    found = Reading(title="Katana", price=price, out_of_stock=out_of_stock)
    assert world_seiyudo.DEALER.status(found) is expected
