"""The documents: every command line is understood, every link leads somewhere, all is named."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from parsed_sources import parsed_sources
from typer._click.exceptions import MissingParameter
from typer.main import get_command

from migrate.cli.app import app as migrate
from scraper.base.errors import ErrorKind
from scraper.base.settings import variables
from scraper.cli.app import app as scrape
from workflows.cli import app as workflows

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
PROGRAMS = {"scrape": scrape, "migrate": migrate, "listing-mirror": workflows}
MEANT = {
    "ID": "1", "IMAGE": "1/0", "NAME": "Aoi Art", "URL": "https://shop.example/item/1", "N": "5",
    "FILE.html": "page.html", "DIGEST": "0" * 64, "DIGEST_OR_PATTERN": "*/banner.jpg*",
    "DIGEST_OR_URL_PATTERN": "*/banner.jpg*", "TEXT": "why", "KEY=VALUE": "delay_s=3",
    "ADDRESS": "https://shop.example/item/1", "MINUTES": "5", "SYSTEM": "woocommerce",
    "FOLDER": "folder", "RULE=BOUND": "age=72h", "COMMAND": "stats",
}  # fmt: skip
"""What a word in capitals stands for."""


def texts() -> dict[str, str]:
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in DOCUMENTS}


def typed(text: str) -> Iterator[str]:
    """What stands in shell blocks and in a crontab, to be typed as it is."""
    for block in re.findall(r"^ *```(?:sh|cron)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            yield from re.split(r"&&|\|\||;|>", re.sub(r"(^|\s)#.*", "", line))


def mentioned(text: str) -> Iterator[str]:
    """What stands as code within a sentence."""
    outside = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    for line in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", outside):
        yield line.partition(" > ")[0]


def command_of(line: str) -> tuple[str, list[str]] | None:
    """Program and arguments when the line is one of our commands, with what placeholders mean."""
    line = line.replace("python -m workflows", "listing-mirror").replace("…", "")
    try:
        words = shlex.split(line.replace("[", " ").replace("]", " "))
    except ValueError:
        return None
    while words and re.match(r"[A-Z_]+=", words[0]):  # a variable for this command alone
        words.pop(0)
    program = words[0].removeprefix(".venv/bin/") if words else ""
    if program not in PROGRAMS or len(words) == 1 or words[1].startswith("("):
        return None
    if words[1] == "--install-completion":  # it would
        return None
    return program, [MEANT.get(word, word) for word in words[1:]]


def documented() -> set[tuple[str, str, bool]]:
    """Document, line, and whether it is to be typed as it is."""
    return {
        (name, line.strip(), reader is typed)
        for name, text in texts().items()
        for reader in (typed, mentioned)
        for line in reader(text)
        if command_of(line)
    }


def without_work(command: Any) -> Any:
    """The command with everything that it would do taken out; what it understands stays."""
    command.callback = lambda *_, **__: None
    for one in getattr(command, "commands", {}).values():
        without_work(one)
    return command


@pytest.mark.parametrize(("document", "line", "whole"), sorted(documented()))
def test_every_command_line_is_understood(document: str, line: str, whole: bool) -> None:
    found = command_of(line)
    assert found is not None
    program, arguments = found
    command = without_work(get_command(PROGRAMS[program]))
    try:
        command.main(arguments, program, standalone_mode=False)
    except MissingParameter:
        assert not whole, "a sentence may name a command without its arguments, a block may not"


def test_there_are_command_lines_at_all() -> None:
    assert sum(whole for _, _, whole in documented()) >= 20
    assert len(documented()) > 80


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        other = (path.parent / file).resolve() if file else path
        assert other.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", other.read_text("utf-8"), re.MULTILINE)
            assert anchor in {slug(one) for one in headings}, target


def test_the_readme_is_short_and_leads_to_every_document() -> None:
    readme = texts()["README.md"]
    assert len(readme.splitlines()) <= 150
    for name in texts():
        if name.startswith("docs/"):
            assert f"]({name})" in readme, name


def test_every_error_kind_has_its_remedy() -> None:
    rows = [one for one in texts()["docs/troubleshooting.md"].splitlines() if one.startswith("| `")]
    explained = {kind for row in rows for kind in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert {str(kind) for kind in ErrorKind} <= explained


ENDING = frozenset(
    {
        "AdoptionUnfinishedError", "DatabaseRejectedError", "DatabaseUnavailableError",
        "DealerDownError", "EmbeddedError", "LocalDiskError", "NoShopError", "OutputError",
        "ReportNotWrittenError", "SchemaMissingError", "SettingsError", "ShrunkCatalogueError",
        "StorageDownError", "StorageRejectedError", "StorageUnavailableError", "WrongAddressError",
        "WrongKeyError",
    }
)  # fmt: skip
"""Errors that end a command, or a dealer's part of it, and are not about how it was typed."""


def template(node: ast.expr) -> str:
    """A message as the code writes it, with … for what is put in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(template, node.values))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return "…"


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for name, tree in parsed_sources().items():
        file = Path(name)
        for node in ast.walk(tree):
            yield file, node


def messages() -> dict[str, str]:
    """Every message of those errors that stands in the code, and where."""
    found = {}
    for file, node in nodes():
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ENDING and node.args:
            found[template(node.args[0])] = f"{file.name}:{node.lineno}"
    return found


def every_text() -> Iterator[str]:
    return (template(node) for _, node in nodes() if isinstance(node, ast.JoinedStr | ast.Constant))


def as_pattern(phrase: str) -> str:
    return ".*?".join(map(re.escape, phrase.split("…")))


def test_every_message_that_ends_a_command_has_its_remedy() -> None:
    _, _, section = texts()["docs/troubleshooting.md"].partition("## Why a command ends")
    rows = [one.split("|")[1] for one in section.splitlines() if one.startswith("| ")]
    phrases = [phrase.strip("… ") for row in rows for phrase in re.findall(r"`([^`]+)`", row)]
    said = messages()
    assert len(said) > 50
    # A bare "…: …" repeats what the server said, and begins with it.
    bare = {one for one in said if not re.search(r"\w{2}", one.replace("…", ""))}
    without = {
        one: at
        for one, at in said.items()
        if one not in bare and not any(re.search(as_pattern(two), one) for two in phrases)
    }
    assert without == {}
    written = "\n".join(every_text())
    assert [two for two in phrases if not re.search(as_pattern(two), written)] == []


def test_every_setting_stands_in_the_operators_document() -> None:
    shown = re.findall(
        r"^\| (`[A-Z_]+`[^|]*) \| (.*?) \| ([^|]*) \|$", texts()["docs/operating.md"], re.MULTILINE
    )
    assert [(n.replace("`", ""), d, m) for n, m, d in shown] == variables()


def test_the_documents_name_only_make_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for name, text in texts().items():
        lines = [*typed(text), *mentioned(text)]
        named = {word for one in lines for word in re.findall(r"^make (?:-s )?([a-z-]+)\b", one)}
        assert named <= targets, name
