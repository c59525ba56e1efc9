"""The tree is Beautiful Soup's, its selections are soupsieve's, and both cost in proportion."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import soupsieve
from bs4 import BeautifulSoup, Tag

from scraper.pages.document import page_from_html, parse
from scraper.pages.errors import OversizedPageError
from scraper.pages.page_encoding import decode
from scraper.pages.tree import Tree

PAGES = sorted(Path(__file__).parents[1].glob("*/*/*/page.html")) + sorted(
    Path(__file__).parents[1].glob("*/*/*/*/page.html")
)
ODD = """<!-- a --><!DOCTYPE html><html><head><title>T</title><script>if (a < b) c()</script>
<style>p{}</style></head><body class="  a b  b" id=top><p>one<p CLASS=c rel="x y">two <b>three<i>
four</b> five</i><pre>
 kept </pre><textarea>  </textarea><template><p>no part</p></template><ruby>漢<rt>かん</rt></ruby>
<a href=x rel="nofollow tag">x</a><table><tr><td>1<td>2</div></table><?php echo 1 ?></p></section>
<o:p>office</o:p><svg viewBox="0 0 1 1"><use xlink:href="#a"/></svg><br/><input type=PASSWORD>
<![CDATA[ data ]]></body></html> behind"""
SELECTORS = (
    *(
        "*",
        "p",
        "body *",
        "#top",
        ".a",
        "a.b, p.c",
        "[class]",
        "[rel~=tag]",
        "[rel^=no]",
        "p.c + *",
    ),
    *("[href$='.jpg'], img[src*='/up']", "div > p", "body a[href]", "ul li + li", "tr td ~ td"),
    *("a:not([rel])", "p:not(.c):not(nav p)", ":is(h1, h2, .title) a", "[type=password]", "b i"),
    *("[type='PASSWORD' i]", "p:first-child", "li:nth-child(2)", "div:has(> img)", "#no, .such"),
    *("a[href]:not(nav a, footer a, .menu a)", "[lang|=ja]", "[alt='']", "body>main>div , footer"),
)


def flat(root: Tag) -> list[Any]:
    """Return every node with what it is and whom it is linked to."""
    nodes: list[Any] = [root, *root.descendants]
    place = {id(node): number for number, node in enumerate(nodes)}
    links = ("parent", "previous_element", "next_element", "previous_sibling", "next_sibling")
    return [
        (
            type(node).__name__ if not isinstance(node, Tag) else (node.name, dict(node.attrs)),
            None if isinstance(node, Tag) else str(node),
            [place.get(id(getattr(node, link))) for link in links],
        )
        for node in nodes[1:]
    ]


def texts() -> list[str]:
    pages = [decode(path.read_bytes(), {}) for path in PAGES[::7]]
    chosen = random.Random(11)
    cut = []
    for text in pages:
        begin = chosen.randrange(len(text))
        cut.append(text[:begin] + text[begin + chosen.randrange(1, 900) :])
    return [ODD, *pages, *cut]


def test_the_tree_is_the_one_that_beautiful_soup_grows() -> None:
    for text in texts():
        assert flat(Tree(text)) == flat(BeautifulSoup(text, "lxml"))


def test_a_selection_finds_what_soupsieve_finds_also_after_removals() -> None:
    chosen = random.Random(12)
    for text in texts():
        tree = Tree(text)
        for _ in range(3):
            inner = chosen.choice(tree.find_all(True))
            for selector in SELECTORS:
                found = soupsieve.select(selector, tree)
                assert [id(tag) for tag in tree.select(selector)] == [id(tag) for tag in found]
                assert tree.select_one(selector) is next(iter(found), None)
                below = [id(tag) for tag in soupsieve.select(selector, inner)]
                assert [id(tag) for tag in inner.select(selector)] == below
            if inner.name not in ("html", "body"):
                inner.decompose()


@pytest.mark.parametrize("selector", ["p[", "p >", ":not(a", "a,,b", ") a"])
def test_what_is_no_selector_is_refused_as_ever(selector: str) -> None:
    with pytest.raises(soupsieve.SelectorSyntaxError):
        Tree(ODD).select(selector)


def test_a_selection_meets_only_elements_that_its_last_part_names() -> None:
    rows = "".join(f'<li class="row"><a href="/{n}">item {n}</a></li>' for n in range(500))
    document = parse(page_from_html("https://a.example/", f"<ul>{rows}</ul><h1 id=top>T</h1>"))
    index = document.soup.index_of_elements
    assert document.first("#top") is not None
    assert len(document.all("h1, h2")) == 1
    assert index.looked_at == 2
    assert len(document.all("li.row > a[href]")) == 500
    assert index.looked_at == 502
    assert len(document.all("li.row > a[href]")) == 500
    assert (index.selections, index.searched, index.looked_at) == (4, 3, 502)


def test_text_is_read_anew_after_something_was_cut() -> None:
    document = parse(page_from_html("https://a.example/", "<p>one</p><p id=x>two</p>"))
    assert document.text() == "one\ntwo"
    document.one("#x").decompose()
    assert document.text() == "one"


def test_a_page_that_costs_too_much_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scraper.pages.document.MAX_CPU_S", -1.0)
    document = parse(page_from_html("https://a.example/x", "<p>one</p>"))
    with pytest.raises(OversizedPageError, match=r"a\.example/x .* s of CPU"):
        document.all("p")
