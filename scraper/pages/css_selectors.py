"""CSS selectors as values, and whether an element fits one; it knows trees and CSS, neither pages
nor shops.

What shops' pages are asked for is plain: names, ids, classes, attributes, `:not()`, `:is()` and
what stands before. The rest of CSS (`:nth-child()`, `:has()`, escapes) is left to soupsieve.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from bs4 import BeautifulSoup, Tag

Test = Callable[[str], bool]


@dataclass(frozen=True)
class Attribute:
    """`[name]` or `[name op "value"]`; `holds` judges the value, None takes any."""

    name: str
    holds: Test | None


@dataclass(frozen=True)
class Compound:
    """What is said of one element: `li.product[href]:not(.sold)`."""

    tag: str | None
    id: str | None
    classes: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    without: tuple[Chains, ...]  # :not(…)
    one_of: tuple[Chains, ...]  # :is(…)


@dataclass(frozen=True)
class Chain:
    """`nav > li a`, from behind: the last compound, then what stands before it and how."""

    last: Compound
    before: tuple[tuple[str, Compound], ...]

    @property
    def has_siblings(self) -> bool:
        return any(combinator in "+~" for combinator, _ in self.before)


Chains = tuple[Chain, ...]


def fits(element: Tag, chain: Chain) -> bool:
    """Say whether an element fits the whole chain."""
    return _fits(element, chain.last) and _fits_before(element, chain.before)


def _fits_before(element: Tag, before: tuple[tuple[str, Compound], ...]) -> bool:
    if not before:
        return True
    (combinator, compound), rest = before[0], before[1:]
    around: Iterable[Tag] = _BESIDE[combinator](element)
    return any(_fits(each, compound) and _fits_before(each, rest) for each in around)


def _ancestors(element: Tag) -> Iterator[Tag]:
    parent = element.parent
    while parent is not None and not isinstance(parent, BeautifulSoup):
        yield parent
        parent = parent.parent


def _parent(element: Tag) -> Iterator[Tag]:
    parent = element.parent
    if parent is not None and not isinstance(parent, BeautifulSoup):
        yield parent


def _earlier_siblings(element: Tag) -> Iterator[Tag]:
    return (each for each in element.previous_siblings if isinstance(each, Tag))


def _previous_sibling(element: Tag) -> Iterator[Tag]:
    previous = next(_earlier_siblings(element), None)
    if previous is not None:
        yield previous


_BESIDE: dict[str, Callable[[Tag], Iterator[Tag]]] = {
    " ": _ancestors,
    ">": _parent,
    "~": _earlier_siblings,
    "+": _previous_sibling,
}


def _fits(element: Tag, compound: Compound) -> bool:
    if compound.tag is not None and element.name != compound.tag:
        return False
    attributes = element.attrs
    if compound.id is not None and attributes.get("id") != compound.id:
        return False
    if compound.classes:
        classes = attributes.get("class") or ()
        if isinstance(classes, str):
            classes = classes.split()
        if any(name not in classes for name in compound.classes):
            return False
    for attribute in compound.attributes:
        value: Any = attributes.get(attribute.name)
        if value is None and attribute.name not in attributes:
            return False
        if attribute.holds is not None:
            text = " ".join(value) if isinstance(value, list) else str(value or "")
            if not attribute.holds(text):
                return False
    if any(_fits_any(element, chains) for chains in compound.without):
        return False
    return all(_fits_any(element, chains) for chains in compound.one_of)


def _fits_any(element: Tag, chains: Chains) -> bool:
    return any(fits(element, chain) for chain in chains)


_NAME = r"-?[A-Za-z_\u0080-\uffff][\w\u0080-\uffff-]*"
_TOKEN = re.compile(
    rf"""(?P<tag>\*|{_NAME})
    |\#(?P<id>{_NAME})
    |\.(?P<cls>{_NAME})
    |\[\s*(?P<attr>{_NAME})\s*(?:(?P<op>[~|^$*]?=)\s*
        (?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>{_NAME}))\s*(?P<flag>[iI])?)?\s*\]
    |:(?P<pseudo>not|is)\(
    |(?P<end>\))
    |\s*(?P<combinator>[>+~,])\s*
    |(?P<blank>\s+)""",
    re.VERBOSE,
)


class _OtherSelector(Exception):
    """A selector beyond what is answered here."""


@lru_cache(maxsize=2_000)
def chains_of(selector: str) -> Chains | None:
    """Return a selector's parts, None for one of another kind."""
    if "\\" in selector or "/*" in selector:
        return None
    try:
        chains, end = _chains(selector.strip(), 0)
    except _OtherSelector:
        return None
    return chains if end == len(selector.strip()) else None


