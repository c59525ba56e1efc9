"""Every command line of the documents is typed, on a local Supabase and a shop of our own."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from local_servers import free_port, migrated
from typer._click.exceptions import MissingParameter

from scraper.base.settings import Settings, environment
from scraper.database import embedded
from scraper.database.client import connect
from scraper.database.embedded.home import Home
from workflows.sample_shop import PRODUCTS

pytestmark = [
    pytest.mark.servers,
    pytest.mark.timeout(600),  # half a minute of CPU, on a machine that may be busy
]


def _documents() -> Any:
    file = Path(__file__).parents[1] / "test_documents.py"
    spec = importlib.util.spec_from_file_location("documents", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


documents = _documents()

ELSEWHERE = {
    "listing-mirror demo": "test_demo.py plays it",
    "listing-mirror incident [--to FOLDER]": "test_incident.py plays a tenth of it",
    "scrape check": "it reads the known dealers' live pages; played for our own shop alone",
    "scrape dealers add NAME URL": "played with the names that the documents give",
}
"""Lines that are not typed here as they stand, and why."""

NOT_OURS = {
    "supabase ": "the Supabase CLI asks for an account; the files are those of `migrations --to`",
    "psql ": "tests/database applies the migrations and roll_back.sql, each in its transaction",
    "for file in ": "the same, file by file",
    "do psql ": "the same, file by file",
    "break": "the same, file by file",
    "done": "the same, file by file",
    "git ": "it is a checkout's own business",
    "cd ": "a shell's word",
    "0 21 * * *": "cron's word for when",
    "export ": "a shell's word; test_settings holds the variables",
    "make test": "this is it",
    "make release": "tests/release, and it wants a committed tree",
    "make demo": "test_demo.py plays it",
    "make incident": "test_incident.py plays it",
}
"""Lines of shell blocks that are no command of ours, and who looks after them."""

LAST = (" local ", "--inactive", "moved_to=")
"""What ends the play: the server stopped, the dealer left out, the dealer elsewhere."""

SHOP, OTHER = "Kyoto Touken", "Kawabata Token"


@dataclass(frozen=True)
class World:
    """What the names in the documents stand for while they are typed."""

    shop: str
    other: str
    moved: str
    listing: int
    digest: str

    def words(self, arguments: list[str]) -> list[str]:
        return [self._word(one) for one in arguments]

    def _word(self, word: str) -> str:
        page = f"{self.shop}/product/{PRODUCTS[0].slug}/"
        exactly = {
            documents.MEANT["NAME"]: SHOP,
            documents.MEANT["ID"]: str(self.listing),
            documents.MEANT["IMAGE"]: f"{self.listing}/0",
            documents.MEANT["DIGEST"]: self.digest,
            documents.MEANT["DIGEST_OR_PATTERN"]: self.digest,
            documents.MEANT["URL"]: page,
            "LISTING/POSITION": f"{self.listing}/0",
            "204": str(self.listing),
            "moved_to=URL": f"moved_to={self.moved}/",
        }
        if word in exactly:
            return exactly[word]
        word = re.sub(r"https://[\w-]+\.example/product/.*", page, word)
        word = re.sub(r"https://kawabata-token\.example/.*", f"{self.other}/", word)
        word = re.sub(r"moved_to=https://.*", f"moved_to={self.moved}/", word)
        return word.replace("https://kyoto-touken.example", self.shop)


@pytest.fixture
def typed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, list[str]], int]]:
    """Types a command as a user does, in an empty folder; its exit code."""
    home = migrated(Home(tmp_path / "home", free_port()))
    monkeypatch.chdir(tmp_path)
    variables = {
        "SUPABASE_URL": "local",
        "LOCAL_SUPABASE_HOME": str(home.folder),
        "LOCAL_SUPABASE_PORT": str(home.port),
        "ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        "PAGE_DELAY_S": "0",
        "LOG_DIR": str(tmp_path / "logs"),
        "ENV_FILE": "none",
    }

    def run(program: str, arguments: list[str]) -> int:
        command = documents.PROGRAMS[program]
        return command(list(arguments), prog_name=program, standalone_mode=False) or 0

    with environment(**variables):
        embedded.up(Settings.from_environment())
        try:
            yield run
        finally:
            embedded.down(Settings.from_environment())


def world_of(run: Callable[[str, list[str]], int], shop: Any) -> World:
    """The dealers added as the documents do it, one of them scraped and copied."""
    nothing = World(shop.url, shop.listen("127.0.0.2"), shop.listen("127.0.0.3"), 0, "")
    for line in {one for one in lines() if re.match('scrape dealers add "', one)}:
        program, arguments = documents.command_of(line)
        assert run(program, nothing.words(arguments)) == 0, line
    assert run("scrape", ["dealers", "set", OTHER, "--inactive"]) == 0
    assert run("scrape", ["daily", "--dealer", SHOP]) == 0
    assert run("migrate", []) == 0
    with connect(Settings.from_environment()) as database:
        query = database.table("listing_images").select("listing_id, sha256")
        image = query.order("listing_id").limit(1).execute().data[0]
    return replace(nothing, listing=image["listing_id"], digest=image["sha256"])


def lines() -> list[str]:
    """Each line once; what would spoil the others comes last."""
    found = {" ".join(line.split()) for _, line, _ in documents.documented()}

    def place(line: str) -> tuple[int, str]:
        return max((at for at, part in enumerate(LAST, 1) if part in line), default=0), line

    return sorted(found, key=place)


def test_every_command_line_can_be_typed(
    typed_in: Any, shop: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    world = world_of(typed_in, shop)
    played: set[tuple[str, ...]] = set()
    for line in lines():
        program, arguments = documents.command_of(line)
        command = (program, *world.words(arguments))
        if line in ELSEWHERE or line.startswith('scrape dealers add "') or command in played:
            continue
        played.add(command)
        capfd.readouterr()

        try:
            code = typed_in(program, list(command[1:]))
        except MissingParameter:
            continue  # named in a sentence, without what it is about
        assert code == 0, (line, capfd.readouterr())
    assert len(played) > 60


def test_every_line_that_is_not_played_has_its_reason() -> None:
    others = {
        line.strip()
        for text in documents.texts().values()
        for line in documents.typed(text)
        if line.strip() and not documents.command_of(line) and line.strip() != "migrate"
    }
    unknown = [one for one in others if not any(one.startswith(known) for known in NOT_OURS)]
    assert unknown == []
    known_lines = {line for line in lines()}
    assert not [one for one in ELSEWHERE if one not in known_lines], "a reason without its line"
