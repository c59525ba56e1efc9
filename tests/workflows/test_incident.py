"""The incident that is played is the one of the report, to the digit."""

from __future__ import annotations

import io
import re
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from workflows import incident
from workflows.incident_data import CAUSES, DEALERS, IncidentDealer, listings, tenth, totals
from workflows.incident_shop import open_incident_shop


def test_the_incident_has_the_numbers_of_the_report() -> None:
    known = list(listings())
    statuses = {"pending": 443, "completed": 319, "partial": 200, "failed": 38}
    assert totals() == ({"total": 5706, "missing": 2222}, statuses)
    assert len(known) == 1000
    assert Counter(one.status for one in known) == statuses
    assert sum(one.stored + one.missing for one in known) == 5706
    assert sum(one.missing for one in known) == 2222
    assert {one.cause for one in known} == {None, "pending", *CAUSES}
    shares = [round(100 * (one.images - one.missing) / one.images) for one in DEALERS]
    assert shares[:5] == [13, 50, 45, 19, 71]
    seiyudo = [one for one in known if one.dealer.name == "World Seiyudo"]
    assert (len(seiyudo), sum(one.status == "pending" for one in seiyudo)) == (432, 418)
    assert sum(one.missing for one in seiyudo) == 1308


@pytest.mark.parametrize("dealers", [DEALERS, tenth()], ids=["whole", "tenth"])
def test_every_listing_is_what_its_status_says(dealers: tuple[IncidentDealer, ...]) -> None:
    for one in listings(dealers):
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


@pytest.mark.servers
@pytest.mark.usefixtures("homes_are_migrated")
@pytest.mark.timeout(600)  # half a minute of CPU, on a machine that may be busy
def test_a_tenth_of_the_incident_is_played_to_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(incident, "HOME", tmp_path / "incident")
    dealers = tenth()
    images, statuses = totals(dealers)
    incident.run_incident(tmp_path, dealers)
    said = capfd.readouterr().out
    # The alarm, once before and three times while it drains, each time for less.
    alarms = re.findall(r"^Unhealthy: (\d) rules are broken", said, re.MULTILINE)
    assert len(alarms) >= 4
    rises = [float(one) for one in re.findall(r"^Coverage [█░]{25} ([\d.]+) %", said, re.MULTILINE)]
    assert len(rises) == 4 and rises == sorted(set(rises)) and rises[-1] == 100
    assert f"{images['total'] - images['missing']:,} of {images['total']:,} images stored" in said
    assert re.search(rf"^pending +{statuses['pending']}$", said, re.MULTILINE)
    assert [kind for kind in ("pending", *CAUSES) if f"\n{kind} " not in said] == []
    assert f"{images['total']:,} of {images['total']:,} images stored (100 %)" in said
    assert said.index("Unhealthy") < said.index("Healthy: 0 listings pending")
    assert f"The incident is over: all {images['total']:,} images are stored." in said
    before, after = (
        (tmp_path / f"incident-{name}.html").read_text("utf-8") for name in ("before", "after")
    )
    assert "Unhealthy: " in before and "World Seiyudo misses" in before
    assert "Healthy: 0 listings pending" in after and "Unhealthy" not in after
    assert not (tmp_path / "incident").exists()
