"""`.env`: read beside the environment, which it never overrides, and never with an open key."""

from __future__ import annotations

from pathlib import Path

import pytest

from scraper.base.env_file import merged
from scraper.base.errors import SettingsError
from scraper.base.settings import Settings
from scraper.base.supabase_address import KEY_NAMES

KEY = "sb_secret_" + "a1" * 12
OTHER = "sb_secret_" + "b2" * 12
URL, ELSEWHERE = "https://one.supabase.co", "https://two.supabase.co"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ENV_FILE")


def write(text: str, *, mode: int = 0o600, name: str = ".env") -> None:
    Path(name).write_text(text, encoding="utf-8")
    Path(name).chmod(mode)


def values(**environ: str) -> dict[str, str]:
    return {name: value for name, (value, _) in merged(environ, KEY_NAMES).items()}


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("PAGE_DELAY_S=3\n", {}, {"PAGE_DELAY_S": "3"}),
        ("export PAGE_DELAY_S='3' # slow\r\n", {}, {"PAGE_DELAY_S": "3"}),
        ("\ufeffPAGE_DELAY_S=3\n", {}, {"PAGE_DELAY_S": "3"}),
        ("A=$HOME ${PATH}\n", {}, {"A": "$HOME ${PATH}"}),  # a key may hold a dollar sign
        ("PAGE_DELAY_S=3", {"PAGE_DELAY_S": "5"}, {"PAGE_DELAY_S": "5"}),
        ("PAGE_DELAY_S=3", {"PAGE_DELAY_S": " "}, {"PAGE_DELAY_S": "3"}),
        ("PAGE_DELAY_S=\n# a word\n\n", {}, {}),
        (f"SUPABASE_KEY={KEY}", {"SUPABASE_URL": URL}, {"SUPABASE_URL": URL, "SUPABASE_KEY": KEY}),
        # A key goes only to the project that it stands beside.
        (
            f"SUPABASE_URL={URL}\nSUPABASE_SECRET_KEY={KEY}",
            {"SUPABASE_URL": ELSEWHERE},
            {"SUPABASE_URL": ELSEWHERE},
        ),
        # Another name for a key does not win over the one in the environment.
        (
            f"SUPABASE_SECRET_KEY={KEY}",
            {"SUPABASE_URL": URL, "SUPABASE_KEY": OTHER},
            {"SUPABASE_URL": URL, "SUPABASE_KEY": OTHER},
        ),
    ],
)
def test_the_file_stands_behind_the_environment(
    text: str, environ: dict[str, str], expected: dict[str, str]
) -> None:
    write(text)
    assert values(**environ) == expected


def test_settings_come_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    write(f"SUPABASE_URL={URL}\nSUPABASE_SECRET_KEY={KEY}\nLEASE_S=7")
    found = Settings.from_environment()
    assert (found.supabase_url, found.supabase_key, found.lease_s) == (URL, KEY, 7.0)
    assert Settings.from_environment({}).local, "who brings an environment means that one"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(mode: int) -> None:
    write(f"SUPABASE_KEY={KEY}", mode=mode)
    with pytest.raises(SettingsError, match=r"chmod 600 \.env"):
        merged({}, KEY_NAMES)
    write("LEASE_S=7", mode=mode)
    assert values() == {"LEASE_S": "7"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"LEASE_S=7\nno assignment\n", "Line 2 of .env is not NAME=VALUE"),
        (b"LEASE_S\n", "Line 1 of .env is not NAME=VALUE"),
        ("LEASE_S=７".encode("shift-jis"), "not in UTF-8"),
    ],
)
def test_what_cannot_be_understood_is_said(content: bytes, words: str) -> None:
    Path(".env").write_bytes(content)
    with pytest.raises(SettingsError, match=words):
        merged({}, KEY_NAMES)


def test_another_file_may_be_named_and_must_then_be_there() -> None:
    write("LEASE_S=7")
    write("LEASE_S=9", name="mine.env")
    assert values(ENV_FILE="mine.env")["LEASE_S"] == "9"
    assert "LEASE_S" not in values(ENV_FILE="none")
    with pytest.raises(SettingsError, match="ENV_FILE names gone, which is no file"):
        merged({"ENV_FILE": "gone"}, KEY_NAMES)
