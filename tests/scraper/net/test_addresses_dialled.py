"""The address connected to is the one that was checked, at every hop and every connection."""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import trustme
from misbehaving import Server, in_turn, reply, resets, sends, stalls

from scraper.base.errors import (
    BlockedAddressError,
    ErrorKind,
    FetchError,
    FinalFetchError,
    InterruptedFetchError,
    SettingsError,
    TransientFetchError,
)
from scraper.base.settings import Settings
from scraper.net.host_access import HostAccess
from scraper.net.name_resolution import system_resolver
from scraper.net.session import DealerSession

NewSession = Callable[..., DealerSession]
NewServer = Callable[..., Server]
OPEN_127_0_0_1 = {"private_networks": ("127.0.0.1/32",)}


def answers(*turns: Sequence[str]) -> Callable[[str, int], Sequence[str]]:
    """A name server with another answer each time, the last for ever."""
    left = list(turns)
    return lambda host, port: left.pop(0) if len(left) > 1 else left[0]


def moved(target: str, *, status: int = 302) -> bytes:
    return reply(status=status, Location=target)


def test_a_redirect_is_followed_and_told(server: Server, session: DealerSession) -> None:
    server.on("/b/c.jpg", sends(reply(b"here")))
    page = session.fetch_page(server.on("/a", sends(moved("b/c.jpg?d=1#e"))))
    assert page.body == b"here"
    assert (page.url, page.requested_url) == (
        f"{server.url}/b/c.jpg?d=1#e",
        f"{server.url}/a",
    )


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_three_redirects_are_followed_and_no_fourth(
    server: Server, session: DealerSession, status: int
) -> None:
    server.on("/4", sends(reply(b"x")))
    for hop in range(4):
        server.on(f"/{hop}", sends(moved(f"/{hop + 1}", status=status)))
    assert session.fetch_page(server.url + "/1").body == b"x"
    with pytest.raises(FinalFetchError) as caught:
        session.fetch_page(server.url + "/0")
    assert caught.value.kind is ErrorKind.TOO_MANY_REDIRECTS


def test_a_loop_of_redirects_ends(server: Server, session: DealerSession) -> None:
    with pytest.raises(FinalFetchError) as caught:
        session.fetch_page(server.on("/a", sends(moved("/a"))))
    assert caught.value.kind is ErrorKind.TOO_MANY_REDIRECTS
    assert len(server.record) == 4


def test_an_endless_body_of_a_redirect_is_not_read(server: Server, session: DealerSession) -> None:
    head = b"HTTP/1.1 302 Go\r\nLocation: /b\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.on("/b", sends(reply(b"x")))
    assert session.fetch_page(server.on("/a", stalls(head + b"5\r\nabcde\r\n" * 99))).body == b"x"


@pytest.mark.parametrize(
    ("target", "kind", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data/", ErrorKind.BLOCKED_ADDRESS, "metadata"),
        ("http://127.0.0.2:{port}/secret", ErrorKind.BLOCKED_ADDRESS, "loopback"),
        ("//[::1]:{port}/secret", ErrorKind.BLOCKED_ADDRESS, "loopback"),
        ("http://[::ffff:127.0.0.2]:{port}/", ErrorKind.BLOCKED_ADDRESS, r"127\.0\.0\.2"),
        ("http://shop.example:22/", ErrorKind.BLOCKED_ADDRESS, "not public|port 22"),
        ("http://2130706434:{port}/secret", ErrorKind.OTHER, "means 127.0.0.2"),
        ("http://a:b@127.0.0.1:{port}/secret", ErrorKind.OTHER, "user name"),
        ("file:///etc/passwd", ErrorKind.OTHER, "only http"),
        ("http://[", ErrorKind.OTHER, "cannot be asked"),
    ],
)
def test_a_redirect_to_a_closed_place_is_refused(
    new_server: NewServer, new_session: NewSession, target: str, kind: ErrorKind, reason: str
) -> None:
    inner = new_server(host="127.0.0.2")
    inner.on("/secret", sends(reply(b"secret")))
    outer = new_server()
    url = outer.on("/a", sends(moved(target.format(port=inner.port))))
    session = new_session(**OPEN_127_0_0_1, resolver=answers(["127.0.0.2"]))
    with pytest.raises(FinalFetchError, match=reason) as caught:
        session.fetch_file(url, io.BytesIO())
    assert (caught.value.kind, caught.value.url) == (kind, url)
    assert inner.connections == 0


