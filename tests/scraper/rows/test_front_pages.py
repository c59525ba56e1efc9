"""What the front page of a shop may be, and is a shop's all the same; what none is, is said."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.base.settings import Settings
from scraper.net.session import DealerSession
from scraper.pages.errors import LoginPageError, SoftNotFoundError
from scraper.platforms import Detection
from scraper.rows.discovery import detect_platform
from scraper.rows.known_dealers import build_dealer
from scraper.rows.run_context import fetcher_for, make_context

SETTINGS = Settings.from_environment({"ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8", "PAGE_DELAY_S": "0"})
GENERATOR = '<meta name="generator" content="WooCommerce 11.0.1">'
EMPTY = (
    "<main><h1>Nothing Found</h1><p>It seems we cannot find what you are looking for.</p></main>"
)
PASSWORD = (
    '<form class="post-password-form"><p>This content is protected.</p><input type="password">'
    "<input type=submit></form>"
)


def detected(shop: Any, front: str) -> Detection:
    shop.catalogue = lambda path: front
    dealer = build_dealer("Sample", shop.url, platform=None, currency=None, settings={})
    with DealerSession(SETTINGS) as session:
        context = make_context(SETTINGS, None, session)  # type: ignore[arg-type]
        return detect_platform(dealer, fetcher_for(dealer, context))


def test_a_blog_without_a_post_as_the_front_page_is_no_missing_shop(shop: Any) -> None:
    found = detected(shop, f"<html><head>{GENERATOR}</head><body class='home blog'>{EMPTY}")
    assert found.platform is not None
    assert found.platform.name == "woocommerce"


def test_the_same_page_without_a_sign_of_a_shop_is_none(shop: Any) -> None:
    with pytest.raises(SoftNotFoundError):
        detected(shop, f"<html><body class='home blog'>{EMPTY}")


def test_a_shop_behind_a_password_says_so(shop: Any) -> None:
    with pytest.raises(LoginPageError, match="password"):
        detected(shop, f"<html><head>{GENERATOR}</head><body><h1>Shop</h1>{PASSWORD}")
