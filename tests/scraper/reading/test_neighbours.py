"""Which pages with unclosed markup are believed: those that are like the shop's other pages."""

from __future__ import annotations

import pytest

from scraper.reading.neighbours import DamagedPageError, Neighbours, Shape

CLEAN, TORN, CARELESS = Shape("", ""), Shape("div-1", "div-1"), Shape("div+1", "")
ODD = Shape("", "", "torn tags")
BARE, BARE_AND_ODD = Shape("", "", "no heading"), Shape("", "", "torn tags, no heading")


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
    pages: list[Shape], refused: int, shape: Shape, believed: bool
) -> None:
    shop = Neighbours(refused=refused)
    for page in pages:
        shop.add(page)
    assert shop.vouch_for(shape) is believed


def test_the_last_run_counts_as_well_and_a_refusal_says_what_is_odd() -> None:
    before = Neighbours()
    for _ in range(5):
        before.add(TORN)
    Neighbours(before=before.as_counts()).refuse_odd("https://shop.example/1", TORN)
    with pytest.raises(DamagedPageError, match="div-1, unlike"):
        Neighbours().refuse_odd("https://shop.example/1", TORN)
