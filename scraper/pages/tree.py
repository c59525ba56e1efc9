"""A page's tree with an index, so that a selection meets only elements that may fit; it knows
markup and neither pages nor shops.

It is Beautiful Soup's tree, grown from lxml's events without what its own builder asks of each
element (namespaces, line numbers, entities): half of the time. soupsieve walks the whole tree for
each selection, and a page needs some 130 of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.builder._lxml import LXMLTreeBuilder
from bs4.element import CData, Comment, Doctype, NavigableString, ProcessingInstruction
from lxml import etree  # type: ignore[import-untyped]

from scraper.pages.css_selectors import Attribute, Compound, chains_of, fits

_BLANKS = " \n\t\f\r"
_USUAL = LXMLTreeBuilder()  # what Beautiful Soup holds of HTML's elements
_EMPTY = frozenset(_USUAL.empty_element_tags or ())
_WHOLE_BLANKS = frozenset(_USUAL.preserve_whitespace_tags)
_KINDS_OF_TEXT = _USUAL.string_containers
_USUAL_TEXTS = {NavigableString, CData}
_LISTS = frozenset(
    (tag, name) for tag, names in _USUAL.cdata_list_attributes.items() for name in names
)


class _Selects(Tag):
    """Selects by the tree's index where it can."""

    place = -1  # among all elements of the page; -1 outside of it: removed, or in a template
    last = -1  # the place of its last descendant
    _decomposed = False  # else each question for it becomes a search for a tag of that name

    def select(
        self, selector: str, namespaces: Any = None, limit: int | None = 0, **kwargs: Any
    ) -> Any:
        index = None if namespaces or kwargs else _index_of(self)
        found = index.select(self, selector) if index is not None else None
        if found is None:
            return super().select(selector, namespaces, limit or 0, **kwargs)
        return found[:limit] if limit else found

    def select_one(self, selector: str, namespaces: Any = None, **kwargs: Any) -> Tag | None:
        index = None if namespaces or kwargs else _index_of(self)
        if index is not None and chains_of(selector) is not None:
            return index.first(self, selector)
        return super().select_one(selector, namespaces, **kwargs)


class Element(_Selects):
    """One element of a page; what all have in common is said once, here."""

    parser_class = None
    namespace = None
    _namespaces: dict[str, str] = {}  # noqa: RUF012 - Beautiful Soup's own name, never changed
    prefix = None
    sourceline = None
    sourcepos = None
    known_xml = False
    hidden = False
    can_be_empty_element = False
    cdata_list_attributes = _USUAL.cdata_list_attributes
    preserve_whitespace_tags = _USUAL.preserve_whitespace_tags
    interesting_string_types = _USUAL_TEXTS

    def decompose(self) -> None:
        if (tree := _tree_of(self)) is not None:
            tree.removals += 1
        super().decompose()

    def around(self, *names: str) -> Element | None:
        """Return the nearest element of one of these names that holds this one."""
        parent = self.parent
        while parent is not None and parent.name not in names:
            parent = parent.parent
        return parent if isinstance(parent, Element) else None


class Tree(_Selects, BeautifulSoup):
    """The page's tree; its index stays right while elements are removed, not while others are put
    in.
    """

    def __init__(self, markup: str, *, still_allowed: Callable[[], None] = lambda: None) -> None:
        """Grow it; `still_allowed` is asked at each search and raises where it took too long."""
        self.still_allowed = still_allowed
        self.removals = 0
        self.known_texts: dict[int, tuple[int, str]] = {}  # by place: read after so many removals
        self.index_of_elements = Index(still_allowed)
        super().__init__(markup, builder=_Builder())


