"""What does not close in a page's markup: what a page with a hole in it gets wrong.

It counts tags in the text that was sent, because a parser mends what it reads.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from bs4 import Tag

from scraper.pages import theme_names

_CONTAINERS = frozenset(
    (
        *("div", "section", "main", "article", "form", "ul", "ol", "table", "dialog", "header"),
        *("footer", "nav", "aside", "figure", "body", "html", "h1", "h2", "button", "bdi", "ins"),
        *("del", "script", "noscript"),
    )
)
_ELEMENTS = frozenset(
    (
        *("a", "span", "p", "li", "td", "th", "tr", "tbody", "thead", "strong", "b", "em", "i"),
        *("u", "font", "center", "h1", "h2", "h3", "h4", "h5", "h6", "title", "figure", "small"),
        *("figcaption", "picture", "label", "select", "dl", "dt", "dd", "address", "blockquote"),
        *("video", "iframe", "svg", "style"),
    )
)
_NAMED = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)(?=[\s>/])")
_TORN_END = re.compile(r"</[\w:-]++(?!\s*>)")  # "</div ontent/uploads/…>"
_TORN = re.compile(r"""["'<=,;/\\]|^\d""")
_DESCRIPTION = re.compile(theme_names.DESCRIPTION_BEGINS, re.IGNORECASE)
_OPENING = re.compile(r"<\w[^<>]*")
_GOING_ON = re.compile(theme_names.DESCRIPTION_ENDS, re.IGNORECASE)
_COMMENT = re.compile(
    r"<!--.*?-->|<(script|style|textarea)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE
)


def has_torn_tags(root: Tag, *, deep: bool = True) -> bool:
    """Say whether a tag carries what no author writes as an attribute's name: the rest of another
    tag, where a piece between the two is missing.
    """
    tags = (root, *root.find_all(True)) if deep else (root,)
    return any(_TORN.search(name) for tag in tags for name in tag.attrs)


@dataclass(frozen=True)
class Unclosed:
    """The elements that are opened and closed unequally often ("div+1"), "" where all fit."""

    containers: str
    frame: str  # the same without the description, which a dealer writes by hand
    details: str  # like `frame`, but for the elements that careless authors leave open


def unclosed_in(text: str) -> Unclosed:
    """Count the tags of a page as it was sent."""
    markup = _COMMENT.sub("", text)
    whole = _counted(markup)
    frame = _counted(_without_description(markup))
    return Unclosed(
        containers=_unequal(whole, _CONTAINERS),
        frame=_unequal(frame, _CONTAINERS),
        details=_unequal(frame, _ELEMENTS),
    )


def _without_description(markup: str) -> str:
    for named in _DESCRIPTION.finditer(markup):
        begin = markup.rfind("<", 0, named.start())
        tag = _OPENING.match(markup, begin) if begin >= 0 else None
        if tag is not None and tag.end() >= named.end():
            end = _GOING_ON.search(markup, tag.end())
            return markup if end is None else markup[:begin] + markup[end.start() :]
    return markup


def _counted(markup: str) -> Counter[str]:
    """Return how much oftener each element is opened than closed."""
    counted = Counter[str]()
    for (closing, name), count in Counter(_NAMED.findall(markup)).items():
        counted[name.lower()] += -count if closing else count
    counted["torn"] = len(_TORN_END.findall(markup))
    return counted


def _unequal(counted: Counter[str], elements: frozenset[str]) -> str:
    """Name the elements that are opened and closed unequally often, "" for a page that fits."""
    named = sorted((name, counted[name]) for name in (*elements, "torn") if counted[name])
    return " ".join(f"{name}{count:+d}" for name, count in named)
