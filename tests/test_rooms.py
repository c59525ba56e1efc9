"""The rooms of each package: imports point downwards, in functions too, and no circle stands."""

from __future__ import annotations

import ast
import functools
import itertools
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from parsed_sources import parsed_sources

from scraper.platforms import PLATFORMS

ROOT = Path(__file__).parent.parent
# Each from the foundation to the roof. A package may also use the whole of those before it.
ROOMS: Mapping[str, tuple[str, ...]] = {
    "scraper": (
        "base",
        "net",
        "database",
        "pages",
        "parsing",
        "reading",
        "platforms",
        "dealers",
        "rows",
        "cli",
        "__main__",
    ),
    "migrate": (
        "errors",
        "queue",
        "run",
        "pictures",
        "copying",
        "care",
        "reports",
        "cli",
        "__main__",
    ),
    "workflows": (),
}
REGISTRIES = ("scraper.platforms", "scraper.dealers")
"""They load the modules of their room by name, which no import statement shows."""
FLOORS = [(package, room) for package, rooms in ROOMS.items() for room in rooms or ("",)]
PLACE = {floor: place for place, floor in enumerate(FLOORS)}
Modules = Mapping[str, ast.Module]


def sources() -> dict[str, Path]:
    """All modules of the three packages by their full name."""
    found = {}
    for package in ROOMS:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


SOURCES = sources()


def floor_of(module: str) -> tuple[str, str] | None:
    """The package and room of a module; None for a package itself, which holds nothing."""
    package, _, rest = module.partition(".")
    if package == "workflows":
        return package, ""
    return (package, rest.split(".")[0]) if rest else None


@functools.cache
def import_nodes(tree: ast.Module) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """Every import of a module; of a hundred modules only one is another from test to test."""
    return tuple(n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom))


def imports_of(tree: ast.Module, known: Iterable[str]) -> Iterator[str]:
    """The modules of ours that a module imports, wherever the import stands."""
    for node in import_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif node.module:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in below)


def upward_imports(modules: Modules) -> list[str]:
    """Each import of a room from a room below it, as "module -> module"."""
    found = []
    for module, tree in modules.items():
        mine = floor_of(module)
        for name in imports_of(tree, modules) if mine is not None else ():
            theirs = floor_of(name) if name in modules else None
            if mine and theirs and PLACE[theirs] > PLACE[mine]:
                found.append(f"{module} -> {name}")
    return found


def circles(modules: Modules) -> list[str]:
    """The modules that no order can put behind all that they import."""
    uses = {
        module: {name for name in imports_of(tree, modules) if name in modules and name != module}
        | {name for name in modules if module in REGISTRIES and name.startswith(f"{module}.")}
        for module, tree in modules.items()
    }
    while gone := [m for m, names in uses.items() if not names & uses.keys()]:
        for module in gone:
            del uses[module]
    return sorted(uses)


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    parsed = parsed_sources()
    return {name: parsed[path.relative_to(ROOT).as_posix()] for name, path in SOURCES.items()}


def test_every_module_stands_in_a_room(modules: Modules) -> None:
    homeless = [m for m in modules if (floor := floor_of(m)) is not None and floor not in PLACE]
    assert homeless == []


def test_rooms_import_only_rooms_before_them(modules: Modules) -> None:
    assert upward_imports(modules) == []


def test_no_imports_go_round_in_a_circle(modules: Modules) -> None:
    assert circles(modules) == []


NEIGHBOURS = [
    (below, above) for below, above in itertools.pairwise(FLOORS) if below[1] != "__main__"
]


@pytest.mark.parametrize(("below", "above"), NEIGHBOURS, ids=lambda floor: ".".join(floor))
@pytest.mark.parametrize("line", ["import {}", "def act():\n    from {} import anything"])
def test_an_import_turned_round_is_found(
    modules: Modules, line: str, below: tuple[str, str], above: tuple[str, str]
) -> None:
    lower = next(m for m in modules if floor_of(m) == below)
    upper = next(m for m in modules if floor_of(m) == above)
    turned = {**modules, lower: ast.parse(line.format(upper))}
    assert upward_imports(turned) == [f"{lower} -> {upper}"]


