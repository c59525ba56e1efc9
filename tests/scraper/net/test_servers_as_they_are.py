"""What a browser reads past, we read past: odd headers, cookies, redirects, statuses, old TLS."""

from __future__ import annotations

import gzip
import io
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from misbehaving import Behaviour, Seen, Server, reply, sends

from scraper.base.errors import ErrorKind, FetchError
from scraper.net.header_lines import HeaderTooLongError, readable
from scraper.net.host_access import HostAccess
from scraper.net.redirect_target import readable_target
from scraper.net.session import Answer, DealerSession

NewSession = Callable[..., DealerSession]
IMAGE = bytes(range(256)) * 40
BODIES = {
    "plain": (b"Content-Length: %d\r\n" % len(IMAGE), IMAGE),
    "chunked": (b"Transfer-Encoding: chunked\r\n", b"2800\r\n" + IMAGE + b"\r\n0\r\n\r\n"),
    "gzip": (b"Content-Encoding: gzip\r\nConnection: close\r\n", gzip.compress(IMAGE)),
    "space": (b"Content-Length \t: %d\r\n" % len(IMAGE), IMAGE),
    "twice": (b"Content-Length: %d\r\n" % len(IMAGE) * 2, IMAGE),
    "joined": (b"Content-Length: %d, %d\r\n" % (len(IMAGE), len(IMAGE)), IMAGE),
    "folded": (b"X-Note: a\r\n  b\r\nContent-Length: %d\r\n" % len(IMAGE), IMAGE),
    "last": (b"X-A: 1\r\n" * 300 + b"Content-Length: %d\r\n" % len(IMAGE), IMAGE),
    "nameless": (b": x\r\nContent-Length: %d\r\n" % len(IMAGE), IMAGE),
    "zero byte": (b"X-A: a\0b\r\nContent-Length: %d\r\n" % len(IMAGE), IMAGE),
}  # fmt: skip
ODD_LINES = (
    b"",
    b"preload\r\n",
    b"<br />\r\n",
    b"\xff\xfe\r\n",
    b"a b c\r\n",
)


def fetched(session: DealerSession, url: str, **options: object) -> tuple[Answer, bytes]:
    sink = io.BytesIO()
    answer = session.fetch_file(url, sink, **options)  # type: ignore[arg-type]
    return answer, sink.getvalue()


@pytest.mark.parametrize("odd", ODD_LINES)
@pytest.mark.parametrize("body", BODIES)
def test_a_header_line_that_nobody_can_read_is_passed_over(
    server: Server, session: DealerSession, body: str, odd: bytes
) -> None:
    header, data = BODIES[body]
    head = b"HTTP/1.1 200 OK\r\n" + odd + b'ETag: "1"\r\n' + odd + header + odd + b"\r\n"
    url = server.on("/a", sends(head + data, keep=body != "gzip"))
    for _ in range(2):
        answer, received = fetched(session, url)
        assert (received, answer.etag, answer.is_bounded) == (IMAGE, '"1"', True)
    assert server.connections == (2 if body == "gzip" else 1)


def test_a_first_line_that_goes_on_with_nothing_is_passed_over(
    server: Server, session: DealerSession
) -> None:
    head = b"HTTP/1.1 200 OK\r\n  preload\r\nContent-Length: %d\r\n\r\n" % len(IMAGE)
    assert fetched(session, server.on("/a", sends(head + IMAGE)))[1] == IMAGE


def test_a_redirect_behind_an_odd_line_is_followed(server: Server, session: DealerSession) -> None:
    server.on("/b", sends(reply(IMAGE)))
    head = b"HTTP/1.1 302 Found\r\npreload\r\nLocation : /b\r\nContent-Length: 0\r\n\r\n"
    assert fetched(session, server.on("/a", sends(head)))[1] == IMAGE


def test_an_endless_header_ends(server: Server, session: DealerSession) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 60_000
    with pytest.raises(FetchError):
        fetched(session, server.on("/a", sends(head, keep=False)))
    assert readable([b"a: 1\r\n"] * 5000).count(b"a: 1\r\n") < 100
    assert HeaderTooLongError.__mro__[1] is ValueError


def test_a_body_without_a_length_is_not_known_to_be_whole(
    server: Server, session: DealerSession
) -> None:
    url = server.on("/a", sends(b"HTTP/1.0 200 OK\r\n\r\n" + IMAGE, keep=False))
    answer, received = fetched(session, url)
    assert (received, answer.is_bounded) == (IMAGE, False)


@pytest.mark.parametrize(
    ("status", "headers", "is_whole"),
    [
        (201, {}, True),
        (203, {}, True),
        (206, {}, True),
        (206, {"Content_Range": f"bytes 0-{len(IMAGE) - 1}/{len(IMAGE)}"}, True),
        (206, {"Content_Range": f"bytes 0-{len(IMAGE) - 1}/*"}, True),
        (206, {"Content_Range": f"bytes 0-{len(IMAGE) - 1}/{2 * len(IMAGE)}"}, False),
        (206, {"Content_Range": f"bytes 5-{len(IMAGE) + 4}/{len(IMAGE) + 5}"}, False),
        (206, {"Content_Range": "lines 1-2/3"}, False),
        (202, {}, False),
    ],
)
def test_a_whole_file_counts_whatever_its_number(
    server: Server, session: DealerSession, status: int, headers: dict[str, str], is_whole: bool
) -> None:
    url = server.on("/a", sends(reply(IMAGE, status=status, **headers)))
    if is_whole:
        assert fetched(session, url)[1] == IMAGE
    else:
        with pytest.raises(FetchError) as caught:
            fetched(session, url)
        assert caught.value.kind is ErrorKind.OTHER


