"""A first catalogue and a found archive are imports; a day's new items are new."""

from __future__ import annotations

import datetime as dt

import pytest

from scraper.rows.new_listings import ListingDates

FIRST = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def arrivals(*deliveries: tuple[int, int]) -> ListingDates:
    """So many addresses on so many days after the first, a few seconds apart."""
    return ListingDates(
        FIRST + after * DAY + number * dt.timedelta(seconds=2)
        for after, count in deliveries
        for number in range(count)
    )


@pytest.mark.parametrize(
    ("deliveries", "day", "is_import"),
    [
        (((0, 5),), 0, True),  # the first catalogue, however small
        (((0, 400), (30, 12)), 0, True),
        (((0, 400), (30, 12)), 30, False),  # a delivery
        (((0, 5), (30, 20)), 30, False),
        (((0, 5), (30, 21)), 30, True),
        (((0, 400), (30, 40)), 30, False),  # a tenth of what there was
        (((0, 400), (30, 41)), 30, True),
        (((0, 400), (30, 2978), (60, 3)), 30, True),  # the archive was found
        (((0, 400), (30, 2978), (60, 3)), 60, False),
    ],
)
def test_what_comes_together_in_bulk_is_an_import(
    deliveries: tuple[tuple[int, int], ...], day: int, is_import: bool
) -> None:
    assert arrivals(*deliveries).is_import(FIRST + day * DAY) is is_import


def test_an_address_of_unknown_date_is_left_to_the_database() -> None:
    assert arrivals((0, 5)).is_import(None) is False
