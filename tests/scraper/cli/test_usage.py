"""Wrong usage: exit code 2, in plain words, before anything is opened."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from migrate.cli.app import app as migrate
from migrate.errors import UnknownDealerError
from scraper.base.suggestion import FEW, known_ones
from scraper.cli.app import app as scrape
from scraper.platforms import PLATFORMS


@pytest.mark.parametrize(
    ("app", "words", "said"),
    [
        (migrate, "--limit x", "'--limit': it must be a whole number"),
        (migrate, "--limit 0", "it must be 1 or more"),
        (migrate, "--deadline soon", "it must be a number"),
        (migrate, "--workers 1000", "it must be 100 or less"),
        (migrate, "explain x", "'ID': it must be a whole number"),
        (migrate, "stats --format nope", "'nope' is not one of 'text', 'json', 'markdown'"),
        (scrape, "check --pages 0", "it must be 1 or more"),
        (scrape, "daily --limit 1.5", "it must be a whole number"),
        (scrape, "url foo", "'foo' is no http(s) address"),
        (scrape, "url ftp://shop.example/a --dry-run", "is no http(s) address"),
        (scrape, "dealers add X not-an-address", "'not-an-address' is no http(s) address"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_in_plain_words(
    app: object, words: str, said: str
) -> None:
    done = CliRunner().invoke(app, words.split())  # type: ignore[arg-type]
    assert done.exit_code == 2
    assert said in done.stderr.replace("\n", " ")
    assert "Input should" not in done.stderr
    assert "Value error" not in done.stderr


def test_few_names_are_all_listed_and_many_are_not() -> None:
    few = [f"Dealer {number}" for number in range(FEW)]
    assert all(name in known_ones("x", few, what="dealers", lists="scrape dealers") for name in few)
    many = [*(f"Dealer {number}" for number in range(50)), "Kyoto Touken Sword Shop"]
    said = str(UnknownDealerError("kyoto toukn", many))
    assert "51 dealers are known" in said
    assert "Kyoto Touken Sword Shop" in said
    assert said.count("Dealer ") < 7
    assert "`scrape dealers` lists them all" in said
    assert "Kyoto" in str(UnknownDealerError("touken", many))


@pytest.mark.parametrize("command", [("url",), ("dealers", "add"), ("dealers", "set")])
def test_the_help_names_every_shop_system(command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(scrape, [*command, "--help"]).output
    assert f"Shop systems: {', '.join(PLATFORMS)}." in " ".join(shown.split())
