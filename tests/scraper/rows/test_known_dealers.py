"""Which dealers there are, and what may be set about them without code."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from scraper.dealers.settings import DealerSettingError, parse_settings
from scraper.pages.document import page_from_html
from scraper.pages.listing import Price, Status
from scraper.reading import read_listing
from scraper.rows.dealer_table import DealerRow
from scraper.rows.known_dealers import build_dealer, choose, known_dealers


def row(name: str, **settings: Any) -> DealerRow:
    host = f"{name.lower()}.example"
    return DealerRow(1, name, host, f"https://{host}/", "woocommerce", None, None, True, settings)


def test_a_dealer_named_twice_is_scraped_once() -> None:
    known = known_dealers([row("Sample"), row("Other")])
    chosen = choose(known, ["sample", "Other", " Sample", "SAMPLE"])
    assert [entry.dealer.name for entry in chosen] == ["Sample", "Other"]


@pytest.mark.parametrize("name", ["Sample", "Aoi Art"])
def test_a_wrong_setting_in_the_table_stops_its_own_dealer_only(name: str) -> None:
    known = known_dealers([row(name, product_pattern="(["), row("Other", max_images="7")])
    faults = {entry.dealer.name: entry.fault for entry in known if entry.fault}
    assert list(faults) == [name]
    assert f"scrape dealers set '{name}'" in str(faults[name])
    assert next(e.dealer.max_images for e in known if e.dealer.name == "Other") == 7


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("colour", "red", "no dealer setting named 'colour'"),
        ("product_pattern", "([", "a regular expression, which '([' is not"),
        ("excluded_images", ["logo", "*"], "a regular expression, which '*' is not"),
        ("catalogue_pattern", "(", "a regular expression"),
        ("title_selector", "h1..x", "a CSS selector, which 'h1..x' is not"),
        ("cut_selectors", ["aside", "a["], "a CSS selector, which 'a[' is not"),
        ("encoding", "shift-jiss", "an encoding that Python knows"),
        ("catalogue_urls", "/shop/", "an http(s) address"),
        ("scheme", "ftp", "http or https"),
        ("verify_tls", "perhaps", "true or false"),
        ("max_images", "many", "needs a number"),
        ("max_images", "0", "between 1 and 100"),
        ("delay_s", "-1", "between 0 and 3600"),
        ("delay_s", "nan", "between 0 and 3600"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(name: str, value: Any, says: str) -> None:
    with pytest.raises(DealerSettingError) as caught:
        parse_settings({name: value})
    assert says in str(caught.value)


def test_settings_become_the_dealers_fields() -> None:
    typed = {
        "product_pattern": r"^/items/",
        "cut_selectors": "aside",
        "excluded_images": ["a", "b"],
        "verify_tls": "off",
        "trailing_slash": True,
        "max_images": "20",
        "delay_s": "2.5",
        "catalogue_pattern": r"page=\d+",
        "referer": "yes",
    }
    assert parse_settings(typed) == {
        "product_pattern": r"^/items/",
        "cut_selectors": ("aside",),
        "excluded_images": ("a", "b"),
        "verify_tls": False,
        "trailing_slash": True,
        "max_images": 20,
        "delay_s": 2.5,
        "catalogue_pattern": r"page=\d+",
    }


@pytest.mark.parametrize(
    ("name", "settings", "cleaned"),
    [
        ("Kyoto Touken", {}, "Tsuba with geese"),
        ("京都刀剣", {}, "Tsuba with geese - Kyoto Touken"),
        ("Tsuba", {}, "Tsuba with geese - Kyoto Touken"),  # a word of titles too
        ("Kyoto", {"shop_names": ["Kyoto Touken"]}, "Tsuba with geese"),
    ],
)
def test_a_title_is_cleaned_of_its_dealers_name(
    name: str, settings: dict[str, Any], cleaned: str
) -> None:
    made = build_dealer(
        name, "https://shop.example/", platform=None, currency=None, settings=settings
    )
    assert made.clean_title("Tsuba with geese - Kyoto Touken") == cleaned


PAGE = """<html><head><title>A</title></head><body class="single-product"><div id="product-5"
class="product type-product post-5 instock"><div class="woocommerce-product-gallery"><img
src="https://shop.example/a.jpg"></div><div class="summary"><h1 class="product_title">A</h1>
<p class="price"><span class="amount">&yen;1,000</span></p><h2 class="own">Tsuba with geese</h2>
<b class="asked">¥2,000</b><i class="state">商談中</i></div><p class="posted_in">Tsuba</p></div>
<div class="photos"><img src="https://shop.example/b.jpg"></div></body></html>"""


def test_a_selector_that_is_set_beats_what_the_platform_says() -> None:
    settings = {
        "title_selector": ".own",
        "price_selector": ".asked",
        "status_selector": ".state",
        "image_selectors": [".photos"],
    }
    made = build_dealer(
        "X", "https://shop.example/", platform="woocommerce", currency="JPY", settings=settings
    )
    listing = read_listing(page_from_html("https://shop.example/product/a/", PAGE), made)
    assert (listing.title, listing.price, listing.status, listing.images) == (
        "Tsuba with geese",
        Price(Decimal(2000), "JPY", "¥2,000"),
        Status.RESERVED,
        ("https://shop.example/b.jpg",),
    )
    assert {listing.layers[name] for name in ("title", "price", "status", "images")} == {"dealer"}


def test_a_fragment_may_name_the_item() -> None:
    made = build_dealer(
        "X",
        "https://shop.example/swords.php",
        platform="static",
        currency=None,
        settings={"identity_fragment": r"item\d+"},
    )
    urls = ("https://www.shop.example/swords.php#item86", "https://shop.example/swords.php#top")
    assert [made.canonical_url(url) for url in urls] == [
        "https://shop.example/swords.php#item86",
        "https://shop.example/swords.php",
    ]
