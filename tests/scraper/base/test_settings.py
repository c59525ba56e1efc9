"""Settings: what each variable means, and what is refused with which words."""

from __future__ import annotations

import base64
import json
from ipaddress import ip_network

import pytest

from scraper.base.errors import SettingsError
from scraper.base.settings import Settings, child_environment, environment

URL = "https://abcdefgh.supabase.co"
KEY = "sb_secret_0123456789"


def jwt(role: object) -> str:
    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part({'role': role})}.c2ln"


def test_without_variables_it_is_the_local_supabase() -> None:
    settings = Settings.from_environment({})
    assert (settings.local, settings.local_by_name, settings.supabase_url) == (True, False, None)
    assert settings.private_networks == ()


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"SUPABASE_SECRET_KEY": KEY}, KEY),
        ({"SUPABASE_SERVICE_ROLE_KEY": jwt("service_role")}, jwt("service_role")),
        ({"SUPABASE_KEY": "sb_secret_b", "SUPABASE_SECRET_KEY": KEY}, KEY),
        ({"SUPABASE_KEY": "sb_secret_b", "SUPABASE_SECRET_KEY": "  "}, "sb_secret_b"),
    ],
)
def test_the_first_key_that_is_set_wins(environ: dict[str, str], key: str) -> None:
    settings = Settings.from_environment({"SUPABASE_URL": URL + "/", **environ})
    assert (settings.local, settings.supabase_url, settings.supabase_key) == (False, URL, key)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"SUPABASE_URL": URL}, "no secret key: set SUPABASE_SECRET_KEY"),
        ({"SUPABASE_KEY": KEY}, "SUPABASE_URL is not"),
        ({"SUPABASE_URL": URL, "SUPABASE_KEY": "sb_publishable_x"}, "the secret key is needed"),
        ({"SUPABASE_URL": URL, "SUPABASE_KEY": jwt("anon")}, "role 'anon'"),
        ({"SUPABASE_URL": URL, "SUPABASE_KEY": jwt(["anon"])}, "the secret key is needed"),
        ({"SUPABASE_URL": URL, "SUPABASE_KEY": "two words"}, "copy it once more"),
        ({"SUPABASE_URL": URL, "SUPABASE_KEY": f'"{KEY}"'}, "without quotes around it"),
        ({"SUPABASE_URL": URL, "SUPABASE_KEY": KEY + "\x01"}, "copy it once more"),
        ({"SUPABASE_URL": "abcdefgh", "SUPABASE_KEY": KEY}, "not an address"),
        ({"SUPABASE_URL": "https://[", "SUPABASE_KEY": KEY}, "not an address"),
        ({"SUPABASE_URL": "https://a:b@c.co", "SUPABASE_KEY": KEY}, "not an address"),
        ({"SUPABASE_URL": "https://a..b", "SUPABASE_KEY": KEY}, "not an address"),
        ({"SUPABASE_URL": "https://my project.co", "SUPABASE_KEY": KEY}, "not an address"),
        ({"SUPABASE_URL": f'"{URL}"', "SUPABASE_KEY": KEY}, "not an address"),
        ({"SUPABASE_URL": URL + "/rest/v1", "SUPABASE_KEY": KEY}, "without '/rest/v1'"),
        ({"LEASE_S": "soon"}, "LEASE_S is 'soon', but must be a number of seconds above 0."),
        ({"TOTAL_TIMEOUT_S": "1e300"}, "TOTAL_TIMEOUT_S"),
        ({"LEASE_S": "0"}, "above 0"),
        ({"TOTAL_TIMEOUT_S": "nan"}, "TOTAL_TIMEOUT_S"),
        ({"PAGE_DELAY_S": "-1"}, "0 or more"),
        ({"MAX_REDIRECTS": "2.5"}, "must be a whole number, 0 or more."),
        ({"LOCAL_SUPABASE_PORT": "70000"}, "65535"),
        ({"ALLOW_PROXY": "perhaps"}, "1 or 0"),
        ({"USER_AGENT": "a\nb"}, "USER_AGENT is 'a\\nb', but must be one line of plain letters"),
        ({"USER_AGENT": "刀"}, "one line of plain letters"),
        ({"STORAGE_BUCKET": "a/b"}, "must be the name of a bucket"),
        ({"STORAGE_BUCKET": ".."}, "must be the name of a bucket"),
        ({"STORAGE_BUCKET": "刀"}, "must be the name of a bucket"),
        ({"LOG_LEVEL": "loud"}, "DEBUG"),
        ({"ALLOW_PRIVATE_NETWORKS": "127.0.0.1/8"}, "a list of networks such as 127.0.0.0/8"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(environ)
    assert words in str(caught.value)
    assert "sb_secret" not in str(caught.value).replace("'sb_secret_…'", "")


def test_networks_are_a_list() -> None:
    given = {"ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8, ::1/128 10.0.0.0/8"}
    assert Settings.from_environment(given).private_networks == (
        ip_network("127.0.0.0/8"),
        ip_network("::1/128"),
        ip_network("10.0.0.0/8"),
    )


def test_proxies_are_seen_but_not_used_by_themselves() -> None:
    settings = Settings.from_environment({"https_proxy": "http://proxy:3128"})
    assert (settings.proxy_variables, settings.allow_proxy) == (("https_proxy",), False)


def test_the_key_is_not_shown_by_repr() -> None:
    assert KEY not in repr(Settings.from_environment({"SUPABASE_URL": URL, "SUPABASE_KEY": KEY}))


def test_programs_we_start_do_not_get_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_SECRET_KEY", KEY)
    assert KEY not in child_environment(A="1").values()
    assert child_environment(A="1")["A"] == "1"


def test_an_environment_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_URL", URL)
    monkeypatch.setenv("SUPABASE_KEY", KEY)
    with environment(SUPABASE_URL="local"):
        assert Settings.from_environment().local
    assert Settings.from_environment().supabase_url == URL