@pytest.mark.parametrize("line", ["import {}", "def act():\n    from {} import anything"])
def test_a_circle_is_found(line: str) -> None:
    tree = {"workflows.a": "workflows.b", "workflows.b": "workflows.c", "workflows.d": "os"}
    found = {name: ast.parse(line.format(used)) for name, used in tree.items()}
    assert circles(found | {"workflows.c": ast.parse(line.format("workflows.a"))}) == [
        "workflows.a",
        "workflows.b",
        "workflows.c",
    ]
    assert circles(found | {"workflows.c": ast.parse("")}) == []


def test_a_circle_through_a_registry_is_found() -> None:
    shop = {"scraper.platforms": "os", "scraper.platforms.kura": "scraper.platforms"}
    found = {name: ast.parse(f"def act():\n    import {used}") for name, used in shop.items()}
    assert circles(found) == ["scraper.platforms", "scraper.platforms.kura"]


def test_loading_a_room_loads_no_room_above_it(modules: Modules) -> None:
    """In one process, from the foundation up: what is loaded then was loaded by a room so far."""
    rooms = [
        (".".join(floor).rstrip("."), [m for m in modules if floor_of(m) == floor])
        for floor in FLOORS
        if floor[1] != "__main__"
    ]
    program = "\n".join(
        [
            "import importlib, sys",
            f"rooms = {rooms!r}",
            "above = dict((m, room) for room, names in rooms for m in names)",
            "for room, names in rooms:",
            "    for name in names:",
            "        if not name.endswith('__main__'): importlib.import_module(name)",
            "        above.pop(name)",
            "    early = sorted(above.keys() & sys.modules.keys())",
            "    assert not early, f'{room} loads {early}'",
        ]
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


MAY_NAME_A_SHOP_SYSTEM = (
    "scraper.platforms",
    "scraper.dealers.",  # a dealer says what its shop runs on
    "scraper.cli.dealer_rows",  # what to type where no shop was recognised
    "scraper.parsing.title",  # whose typography it undoes
    "workflows.sample_shop",  # is such a shop
)


def test_nobody_names_a_shop_system_outside_its_folder(modules: Modules) -> None:
    """All know the protocol and the registry; what is special of one stands in its folder."""
    names = "|".join(re.sub("_", "[-_ ]?", name) for name in PLATFORMS if name != "static")
    told = [
        f"{module}: {found[0]}"
        for module in modules
        if not module.startswith(MAY_NAME_A_SHOP_SYSTEM)
        and (found := re.search(rf"(?<![a-z])(?:{names})(?![a-z])", source(module), re.IGNORECASE))
    ]
    assert told == []


def test_names_of_themes_stand_in_one_place(modules: Modules) -> None:
    """What one shop system's markup is like is its folder's; what many have, `theme_names` says."""
    names = r"product_title|entry-|wp-(?:block-post|content|inc)|tab-desc|ec-product|woocommerce-"
    told = [
        f"{module}: {found[0]}"
        for module in modules
        if module.startswith(("scraper.reading", "scraper.rows", "scraper.pages"))
        and module != "scraper.pages.theme_names"
        and (found := re.search(rf"[.#'\"=/](?:{names})", source(module)))
    ]
    assert told == []


def source(module: str) -> str:
    return SOURCES[module].read_text("utf-8")


def test_the_architecture_shows_the_rooms_and_names_files_that_exist() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")
    picture = text.split("```")[1]
    shown = re.findall(r"^ +(?:│ +)?([a-z]+)  +\S", picture, re.MULTILINE)
    rooms = [room for room in ROOMS["scraper"] + ROOMS["migrate"] if room not in LOBBIES]
    assert sorted(shown) == sorted(rooms)
    folders = ("", "scraper/", "migrate/", "docs/")
    for name in re.findall(r"`([\w/]+\.py)`", text):
        assert any((ROOT / folder / name).is_file() for folder in folders), name


LOBBIES = ("__main__", "errors")
"""Modules that stand beside the rooms, one of their own each."""
