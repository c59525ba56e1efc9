"""Which pages with unclosed markup are believed: those that are like the shop's other pages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scraper.pages.document import Doubt
from scraper.pages.errors import SloganTitleError, UnexpectedPageError
from scraper.reading.page_shape import PageShape
from scraper.reading.sibling_pages import DamagedPageError, SiblingPages
from scraper.rows.lost_fields import is_believed

CLEAN, TORN, CARELESS = PageShape("", ""), PageShape("div-1", "div-1"), PageShape("div+1", "")
ODD = PageShape("", "", "torn tags")
BARE, BARE_AND_ODD = PageShape("", "", "no heading"), PageShape("", "", "torn tags, no heading")


@pytest.mark.parametrize(
    ("pages", "refused", "shape", "believed"),
    [
        ([CLEAN] * 5, 0, CLEAN, True),
        ([CLEAN] * 5 + [TORN], 0, TORN, False),
        ([CLEAN] * 5 + [CARELESS], 0, CARELESS, True),  # only the description does not close
        ([TORN], 0, TORN, False),  # alone, it may as well have a hole
        ([TORN] * 2, 0, TORN, True),
        ([CLEAN] * 8 + [TORN] * 2, 0, TORN, True),
        ([CLEAN] * 8 + [TORN] * 2, 9, TORN, False),  # many pages are damaged
        ([TORN] * 13, 44, TORN, False),
        ([CLEAN] * 20 + [ODD], 0, ODD, False),
        ([CLEAN] * 4 + [ODD] * 4, 0, ODD, True),  # a shop that is careless with small things
        ([ODD], 0, ODD, True),
        ([BARE] * 20, 0, BARE, True),
        ([BARE] * 20 + [BARE_AND_ODD], 0, BARE_AND_ODD, False),  # each detail by itself
    ],
)
def test_a_page_is_believed_when_its_neighbours_are_like_it(
    pages: list[PageShape], refused: int, shape: PageShape, believed: bool
) -> None:
    shop = SiblingPages(refused=refused)
    for page in pages:
        shop.add(page)
    assert shop.vouch_for(shape) is believed


def test_the_last_run_counts_as_well_and_a_refusal_says_what_is_odd() -> None:
    before = SiblingPages()
    for _ in range(5):
        before.add(TORN)
    SiblingPages(before=before.as_counts()).refuse_odd("https://shop.example/1", TORN)
    with pytest.raises(DamagedPageError, match="div-1, unlike"):
        SiblingPages().refuse_odd("https://shop.example/1", TORN)


def doubtful(*kinds: str) -> PageShape:
    errors = (UnexpectedPageError("https://a.example/", "x", "exactly 1", 0) for _ in kinds)
    return PageShape("", "", "", tuple(map(Doubt, kinds, errors)))


STRAY, HIDDEN = doubtful("slides"), doubtful("no price")


@pytest.mark.parametrize(
    ("pages", "shape", "believed"),
    [
        ([STRAY], STRAY, False),  # alone it may as well have a hole
        ([STRAY] * 2, STRAY, False),
        ([STRAY] * 3, STRAY, True),
        ([STRAY] * 28 + [CLEAN] * 2, STRAY, True),
        ([CLEAN] * 20 + [STRAY] * 3, STRAY, False),
        ([STRAY] * 28 + [HIDDEN], HIDDEN, False),  # each doubt by itself
        ([doubtful("slides", "no price")] * 5, HIDDEN, True),
        ([STRAY] * 28 + [TORN], TORN, False),
    ],
)
def test_what_most_pages_contradict_themselves_in_is_the_theme(
    pages: list[PageShape], shape: PageShape, believed: bool
) -> None:
    shop = SiblingPages()
    for page in pages:
        shop.add(page)
    assert shop.vouch_for(shape) is believed
    if not believed and shape.doubts:
        with pytest.raises(UnexpectedPageError):
            shop.refuse_odd("https://a.example/", shape)


def test_a_habit_is_told_in_one_sentence_and_kept_for_the_next_run() -> None:
    shop = SiblingPages()
    for page in [STRAY] * 28 + [CLEAN] * 2:
        shop.add(page)
    assert shop.habits() == "28 of 30 pages: slides; taken for its theme"
    SiblingPages(before=shop.as_counts()).refuse_odd("https://a.example/", STRAY)
    assert SiblingPages().habits() is None


def test_where_the_markup_does_not_close_either_all_pages_may_have_a_hole() -> None:
    both = replace(STRAY, oddities="div-1", frame="div-1")
    shop = SiblingPages()
    for page in [both] * 5:
        shop.add(page)
    with pytest.raises(UnexpectedPageError):
        shop.refuse_odd("https://a.example/", both)


def test_what_was_believed_of_a_page_is_believed_of_that_page_again() -> None:
    shop = SiblingPages()
    shop.believe("https://a.example/1", STRAY)
    later = SiblingPages(before=SiblingPages(before=shop.as_counts()).as_counts())
    later.refuse_odd("https://a.example/1", STRAY)
    for url, shape in (("https://a.example/2", STRAY), ("https://a.example/1", HIDDEN)):
        with pytest.raises(UnexpectedPageError):
            later.refuse_odd(url, shape)


def test_pages_that_are_refused_for_a_doubt_are_no_measure_for_others() -> None:
    shop = SiblingPages()
    for page in [TORN] * 13 + [STRAY] * 13 + [HIDDEN] * 20:
        shop.add(page)
    assert not shop.vouch_for(TORN)


@pytest.mark.parametrize(
    ("failures", "last", "believed"),
    [(0, None, False), (1, "odd", False), (2, "odd", True), (2, "else", False), (4, "odd", True)],
)
def test_a_refusal_that_repeats_is_believed_after_three_runs(
    failures: int, last: str | None, believed: bool
) -> None:
    error = DamagedPageError("https://a.example/", "odd")
    said = str(error) if last == "odd" else last
    assert is_believed(error, failures=failures, last_error=said) is believed


def called(heading: str) -> PageShape:
    return PageShape("", "", heading=heading)


SLOGAN = called("Arms since 1980")


@pytest.mark.parametrize(
    ("pages", "is_refused"),
    [
        ([SLOGAN] * 2, False),  # two items may have one name
        ([SLOGAN] * 3, True),
        ([SLOGAN] * 3 + [CLEAN] * 2, True),
        ([SLOGAN] * 3 + [CLEAN] * 3, False),
        ([called(f"Sword {n}") for n in range(9)], False),
    ],
)
def test_a_heading_that_most_pages_have_is_no_title(
    pages: list[PageShape], is_refused: bool
) -> None:
    shop = SiblingPages()
    for page in pages:
        shop.add(page)
    later = SiblingPages(before=shop.as_counts())
    for known in (shop, later):
        if not is_refused:
            known.refuse_odd("https://shop.example/1", SLOGAN)
            continue
        with pytest.raises(SloganTitleError, match=f"stands on 3 of {len(pages)} pages"):
            known.refuse_odd("https://shop.example/1", SLOGAN)


def test_a_heading_waits_only_until_the_others_tell() -> None:
    shop = SiblingPages()
    waiting = []
    for number in range(6):
        shop.add(called(f"Sword {number}"))
        waiting.append(shop.may_be_slogan(called(f"Sword {number}")))
    assert waiting == [True, True, True, False, False, False]
