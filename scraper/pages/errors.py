"""What can be wrong with a page that did arrive; it knows pages, not how they are fetched.

PageError                 of `scraper.base.errors`
  ChallengePageError      a wall against robots
  MaintenancePageError    the shop is closed for the moment
  ServerErrorPageError    an error of the server's or the shop's own, with status 200
  LoginPageError          only for members, behind a password, or behind a question
  EmptyPageError          nothing on it
  OversizedPageError      more text than an item page can have
  SoftNotFoundError       says "not found" with status 200
  NotAnItemPageError      a page, but not of one item
  SloganTitleError        nothing names its item but a heading that most pages have
  UnexpectedPageError     selector, expected, found
"""

from __future__ import annotations

from scraper.base.errors import PageError as PageError


class ChallengePageError(PageError):
    reason = "answered with a challenge against robots instead of the item"
    remedy = "Ask the dealer to let our user agent in, or slow down; nothing was saved from it."


class MaintenancePageError(PageError):
    reason = "is closed for maintenance"
    remedy = "The next run tries again."


class ServerErrorPageError(PageError):
    reason = "shows an error of its server instead of the item"
    remedy = "Nothing was saved from it; the next run tries again."


class LoginPageError(PageError):
    reason = "asks for a login, a password or a consent"
    remedy = "Only public pages are read; exclude it if that is intended."


class EmptyPageError(PageError):
    reason = "is empty"
    remedy = "The next run tries again."


class OversizedPageError(PageError):
    reason = "holds more than an item page can have"


class SoftNotFoundError(PageError):
    reason = "says that it was not found, with status 200"
    remedy = "It is counted like a 404."


class NotAnItemPageError(PageError):
    reason = "is not the page of one item"


class SloganTitleError(PageError):
    reason = "does not name its item"
    remedy = (
        "Nothing was saved from it; say where the name stands: "
        "scrape dealers set NAME title_selector=…"
    )


class UnexpectedPageError(PageError):
    """A page without what was promised: which selector, how many expected, how many found."""

    reason = "is not as expected"
    remedy = "Try `scrape url URL --dry-run`, adjust the selectors; nothing was saved from it."

    def __init__(
        self, url: str, selector: str, expected: str, found: int, detail: str = ""
    ) -> None:
        self.selector = selector
        self.expected = expected
        self.found = found
        text = f"expected {expected} of `{selector}`, found {found}"
        super().__init__(url, f"{text} ({detail})" if detail else text)