class Index:
    """The elements of one tree by name, id, class and attribute, each in the page's order."""

    def __init__(self, still_allowed: Callable[[], None]) -> None:
        self._still_allowed = still_allowed
        self.selections = 0  # asked so far
        self.searched = 0  # of these, how many were not answered before
        self.looked_at = 0  # elements that these had to meet
        self.depth = 0
        self.everything: list[Element] = []
        self.by_tag: dict[str, list[Element]] = defaultdict(list)
        self.by_id: dict[str, list[Element]] = defaultdict(list)
        self.by_class: dict[str, list[Element]] = defaultdict(list)
        self.by_attribute: dict[str, dict[str, list[Element]]] = defaultdict(dict)
        self._known: dict[str, tuple[list[Element], list[int]]] = {}

    def add(self, element: Element) -> None:
        """Give an element its place, behind all others."""
        self.everything.append(element)
        element.place = element.last = len(self.everything)
        self.by_tag[element.name].append(element)
        for name, value in element.attrs.items():
            text = " ".join(value) if type(value) is list else value
            self.by_attribute[name.lower()].setdefault(text, []).append(element)
            if name == "class":
                for each in value if len(value) == 1 else dict.fromkeys(value):
                    self.by_class[each].append(element)
            elif name == "id":
                self.by_id[text].append(element)

    def select(self, scope: _Selects, selector: str) -> list[Element] | None:
        """Return what matches below `scope`, None for a selector of another kind."""
        found = self._all(selector)
        if found is None:
            return None
        elements, places = found
        if scope.parent is not None:
            begin, end = bisect_right(places, scope.place), bisect_right(places, scope.last)
            elements = elements[begin:end]
        return [element for element in elements if element.place >= 0]

    def first(self, scope: _Selects, selector: str) -> Element | None:
        found = self._all(selector)
        if found is None:
            return None
        elements, places = found
        begin, end = 0, len(places)
        if scope.parent is not None:
            begin, end = bisect_right(places, scope.place), bisect_right(places, scope.last)
        for at in range(begin, end):
            if elements[at].place >= 0:
                return elements[at]
        return None

    def _all(self, selector: str) -> tuple[list[Element], list[int]] | None:
        self.selections += 1
        if (known := self._known.get(selector)) is not None:
            return known
        chains = chains_of(selector)
        if chains is None:
            return None
        self.searched += 1
        self._still_allowed()
        found: dict[int, Element] = {}
        for chain in chains:
            candidates = self._candidates(chain.last)
            self.looked_at += len(candidates)
            for element in candidates:
                place = element.place
                if place >= 0 and place not in found and fits(element, chain):
                    found[place] = element
        places = sorted(found)
        answer = [found[place] for place in places], places
        if not any(chain.has_siblings for chain in chains):  # a removal can make others neighbours
            self._known[selector] = answer
        return answer

    def _candidates(self, compound: Compound) -> list[Element]:
        """Return the fewest elements among which all that fit are."""
        if compound.id is not None:
            return self.by_id.get(compound.id, [])
        groups = [self.by_class.get(name, []) for name in compound.classes]
        if compound.tag is not None:
            groups.append(self.by_tag.get(compound.tag, []))
        best = min(groups, key=len, default=None)
        for attribute in compound.attributes:
            if best is None or len(best) > len(self.by_attribute.get(attribute.name, ())):
                with_it = self._with(attribute)
                best = with_it if best is None or len(with_it) < len(best) else best
        if best is None and compound.one_of:
            return [e for chain in compound.one_of[0] for e in self._candidates(chain.last)]
        return self.everything if best is None else best

    def _with(self, attribute: Attribute) -> list[Element]:
        values = self.by_attribute.get(attribute.name, {})
        holds = attribute.holds
        return [
            element
            for value, elements in values.items()
            if holds is None or holds(value)
            for element in elements
        ]


def _index_of(element: _Selects) -> Index | None:
    """Return the index of the tree that holds an element, None where none does."""
    tree = _tree_of(element)
    if tree is None or (element.place < 0 and tree is not element):
        return None
    return tree.index_of_elements


def _tree_of(element: Tag) -> Tree | None:
    root: Any = element
    while root.parent is not None:
        root = root.parent
    return root if isinstance(root, Tree) else None


