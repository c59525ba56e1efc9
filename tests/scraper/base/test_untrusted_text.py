"""Text from outside: nothing in it is obeyed, and JSON still says the same."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.base.report_blocks import Format, Heading, Line, Table, render
from scraper.base.untrusted_text import command, harmless, one_line, to_json

OBEYED_BY_A_JOB = re.compile(r"##(\[|vso\[)|^\s*::", re.IGNORECASE | re.MULTILINE)
OBEYED_BY_A_TERMINAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# Pieces that are dangerous together, and between them what could bring them together again.
CHARACTERS = "#[:a刀 \t\n\r\x1b\x85\u2028\u202e\u200f\u3000\U000e0041\ud800"
PIECES = st.lists(st.sampled_from([*CHARACTERS, "##", "::", "vso[", "VSO["])).map("".join)


@given(PIECES)
def test_nothing_in_a_text_is_obeyed(text: str) -> None:
    for made in (harmless(text), harmless(one_line(text)), to_json({text: [text]})):
        assert not OBEYED_BY_A_JOB.search(made)
        assert not OBEYED_BY_A_TERMINAL.search(made)


@given(PIECES)
def test_json_says_the_same(text: str) -> None:
    assert json.loads(to_json({"a": text})) == {"a": text}


@given(PIECES, st.sampled_from(Format), st.booleans())
def test_nothing_in_a_report_is_obeyed(text: str, output: Format, is_terminal: bool) -> None:
    class Report:
        def as_json(self) -> dict[str, str]:
            return {"title": text}

        def as_blocks(self) -> list[Heading | Line | Table]:
            return [Heading(text), Line(text), Table((text, "n"), [(text, 1), ("b", text)])]

    made = render(Report(), output, terminal=is_terminal, width=60)
    if not is_terminal:
        assert not OBEYED_BY_A_JOB.search(made)
    assert not OBEYED_BY_A_TERMINAL.search(re.sub(r"\x1b\[[0-9;]*m", "", made))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("刀 備前長船 ##1", "刀 備前長船 ##1"),
        ("a::b https://host/a::b", "a::b https://host/a::b"),
        ("::add-mask::x", ": :add-mask::x"),
        ("first\n \u3000::error::x", "first\n \u3000: :error::x"),
        ("t ##[stop-commands]k", "t # #[stop-commands]k"),
        ("\x1b]0;renamed\x07", " ]0;renamed "),
    ],
)
def test_what_is_changed_and_what_is_not(text: str, expected: str) -> None:
    assert harmless(text) == expected


def test_a_command_of_our_own_is_obeyed_and_what_it_says_is_not() -> None:
    made = command("warning", "Scrape of a,b:c", "##[error]x\n::error::100%")
    assert made == "::warning title=Scrape of a%2Cb%3Ac::# #[error]x ::error::100%25"
    assert harmless(made) is made
