"""The incident that is played is the one of the report, to the digit."""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from collections import Counter

import pytest
from PIL import Image

from workflows.incident import STATUSES, TOLD
from workflows.incident_data import CAUSES, DEALERS, listings
from workflows.incident_shop import open_incident_shop


def test_the_incident_has_the_numbers_of_the_report() -> None:
    known = list(listings())
    assert len(known) == 1000
    assert Counter(one.status for one in known) == STATUSES
    assert sum(one.stored + one.missing for one in known) == TOLD["total"]
    assert sum(one.missing for one in known) == TOLD["missing"]
    assert {one.cause for one in known} == {None, "pending", *CAUSES}
    shares = [round(100 * (one.images - one.missing) / one.images) for one in DEALERS]
    assert shares[:5] == [13, 50, 45, 19, 71]
    seiyudo = [one for one in known if one.dealer.name == "World Seiyudo"]
    assert (len(seiyudo), sum(one.status == "pending" for one in seiyudo)) == (432, 418)
    assert sum(one.missing for one in seiyudo) == 1308


def test_every_listing_is_what_its_status_says() -> None:
    for one in listings():
        assert {
            "pending": one.missing > 0,
            "failed": one.stored == 0 and one.missing > 0,
            "partial": one.stored > 0 and one.missing > 0,
            "completed": one.stored > 0 and one.missing == 0,
        }[one.status], one
        assert len(one.image_names()) <= 100


def test_a_dealer_behaves_as_then_until_it_mends() -> None:
    with open_incident_shop(iter(["aoi-art"])) as shop:
        root = shop.root("aoi-art")
        for kind, status in (("http_403", 403), ("http_404", 404)):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{root}/{kind}/aoi-art/1/00.jpg")
            refused.value.close()
            assert refused.value.code == status
        shop.mend()
        pictures = []
        for path in ("http_403/aoi-art/1/00.jpg", "timeout/aoi-art/1/00.jpg"):
            with urllib.request.urlopen(f"{root}/{path}") as answer:
                pictures.append(answer.read())
        assert pictures[0] != pictures[1]
        assert Image.open(io.BytesIO(pictures[0])).size == (120, 90)
