"""What nobody said is counted and told in one sentence."""

from __future__ import annotations

from collections import Counter

import pytest

from scraper.dealers.dealer_site import DealerSite
from scraper.pages.document import page_from_html
from scraper.pages.listing import MissingField
from scraper.platforms import PLATFORMS
from scraper.reading import read_listing
from scraper.reading.missing_fields import missing_fields_sentence

PICTURES = '<a href="1_L.jpg"><img src="1.jpg"></a><img src="2.jpg"><img src="3.jpg">'


@pytest.mark.parametrize(
    ("markup", "missing_fields"),
    [
        (f"{PICTURES}<p>価格 380,000円</p>", (MissingField.STATUS,)),
        (f"{PICTURES}<p>価格 380,000円</p><p>在庫あり</p>", ()),
        (f"{PICTURES}<p>価格 380,000円 商談中</p>", ()),
        (f"{PICTURES}<p>価格 お問い合わせください</p>", (MissingField.STATUS, MissingField.PRICE)),
        (f"{PICTURES}<p>売約済</p>", ()),
        ("<p>価格 380,000円</p>", (MissingField.STATUS, MissingField.NO_PICTURE)),
    ],
)
def test_a_page_says_what_it_did_not_say(
    markup: str, missing_fields: tuple[MissingField, ...]
) -> None:
    assert read(markup).missing_fields == missing_fields


def test_one_picture_on_a_page_that_shows_more_is_told() -> None:
    dealer = {"image_selectors": (".first",)}
    found = read(f'<div class="first"><img src="0.jpg"></div>{PICTURES}<p>価格 1円</p>', **dealer)
    assert len(found.images) == 1
    assert MissingField.ONE_PICTURE in found.missing_fields


def test_a_cap_that_cuts_is_told() -> None:
    found = read(f"{PICTURES}<p>価格 1円 SOLD</p>", max_images=2)
    assert (len(found.images), found.missing_fields) == (2, (MissingField.CUT_PICTURES,))


def read(markup: str, **settings: object):  # type: ignore[no-untyped-def]
    html = (
        f"<title>刀 兼房</title><body><h1>刀 兼房</h1>{markup}"
        "<p>長さ 70.3cm、反り 1.8cm、目釘穴は一個です。生ぶ茎、刃文は互の目乱れ、地鉄は板目。</p>"
    )
    dealer = DealerSite(
        name="S", domain="s.example", catalog_url="https://s.example/", currency="JPY", **settings
    )
    page = page_from_html("https://s.example/3.html", html)
    return read_listing(page, dealer, platform=PLATFORMS["static"])


def test_a_run_tells_it_in_one_sentence() -> None:
    missing_fields = (
        [MissingField.STATUS] * 12 + [MissingField.PRICE] * 3 + [MissingField.ONE_PICTURE] * 20
    )
    titles = Counter(str(number) for number in range(41))
    assert missing_fields_sentence(41, missing_fields, titles) == (
        "41 rows: status by default on 12, no price on 3, 1 picture on 20 pages that show more"
    )
    assert missing_fields_sentence(41, [], titles) is None
    slogan = Counter({"日本刀の専門店": 30, "刀": 1})
    assert (
        missing_fields_sentence(31, [], slogan) == "31 rows: the same title on 30 (日本刀の専門店)"
    )