def test_no_closed_address_is_ever_connected_to(
    new_server: NewServer, new_session: NewSession
) -> None:
    inner = new_server(host="127.0.0.2")
    session = new_session(**OPEN_127_0_0_1, resolver=answers(["127.0.0.2"]))
    for url in (inner.url, f"http://rebind.test:{inner.port}", f"http://localhost:{inner.port}"):
        with pytest.raises(BlockedAddressError):
            session.fetch_page(url + "/a")
    assert inner.connections == 0


def test_one_closed_address_among_open_ones_is_enough_to_refuse(
    server: Server, new_session: NewSession
) -> None:
    server.on("/a", sends(reply(b"x")))
    session = new_session(**OPEN_127_0_0_1, resolver=answers(["127.0.0.1", "10.0.0.1"]))
    with pytest.raises(BlockedAddressError, match=r"10\.0\.0\.1"):
        session.fetch_page(f"http://shop.test:{server.port}/a")
    assert server.connections == 0


def test_a_name_that_changes_its_mind_is_checked_at_each_new_connection(
    new_server: NewServer, new_session: NewSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First open, then closed: the dialled address is the checked one, never a second lookup."""
    monkeypatch.setattr("scraper.net.name_resolution.KEEP_ANSWER_S", 0.0)
    public, private = new_server(), new_server(host="127.0.0.2")
    public.on("/a", sends(reply(b"x"), keep=False))
    lookups: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        lookups.append(host)
        return ["127.0.0.1"] if len(lookups) == 1 else ["127.0.0.2"]

    session = new_session(**OPEN_127_0_0_1, resolver=rebinding)
    url = f"http://rebind.test:{public.port}/a"
    assert session.fetch_page(url).body == b"x"
    session._dialler.names._keep_answer_s = 0.0
    time.sleep(0.01)
    with pytest.raises(BlockedAddressError):
        session.fetch_page(url)
    assert lookups == ["rebind.test"] * 2
    assert private.connections == 0


def test_a_public_name_with_an_odd_port_is_refused(server: Server, new_session: NewSession) -> None:
    session = new_session(**OPEN_127_0_0_1, resolver=answers(["8.8.8.8"]))
    with pytest.raises(BlockedAddressError, match=f"port {server.port}"):
        session.fetch_page(f"http://shop.test:{server.port}/")


def test_the_peer_is_checked_once_more_after_connecting(
    server: Server, new_session: NewSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("/a", sends(reply(b"x")))
    monkeypatch.setattr(
        "scraper.net.dialling.PatientSocket.getpeername",
        lambda self: ("169.254.169.254", 80),
        raising=False,
    )
    with pytest.raises(BlockedAddressError, match="metadata"):
        new_session().fetch_page(server.url + "/a")
    assert server.record == []


def test_a_kept_connection_serves_its_own_name_only(
    server: Server, new_session: NewSession
) -> None:
    server.on("/a", sends(reply(b"x")))
    session = new_session(resolver=answers(["127.0.0.1"]))
    for name in ("one.test", "one.test", "two.test", "one.test"):
        session.fetch_page(f"http://{name}:{server.port}/a")
    assert [seen.connection for seen in server.record] == [1, 1, 2, 1]
    assert [seen.headers["Host"] for seen in server.record] == [
        f"{name}.test:{server.port}" for name in ("one", "one", "two", "one")
    ]


def test_a_name_is_looked_up_once_for_many_connections(
    server: Server, new_session: NewSession
) -> None:
    server.on("/a", sends(reply(b"x"), keep=False))
    asked: list[str] = []

    def resolver(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    session = new_session(resolver=resolver)
    for _ in range(3):
        session.fetch_page(f"http://one.test:{server.port}/a")
    assert server.connections == 3
    assert asked == ["one.test"]


def test_the_next_address_is_tried_when_one_does_not_answer(
    server: Server, new_session: NewSession
) -> None:
    server.on("/a", sends(reply(b"x")))
    session = new_session(resolver=answers(["127.0.0.3", "127.0.0.1"]))
    assert session.fetch_page(f"http://one.test:{server.port}/a").body == b"x"


def test_nobody_listening_is_an_error_of_connecting(session: DealerSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(TransientFetchError, match="cannot connect") as caught:
        session.fetch_page(f"http://127.0.0.1:{port}/")
    assert caught.value.kind is ErrorKind.CONNECT


def test_a_host_that_never_accepts_is_given_up_in_time(session: DealerSession) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        started = time.monotonic()
        with pytest.raises(TransientFetchError) as caught:
            session.fetch_page(f"http://127.0.0.1:{full.getsockname()[1]}/")
        assert time.monotonic() - started < 10
        assert caught.value.kind is ErrorKind.TIMEOUT
        for one in waiting:
            one.close()


def test_an_unknown_name_is_an_error_of_dns(new_session: NewSession) -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    for resolver in (unknown, answers([])):
        with pytest.raises(TransientFetchError, match=r"shop\.test") as caught:
            new_session(resolver=resolver).fetch_page("http://shop.test/")
        assert caught.value.kind is ErrorKind.DNS


@pytest.fixture
def slow_resolver() -> Iterator[Callable[[str, int], Sequence[str]]]:
    """A name server that answers only when the test is over."""
    over = threading.Event()

    def resolve(host: str, port: int) -> Sequence[str]:
        over.wait(10)
        return ["127.0.0.1"]

    yield resolve
    over.set()


def test_a_slow_name_server_holds_nobody(
    new_session: NewSession, slow_resolver: Callable[[str, int], Sequence[str]]
) -> None:
    session = new_session(resolver=slow_resolver)
    before = threading.active_count()
    for _ in range(2):
        started = time.monotonic()
        with pytest.raises(TransientFetchError, match="name server") as caught:
            session.fetch_page("http://shop.test/")
        assert caught.value.kind is ErrorKind.DNS
        assert time.monotonic() - started < 10
    assert threading.active_count() <= before + 1  # one thread waits for the name, not two


def test_an_abort_ends_the_wait_for_a_name(
    new_session: NewSession, slow_resolver: Callable[[str, int], Sequence[str]]
) -> None:
    session = new_session(resolver=slow_resolver, read_timeout_s=9.0, total_timeout_s=9.0)
    threading.Timer(0.2, session.abort).start()
    started = time.monotonic()
    with pytest.raises(InterruptedFetchError):
        session.fetch_page("http://shop.test/")
    assert time.monotonic() - started < 5


def test_the_system_resolver_lists_each_address_once() -> None:
    assert "127.0.0.1" in system_resolver("localhost", 80)
    assert len(set(system_resolver("localhost", 80))) == len(system_resolver("localhost", 80))


class TestTls:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def ca_file(self, authority: trustme.CA, tmp_path: Path) -> str:
        path = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(path)
        return str(path)

    @pytest.fixture
    def shop(self, authority: trustme.CA, new_server: NewServer) -> Server:
        """A shop on TLS, certified as shop.test; `self.names` are what clients asked for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("shop.test", "www.shop.test").configure_cert(context)
        shop: Server = new_server(tls=context)
        self.names: list[str] = []
        context.sni_callback = lambda sock, name, context: self.names.append(name)
        shop.on("/a", sends(reply(b"x")))
        return shop

    def test_the_name_stays_what_tls_sees(
        self, shop: Server, new_session: NewSession, ca_file: str
    ) -> None:
        session = new_session(resolver=answers(["127.0.0.1"]), ca_file=ca_file)
        url = f"https://shop.test:{shop.port}/a"
        assert session.fetch_page(url).body == session.fetch_page(url).body == b"x"
        assert self.names == ["shop.test"]
        assert [seen.connection for seen in shop.record] == [1, 1]

    @pytest.mark.parametrize(("name", "trusts"), [("other.test", True), ("shop.test", False)])
    def test_a_certificate_that_cannot_be_trusted(
        self, shop: Server, new_session: NewSession, ca_file: str, name: str, trusts: bool
    ) -> None:
        session = new_session(resolver=answers(["127.0.0.1"]), ca_file=ca_file if trusts else None)
        with pytest.raises(FinalFetchError, match="cannot be trusted") as caught:
            session.fetch_page(f"https://{name}:{shop.port}/a")
        assert caught.value.kind is ErrorKind.TLS
        assert shop.record == []

    def test_one_dealer_may_go_unchecked_and_each_use_is_logged(
        self, shop: Server, new_session: NewSession, caplog: pytest.LogCaptureFixture
    ) -> None:
        session = new_session(resolver=answers(["127.0.0.1"]))
        url = f"https://shop.test:{shop.port}/a"
        for _ in range(2):
            assert session.fetch_page(url, access=HostAccess(verify_tls=False)).body == b"x"
        assert [one.levelname for one in caplog.records if "not checked" in one.message] == [
            "WARNING"
        ] * 2
        with pytest.raises(
            FinalFetchError
        ):  # the unchecked connection is not used for checked ones
            session.fetch_page(url)

    def test_an_unchecked_dealer_cannot_send_us_unchecked_elsewhere(
        self, shop: Server, new_session: NewSession
    ) -> None:
        session = new_session(resolver=answers(["127.0.0.1"]))
        shop.on("/www", sends(moved(f"https://www.shop.test:{shop.port}/a")))
        shop.on("/out", sends(moved(f"https://other.test:{shop.port}/a")))
        base = f"https://shop.test:{shop.port}"
        assert session.fetch_page(base + "/www", access=HostAccess(verify_tls=False)).body == b"x"
        with pytest.raises(FinalFetchError) as caught:
            session.fetch_page(base + "/out", access=HostAccess(verify_tls=False))
        assert caught.value.kind is ErrorKind.TLS

    def test_a_handshake_that_stalls_or_breaks(
        self, server: Server, session: DealerSession
    ) -> None:
        """A plain server waits for the end of a request that TLS never sends, or hangs up."""
        with (
            socket.create_server(("127.0.0.1", 0)) as silent,
            pytest.raises(TransientFetchError) as stalled,
        ):
            session.fetch_page(f"https://127.0.0.1:{silent.getsockname()[1]}/")
        assert stalled.value.kind is ErrorKind.TIMEOUT
        with socket.create_server(("127.0.0.1", 0)) as rude:
            threading.Thread(target=lambda: rude.accept()[0].close(), daemon=True).start()
            with pytest.raises(TransientFetchError) as broken:
                session.fetch_page(f"https://127.0.0.1:{rude.getsockname()[1]}/")
        assert broken.value.kind is ErrorKind.TLS

    def test_a_body_that_drips_over_tls_ends_in_time(
        self, shop: Server, new_session: NewSession, ca_file: str
    ) -> None:
        session = new_session(resolver=answers(["127.0.0.1"]), ca_file=ca_file)

        def drip(sock: socket.socket, seen: object) -> bool:
            sock.sendall(reply(length=1000))
            for _ in range(100):
                sock.sendall(b"x")
                time.sleep(0.05)
            return False

        shop.on("/drip", drip)
        started = time.monotonic()
        with pytest.raises(TransientFetchError) as caught:
            session.fetch_page(f"https://shop.test:{shop.port}/drip")
        assert time.monotonic() - started < 4
        assert caught.value.kind is ErrorKind.TIMEOUT

    def test_the_referer_of_a_page_over_tls_is_not_told_to_a_plain_host(
        self, shop: Server, server: Server, new_session: NewSession, ca_file: str
    ) -> None:
        session = new_session(resolver=answers(["127.0.0.1"]), ca_file=ca_file)
        server.on("/b", sends(reply(b"x")))
        shop.on("/out", sends(moved(f"{server.url}/b")))
        page = f"https://shop.test:{shop.port}/item#photos"
        session.fetch_file(f"https://shop.test:{shop.port}/out", io.BytesIO(), referer=page)
        assert shop.record[0].headers["Referer"] == page.removesuffix("#photos")
        assert "Referer" not in server.record[0].headers


def test_who_we_are_is_said_and_nothing_else(server: Server, new_session: NewSession) -> None:
    session = new_session(user_agent="mirror/1 (+https://ours.example)")
    url = server.on("/a", sends(reply(b"x", Set_Cookie="a=b; Path=/")))
    session.fetch_file(url, io.BytesIO(), referer="http://127.0.0.1/刀 1#x")
    session.fetch_file(url, io.BytesIO(), referer="no url\r\nEvil: 1")
    first, second = (seen.headers for seen in server.record)
    assert first == {
        "Host": f"127.0.0.1:{server.port}",
        "Accept": "image/*, */*;q=0.5",
        "Accept-Encoding": "identity",
        "User-Agent": "mirror/1 (+https://ours.example)",
        "Referer": "http://127.0.0.1/%E5%88%80%201",
    }
    assert second == {name: first[name] for name in first if name != "Referer"}


def test_an_unchanged_file_is_not_sent_again(server: Server, session: DealerSession) -> None:
    url = server.on("/a", sends(b'HTTP/1.1 304 Same\r\nETag: "2"\r\n\r\n'))
    sink = io.BytesIO()
    answer = session.fetch_file(
        url, sink, etag='"1"', last_modified="Mon, 01 Jan 2024 00:00:00 GMT"
    )
    assert (answer.not_modified, answer.bytes, answer.sha256, answer.etag) == (True, 0, "", '"2"')
    assert sink.getvalue() == b""
    page = session.fetch_page(url, etag='"1"\r\nEvil: 1', last_modified="Mon, 01 Jan 2024")
    assert page.not_modified
    assert page.body == b""
    first, second = (seen.headers for seen in server.record)
    assert first["If-None-Match"] == '"1"'
    assert first["If-Modified-Since"] == "Mon, 01 Jan 2024 00:00:00 GMT"
    assert "If-None-Match" not in second
    assert [seen.connection for seen in server.record] == [1, 1]


def test_a_proxy_is_used_when_it_is_allowed_and_sees_no_closed_address(server: Server) -> None:
    server.behaviours["http://shop.example/a"] = in_turn(sends(reply(b"by proxy")), resets())
    environment = {"HTTP_PROXY": server.url, "ALLOW_PROXY": "1"}
    with DealerSession(Settings.from_environment(environment)) as session:
        assert session.fetch_page("http://shop.example/a").body == b"by proxy"
        with pytest.raises(BlockedAddressError):
            session.fetch_page("http://169.254.169.254/")
    assert len(server.record) == 1


def test_a_session_does_not_start_with_a_proxy_nobody_allowed() -> None:
    with pytest.raises(SettingsError, match="ALLOW_PROXY"):
        DealerSession(Settings.from_environment({"all_proxy": "socks5://127.0.0.1:1080"}))


def test_every_error_is_of_the_tree(session: DealerSession) -> None:
    for url in ("http://[", "http://x:y@z/", "http://127.0.0.1:1/", "http://10.0.0.1/", ""):
        with pytest.raises(FetchError):
            session.fetch_page(url)
