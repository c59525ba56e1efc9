"""What the guard refuses, with the reason; nothing here opens a socket."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.base.errors import BadUrlError, BlockedAddressError, SettingsError
from scraper.base.settings import Settings
from scraper.net.guard import (
    MAX_URL_CHARS,
    check_address,
    check_port,
    check_url,
    host_of,
    refuse_environment_proxies,
)

HOSTILE_ADDRESSES = [
    ("0.0.0.0", "this network"),
    ("0.255.255.255", "this network"),
    ("10.0.0.0", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.0", "carrier-grade"),
    ("100.127.255.255", "carrier-grade"),
    ("127.0.0.1", "loopback"),
    ("127.66.66.66", "loopback"),
    ("127.255.255.255", "loopback"),
    ("168.63.129.16", "cloud"),
    ("169.254.0.0", "link-local"),
    ("169.254.169.254", "metadata"),
    ("169.254.255.255", "link-local"),
    ("172.16.0.0", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.0", "IETF"),
    ("192.0.0.170", "IETF"),
    ("192.0.0.255", "IETF"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "6to4 relay"),
    ("192.168.0.0", "private"),
    ("192.168.255.255", "private"),
    ("192.175.48.1", "AS112"),
    ("198.18.0.0", "benchmarking"),
    ("198.19.255.255", "benchmarking"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.7", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "IPv4-compatible.*loopback"),
    ("::a9fe:a9fe", "IPv4-compatible.*metadata"),
    ("::808:808", "IPv4-compatible"),
    ("::ffff:127.0.0.1", "carries 127.0.0.1"),
    ("::ffff:a9fe:a9fe", "carries 169.254.169.254"),
    ("0:0:0:0:0:ffff:0a00:0001", "carries 10.0.0.1"),
    ("::ffff:0:0", "carries 0.0.0.0"),
    ("64:ff9b::7f00:1", "NAT64.*127.0.0.1"),
    ("64:ff9b::808:808", "NAT64"),
    ("64:ff9b:1::1", "local NAT64"),
    ("64:ff9b:1:a9fe:a9:fe00::", "local NAT64.*169.254.169.254"),
    ("100::1", "discard"),
    ("2001::1", "Teredo"),
    ("2001:0:4136:e378:8000:63bf:80ff:fffe", "Teredo.*127.0.0.1"),
    ("2001:20::1", "IETF"),
    ("2001:db8::1", "documentation"),
    ("2002:7f00:1::", "6to4.*127.0.0.1"),
    ("2002:808:808::1", "6to4"),
    ("2607:f8b0::5efe:10.0.0.1", "ISATAP.*10.0.0.1"),
    ("2607:f8b0::200:5efe:808:808", "ISATAP"),
    ("3fff::1", "documentation"),
    ("3fff:fff::1", "documentation"),
    ("5f00::1", "segment routing"),
    ("fc00::1", "unique local"),
    ("fd00:ec2::254", "unique local"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "scope id"),
    ("2607:f8b0::1%lo", "scope id"),
    ("febf::1", "link-local"),
    ("fec0::1", "site-local"),
    ("feff::1", "site-local"),
    ("ff02::1", "multicast"),
    ("4000::1", "not public"),
    ("localhost", "not an address"),
    ("", "not an address"),
]


@pytest.mark.parametrize(("address", "reason"), HOSTILE_ADDRESSES)
def test_an_address_that_is_not_public(address: str, reason: str) -> None:
    with pytest.raises(BlockedAddressError, match=reason):
        check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.0.0.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
    ],
)
def test_a_public_address(address: str) -> None:
    check_address(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_every_form(address: IPv4Address) -> None:
    def is_refused(text: str) -> bool:
        try:
            check_address(text)
        except BlockedAddressError:
            return True
        return False

    plain = is_refused(str(address))
    assert is_refused(f"::ffff:{address}") == plain
    for carrier in (0x64FF9B << 96, 0):
        assert is_refused(str(IPv6Address(carrier | int(address))))
    assert is_refused(str(IPv6Address(0x2002 << 112 | int(address) << 80)))
    if not address.is_global:
        assert plain


@given(st.ip_addresses(v=6))
def test_nothing_that_python_calls_private_is_let_through(address: IPv6Address) -> None:
    if not address.is_global:
        with pytest.raises(BlockedAddressError):
            check_address(str(address))


def test_an_opened_network_opens_that_network_only() -> None:
    allowed = ["127.0.0.0/8"]
    check_address("127.0.0.1", allowed=allowed)
    check_address("::ffff:127.0.0.1", allowed=allowed)
    for closed in ("10.0.0.1", "::1", "64:ff9b::7f00:1", "2002:7f00:1::"):
        with pytest.raises(BlockedAddressError):
            check_address(closed, allowed=allowed)


def test_an_opened_translator_does_not_open_what_is_behind_it() -> None:
    allowed = [ip_network("64:ff9b::/96")]
    check_address("64:ff9b::808:808", allowed=allowed)
    with pytest.raises(BlockedAddressError, match=r"127\.0\.0\.1"):
        check_address("64:ff9b::7f00:1", allowed=allowed)


BAD_URLS = [
    ("", "only http"),
    ("shop.example/a.jpg", "only http"),
    ("//shop.example/a.jpg", "only http"),
    ("/a.jpg", "only http"),
    ("ftp://shop.example/a", "only http"),
    ("file:///etc/passwd", "only http"),
    ("data:image/png;base64,AA", "only http"),
    ("javascript:alert(1)", "only http"),
    ("gopher://shop.example/", "only http"),
    ("http:", "no host"),
    ("http://", "no host"),
    ("http:///a.jpg", "no host"),
    ("http://:80/a", "no host"),
    ("http://user@shop.example/", "user name"),
    ("http://user:secret@shop.example/", "user name"),
    ("http://shop.example@127.0.0.1/", "user name"),
    ("http://@127.0.0.1/", "user name"),
    ("http://2130706433/", "means 127.0.0.1"),
    ("http://0x7f000001/", "means 127.0.0.1"),
    ("http://0x7f.0.0.1/", "means 127.0.0.1"),
    ("http://0177.0.0.1/", "means 127.0.0.1"),
    ("http://017700000001/", "means 127.0.0.1"),
    ("http://127.1/", "means 127.0.0.1"),
    ("http://127.0.1/", "means 127.0.0.1"),
    ("http://134744072/", "means 8.8.8.8"),
    ("http://1.2.3.4.5/", "number in disguise"),
    ("http://256.256.256.256/", "number in disguise"),
    ("http://127.0.0.1%00.shop.example/", "no domain name"),
    ("http://%31%32%37.0.0.1/", "no domain name"),
    ("http://shop example/", "no domain name"),
    ("http://shop..example/", "no domain name"),
    ("http://-shop.example/", "no domain name"),
    ("http://*.example/", "no domain name"),
    ("http://" + "a" * 64 + ".example/", "no domain name"),
    ("http://" + "a." * 130 + "example/", "no domain name"),
    ("http://[::1/", "cannot be read"),
    ("http://[fe80::1%25eth0]/", "scope ids"),
    ("http://[v1.a]/", "cannot be read|not an IPv6"),
    ("http://[127.0.0.1]/", "cannot be read|not an IPv6|not public"),
    ("http://shop.example:0/", "port 0"),
    ("http://shop.example:/", "no port"),
    ("http://shop.example:99999/", "port cannot be read"),
    ("http://shop.example:a/", "port cannot be read"),
    ("http://shop.example\\@127.0.0.1/", "backslash"),
    ("http:\\\\127.0.0.1/", "backslash"),
    ("http://shop.example/\r\nHost: evil", "control"),
    ("http://shop.example/a\tb", "control"),
    ("http://shop.example/\x00", "control"),
    ("http://127.0.0.1\u2028.example/", "control"),
    ("http://shop.example/\ud800", "cannot be read"),
    ("http://shop.example/" + "a" * MAX_URL_CHARS, "longer than"),
]


@pytest.mark.parametrize(("url", "reason"), BAD_URLS)
def test_a_url_that_nobody_should_ask_for(url: str, reason: str) -> None:
    with pytest.raises((BadUrlError, BlockedAddressError), match=reason) as caught:
        check_url(url)
    assert "secret" not in str(caught.value)


BLOCKED_URLS = [
    ("http://127.0.0.1/", "loopback"),
    ("http://127.0.0.1./", "loopback"),
    ("http://１２７.0.0.1/", "loopback"),
    ("http://127。0。0。1/", "loopback"),
    ("http://①②⑦.0.0.1/", "loopback"),
    ("https://[::1]/", "loopback"),
    ("http://[::ffff:7f00:1]/", "carries 127.0.0.1"),
    ("http://169.254.169.254/latest/meta-data/", "metadata"),
    ("http://[64:ff9b::a9fe:a9fe]/", "NAT64"),
    ("http://shop.example:22/", "port 22"),
    ("http://shop.example:8080/", "port 8080"),
    ("http://8.8.8.8:8080/", "port 8080"),
]


@pytest.mark.parametrize(("url", "reason"), BLOCKED_URLS)
def test_a_url_that_leads_to_a_closed_place(url: str, reason: str) -> None:
    with pytest.raises(BlockedAddressError, match=reason):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://shop.example", "http://shop.example/"),
        ("HTTP://Shop.Example.:80/A?b=c#d", "http://shop.example/A?b=c#d"),
        ("https://shop.example:443/a b.jpg", "https://shop.example/a b.jpg"),
        ("https://shop.example:80/", "https://shop.example:80/"),
        (" https://shop.example/刀.jpg ", "https://shop.example/刀.jpg"),
        ("https://日本刀.jp/", "https://xn--ebrv89bb2a.jp/"),
        ("https://img_1.shop.example/", "https://img_1.shop.example/"),
        ("https://shop.example/a@b", "https://shop.example/a@b"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
        ("http://a.example/index_en_tachi&katana.html", "http://a.example/index_en_tachi&katana.html"),
    ],
)  # fmt: skip
def test_a_url_that_may_be_tried(url: str, sent: str) -> None:
    assert check_url(url).url == sent


def test_an_odd_port_needs_an_opened_network() -> None:
    assert check_url("http://127.0.0.1:8080/", allowed=["127.0.0.0/8"]).port == 8080
    assert check_url("http://shop.test:8080/", allowed=["127.0.0.0/8"]).address is None
    with pytest.raises(BlockedAddressError, match="port 8080"):
        check_port(8080, ["127.0.0.1", "8.8.8.8"], allowed=["127.0.0.0/8"])
    with pytest.raises(BlockedAddressError, match="port 8080"):
        check_url("http://8.8.8.8:8080/", allowed=["127.0.0.0/8"])


@given(st.text(max_size=60))
def test_any_text_is_either_refused_or_safe(text: str) -> None:
    for url in (text, "http://" + text):
        try:
            checked = check_url(url)
        except (BadUrlError, BlockedAddressError):
            continue
        assert checked.host.isascii()
        assert checked.port in (80, 443)
        assert check_url(checked.url) == checked  # what is sent reads as what was checked


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://Shop.Example/a", "shop.example"),
        ("https://shop.example./a", "shop.example"),
        ("https://shop.example:8443/a", "shop.example:8443"),
        ("http://[::1]/a", "::1"),
        ("nonsense", ""),
        ("http://2130706433/", ""),
    ],
)
def test_the_key_of_a_host(url: str, host: str) -> None:
    assert host_of(url) == host


@given(st.text(max_size=60))
def test_the_key_of_a_host_never_raises(text: str) -> None:
    assert isinstance(host_of(text), str)


def test_a_proxy_of_the_environment_is_not_used_silently() -> None:
    with pytest.raises(SettingsError, match=r"HTTPS_PROXY is set.*ALLOW_PROXY=1"):
        refuse_environment_proxies(Settings.from_environment({"HTTPS_PROXY": "http://p:3128"}))
    refuse_environment_proxies(
        Settings.from_environment({"HTTPS_PROXY": "http://p:3128", "ALLOW_PROXY": "1"})
    )
    refuse_environment_proxies(Settings.from_environment({}))
