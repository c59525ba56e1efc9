# ruff: noqa: E501 - markup in one line reads better than broken markup
"""How each shop system's list of items is found, on small shops that live in a dictionary."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from scraper.base.errors import ErrorKind, FinalFetchError, RobotsRefusedError
from scraper.dealers import aoi_art, touken_komachi
from scraper.dealers.dealer_site import DealerSite
from scraper.pages.dealer import Dealer, Platform
from scraper.pages.document import page_from_html, parse
from scraper.pages.errors import UnexpectedPageError
from scraper.pages.fetcher import Body
from scraper.pages.listing import Page
from scraper.platforms import PLATFORMS, detect
from scraper.platforms.sitemaps import parse_sitemap

HOME = "https://shop.example"


class Site:
    """A site made of answers by path; everything else is a 404. It remembers what was asked."""

    def __init__(
        self,
        answers: Mapping[str, str],
        headers: Mapping[str, Mapping[str, str]] | None = None,
        refused: tuple[str, ...] = (),
        home: str = HOME,
    ) -> None:
        self.answers = answers
        self.headers = headers or {}
        self.refused = refused
        self.home = home
        self.asked: list[str] = []

    def page(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Page | None:
        path = url.removeprefix(self.home) or "/"
        self.asked.append(path)
        if any(path.startswith(start) for start in self.refused):
            raise RobotsRefusedError(url)
        if path not in self.answers:
            raise FinalFetchError(url, ErrorKind.HTTP_404, "HTTP 404", status=404)
        return page_from_html(url, self.answers[path], headers=self.headers.get(path, {}))

    def json(self, url: str) -> tuple[Any, Page]:
        page = self.page(url)
        assert page is not None
        return json.loads(page.text), page

    def stream(self, url: str, begin: Callable[[], Body], *, max_bytes: int) -> Body:
        page, body = self.page(url), begin()
        assert page is not None
        body.write(page.body)
        return body

    def sitemaps(self, url: str) -> tuple[str, ...]:
        return ()


def dealer(**changes: Any) -> Dealer:
    return DealerSite(
        **{"name": "Sample", "domain": "shop.example", "catalog_url": f"{HOME}/"} | changes
    )


def listed(platform: Platform, site: Site, **changes: Any) -> list[str]:
    catalogue = platform.catalogue(dealer(platform=platform, **changes), site)
    return [item.canonical.removeprefix(HOME) for item in catalogue.items]


def tile(slug: str, classes: str = "li.product") -> str:
    return (
        f'<li class="product type-product"><a href="{HOME}/product/{slug}/?utm_source=x" '
        f'class="woocommerce-LoopProduct-link"><h2>{slug}</h2></a>'
        f'<a href="/shop/?add-to-cart=1" class="add_to_cart_button">Add</a></li>'
    )


def archive(*slugs: str, after: str = "") -> str:
    tiles = "".join(tile(slug) for slug in slugs)
    return (
        '<html><body class="archive post-type-archive-product woocommerce-shop"><main>'
        f'<ul class="products">{tiles}</ul>{after}</main>'
        f'<aside class="sidebar"><ul class="products">{tile("in-the-sidebar")}</ul></aside></body></html>'
    )


def api_product(slug: str) -> dict[str, Any]:
    return {
        "permalink": f"{HOME}/product/{slug}/",
        "name": slug,
        "prices": {"currency_code": "JPY"},
    }


HOME_PAGE = f'<html><body><a rel="home" href="{HOME}/">Home</a><a href="/boutique/">Boutique</a></body></html>'
NEXT = '<nav class="woocommerce-pagination"><a class="next page-numbers" href="/shop/page/2/">next</a></nav>'
BLOCK_NEXT = '<nav class="wp-block-query-pagination"><a class="wp-block-query-pagination-next" href="/shop/?query-0-page=2">Next</a></nav>'
API = "/wp-json/wc/store/v1/products?per_page=100&page="


def test_woocommerce_lists_what_the_catalogue_shows_and_not_what_only_the_api_knows() -> None:
    site = Site(
        {
            "/": HOME_PAGE,
            "/shop/": archive("one", "two", after=NEXT),
            "/shop/page/2/": archive("three"),
            API + "1": json.dumps([api_product("one"), api_product("hidden")]),
            API + "2": json.dumps([api_product("three")]),
        },
        {
            API + "1": {
                "X-WP-TotalPages": "2",
                "Link": "<https://shop.example/x?a=1#038;b=2>; rel=next",
            }
        },
    )
    catalogue = PLATFORMS["woocommerce"].catalogue(dealer(), site)
    assert [(i.canonical.rsplit("/", 1)[-1], i.api is not None) for i in catalogue.items] == [
        ("one", True), ("two", False), ("three", True),
    ]  # fmt: skip
    assert catalogue.currency == "JPY"
    assert any("1 products of the API" in note for note in catalogue.notes)


class StoreApi(Site):
    """A shop of 25 products whose Store API has ways of its own."""

    def __init__(self, ways: str, answers: Mapping[str, str]) -> None:
        super().__init__(answers)
        self.ways = ways
        self.slugs = [f"sword-{n}" for n in range(25)]

    def page(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Page | None:
        if "/wc/store/" not in url:
            return super().page(url)
        self.asked.append(url.removeprefix(HOME))
        asked = {key: int(value[0]) for key, value in parse_qs(urlsplit(url).query).items()}
        size, number = asked["per_page"], asked["page"]
        is_v1 = "/v1/" in url
        if self.ways == "none" or (self.ways, is_v1) in (("v1", False), ("unversioned", True)):
            raise FinalFetchError(url, ErrorKind.HTTP_404, "404", status=404)
        if self.ways == "small pages" and size > 20:
            raise FinalFetchError(url, ErrorKind.HTTP_4XX, "400", status=400)
        if self.ways == "html":
            return page_from_html(url, "<html>Just a page</html>")
        size = 10 if self.ways == "size ignored" else size
        number = 1 if self.ways == "page ignored" else number
        listed = [api_product(slug) for slug in self.slugs[(number - 1) * size : number * size]]
        counts = {"X-WP-TotalPages": str(-(-25 // size)), "Link": "<https://x/?a=1#038;b=2>"}
        if self.ways == "no page beyond" and not listed:
            raise FinalFetchError(url, ErrorKind.HTTP_4XX, "400", status=400)
        silent = self.ways in ("size ignored", "page ignored", "no count", "no page beyond")
        return page_from_html(url, json.dumps(listed), headers={} if silent else counts)


WAYS = ("v1", "unversioned", "small pages", "size ignored", "no count", "no page beyond")


@pytest.mark.parametrize(
    ("ways", "described"),
    [*((way, 25) for way in WAYS), ("page ignored", 25), ("none", 0), ("html", 0)],
)
def test_the_store_api_describes_what_it_can_in_every_version(ways: str, described: int) -> None:
    slugs = [f"sword-{n}" for n in range(25)]
    site = StoreApi(ways, {"/": HOME_PAGE, "/shop/": archive(*slugs)})
    found = PLATFORMS["woocommerce"].catalogue(dealer(), site).items
    assert len(found) == 25
    assert sum(item.api is not None for item in found) == described
    assert len(site.asked) <= 12


@pytest.mark.parametrize("ways", WAYS)
def test_the_store_api_alone_lists_everything(ways: str) -> None:
    assert len(listed(PLATFORMS["woocommerce"], StoreApi(ways, {"/": HOME_PAGE}))) == 25


@pytest.mark.parametrize(
    "answers",
    [
        {"/": HOME_PAGE, "/shop/": archive("one", after=NEXT), "/shop/page/2/": archive("two")},
        {
            "/": HOME_PAGE,
            "/shop/": archive("one", after=BLOCK_NEXT),
            "/shop/?query-0-page=2": archive("two"),
        },
        {"/": HOME_PAGE, "/boutique/": archive("one", "two")},
        {"/": HOME_PAGE, "/?post_type=product": archive("one", "two")},
        {"/": archive("one", "two")},
    ],
    ids=[
        "classic",
        "block theme",
        "translated shop",
        "plain permalinks",
        "the shop is the front page",
    ],
)
def test_woocommerce_without_its_api_lists_the_same(answers: Mapping[str, str]) -> None:
    assert listed(PLATFORMS["woocommerce"], Site(answers)) == ["/product/one", "/product/two"]


def test_a_catalogue_that_breaks_off_is_begun_anew_elsewhere() -> None:
    site = Site(
        {"/": HOME_PAGE, "/shop/": archive("one", after=NEXT), "/boutique/": archive("one", "two")}
    )
    assert listed(PLATFORMS["woocommerce"], site) == ["/product/one", "/product/two"]


def test_a_catalogue_that_only_breaks_off_is_an_error_not_half_a_list() -> None:
    with pytest.raises(FinalFetchError):
        listed(
            PLATFORMS["woocommerce"], Site({"/": HOME_PAGE, "/shop/": archive("one", after=NEXT)})
        )


@pytest.mark.parametrize("count", ["", '<p class="woocommerce-result-count">3 results</p>'])
def test_a_catalogue_whose_theme_loads_more_by_a_script_is_listed_whole(count: str) -> None:
    site = Site(
        {
            "/": HOME_PAGE,
            "/shop/": archive("one", "two", after=count),
            "/shop/page/2/": archive("three", after=count),
        }
    )
    assert listed(PLATFORMS["woocommerce"], site) == [
        "/product/one",
        "/product/two",
        "/product/three",
    ]
    assert ("/shop/page/3/" in site.asked) is (count == "")


def test_a_tile_says_what_is_out_of_stock() -> None:
    tiles = archive("a", "b", "c").replace("type-product", "type-product outofstock", 1)
    tiles = tiles.replace('type-product"', 'type-product instock"', 1)
    site = Site({"/": tiles})
    catalogue = PLATFORMS["woocommerce"].catalogue(dealer(), site)
    assert [item.out_of_stock for item in catalogue.items] == [True, False, None]


def test_woocommerce_falls_back_to_the_sitemap() -> None:
    urls = "".join(
        f"<url><loc>{HOME}/{p}</loc></url>" for p in ("product/one/", "about/", "product/two/")
    )
    site = Site({
        "/": HOME_PAGE,
        "/wp-sitemap.xml": f"<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><sitemap><loc>{HOME}/wp-sitemap-posts-product-1.xml</loc></sitemap></sitemapindex>",
        "/wp-sitemap-posts-product-1.xml": f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{urls}</urlset>",
    })  # fmt: skip
    assert listed(PLATFORMS["woocommerce"], site) == ["/product/one", "/product/two"]


def test_woocommerce_asks_its_api_where_robots_txt_refuses_the_catalogue() -> None:
    api = {"/wp-json/wc/store/v1/products?per_page=100&page=1": json.dumps([api_product("one")])}
    site = Site({"/": HOME_PAGE, **api}, refused=("/shop/",))
    assert listed(PLATFORMS["woocommerce"], site) == ["/product/one"]
    with pytest.raises(RobotsRefusedError):
        listed(PLATFORMS["woocommerce"], Site({"/": HOME_PAGE}, refused=("/",)))


def test_a_catalogue_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scraper.platforms.pagination.MAX_PAGES", 2)
    pages = {
        f"/SHOP/{n}/list.html": f'<a href="/SHOP/{n}.html">x</a><a href="/SHOP/{n + 1}/list.html">></a>'
        for n in range(1, 5)
    }
    start = (f"{HOME}/SHOP/1/list.html",)
    with pytest.raises(UnexpectedPageError, match="an end of the catalogue after 2 pages"):
        listed(PLATFORMS["shopserve"], Site(pages), catalogue_urls=start)


def test_a_next_page_that_is_the_same_for_ever_ends_the_list_with_a_note() -> None:
    def turn(number: int) -> str:
        return NEXT.replace("/page/2/", f"/page/{number}/")

    pages = {f"/shop/page/{n}/": archive("a", "b", after=turn(n + 1)) for n in range(2, 40)}
    site = Site({"/": HOME_PAGE, "/shop/": archive("a", "b", after=NEXT), **pages})
    shop = dealer(platform=PLATFORMS["woocommerce"])
    catalogue = PLATFORMS["woocommerce"].catalogue(shop, site)
    assert [item.canonical for item in catalogue.items] == [f"{HOME}/product/{s}" for s in "ab"]
    assert "the same list again" in " ".join(catalogue.notes)
    assert sum("/shop/page/" in path for path in site.asked) == 3


def test_shopify_items_have_one_address_in_all_collections() -> None:
    links = '<a href="/collections/all/products/one?variant=7">1</a><a href="/products/one">1</a>'
    site = Site({
        "/collections/all": links + '<link rel="next" href="/collections/all?page=2">',
        "/collections/all?page=2": '<a href="/collections/x/products/two">2</a>',
    })  # fmt: skip
    assert listed(PLATFORMS["shopify"], site) == [
        "/products/one",
        "/products/two",
    ]


def test_a_shopify_list_is_read_page_by_page() -> None:
    full = [{"handle": f"sword-{n}"} for n in range(250)]
    site = Site({
        "/products.json?limit=250&page=1": json.dumps({"products": full}),
        "/products.json?limit=250&page=2": json.dumps({"products": [{"handle": "last"}]}),
    })  # fmt: skip
    found = listed(PLATFORMS["shopify"], site)
    assert len(found) == 251
    assert found[-1] == "/products/last"


def test_ec_cube_items_are_told_apart_by_their_query() -> None:
    site = Site({
        "/products/list": '<a href="/products/detail.php?product_id=345">a</a><a href="/products/detail.php?product_id=346">b</a>'
        '<a href="/products/list?pageno=2">2</a>',
        "/products/list?pageno=2": '<a href="/products/detail/400">c</a><a href="/cart">cart</a>',
    })  # fmt: skip
    assert listed(PLATFORMS["ec_cube"], site) == [
        "/products/detail.php?product_id=345", "/products/detail.php?product_id=346", "/products/detail/400",
    ]  # fmt: skip


def test_ec_cube_2_lists_its_items_elsewhere_and_turns_pages_by_a_script() -> None:
    site = Site({
        "/": '<a href="/products/list.php?category_id=1">x</a><a href="/products/detail.php?product_id=1">new</a>',
        "/products/list.php": '<a href="/products/detail.php?product_id=1&category_id=1">a</a>'
        '<div class="navi"><a href="javascript:;" onclick="fnNaviPage(\'2\'); return false;">2</a></div>',
        "/products/list.php?pageno=2": '<a href="/products/detail.php?product_id=2&category_id=9">b</a>',
    })  # fmt: skip
    assert listed(PLATFORMS["ec_cube"], site) == [
        "/products/detail.php?product_id=1", "/products/detail.php?product_id=2",
    ]  # fmt: skip


def test_ec_cube_without_a_list_of_everything_is_read_by_category() -> None:
    site = Site({
        "/": '<a href="/products/list?category_id=1">x</a><a href="/products/list?category_id=2">y</a>',
        "/products/list?category_id=1": '<a href="/products/detail/1">a</a><a href="/products/detail/2">b</a>',
        "/products/list?category_id=2": '<a href="/products/detail/2">b</a><a href="/products/detail/3">c</a>',
    })  # fmt: skip
    assert listed(PLATFORMS["ec_cube"], site) == [
        "/products/detail/1",
        "/products/detail/2",
        "/products/detail/3",
    ]


def test_shopserve_without_a_list_of_everything_is_read_from_its_front() -> None:
    site = Site({
        "/": '<a href="/SHOP/6/list.html">swords</a><a href="/SHOP/V-1.html">new</a>',
        "/SHOP/6/list.html": '<a href="/SHOP/6/7/list.html">tsuba</a>',
        "/SHOP/6/7/list.html": '<a href="/SHOP/V-2.html">2</a>',
    })  # fmt: skip
    assert listed(PLATFORMS["shopserve"], site) == ["/SHOP/V-1.html", "/SHOP/V-2.html"]


def test_shopserve_items_are_pages_below_shop() -> None:
    site = Site({
        "/SHOP/list.html": '<a href="/SHOP/V-2116.html">v</a><a href="/SHOP/1/list.html">all</a><a href="/cart.html">c</a>',
        "/SHOP/1/list.html": '<a href="/SHOP/75.html">75</a>',
    })  # fmt: skip
    assert listed(PLATFORMS["shopserve"], site) == ["/SHOP/V-2116.html", "/SHOP/75.html"]


def test_static_pages_follow_the_dealers_pattern_only() -> None:
    site = Site(
        {
            "/": '<a href="items/f1.html">1</a><a href="/about.html">x</a><a href="http://other.example/items/f2.html">o</a>'
        }
    )
    assert listed(PLATFORMS["static"], site, product_pattern=r"^/items/") == ["/items/f1.html"]
    with pytest.raises(UnexpectedPageError, match="product_pattern"):
        listed(PLATFORMS["static"], site)


def test_touken_komachi_is_walked_through_its_frames_and_lists() -> None:
    pages = {
        "/": '<frameset cols="20%,80%"><frame src="menu.html"><frame src="index_ja.html"></frameset>',
        "/index_ja.html": '<a href="index_ja_tachi&amp;katana.html">太刀・刀</a><a href="index_ja_tanto.html">短刀</a><a href="index_ja_sold.html">売却済</a><a href="script/mailform/CGI1/">問合せ</a>',
        "/index_ja_tachi&katana.html": '<a href="index_ja_tachi&katana_A050818.html">刀</a><a href="index_ja_tachi%26katanaA040820.html">太刀</a>',
        "/index_ja_tanto.html": '<a href="./index_ja_tanto_B010203.html">短刀</a><a href="index_ja_tokuteisyoutorihiki.html">表記</a>',
        "/index_ja_tokuteisyoutorihiki.html": "<p>特定商取引</p>",
    }
    home = touken_komachi.DEALER.catalog_url.rstrip("/")
    site = Site({path: f"<html>{html}</html>" for path, html in pages.items()}, home=home)
    found = PLATFORMS["static"].catalogue(touken_komachi.DEALER, site)
    assert [item.canonical.removeprefix(home) for item in found.items] == [
        "/index_ja_tachi&katana_A050818.html",
        "/index_ja_tachi&katanaA040820.html",
        "/index_ja_tanto_B010203.html",
    ]
    assert found.notes == (
        f"a list that is linked is not there or may not be read: {home}/index_ja_sold.html",
    )


def test_aoi_art_is_walked_through_the_lists_that_its_front_page_links() -> None:
    pages = {
        "/": '<nav><a href="/katana/">Katana</a><a href="/company/">Company</a></nav><a href="/katana-norinari/">Tachi: Norinari</a>',
        "/katana/": '<article><h2><a href="/katana-kanemitsu-2/">Katana: Kanemitsu</a></h2></article><a class="page-numbers" href="/katana/page/2/">2</a>',
        "/katana/page/2/": '<article><h2><a href="/katana-kanemitsu/">Katana: Kanemitsu</a></h2></article>',
    }
    home = aoi_art.DEALER.catalog_url.rstrip("/")
    site = Site(
        {path: f"<html><body>{html}</body></html>" for path, html in pages.items()}, home=home
    )
    found = PLATFORMS["wordpress"].catalogue(aoi_art.DEALER, site)
    assert [item.canonical.removeprefix(home) for item in found.items] == [
        "/katana-norinari",
        "/katana-kanemitsu-2",
        "/katana-kanemitsu",
    ]


@pytest.mark.parametrize(
    ("html", "platform"),
    [
        ('<meta name="generator" content="WooCommerce 9.1">', PLATFORMS["woocommerce"]),
        ('<body class="home woocommerce-no-js">', PLATFORMS["woocommerce"]),
        ('<link href="/wp-content/themes/x/style.css"><link rel="https://api.w.org/" href="/wp-json/">', PLATFORMS["wordpress"]),
        ('<script src="https://cdn.shopify.com/s/x.js"></script>', PLATFORMS["shopify"]),
        ('<a href="/products/detail.php?product_id=3">x</a>', PLATFORMS["ec_cube"]),
        ('<img src="https://image1.shopserve.jp/a/limg/x.jpg">', PLATFORMS["shopserve"]),
        ("<h1>Hello</h1>", None),
    ],
)  # fmt: skip
def test_a_platform_is_detected_with_its_reason(html: str, platform: Platform | None) -> None:
    found = detect(parse(page_from_html(HOME, f"<html>{html}</html>")))
    assert found.platform is platform
    assert len(found.reason) > 10


def test_a_hostile_sitemap_is_no_sitemap() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'
    assert parse_sitemap(b"not xml at all") == (False, [])
    assert "aaaa" not in str(parse_sitemap(bomb))


SITEMAP = "<urlset><url><loc>https://shop.example/{0}</loc></url><url><loc>https://shop.example/products/two</loc></url></urlset>"


def test_a_shopify_shop_in_another_language_is_listed_in_it() -> None:
    products = [{"handle": name, "title": name} for name in ("one", "two")]
    site = Site({"/ja/products.json?limit=250&page=1": json.dumps({"products": products})})
    shop = dealer(platform=PLATFORMS["shopify"], catalog_url="https://shop.example/ja/")
    found = PLATFORMS["shopify"].catalogue(shop, site).items
    assert [(item.url, item.canonical) for item in found] == [
        (f"https://shop.example/ja/products/{name}", f"https://shop.example/products/{name}")
        for name in ("one", "two")
    ]


def test_a_shopify_shop_without_its_lists_is_read_from_its_sitemap() -> None:
    site = Site({"/": "<h1>Shop</h1>", "/sitemap.xml": SITEMAP.format("products/one")})
    assert listed(PLATFORMS["shopify"], site) == ["/products/one", "/products/two"]


def test_shopify_lists_whose_front_is_all_there_is_are_walked() -> None:
    site = Site(
        {
            "/collections": '<a href="/collections/tsuba">T</a><a href="/collections/all/red">x</a>',
            "/collections/tsuba": '<a href="/collections/tsuba/products/one">1</a>'
            '<a href="/collections/tsuba?page=2">2</a><a href="?sort_by=price">s</a>',
            "/collections/tsuba?page=2": '<a href="/products/two">2</a>',
        }
    )
    assert listed(PLATFORMS["shopify"], site) == ["/products/one", "/products/two"]


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("https://x.example/cdn/shop/files/a.jpg?v=1&width=400", "https://x.example/cdn/shop/files/a.jpg?v=1"),
        ("https://x.example/cdn/shop/files/a_400x400.jpg?v=1&width=400", "https://x.example/cdn/shop/files/a_400x400.jpg?v=1"),
        ("https://cdn.shopify.com/s/files/1/1/products/a_400x400_crop_center@2x.jpg?v=1", "https://cdn.shopify.com/s/files/1/1/products/a.jpg?v=1"),
        ("https://cdn.shopify.com/s/files/1/1/products/a_large.progressive.jpg", "https://cdn.shopify.com/s/files/1/1/products/a.jpg"),
        ("https://cdn.shopify.com/s/files/1/1/products/a_{width}x.jpg?v=1", "https://cdn.shopify.com/s/files/1/1/products/a.jpg?v=1"),
        ("https://elsewhere.example/a_400x400.jpg", "https://elsewhere.example/a_400x400.jpg"),
    ],
)  # fmt: skip
def test_shopify_pictures_are_asked_for_whole(address: str, whole: str) -> None:
    assert PLATFORMS["shopify"].full_size(address) == whole


@pytest.mark.parametrize(
    "html",
    [
        '<form method="get" action="/products/list"><input name="name"></form>',
        '<meta name="eccube-csrf-token" content="x">',
        '<script src="/template/default/js/eccube.js"></script>',
        '<a href="/products/list?category_id=3">刀</a>',
    ],
)
def test_ec_cube_is_known_by_its_front_page_too(html: str) -> None:
    page = page_from_html("https://shop.example/", f"<html><body>{html}</body></html>")
    assert detect(parse(page)).platform is PLATFORMS["ec_cube"]


def sitemap(*paths: str) -> str:
    found = "".join(f"<url><loc>{HOME}{path}</loc></url>" for path in paths)
    return f"<urlset>{found}</urlset>"


@pytest.mark.parametrize(
    ("name", "answers", "wanted"),
    [
        ("color_me", {"/sitemap.xml": sitemap("/?pid=1", "/?mode=cate&amp;cbid=1", "/?pid=2")}, ["/?pid=1", "/?pid=2"]),
        ("color_me", {"/": '<a href="?mode=cate&cbid=1&csid=0">刀</a>', "/?mode=cate&cbid=1&csid=0": '<a href="?pid=3&mode=cate">x</a><a href="?mode=cate&cbid=1&csid=0&page=2">2</a>', "/?mode=cate&cbid=1&csid=0&page=2": '<a href="?pid=4">y</a>'}, ["/?pid=3", "/?pid=4"]),
        ("thebase", {"/sitemap.xml": sitemap("/items/11", "/about", "/items/12")}, ["/items/11", "/items/12"]),
        ("thebase", {"/": '<a href="/items/11">x</a><a href="/categories/5">c</a>', "/categories/5": '<a href="/items/12?from=c">y</a>'}, ["/items/11", "/items/12"]),
        ("makeshop", {"/": '<a href="/view/category/ct1">c</a><a href="/view/item/000000000001?category_page_id=ct1">x</a>', "/view/category/ct1": '<a href="/view/item/000000000002">y</a>'}, ["/view/item/000000000001", "/view/item/000000000002"]),
        ("makeshop", {"/": '<a href="/shopbrand/ct3/">c</a>', "/shopbrand/ct3/": '<a href="/shopdetail/000000000003/ct3/page1/order/">z</a>'}, ["/shopdetail/000000000003"]),
        ("wix", {"/sitemap.xml": f"<sitemapindex><sitemap><loc>{HOME}/store-products-sitemap.xml</loc></sitemap><sitemap><loc>{HOME}/pages-sitemap.xml</loc></sitemap></sitemapindex>", "/store-products-sitemap.xml": sitemap("/product-page/a", "/product-page/b")}, ["/product-page/a", "/product-page/b"]),
        ("wix", {"/": '<a href="/product-page/a">a</a><a href="/?page=2">more</a>', "/?page=2": '<a href="/en/product-page/b">b</a>'}, ["/product-page/a", "/product-page/b"]),
        ("squarespace", {"/": '<div class="ProductList-item"><a href="/shop/tsuba?category=x">t</a></div><a href="/?offset=12">older</a>', "/?offset=12": '<a class="grid-item-link" href="/shop/p/menuki">m</a>'}, ["/shop/tsuba", "/shop/p/menuki"]),
        ("squarespace", {"/": "<h1>Shop</h1>", "/sitemap.xml": sitemap("/shop/p/a", "/about")}, ["/shop/p/a"]),
    ],
)  # fmt: skip
def test_a_hosted_shop_is_listed_whole(
    name: str, answers: Mapping[str, str], wanted: list[str]
) -> None:
    assert listed(PLATFORMS[name], Site({"/": "<h1>Shop</h1>", **answers})) == wanted


@pytest.mark.parametrize(
    ("html", "name"),
    [
        ('<script>var Colorme = {"page":"index"};</script>', "color_me"),
        ('<link href="https://img.shop-pro.jp/a.css" rel="stylesheet">', "color_me"),
        ('<script src="https://static.thebase.in/js/a.js"></script>', "thebase"),
        ('<img src="https://makeshop-multi-images.akamaized.net/x/itemimages/0_a.jpg">', "makeshop"),
        ('<a href="/view/item/000000000012">x</a>', "makeshop"),
        ('<script type="application/json" id="wix-warmup-data">{}</script>', "wix"),
        ("<script>Static = {}; Static.SQUARESPACE_CONTEXT = {};</script>", "squarespace"),
        ('<link href="https://u.jimcdn.com/a.css"><img src="https://image.jimcdn.com/a.jpg">', None),
        ('<script src="https://cdn.stores.jp/a.js"></script><a href="/products/detail/">x</a>', None),
    ],
)  # fmt: skip
def test_a_hosted_shop_is_known_by_what_it_loads(html: str, name: str | None) -> None:
    found = detect(parse(page_from_html("https://shop.example/", f"<body>{html}<p>x</p></body>")))
    assert found.platform is (PLATFORMS[name] if name else None)
    assert "nothing on it" not in found.reason


@pytest.mark.parametrize(
    "more",
    [
        '<img src="https://baseec-img-mng.akamaized.net/images/item/origin/a.jpg">',
        '<img src="https://cdn.shopify.com/s/files/1/1/a.jpg">',
        '<img src="https://images.squarespace-cdn.com/content/v1/a.jpg">',
        '<a href="https://elsewhere.example/products/list?category_id=3">our shop</a>',
        '<a href="https://elsewhere.example/products/detail.php?product_id=3">an item</a>',
        '<a href="https://elsewhere.example/SHOP/1.html">an item</a>',
        '<a href="https://elsewhere.stores.jp/items/1">an item</a>',
    ],
)
def test_a_site_is_not_the_shop_that_it_shows_or_links(more: str) -> None:
    html = f'<head><meta name="generator" content="WordPress 6.6"></head><body>{more}</body>'
    found = detect(parse(page_from_html("https://blog.example/", f"<html>{html}</html>")))
    assert found.platform is PLATFORMS["wordpress"]