class _Builder(LXMLTreeBuilder):
    """Grows the tree itself instead of passing each event on."""

    def feed(self, markup: Any) -> None:
        assert isinstance(self.soup, Tree)
        growing = _Growing(self.soup)
        parser = etree.HTMLParser(
            target=growing,
            recover=True,
            encoding=self.soup.original_encoding,
        )
        parser.feed(markup)
        parser.close()


class _Growing:
    """What lxml tells of a page's markup becomes elements and texts, as Beautiful Soup would have
    it.
    """

    def __init__(self, tree: Tree) -> None:
        self.index = tree.index_of_elements
        self.here: Any = tree  # the element that is open
        self.open: list[Any] = [tree]
        self.names: dict[str, int] = defaultdict(int)  # how many of each name are open
        self.latest: Any = None
        self.texts: list[str] = []
        self.whole_blanks = 0
        self.kinds: list[str] = []  # open elements whose texts are of a kind of their own
        self.templates = 0

    def start(self, name: str, attributes: Any) -> None:
        if self.texts:
            self._end_text()
        element = Element.__new__(Element)
        given = dict(attributes)
        for key in given:
            if ("*", key) in _LISTS or (name, key) in _LISTS:
                given[key] = given[key].split()
        element.__dict__.update(name=name, attrs=given, contents=[])
        if name in _EMPTY:
            element.__dict__["can_be_empty_element"] = True
        self._put(element)
        if not self.templates:
            self.index.add(element)
        self.open.append(element)
        self.here = element
        self.names[name] += 1
        self.index.depth = max(self.index.depth, len(self.open) - 1)
        if name in _WHOLE_BLANKS:
            self.whole_blanks += 1
        if name in _KINDS_OF_TEXT:
            self.kinds.append(name)
            element.__dict__["interesting_string_types"] = {_KINDS_OF_TEXT[name]}
            self.templates += name == "template"

    def end(self, name: str) -> None:
        if self.texts:
            self._end_text()
        while self.names[name] and len(self.open) > 1:
            closed = self.open.pop()
            self.here = self.open[-1]
            self._close(closed)
            if closed.name == name:
                break

    def _close(self, element: Element) -> None:
        name = element.name
        self.names[name] -= 1
        if name in _WHOLE_BLANKS:
            self.whole_blanks -= 1
        if name in _KINDS_OF_TEXT:
            self.kinds.pop()
            self.templates -= name == "template"
        if element.place >= 0:
            element.last = len(self.index.everything)

    def data(self, text: str) -> None:
        self.texts.append(text)

    def comment(self, text: str) -> None:
        self._special(text, Comment)

    def pi(self, target: str, text: str | None = None) -> None:
        self._special(f"{target} {text}", ProcessingInstruction)

    def doctype(self, name: str, pubid: str, system: str) -> None:
        self._special(str(Doctype.for_name_and_ids(name, pubid, system)), Doctype)

    def close(self) -> None:
        if self.texts:
            self._end_text()
        while len(self.open) > 1:
            self._close(self.open.pop())

    def _special(self, text: str, kind: type[NavigableString]) -> None:
        if self.texts:
            self._end_text()
        self.texts.append(text)
        self._end_text(kind)

    def _end_text(self, kind: type[NavigableString] = NavigableString) -> None:
        text = "".join(self.texts)
        self.texts.clear()
        if not self.whole_blanks and not text.strip(_BLANKS):
            text = "\n" if "\n" in text else " "
        if self.kinds and kind is NavigableString:
            kind = _KINDS_OF_TEXT.get(self.kinds[-1], kind)
        node = str.__new__(kind, text)
        node.__dict__["hidden"] = False
        self._put(node)

    def _put(self, node: Any) -> None:
        here, latest = self.here, self.latest
        contents = here.contents
        before = contents[-1] if contents else None
        node.__dict__.update(
            parent=here,
            previous_element=latest,
            next_element=None,
            previous_sibling=before,
            next_sibling=None,
        )
        if latest is not None:
            latest.__dict__["next_element"] = node
        if before is not None:
            before.__dict__["next_sibling"] = node
        contents.append(node)
        self.latest = node