def wants_cookie(*, sets: str, wants: str) -> Behaviour:
    """Sets a cookie and redirects to itself until it is sent back."""

    def behave(sock: socket.socket, seen: Seen) -> bool:
        if seen.headers.get("Cookie") == wants:
            sock.sendall(reply(IMAGE))
        else:
            sock.sendall(reply(status=302, Location=seen.path, Set_Cookie=sets))
        return True

    return behave


@pytest.mark.parametrize(
    ("sets", "wants"),
    [
        ("sid=1; Path=/; HttpOnly", "sid=1"),
        ("a=b=c", "a=b=c"),
        ("seen=", "seen="),
        ("v=1; Expires=Wed, 01 Jan 2031 00:00:00 GMT; SameSite=Lax", "v=1"),
    ],
)
def test_a_redirect_to_itself_that_sets_a_cookie_gets_it_back(
    server: Server, session: DealerSession, sets: str, wants: str
) -> None:
    url = server.on("/a", wants_cookie(sets=sets, wants=wants))
    for _ in range(2):
        assert fetched(session, url)[1] == IMAGE
    assert [one.headers.get("Cookie") for one in server.record] == [None, wants] * 2


@pytest.mark.parametrize(
    "sets", ["sid=1; Secure", "sid=1; Max-Age=0", "sid=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_a_cookie_that_is_over_or_for_tls_only_is_not_sent(
    server: Server, session: DealerSession, sets: str
) -> None:
    server.on("/b", sends(reply(IMAGE)))
    url = server.on("/a", sends(reply(status=302, Location="/b", Set_Cookie=sets)))
    fetched(session, url)
    assert "Cookie" not in server.record[-1].headers


def test_no_cookie_reaches_another_host(
    server: Server, new_server: Callable[..., Server], session: DealerSession
) -> None:
    other = new_server(host="127.0.0.2")
    other.on("/b", sends(reply(IMAGE)))
    sets = "sid=1; Domain=127.0.0.2"
    url = server.on("/a", sends(reply(status=302, Location=f"{other.url}/b", Set_Cookie=sets)))
    fetched(session, url)
    assert "Cookie" not in other.record[0].headers


@pytest.mark.parametrize(
    ("location", "encoding", "asked"),
    [
        ("/刀/表.jpg", "utf-8", "/%E5%88%80/%E8%A1%A8.jpg"),
        ("/刀/表.jpg", "cp932", "/%93%81/%95%5C.jpg"),
        ("/ソ十.jpg", "cp932", "/%83%5C%8F%5C.jpg"),
        ("/ュ.jpg", "cp932", "/%83%85.jpg"),
        ("/刀.jpg", "euc-jp", "/%C5%E1.jpg"),
        ("/épée.jpg", "latin-1", "/%E9p%E9e.jpg"),
    ],
)
def test_a_location_in_raw_characters(
    server: Server, session: DealerSession, location: str, encoding: str, asked: str
) -> None:
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n"
    url = server.on("/a", sends(head % location.encode(encoding)))
    server.on(asked, sends(reply(IMAGE)))
    assert fetched(session, url)[1] == IMAGE
    assert server.paths == ["/a", asked]


def test_a_plain_location_stays_as_it_is() -> None:
    assert readable_target("/a%20b?c=d") == "/a%20b?c=d"


def test_the_language_is_a_setting_and_a_dealers_own_goes_first(
    server: Server, new_session: NewSession
) -> None:
    url = server.on("/a", sends(reply(b"x")))
    new_session().fetch_page(url)
    session = new_session(accept_language="ja")
    session.fetch_page(url)
    session.fetch_file(url, io.BytesIO(), access=HostAccess(accept_language="de"))
    assert [one.headers.get("Accept-Language") for one in server.record] == [None, "ja", "de"]


def test_what_is_too_large_names_the_limit_and_its_setting(
    server: Server, new_session: NewSession
) -> None:
    session = new_session(max_image_bytes=1000)
    url = server.on("/a", sends(reply(IMAGE)))
    with pytest.raises(FetchError, match=r"10,240 bytes.* 1,000 .*MAX_IMAGE_BYTES"):
        fetched(session, url)


@pytest.fixture
def certified(tmp_path: Path) -> str:
    """A key and certificate of the old kind: RSA, 1024 bits."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    path = tmp_path / "old.pem"
    made = (
        f"openssl req -x509 -newkey rsa:1024 -nodes -keyout {path}.key -out {path} -days 2"
        " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(made.split(), check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.key").read_text())
    return str(path)


@pytest.fixture(params=["AES128-SHA", "AES256-GCM-SHA384", "AES128-SHA TLSv1"])
def old_server(
    request: pytest.FixtureRequest, certified: str, new_server: Callable[..., Server]
) -> Iterator[Server]:
    """Speaks RSA key exchange only, with CBC or a protocol of 1999."""
    cipher, _, version = request.param.partition(" ")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if version:
        with pytest.warns(DeprecationWarning):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    context.load_cert_chain(certified)
    server: Server = new_server(tls=context)
    server.on("/a", sends(reply(b"x")))
    yield server


def test_an_old_server_is_read_where_its_dealer_says_so(
    old_server: Server, new_session: NewSession, certified: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)  # the server's own refusal
    session = new_session(ca_file=certified)
    with pytest.raises(FetchError, match="old_tls=true") as caught:
        session.fetch_page(old_server.url + "/a")
    assert caught.value.kind is ErrorKind.TLS
    assert session.fetch_page(old_server.url + "/a", access=HostAccess(old_tls=True)).body == b"x"