def _chains(text: str, at: int, *, inner: bool = False) -> tuple[Chains, int]:
    chains: list[Chain] = []
    parts: list[tuple[str, Compound]] = []  # each with the combinator before it
    combinator = ""
    while True:
        compound, at = _compound(text, at)
        parts.append((combinator, compound))
        found = _TOKEN.match(text, at)
        if found is None:
            if at != len(text) or inner:
                raise _OtherSelector
            return (*chains, _chain(parts)), at
        if found["blank"] and text.startswith(")", found.end()):
            at = found.end()
            found = _TOKEN.match(text, at)
            assert found is not None
        if found["end"]:
            if not inner:
                raise _OtherSelector
            return (*chains, _chain(parts)), found.end()
        at = found.end()
        combinator = found["combinator"] or " "
        if combinator == ",":
            chains.append(_chain(parts))
            parts, combinator = [], ""


def _chain(parts: list[tuple[str, Compound]]) -> Chain:
    backwards = list(reversed(parts))
    before = tuple((combinator, compound) for (combinator, _), (_, compound) in pairwise(backwards))
    return Chain(backwards[0][1], before)


def _compound(text: str, at: int) -> tuple[Compound, int]:
    start = at
    tag = name = None
    classes: list[str] = []
    attributes: list[Attribute] = []
    inside: dict[str, list[Chains]] = {"not": [], "is": []}
    while (found := _TOKEN.match(text, at)) is not None:
        if found["tag"] and at == start:
            tag = None if found["tag"] == "*" else found["tag"].lower()
        elif found["id"] and name is None:
            name = found["id"]
        elif found["cls"]:
            classes.append(found["cls"])
        elif found["attr"]:
            attributes.append(_attribute(found))
        elif found["pseudo"]:
            begin = found.end() + len(text[found.end() :]) - len(text[found.end() :].lstrip())
            chains, at = _chains(text, begin, inner=True)
            inside[found["pseudo"]].append(chains)
            continue
        else:
            break
        at = found.end()
    if at == start:
        raise _OtherSelector
    return Compound(
        tag, name, tuple(classes), tuple(attributes), tuple(inside["not"]), tuple(inside["is"])
    ), at


def _attribute(found: re.Match[str]) -> Attribute:
    name, op = found["attr"].lower(), found["op"]
    if op is None:
        return Attribute(name, None)
    wanted = next(v for v in (found["double"], found["single"], found["bare"]) if v is not None)
    if found["flag"] or name == "type":  # HTML compares its values without regard to case
        plain = _test(op, wanted.lower())
        return Attribute(name, lambda value: plain(value.lower()))
    return Attribute(name, _test(op, wanted))


def _test(op: str, wanted: str) -> Test:
    if op == "=":
        return lambda value: value == wanted
    if op == "|=":
        return lambda value: value == wanted or value.startswith(f"{wanted}-")
    if not wanted or (op == "~=" and wanted.split() != [wanted]):
        return lambda value: False
    if op == "^=":
        return lambda value: value.startswith(wanted)
    if op == "$=":
        return lambda value: value.endswith(wanted)
    if op == "*=":
        return lambda value: wanted in value
    return lambda value: wanted in value.split()
