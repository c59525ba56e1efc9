"""What a visitor reads of a tag: blocks as lines, a label and its value on one; no scripts."""

from __future__ import annotations

from bs4 import Tag
from bs4.element import NavigableString, PageElement

_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_SILENT = frozenset(
    ("script", "style", "template", "noscript", "head", "iframe", "object", "select", "svg")
)
# Label and value stay together: the cells of a row, a dt and its dd.
_JOINED_BEFORE = frozenset(("td", "th", "dd"))
_JOINED_BEHIND = frozenset(("td", "th", "dt"))


def text_of(tag: Tag) -> str:
    """Return visible text: one line a block, a table row or a dt/dd pair on one line, no empty
    lines."""
    pieces: list[str] = []
    waiting: list[PageElement | str] = list(reversed(tag.contents))
    while waiting:
        node = waiting.pop()
        if type(node) is NavigableString:
            words = " ".join(node.split())
            before, behind = node[:1].isspace(), node[-1:].isspace()
            pieces.append(f"{' ' * before}{words}{' ' * behind}" if words else " " * before)
        elif type(node) is str:
            pieces.append(node)
        elif isinstance(node, Tag) and node.name not in _SILENT:
            if (name := node.name) in _BLOCKS:
                pieces.append("\t" if name in _JOINED_BEFORE else "\n")
                waiting.append("\t" if name in _JOINED_BEHIND else "\n")
            waiting += reversed(node.contents)
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)
